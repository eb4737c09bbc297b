"""Sharpness: are edges as narrow as they should be?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.length import length
from editproof.harness.metrics.core.luma import luma
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
from editproof.harness.metrics.core.pooling import Covers, make_covers, unmeasured_values
from editproof.harness.metrics.core.sums import STATS, Numbers, Sums, mean_and_worst, sum_region
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

FINE_PX = 0.7
COARSE_PX = 1.4
"""Scales of the two Gaussians for gradients."""

MIN_GRADIENT = 0.01
"""Of luma per pixel, at the coarse scale. Weaker edges are texture."""

MOST_DB = 60.0
"""Bound for edges that are gone, which have no width."""

MIN_GROWTH = 1e-3
"""Floor of a squared ratio of gradients minus 1: an edge wider than 38 px."""

AROUND_PX = 33
"""Edge of the neighbourhood around a pixel, for the map."""

MIN_EDGE_PX = 16
"""Pixels of strong edges that the neighbourhood must hold."""

REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep", "protect")

NO_EDGE = "the expected picture has no strong edge in this region"
NO_WINDOW = "no window holds enough strong edges"

Gradient = npt.NDArray[np.float32]
"""H×W: luma per pixel."""


class PreparedEdges(NamedTuple):
    """The expected image, its strong edges by region, the sums of its gradients there, and the
    empty regions.
    """

    image: Image
    covers: Covers
    """Of the ridges of strong edges in each region."""
    expected: Mapping[Region, tuple[Sums, Sums]]
    empty: frozenset[Region]


def _prepare(reference: Reference) -> PreparedEdges:
    expected = require_part(reference.expected)
    plane = luma(expected).astype(np.float32)
    ridge = _find_ridges(plane)
    areas = select_areas(reference, REGIONS)
    covers = make_covers({region: area & ridge for region, area in areas.items()})
    empty = frozenset(region for region, area in areas.items() if not area.any())
    return PreparedEdges(expected, covers, _sum_gradients(plane, covers), empty)


def _measure(prepared: PreparedEdges, actual: Image) -> list[Value]:
    measured = _sum_gradients(luma(actual).astype(np.float32), prepared.covers)
    values: list[Value] = []
    for region, cover in prepared.covers.items():
        if not cover.pixels:
            values += unmeasured_values(
                [region], STATS, EMPTY if region in prepared.empty else NO_EDGE
            )
            continue
        planes = (*measured[region], *prepared.expected[region])
        values += mean_and_worst(region, cover, _decibels, *planes, no_window=NO_WINDOW)
    return values


def _sum_gradients(plane: Gradient, covers: Covers) -> Mapping[Region, tuple[Sums, Sums]]:
    """Fine and coarse gradients, summed over the edges of each region and window."""
    fine, coarse = (_gradient(plane, scale) for scale in (FINE_PX, COARSE_PX))
    return {
        region: (sum_region(fine, cover), sum_region(coarse, cover))
        for region, cover in covers.items()
    }


def _map(prepared: PreparedEdges, actual: Image) -> Plane:
    """Change of width of the strong edges around every pixel, in dB; 0 where there are few."""
    expected, measured = (luma(image).astype(np.float32) for image in (prepared.image, actual))
    ridge = _find_ridges(expected).astype(np.float32)
    widths = [
        _sum_around(ridge * _gradient(p, scale))
        for p in (measured, expected)
        for scale in (FINE_PX, COARSE_PX)
    ]
    return np.where(_sum_around(ridge) >= MIN_EDGE_PX, _decibels(*widths), 0.0)


def _sum_around(plane: Gradient) -> Numbers:
    """Sum over the neighbourhood of every pixel."""
    size = (AROUND_PX, AROUND_PX)
    return np.asarray(
        cv2.boxFilter(plane, cv2.CV_64F, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
    )


def _decibels(
    fine: Numbers, coarse: Numbers, expected_fine: Numbers, expected_coarse: Numbers
) -> Numbers:
    """Expected over actual width in dB."""
    decibels = 10 * np.log10(
        _square_width(expected_fine, expected_coarse) / _square_width(fine, coarse)
    )
    return np.asarray(decibels.clip(-MOST_DB, MOST_DB))


def _square_width(fine: Numbers, coarse: Numbers) -> Numbers:
    """Squared width of an edge in px²: the variance of its blur plus 0.8 px², from the fine scale
    and the method.

    A step blurred by s has a gradient at its middle of 1/sqrt(s² + scale²) times its height. Two
    scales give s for any height.
    """
    growth = np.square(fine / np.maximum(coarse, 1e-12)) - 1
    return np.asarray((COARSE_PX**2 - FINE_PX**2) / np.maximum(growth, MIN_GROWTH))


def _find_ridges(plane: Gradient) -> Area:
    """Middles of strong edges: where the gradient is largest along its own axis."""
    smooth = _smooth(plane, COARSE_PX)
    across, down = np.abs(_slope(smooth, 1)), np.abs(_slope(smooth, 0))
    gradient = length(across, down)
    sideways, upwards = (
        cv2.dilate(gradient, np.ones(shape, np.uint8)) for shape in ((1, 3), (3, 1))
    )
    return np.asarray(
        (gradient >= np.where(across >= down, sideways, upwards)) & (gradient >= MIN_GRADIENT), bool
    )


def _gradient(plane: Gradient, scale: float) -> Gradient:
    """The strongest gradient within a pixel, so that a slightly moved edge does not count as
    softened.
    """
    smooth = _smooth(plane, scale)
    gradient = length(_slope(smooth, 1), _slope(smooth, 0))
    return np.asarray(cv2.dilate(gradient, np.ones((3, 3), np.uint8)), np.float32)


def _smooth(plane: Gradient, scale: float) -> Gradient:
    return np.asarray(
        cv2.GaussianBlur(plane, (0, 0), scale, borderType=cv2.BORDER_REFLECT), np.float32
    )


def _slope(plane: Gradient, axis: int) -> Gradient:
    """Half the difference of the neighbours along an axis."""
    kernel = np.array([[-0.5, 0.0, 0.5]])
    kernel = kernel if axis == 1 else kernel.T
    return np.asarray(cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)


SHARPNESS = Metric(
    name="sharpness",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-MOST_DB, MOST_DB),
    stats=STATS,
    source=(
        "Width of a Gaussian-blurred step from its gradient at two scales (Elder & Zucker 1998,"
        " Zhuo & Sim 2011)"
    ),
    formula=(
        "20 log10(w(expected) / w(actual)), w^2 = (1.4^2 - 0.7^2) / (r^2 - 1), r = sum of gradients"
        " at scale 0.7 px / at 1.4 px, over the strong edges of expected"
    ),
    sees=(
        "Edges that were softened (negative; a blur of σ 0.6 px reads about -1 dB) or sharpened"
        " (positive), at any contrast."
    ),
    misses=(
        "Blur where the expected picture has no strong edge (see spectral_energy). Edges"
        " that are gone or moved by more than a pixel (see ssim, registration). Beyond a"
        " blur of about σ 8 px, edges vanish rather than widen, so it reads less. Noise"
        " reads as sharpening: noise of 4 % gives 1 dB (see grain)."
    ),
    example="sharpened",
    aspect="detail",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.3, "worst": 1.0},
    golden={"mean": -0.896676, "worst": -3.10265},
    regions=REGIONS,
    map=_map,
)
