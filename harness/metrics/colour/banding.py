"""Banding: do smooth gradients show steps?"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
    select_areas,
)
from editproof.harness.metrics.core.pooling import Covers, make_covers, pool
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

MIN_STEP = 3
"""In 8-bit levels. Rounding gives steps of 1, and a changed tone curve sometimes steps of 2."""

MAX_STEP = 20
"""4 bits a channel give steps of 17. Higher steps are edges."""

RUN_PX = 3
"""Equal pixels on both sides that make a step a contour. Noise does not leave so many equal."""

SMOOTH_PX = 2.0
"""Scale at which the expected picture is checked for smoothness."""

MAX_SLOPE = 1.5
"""Largest slope of a smooth place, in levels per pixel."""

MAX_ROUGHNESS = 3.0
"""Largest deviation of a smooth place from its own blur, in levels."""

REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep")
NOT_SMOOTH = "the region has no smooth place"

Levels = npt.NDArray[np.uint8]
"""H×W×3."""


class PreparedContours(NamedTuple):
    """Smooth places of the expected image, in total and by region, its own contours, H×W, and the
    empty regions.
    """

    smooth: Area
    contours: Plane
    covers: Covers
    empty: frozenset[Region]


def contours(levels: Levels) -> Plane:
    """Squared height of the steps between flat runs, summed over both directions and averaged over
    R, G and B. H×W in levels².
    """
    upright = np.asarray(cv2.transpose(_steps(np.asarray(cv2.transpose(levels)))))
    height = np.square(_steps(levels), dtype=np.float32) + np.square(upright, dtype=np.float32)
    return np.asarray(cv2.transform(height, np.full((1, 3), 1 / 3)), np.float32).reshape(
        levels.shape[:2]
    )


def _prepare(reference: Reference) -> PreparedContours:
    expected = _to_levels(require_part(reference.expected))
    smooth = _find_smooth(expected)
    areas = select_areas(reference, REGIONS)
    empty = frozenset(region for region, area in areas.items() if not area.any())
    smooth_areas = {region: area & smooth for region, area in areas.items()}
    return PreparedContours(smooth, contours(expected), make_covers(smooth_areas), empty)


def _measure(prepared: PreparedContours, actual: Image) -> list[Value]:
    values = pool(_excess(prepared, actual), prepared.covers, better="lower", convert=math.sqrt)
    return [
        (
            Value(v.region, v.stat, None, NOT_SMOOTH)
            if v.reason == EMPTY and v.region not in prepared.empty
            else v
        )
        for v in values
    ]


def _map(prepared: PreparedContours, actual: Image) -> Plane:
    """Height of the false steps at every smooth pixel, in levels."""
    return np.asarray(np.sqrt(_excess(prepared, actual) * prepared.smooth), np.float32)


def _excess(prepared: PreparedContours, actual: Image) -> Plane:
    """Squared step heights above those of the expected image within a pixel."""
    return np.maximum(contours(_to_levels(actual)) - prepared.contours, 0)


def _steps(levels: Levels) -> Levels:
    """Height of the step to the next pixel in the row if both sides are flat runs, else 0.
    H×W×3.
    """
    height = np.zeros_like(levels)
    if levels.shape[1] < 2 * RUN_PX:
        return height
    step = cv2.absdiff(np.ascontiguousarray(levels[:, 1:]), np.ascontiguousarray(levels[:, :-1]))
    flat = step == 0
    count = step.shape[1] - 2 * (RUN_PX - 1)
    middle = step[:, RUN_PX - 1 : RUN_PX - 1 + count]
    contour = (middle >= MIN_STEP) & (middle <= MAX_STEP)
    for offset in (*range(RUN_PX - 1), *range(RUN_PX, 2 * RUN_PX - 1)):
        contour &= flat[:, offset : offset + count]
    height[:, RUN_PX - 1 : RUN_PX - 1 + count] = middle * contour
    return height


def _find_smooth(levels: Levels) -> Area:
    """Where the picture rises slowly and stays near its own blur; nowhere if it cannot hold two
    runs.
    """
    if max(levels.shape[:2]) < 2 * RUN_PX:
        return np.zeros(levels.shape[:2], bool)
    plane = levels.astype(np.float32)
    blurred = cv2.GaussianBlur(plane, (0, 0), SMOOTH_PX, borderType=cv2.BORDER_REFLECT)
    across, down = (
        cv2.Sobel(blurred, cv2.CV_32F, *axes, scale=1 / 8, borderType=cv2.BORDER_REFLECT)
        for axes in ((1, 0), (0, 1))
    )
    variance = cv2.GaussianBlur(
        np.square(plane - blurred), (0, 0), SMOOTH_PX, borderType=cv2.BORDER_REFLECT
    )
    smooth = (np.hypot(across, down) <= MAX_SLOPE) & (variance <= MAX_ROUGHNESS**2)
    return np.asarray(smooth.all(axis=-1), bool)


def _to_levels(image: Image) -> Levels:
    return np.asarray(np.rint(image.clip(0, 1) * 255), np.uint8)


BANDING = Metric(
    name="banding",
    variant="",
    version=1,
    unit="levels",
    better="lower",
    range=(0.0, 29.0),
    stats=("mean", "worst"),
    source=(
        "Our own method, after Tu, Lin, Wang, Adsumilli & Bovik 2020 (BBAND). It measures"
        " false contours as steps between flat runs where the right answer is smooth"
    ),
    formula=(
        "sqrt(mean(step^2)) over smooth places of expected, minus the expected picture's"
        " own steps. A step is 3 to 20 8-bit levels between two runs of 3 equal pixels, in"
        " rows and in columns"
    ),
    sees=(
        "Skies and gradients that show steps: too few bits, a palette, a stretched tone curve."
        " The outline of a faint flat ghost on a smooth background counts as well."
    ),
    misses=(
        "Steps of one or two levels, steps that noise hides, and steps in texture, where nobody"
        " sees them. Steps above 20 levels count as edges, so a gradient of fewer than 14 colours"
        " a channel reads 0 (see ssim, delta_e00). Codec blocks with soft borders read 0 as well."
    ),
    example="banded",
    aspect="colour and tone",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.3, "worst": 1.0},
    golden={"mean": 0.0813342, "worst": 0.287074},
    golden_pair="paper",
    regions=REGIONS,
    map=_map,
)
