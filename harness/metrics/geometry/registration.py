"""Registration: is everything where it should be, as large as it should be, and upright?

A motion of the whole picture that a gradient cannot follow is sought first (motion.py) and undone.
What remains is fitted by Gauss-Newton steps in each region, and in each window of a region: the
windows tell scale and rotation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import (
    STRIDE_PX,
    WINDOW_PX,
    interpolate_windows,
    make_cover,
    unmeasured_values,
)
from editproof.harness.metrics.geometry.motion import (
    LOOKED_AT_PX,
    NO_MOTION,
    Motion,
    Points,
    find_motion,
    undo_motion,
)
from editproof.harness.records.reasons import EMPTY, TOO_SMALL
from editproof.harness.records.types import Region

LEVELS = (3, 2, 1)
"""Halvings of the picture, coarsest first. Half the size is enough for a fiftieth of a pixel."""

MIN_LEVEL_PX = 16
"""A level with a shorter edge is left out."""

MIN_PX = 2 * MIN_LEVEL_PX
"""Edge of the smallest image that has a level."""

STEPS = 5
SETTLED_PX = 0.002
"""At each level so many steps at most, until one is shorter than this, in pixels of the level."""

MAX_STEP_PX = 2.0
"""How far a step may go, in pixels of the level: gradients tell no more."""

MAX_SHIFT_PX = 16.0
"""How far a region may have moved beyond what the whole picture did."""

MOST_PX = 4096.0
"""Bound of all statistics: a quarter of the largest picture's edge."""

TURNS = 3
TURNED_PX = 0.05
"""So many fits of scale and rotation at most, until one moves no window farther than this."""

MIN_SPREAD_PX = 32.0
"""Root mean square distance of a region's windows from their middle; below it they tell no scale
and rotation.
"""

MIN_WINDOWS = 9

DISAGREE_PX = 0.5
"""Half of the windows must lie nearer than this to where scale and rotation put them."""

ROBUST_PX = 0.01
ROUNDS = 6
"""The fit counts a window less the farther it lies beyond the median distance, at least this; it is
repeated so often.
"""

MAX_ERROR_PX = 0.02
"""A region or window is measured where noise of one 8-bit level moves its shift by less than this.
"""

MAX_DOUBT_PX = 10 * MAX_ERROR_PX
"""A window helps to tell scale and rotation up to here: there are many."""

MAX_GROWTH_ERROR = 2e-4
"""They are told where noise of one 8-bit level moves them by less than this, in shares of 1 and in
radians.
"""

MIN_SLOPE = 0.5
"""What is there must follow what is expected at least so much to be called the same, shifted."""

BORDER_PX = 3
"""In pixels of a level: so near to its border a shifted picture shows what nobody expects."""

TAPS = 4
"""Half the length of the interpolation kernel."""

REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep", "protect")
STATS = ("shift", "dy", "dx", "worst", "scale", "rotation")
SMALL = f"the image is smaller than {MIN_PX}×{MIN_PX} px"
NO_STRUCTURE = "the region has too little structure to tell a shift in both directions"
UNLIKE = (
    "what is in the region is not what is expected: neither where it should be, nor moved with the"
    f" whole picture, nor moved by at most {MAX_SHIFT_PX:g} px beside it"
)
TOO_FEW = "the region is too small, or has structure in too few places, to tell scale and rotation"
AT_ODDS = "the region's parts did not move by one scale and rotation"

Plane32 = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]


class Fit(NamedTuple):
    """How a region's residual at one level tells the shift: least squares for (dy, dx, gain,
    offset).
    """

    box: tuple[slice, slice]
    inside: Area
    expected: Plane32
    """N: the expected values of the region's pixels."""
    solver: Plane32
    """4×N: times the residual gives the step in y and x, the change of gain and the offset."""
    error: float
    """Deviation of the shift in its worst direction, for a residual of deviation 1, in pixels of
    the level.
    """
    turn_bias: tuple[complex, complex]
    """What the fit takes for a shift where everything grows by 1 about the region's middle, and
    where it turns by 1 rad.
    """


class Windows(NamedTuple):
    """The same for each window of the finest level at once."""

    basis: tuple[Plane32, ...]
    """Four planes, 0 outside the region: the slopes along y and x, the expected values, and 1."""
    inverse: Wide
    """Rows×columns×4×4; NaN where a window tells nothing."""
    rows: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    columns: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    """Where windows begin and end, in pixels of the level."""
    ys: npt.NDArray[np.intp]
    xs: npt.NDArray[np.intp]
    """Their centres, in pixels of the picture."""
    places: Points
    """Rows×columns: the middle of what each sees of the region, in pixels of the picture."""
    weights: Wide
    """Rows×columns: how surely each tells a shift, 1 over the variance in px² for noise of one
    8-bit level; or 0.
    """


class RegionFit(NamedTuple):
    """One region: its fits, coarsest first, and its windows; or why it can't be measured."""

    fits: Mapping[int, Fit]
    windows: Windows | None
    reason: str
    middle: complex = 0j
    """The mean place of its pixels, in pixels of the picture."""


class PreparedRegions(NamedTuple):
    """The expected image's luma and levels, and each region's part."""

    expected: Plane32
    levels: Mapping[int, Plane32]
    parts: Mapping[Region, RegionFit]


class RegionMove(NamedTuple):
    """How a region's content moved: its shift by the fit of all its pixels, and what its windows
    say.
    """

    shift: complex
    """At the region's middle, in pixels, without the picture's own motion."""
    windows: Points
    """Rows×columns: how far each window's content moved, likewise; NaN where that is unknown."""
    turn: Motion | None
    """Scale and rotation, and a shift; None: the windows do not tell."""
    reason: str


def _prepare(reference: Reference) -> PreparedRegions:
    plane = _plane(require_part(reference.expected))
    levels = _levels(plane)
    bases = {level: _basis(each) for level, each in levels.items()}
    areas = {region: area for region, area in reference.areas.items() if region in REGIONS}
    return PreparedRegions(
        plane, levels, {region: _prepare_region(bases, area) for region, area in areas.items()}
    )


def _measure(prepared: PreparedRegions, actual: Image) -> list[Value]:
    levels, motion = _undo_motion(prepared, actual)
    values: list[Value] = []
    for region, part in prepared.parts.items():
        values += (
            unmeasured_values([region], STATS, part.reason)
            if part.reason
            else _measure_region(prepared, levels, motion, region)
        )
    return values


def _undo_motion(prepared: PreparedRegions, actual: Image) -> tuple[Mapping[int, Plane32], Motion]:
    """The levels of what is there, after a motion of the whole picture is undone, and that motion
    in pixels.
    """
    plane = _plane(actual)
    motion = _find_picture_motion(prepared.expected, plane)
    if motion == NO_MOTION:
        return _levels(plane), motion
    back, inside = undo_motion(plane, motion)
    # What was never there says nothing: it is filled with what the rest makes of the expected
    # picture.
    gain, offset = np.polyfit(prepared.expected[inside], back[inside], 1)
    return (
        _levels(np.where(inside, back, np.float32(gain) * prepared.expected + np.float32(offset))),
        motion,
    )


def _find_picture_motion(expected: Plane32, actual: Plane32) -> Motion:
    """Of the whole picture, in its pixels."""
    times = 1
    while max(expected.shape) > LOOKED_AT_PX:
        expected, actual = (
            np.asarray(cv2.pyrDown(plane), np.float32) for plane in (expected, actual)
        )
        times *= 2
    return find_motion(expected, actual).resize(times)


def _measure_region(
    prepared: PreparedRegions, levels: Mapping[int, Plane32], motion: Motion, region: Region
) -> list[Value]:
    part = prepared.parts[region]
    moved = _find_moves(prepared, levels, part)
    if moved is None:
        return unmeasured_values([region], STATS, UNLIKE)
    shift = motion.at(part.middle + moved.shift) - part.middle
    numbers = {"shift": abs(shift), "dy": shift.imag, "dx": shift.real}
    return [
        *(Value(region, stat, value) for stat, value in numbers.items()),
        _find_worst(moved, motion, region, part.windows),
        *_turn_values(moved, motion, region),
    ]


def _turn_values(moved: RegionMove, motion: Motion, region: Region) -> list[Value]:
    """Scale and rotation, of the picture and the region together."""
    if moved.turn is None and motion.factor == 1:
        return unmeasured_values([region], ("scale", "rotation"), moved.reason)
    whole = motion if moved.turn is None else motion.after(moved.turn)
    return [Value(region, "scale", whole.scale), Value(region, "rotation", whole.rotation)]


def _find_moves(
    prepared: PreparedRegions, levels: Mapping[int, Plane32], part: RegionFit
) -> RegionMove | None:
    """How a region's content moved; None: it is not what is expected."""
    dy, dx, slope = _fit_shift(levels, part.fits)
    shift = complex(dx, dy)
    if slope < MIN_SLOPE or abs(shift) > MAX_SHIFT_PX:
        return None
    if part.windows is None:
        return RegionMove(shift, np.full((1, 1), np.nan + 0j), None, TOO_FEW)
    moves, turn, reason = _refine_turn(prepared, levels, part.windows, shift)
    if turn is not None:
        grown, turned = part.fits[LEVELS[-1]].turn_bias
        shift -= 2 ** LEVELS[-1] * ((turn.factor.real - 1) * grown + turn.factor.imag * turned)
    return RegionMove(shift, moves, turn, reason)


def _refine_turn(
    prepared: PreparedRegions, levels: Mapping[int, Plane32], windows: Windows, shift: complex
) -> tuple[Points, Motion | None, str]:
    """How far each window's content moved, and the scale and rotation in that: fitted, undone, and
    fitted again.
    """
    level = LEVELS[-1]
    plane = levels[level]
    height, width = plane.shape
    motion, times = Motion(1, shift), 2**level
    back = _sample(
        plane, shift.imag / times, shift.real / times, (slice(0, height), slice(0, width))
    )
    for _ in range(TURNS):
        moves = motion.at(windows.places + _measure_steps(prepared, back, windows)) - windows.places
        moves[np.abs(moves) > MAX_SHIFT_PX] = np.nan
        found, reason = _fit_turn(windows, moves)
        if found is None:
            return moves, None, reason
        farthest = float(np.abs(found.at(windows.places) - motion.at(windows.places)).max())
        motion = found
        if farthest < TURNED_PX:
            break
        back, inside = undo_motion(plane, motion.resize(1 / times))
        back = np.where(inside, back, prepared.levels[level])
    return moves, motion, ""


def _fit_turn(windows: Windows, moves: Points) -> tuple[Motion | None, str]:
    """The similarity nearest to most windows' moves, or why there is none. Windows that stand apart
    hardly count.
    """
    told = np.isfinite(moves) & (windows.weights > 0)
    if told.sum() < MIN_WINDOWS:
        return None, TOO_FEW
    places, found, sure = windows.places[told], moves[told], windows.weights[told]
    away = np.abs(places - np.average(places, weights=sure))
    if math.sqrt(float(np.mean(away**2))) < MIN_SPREAD_PX:
        return None, TOO_FEW
    if (
        float(np.sum(sure * away**2)) < (WINDOW_PX / STRIDE_PX / MAX_GROWTH_ERROR) ** 2
    ):  # so many windows see each pixel
        return None, TOO_FEW
    weights = sure
    for _ in range(ROUNDS):
        middle, mean = (np.sum(weights * each) / weights.sum() for each in (places, found))
        away = places - middle
        growth = np.sum(weights * np.conj(away) * (found - mean)) / np.sum(
            weights * np.abs(away) ** 2
        )
        distance = np.abs(found - mean - growth * away)
        weights = sure / (1 + np.square(distance / max(2 * float(np.median(distance)), ROBUST_PX)))
    if float(np.median(distance)) > DISAGREE_PX:
        return None, AT_ODDS
    return Motion(complex(1 + growth), complex(mean - growth * middle)), ""


def _fit_shift(
    levels: Mapping[int, Plane32], fits: Mapping[int, Fit]
) -> tuple[float, float, float]:
    """Gauss-Newton from coarse to fine: how far what is expected has moved down and right, and the
    slope of actual on it.
    """
    dy = dx = slope = 0.0
    for level, fit in fits.items():
        scale = 2.0**level
        for _ in range(STEPS):
            residual = (
                _sample(levels[level], dy / scale, dx / scale, fit.box)[fit.inside] - fit.expected
            )
            down, right, gain, _ = (float(number) for number in fit.solver @ residual)
            slope = 1 + gain
            length = math.hypot(down, right)
            limit = scale * min(1.0, MAX_STEP_PX / max(length, 1e-12))
            dy, dx = dy - limit * down, dx - limit * right
            if length < SETTLED_PX or math.hypot(dy, dx) > 2 * MAX_SHIFT_PX:
                break
    return dy, dx, slope


def _find_worst(
    moved: RegionMove, motion: Motion, region: Region, windows: Windows | None
) -> Value:
    """The window whose content moved farthest."""
    if windows is None:
        return Value(region, "worst", None, TOO_SMALL)
    distance = _distances(moved, motion, windows)
    if np.isnan(distance).all():
        return Value(region, "worst", None, "no window has enough structure that is as expected")
    row, column = np.unravel_index(int(np.nanargmax(distance)), distance.shape)
    return Value(
        region,
        "worst",
        float(distance[row, column]),
        y=int(windows.ys[row]),
        x=int(windows.xs[column]),
    )


def _distances(moved: RegionMove, motion: Motion, windows: Windows) -> Wide:
    """How far each window's content moved in all, rows×columns. NaN where that is unknown."""
    distance = np.abs(motion.at(windows.places + moved.windows) - windows.places)
    return np.where(windows.weights >= 1 / MAX_ERROR_PX**2, distance, np.nan)


def _measure_steps(prepared: PreparedRegions, back: Plane32, windows: Windows) -> Points:
    """How far each window's content is still from its place, by one step. NaN where that is
    unknown.
    """
    level = LEVELS[-1]
    residual = back - prepared.levels[level]
    right_side = np.stack(
        [_window_sums(plane * residual, windows) for plane in windows.basis], axis=-1
    )
    down, right, gain, _ = np.moveaxis((windows.inverse @ right_side[..., None])[..., 0], -1, 0)
    return np.where(1 + gain >= MIN_SLOPE, -(2**level) * (right + 1j * down), np.nan)


def _map(prepared: PreparedRegions, actual: Image) -> Plane:
    """How far the content around every pixel moved, in px: of its window, 64 px wide; 0 where that
    can't be told.
    """
    levels, motion = _undo_motion(prepared, actual)
    plane: Plane = np.zeros(actual.shape[:2])
    for part in prepared.parts.values():
        if part.reason or part.windows is None:
            continue
        moved = _find_moves(prepared, levels, part)
        if moved is not None:
            distances = np.nan_to_num(_distances(moved, motion, part.windows))
            plane = np.maximum(
                plane,
                interpolate_windows(distances, part.windows.ys, part.windows.xs, actual.shape),
            )
    return plane


def _prepare_region(bases: Mapping[int, tuple[Plane32, ...]], area: Area) -> RegionFit:
    if not area.any():
        return RegionFit({}, None, EMPTY)
    if not bases:
        return RegionFit({}, None, SMALL)
    middle = _middle(area)
    fits = {
        level: _prepare_fit(basis, _reduce_area(area, basis[0].shape), middle / 2**level)
        for level, basis in bases.items()
    }
    finest = fits[LEVELS[-1]]
    if finest is None or not _is_accurate(finest.error):
        return RegionFit({}, None, NO_STRUCTURE)
    return RegionFit(
        {level: fit for level, fit in fits.items() if fit is not None and _is_accurate(fit.error)},
        _prepare_windows(bases, area),
        "",
        middle,
    )


def _middle(area: Area) -> complex:
    """The mean place of an area's pixels."""
    rows, columns = (np.count_nonzero(area, axis=axis) for axis in (1, 0))
    y, x = (float(np.average(np.arange(counts.size), weights=counts)) for counts in (rows, columns))
    return complex(x, y)


def _is_accurate(error: float) -> bool:
    """Whether noise of one 8-bit level leaves a shift at the finest level accurate enough."""
    return bool(error <= MAX_ERROR_PX * 255 / 2 ** LEVELS[-1])


def _prepare_fit(basis: tuple[Plane32, ...], area: Area, middle: complex) -> Fit | None:
    """The solver of one region, about its middle, at one level; None: the region has too few pixels
    there, or no structure.
    """
    if area.sum() < 4 * len(basis):
        return None
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    inside = np.ascontiguousarray(area[box])
    columns_of = np.stack([plane[box][inside] for plane in basis]).astype(np.float64)
    normal = columns_of @ columns_of.T
    if np.linalg.cond(normal) > 1e12:
        return None
    inverse: Wide = np.asarray(np.linalg.inv(normal), np.float64)
    error = math.sqrt(float(np.linalg.eigvalsh(inverse[:2, :2])[-1]))
    solver = (inverse @ columns_of).astype(np.float32)
    return Fit(
        box,
        inside,
        basis[2][box][inside],
        solver,
        error,
        _turn_bias(columns_of, inverse, area, middle),
    )


def _turn_bias(
    columns_of: Wide, inverse: Wide, area: Area, middle: complex
) -> tuple[complex, complex]:
    """What a fit takes for a shift where its pixels grow, and turn, about the middle."""
    rows, columns = (
        places - at for places, at in zip(np.nonzero(area), (middle.imag, middle.real), strict=True)
    )
    down, right = columns_of[:2]
    grown, turned = (
        inverse @ (columns_of @ slope)
        for slope in (down * rows + right * columns, down * columns - right * rows)
    )
    return complex(grown[1], grown[0]), complex(turned[1], turned[0])


def _prepare_windows(bases: Mapping[int, tuple[Plane32, ...]], area: Area) -> Windows | None:
    """The windows of a region at the finest level; None: it covers too little of each."""
    level = LEVELS[-1]
    basis = bases[level]
    part = make_cover(area)
    height, width = basis[0].shape
    inside = _reduce_area(area, (height, width))
    masked = tuple(np.asarray(plane * inside, np.float32) for plane in basis)
    rows, columns = (
        (edges.start >> level, np.minimum(edges.stop >> level, length))
        for edges, length in ((part.ys, height), (part.xs, width))
    )
    blank = np.zeros((rows[0].size, columns[0].size, 4, 4))
    nowhere = np.zeros(blank.shape[:2])
    windows = Windows(
        masked, blank, rows, columns, part.ys.centre, part.xs.centre, nowhere + 0j, nowhere
    )
    for i in range(4):
        for j in range(4):
            blank[..., i, j] = _window_sums(masked[i] * masked[j], windows)
    inverse = _inverses(blank, np.isfinite(part.counts))
    if np.isnan(inverse).all():
        return None
    weights = np.nan_to_num(1 / _errors(inverse) ** 2)
    return windows._replace(
        inverse=inverse, places=_window_places(inside, windows), weights=weights
    )


def _window_places(inside: Area, windows: Windows) -> Points:
    """The middle of what each window sees of the region, in pixels of the picture."""
    seen = np.asarray(inside, np.float32)
    y, x = (np.arange(length, dtype=np.float32) for length in inside.shape)
    total = np.maximum(_window_sums(seen, windows), 1)
    column, row = (_window_sums(seen * along, windows) / total for along in (x, y[:, None]))
    return np.asarray(2 ** LEVELS[-1] * (column + 1j * row), np.complex128)


def _inverses(normal: Wide, enough: npt.NDArray[np.bool_]) -> Wide:
    """The inverse of every window's normal equations; NaN where it sees too little of the region or
    its structure.
    """
    ridge = 1e-6 * np.eye(4)
    inverse: Wide = np.asarray(np.linalg.inv(normal + ridge), np.float64)
    told = enough & (_errors(inverse) <= MAX_DOUBT_PX)
    return np.where(told[..., None, None], inverse, np.nan)


def _errors(inverse: Wide) -> Wide:
    """How far noise of one 8-bit level moves each window's shift in its worst direction, in pixels
    of the picture.
    """
    deviation = np.sqrt(np.maximum(_largest_eigenvalues(inverse[..., :2, :2]), 0))
    return np.asarray(2 ** LEVELS[-1] / 255 * deviation)


def _largest_eigenvalues(matrices: Wide) -> Wide:
    """Of symmetric 2×2 matrices, the larger eigenvalue; NaN stays NaN."""
    mean = (matrices[..., 0, 0] + matrices[..., 1, 1]) / 2
    return np.asarray(
        mean + np.hypot((matrices[..., 0, 0] - matrices[..., 1, 1]) / 2, matrices[..., 0, 1])
    )


def _window_sums(plane: Plane32, windows: Windows) -> Wide:
    table = np.asarray(cv2.integral(plane, sdepth=cv2.CV_64F), np.float64)
    (top, bottom), (left, right) = windows.rows, windows.columns
    strips = table[bottom] - table[top]
    return np.asarray(strips[:, right] - strips[:, left], np.float64)


def _basis(plane: Plane32) -> tuple[Plane32, ...]:
    """Slopes along y and x, the plane itself, and 1."""
    kernel = np.array([[1.0, -8.0, 0.0, 8.0, -1.0]]) / 12
    down, right = (
        cv2.filter2D(plane, -1, k, borderType=cv2.BORDER_REFLECT) for k in (kernel.T, kernel)
    )
    return np.asarray(down, np.float32), np.asarray(right, np.float32), plane, np.ones_like(plane)


def _reduce_area(area: Area, shape: tuple[int, ...]) -> Area:
    """The region at a level: the pixels that it covers by more than half, without the picture's
    border.
    """
    share = cv2.resize(area.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    inner = np.zeros(shape, bool)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return np.asarray((share > 0.5) & inner, bool)


def _plane(image: Image) -> Plane32:
    """Luma, less grey, so that gain and offset hardly mix."""
    return np.asarray(luma(image) - 0.5, np.float32)


def _levels(plane: Plane32) -> Mapping[int, Plane32]:
    """The plane at each level that is large enough, coarsest first."""
    planes = [plane]
    for _ in range(max(LEVELS)):
        planes.append(np.asarray(cv2.pyrDown(planes[-1]), np.float32))
    return {level: planes[level] for level in LEVELS if min(planes[level].shape) >= MIN_LEVEL_PX}


def _sample(plane: Plane32, dy: float, dx: float, box: tuple[slice, slice]) -> Plane32:
    """The plane at every pixel of the box, displaced by (dy, dx): a windowed sinc along each
    axis.
    """
    if dy == 0 and dx == 0:
        return plane[box]
    reach = math.ceil(max(abs(dy), abs(dx))) + TAPS
    height, width = plane.shape
    rows, columns = (
        slice(max(side.start - reach, 0), min(side.stop + reach, length))
        for side, length in zip(box, (height, width), strict=True)
    )
    kernels = (_sinc_weights(dx, reach), _sinc_weights(dy, reach))
    moved = cv2.sepFilter2D(
        np.ascontiguousarray(plane[rows, columns]), -1, *kernels, borderType=cv2.BORDER_REFLECT
    )
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(box, (rows, columns), strict=True)
    )
    return np.asarray(moved[inner], np.float32)


def _sinc_weights(distance: float, reach: int) -> Plane32:
    """Weights of the pixels up to `reach` away that give the value `distance` away (Lanczos)."""
    away = np.arange(-reach, reach + 1) - distance
    weights = np.where(np.abs(away) < TAPS, np.sinc(away) * np.sinc(away / TAPS), 0.0)
    return np.asarray(weights / weights.sum(), np.float32)


REGISTRATION = Metric(
    name="registration",
    variant="",
    version=2,
    unit="px",
    better="zero",
    range=(-MOST_PX, MOST_PX),
    stats=STATS,
    source=(
        "Lucas & Kanade 1981 in its inverse compositional form (Baker & Matthews 2004), with gain"
        " and offset; luma. Beyond its reach the whole picture's motion by phase correlation"
        " (Kuglin & Hines 1975), of the spectra's logarithmic polar form too (Reddy & Chatterji"
        " 1996), refined by OpenCV's findTransformECC (Evangelidis & Psarakis 2008)"
    ),
    formula=(
        "(dy, dx) that minimise sum((actual(y + dy, x + dx) - gain expected(y, x) - offset)^2) over"
        " the region; shift = sqrt(dy^2 + dx^2), at the region's middle; worst: the longest shift"
        " of a window; scale (100 (s - 1)) and rotation r: the similarity s e^(ir) nearest to the"
        " shifts of most windows"
    ),
    sees=(
        "A picture, or a part of it, that was moved: half a pixel lost in resizing, a crop off by"
        " one, a tile put back beside its place; a picture that came back a little larger (scale"
        " above 0 %) or turned (rotation above 0 is clockwise). Positive is down and right."
    ),
    misses=(
        "Mirroring and shear; a part that moved by more than 16 px while the rest stayed, and"
        " content that was replaced: that is said as the reason (see ssim). The whole picture may"
        " move by a quarter of its edge, grow or shrink by a third, and turn by 45°. Of a pattern"
        " that repeats within 12 px, and nothing else beside it, a shift by more than a pixel may"
        " be told wrong by whole periods."
    ),
    example="shifted",
    aspect="geometry",
    prepare=_prepare,
    measure=_measure,
    margins={"shift": 0.05, "worst": 0.2, "scale": 0.05, "rotation": 0.05},
    golden={"shift": 0.0503588, "dy": -9.40731e-05, "dx": 0.0503588, "worst": 0.157409},
    regions=REGIONS,
    units={"scale": "%", "rotation": "°"},
    map=_map,
    map_better="lower",
)
