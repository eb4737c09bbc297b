"""Are the strokes of protected features still in place, and as strong as before?"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    area_of,
    require_part,
)
from editproof.harness.metrics.core.pooling import MIN_WINDOW_PX, STRIDE_PX, unmeasured_values
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("mean", "worst")
REGIONS: tuple[Region, ...] = ("protect",)

COARSE_PX = 3.0
"""σ of the background, in input pixels."""

FINE_PX = 0.7
"""σ of noise, in output pixels."""

WINDOW_PX = 32
"""Edge of a window in output pixels: some letters of microprint."""

NO_WINDOW = f"no {WINDOW_PX}×{WINDOW_PX} window holds {MIN_WINDOW_PX} px of the region"

FLOOR = (1 / 255) ** 2
"""Energy of one 8-bit level. Below it there are no strokes to lose."""

Wide = npt.NDArray[np.float32]


class PreparedStrokes(NamedTuple):
    """The strokes of the expected picture, cut to the protected features with a margin. Output."""

    box: tuple[slice, slice]
    strokes: Wide
    inside: Wide
    """1 in the region, 0 elsewhere."""
    counts: Wide
    """Pixels of the region in the window around each pixel."""
    coarse: float
    """σ of the background, in output pixels."""
    reason: str


def _prepare(reference: Reference) -> PreparedStrokes:
    area, coarse = area_of(reference, "protect"), COARSE_PX * reference.scale
    rows, columns = (
        _span_around(np.flatnonzero(area.any(axis=axis)), round(3 * coarse)) for axis in (1, 0)
    )
    inside = area[rows, columns].astype(np.float32)
    if not area.any():
        return PreparedStrokes((rows, columns), inside, inside, inside, coarse, EMPTY)
    strokes = _extract_strokes(require_part(reference.expected)[rows, columns], coarse)
    return PreparedStrokes((rows, columns), strokes, inside, _sum_windows(inside), coarse, "")


def _span_around(places: npt.NDArray[np.intp], margin: int) -> slice:
    return (
        slice(max(int(places[0]) - margin, 0), int(places[-1]) + 1 + margin)
        if places.size
        else slice(0, 0)
    )


def _measure(prepared: PreparedStrokes, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    common, mean = _energies(prepared, actual)
    whole = float(common.sum(dtype=np.float64) / mean.sum(dtype=np.float64))
    return [Value("protect", "mean", whole), _find_worst(prepared, common, mean)]


def _find_worst(prepared: PreparedStrokes, common: Wide, mean: Wide) -> Value:
    """The window with the least agreement, and its centre."""
    at = np.s_[STRIDE_PX // 2 :: STRIDE_PX, STRIDE_PX // 2 :: STRIDE_PX]
    counts, above, below = prepared.counts[at], _sum_windows(common)[at], _sum_windows(mean)[at]
    enough = counts >= MIN_WINDOW_PX
    if not enough.any():
        return Value("protect", "worst", None, NO_WINDOW)
    agreement = np.where(enough, above / np.where(enough, below, 1), np.inf)
    row, column = np.unravel_index(int(agreement.argmin()), agreement.shape)
    y, x = (int(index) * STRIDE_PX + STRIDE_PX // 2 for index in (row, column))
    rows, columns = prepared.box
    return Value(
        "protect", "worst", float(agreement[row, column]), y=rows.start + y, x=columns.start + x
    )


def _energies(prepared: PreparedStrokes, actual: Image) -> tuple[Wide, Wide]:
    """Common energy of both pictures' strokes at every pixel, and their mean energy; 0 outside the
    region.
    """
    other = _extract_strokes(actual[prepared.box], prepared.coarse)
    common = (prepared.strokes * other + FLOOR) * prepared.inside
    mean = ((prepared.strokes * prepared.strokes + other * other) / 2 + FLOOR) * prepared.inside
    return np.asarray(common, np.float32), np.asarray(mean, np.float32)


def _map(prepared: PreparedStrokes, actual: Image) -> Plane:
    """Agreement in the window around every pixel; 1 where nothing is protected. Output."""
    plane = np.ones(actual.shape[:2])
    if not prepared.reason:
        common, mean = _energies(prepared, actual)
        within = prepared.inside > 0
        plane[prepared.box] = np.where(
            within, _sum_windows(common) / np.where(within, _sum_windows(mean), 1), 1
        )
    return plane


def _extract_strokes(image: Image, coarse: float) -> Wide:
    """Luma between the scales FINE_PX and `coarse`."""
    plane = luma(image).astype(np.float32)
    background = cv2.GaussianBlur(plane, (0, 0), coarse, borderType=cv2.BORDER_REFLECT)
    return np.asarray(
        cv2.GaussianBlur(plane, (0, 0), FINE_PX, borderType=cv2.BORDER_REFLECT) - background,
        np.float32,
    )


def _sum_windows(plane: Wide) -> Wide:
    """Sum of the window around every pixel."""
    size = (WINDOW_PX, WINDOW_PX)
    return np.asarray(
        cv2.boxFilter(plane, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT), np.float32
    )


MICRO_LEGIBILITY = Metric(
    name="micro_legibility",
    variant="",
    version=1,
    unit="",
    better="higher",
    range=(-1.0, 1.0),
    stats=STATS,
    source=(
        "Normalised correlation of band-passed luma, divided by the mean of both energies, so"
        " that fading counts"
    ),
    formula=(
        "2 (sum(e a) + C) / (sum(e^2) + sum(a^2) + 2 C). e and a are the expected and"
        " actual luma between σ 0.7 output px and σ 3 input px. C is one 8-bit level at"
        " every pixel. mean is over the whole region, and worst over the worst 32×32 window"
    ),
    sees=(
        "Microprint and fine lines that were blurred, faded, moved or replaced. 1 means"
        " untouched, 0 gone, below 0 inverted."
    ),
    misses=(
        "A letter that became another one of the same weight, in a long row: see the worst"
        " window, or cer, which reads the text. Colour counts only through its luma."
    ),
    example="microprint_lost",
    aspect="legibility",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.01, "worst": 0.03},
    golden={"mean": 0.951909, "worst": 0.821566},
    regions=REGIONS,
    map=_map,
)
