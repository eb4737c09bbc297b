"""A grid of straight steps with an unknown period: tiles, strips, codec blocks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    area_of,
)
from editproof.harness.metrics.core.pooling import unmeasured_values
from editproof.harness.metrics.seams.steps import FLOOR, Segments, cut_segments, measure_steps
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("horizontal", "vertical")
REGIONS: tuple[Region, ...] = ("all",)

MIN_PERIOD = 8
"""Smallest period, in output pixels: JPEG's blocks."""

LENGTHS_PX = (8, 32)
"""Lengths over which steps are averaged, in output pixels: short for small tiles, long for faint
seams.
"""

MIN_LINES = 3
"""Least number of lines in a grid."""

AROUND = 13
"""Number of lines for the median that a line is compared with."""

CERTAIN = 6.0
"""Standard deviations by which the best grid must stand out. Chance reaches 4.5 among the 10^5 that
are tried.
"""

BORDER_PX = 4
"""Lines this near to the border are left out, since interpolation rings there."""

LEAST_DB = 3.0
"""Least excess of a grid, on average and in the median of its lines, since one strong edge is not a
grid.
"""

LIMIT_DB = 30.0
"""Largest excess of a single line."""

Profile = npt.NDArray[np.float64]
"""How far each line's step stands out from its neighbours', in dB."""


class Grid(NamedTuple):
    """Lines at `first`, `first + period`, …, in output pixels, and their excess in dB."""

    period: int
    first: int
    excess: float


class PreparedPicture(NamedTuple):
    """The expected image, if known, and the region `all`."""

    expected: Image | None
    area: Area


def _prepare(reference: Reference) -> PreparedPicture:
    return PreparedPicture(reference.expected, area_of(reference, "all"))


def _measure(prepared: PreparedPicture, actual: Image) -> list[Value]:
    if not prepared.area.any():
        return unmeasured_values(REGIONS, STATS, EMPTY)
    image = _residual(prepared, actual)
    return [_measure_axis(image, axis) for axis in (0, 1)]


def _residual(prepared: PreparedPicture, actual: Image) -> Image:
    return actual if prepared.expected is None else actual - prepared.expected


def _map(prepared: PreparedPicture, actual: Image) -> Plane:
    """Beside each line of a grid, how far the step across it stands out, in dB; 0 elsewhere."""
    image = _residual(prepared, actual)
    plane = np.zeros(image.shape[:2])
    for axis, lines in ((0, plane), (1, plane.T)):
        grid = find_grid(image, axis) if _is_large(image, axis) else None
        if grid is None:
            continue
        pieces = cut_segments(image.shape[1 - axis], LENGTHS_PX[-1])
        decibels = _decibels(image, axis, pieces)
        excess = np.clip(decibels - _running_median(decibels), 0, LIMIT_DB)
        for line in range(grid.first, image.shape[axis], grid.period):
            band = lines[line - 1 : line + 1]
            np.maximum(band, np.repeat(excess[line - 1], pieces.sizes), out=band)
    return plane


def _is_large(image: Image, axis: int) -> bool:
    return bool(image.shape[axis] >= MIN_LINES * MIN_PERIOD + 2 * BORDER_PX)


def _measure_axis(image: Image, axis: int) -> Value:
    stat = STATS[axis]
    if not _is_large(image, axis):
        return Value(
            "all", stat, None, f"the image is smaller than {MIN_LINES} periods of {MIN_PERIOD} px"
        )
    grid = find_grid(image, axis)
    if grid is None:
        return Value("all", stat, 0.0)
    middle = image.shape[1 - axis] // 2
    y, x = (grid.first, middle) if axis == 0 else (middle, grid.first)
    return Value("all", stat, grid.excess, y=y, x=x)


def find_grid(image: Image, axis: int) -> Grid | None:
    """The grid of horizontal (axis 0) or vertical (axis 1) steps that stands out most; None: none
    does.

    All periods from MIN_PERIOD to a third of the image are tried, at every phase.
    """
    best = max(
        (_best_grid(_profile(image, axis, length)) for length in LENGTHS_PX),
        key=lambda found: found.certainty,
    )
    return best.grid if best.certainty > CERTAIN and best.typical >= LEAST_DB else None


class _Candidate(NamedTuple):
    grid: Grid
    certainty: float
    """In standard deviations."""
    typical: float
    """Mean or median of its lines, whichever is less, in dB."""


def _best_grid(standing_out: Profile) -> _Candidate:
    """The best grid of a profile that starts BORDER_PX from the border."""
    size = standing_out.size
    padded = np.append(standing_out, np.zeros(size))
    score, period, first = max(
        _best_phase(padded, size, p) for p in range(MIN_PERIOD, size // MIN_LINES + 1)
    )
    lines = standing_out[first::period]
    excess, spread = float(lines.mean()), float(standing_out.std())
    typical = min(excess, float(np.median(lines)))
    return _Candidate(
        Grid(period, first + BORDER_PX, excess), score / spread if spread else 0.0, typical
    )


def _best_phase(padded: Profile, size: int, period: int) -> tuple[float, int, int]:
    """Score, period and first line of the best grid of that period. The score is the sum over the
    root of the number of lines.
    """
    rows = -(-size // period)
    sums = np.add.reduce(padded[: rows * period].reshape(rows, period))
    full = size - (rows - 1) * period
    first, late = (
        int(sums[:full].argmax()),
        full + int(sums[full:].argmax()) if full < period else 0,
    )
    score, late_score = (
        float(sums[first]) / math.sqrt(rows),
        float(sums[late]) / math.sqrt(max(rows - 1, 1)),
    )
    return (score, period, first) if score >= late_score else (late_score, period, late)


def _profile(image: Image, axis: int, length: int) -> Profile:
    """How far the steps along segments of a `length` stand out, without BORDER_PX lines at either
    border.

    Values are averaged over the segments in dB, so that quiet parts of a busy picture count as much
    as loud ones.
    """
    decibels = _decibels(image, axis, cut_segments(image.shape[1 - axis], length)).mean(axis=-1)
    standing_out = np.clip(decibels - _running_median(decibels), -LIMIT_DB, LIMIT_DB)
    return np.asarray(standing_out[BORDER_PX - 1 : 1 - BORDER_PX], np.float64)


def _decibels(image: Image, axis: int, pieces: Segments) -> Profile:
    """Squared steps before every line but the first, lines×segments, in dB."""
    return np.asarray(10 * np.log10(np.square(measure_steps(image, axis, pieces))[1:-1] + FLOOR))


def _running_median(values: Profile) -> Profile:
    """Median of AROUND lines around each, for lines or lines×segments; the ends are mirrored."""
    from scipy.ndimage import median_filter

    size = (AROUND, *([1] * (values.ndim - 1)))
    return np.asarray(median_filter(values, size=size, mode="mirror"), np.float64)


SEAM_GRID = Metric(
    name="seam_grid",
    variant="",
    version=1,
    unit="dB",
    better="lower",
    range=(0.0, LIMIT_DB),
    stats=STATS,
    source=(
        "Comb search over all periods and phases on the profile of straight steps (see seam_energy)"
    ),
    formula=(
        "10 log10 of step^2 across each line, minus the median of 13 lines around it,"
        " averaged over the lines of the most prominent grid. It is 0 unless the grid"
        " stands out by 6 standard deviations and by 3 dB. It is measured on actual minus"
        " expected, or on actual alone if no expected picture is known. The place is the"
        " grid's first line"
    ),
    sees=(
        "Tiles, strips and codec blocks at any period from 8 px to about a third of the picture."
        " It does not need to know where they are."
    ),
    misses=(
        "A single seam, tile patterns without steps (see tile_peak), and unevenly spaced tiles."
        " Without an expected picture, it cannot tell seams from straight joints that belong"
        " there, such as bricks or window panes (see seam_energy)."
    ),
    example="hard_seams",
    aspect="seams",
    prepare=_prepare,
    measure=_measure,
    margins={"horizontal": 1.0, "vertical": 1.0},
    golden={"horizontal": 0.0, "vertical": 6.75319},
    regions=REGIONS,
    needs=(),
    map=_map,
)
