"""Multi-scale structural similarity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import (
    Areas,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import (
    Covers,
    make_covers,
    unmeasured_values,
    worst_window,
)
from editproof.harness.metrics.structure.ssim import BORDER, C1, C2, SIGMA, SIZE
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first."""

MIN_PX = SIZE * 2 ** (len(WEIGHTS) - 1)
"""Edge of the smallest image whose coarsest scale holds a window."""

STATS = ("mean", "worst")
SMALL = f"the image is smaller than {MIN_PX}×{MIN_PX} px, too small for {len(WEIGHTS)} scales"

Small = npt.NDArray[np.float32]


class Moments(NamedTuple):
    """Luma of one scale, with its local mean and variance, H×W of that scale."""

    plane: Small
    mean: Small
    variance: Small


class PreparedScales(NamedTuple):
    """The expected image's scales, and each region's weight at every pixel of every scale. Without
    scales, the image is too small.
    """

    scales: tuple[Moments, ...]
    weights: Mapping[Region, tuple[Small, ...]]
    covers: Covers


def _prepare(reference: Reference) -> PreparedScales:
    expected = require_part(reference.expected)
    covers = make_covers(reference.areas)
    if min(expected.shape[:2]) < MIN_PX:
        return PreparedScales((), {}, covers)
    scales = tuple(_moments(plane) for plane in _pyramid(luma(expected).astype(np.float32)))
    return PreparedScales(scales, _region_weights(reference.areas), covers)


def _measure(prepared: PreparedScales, actual: Image) -> list[Value]:
    maps = _similarities(prepared, actual)
    plane = _combine_scales(maps, actual.shape[:2])
    values: list[Value] = []
    for region, cover in prepared.covers.items():
        if not cover.pixels or not maps:
            values += unmeasured_values([region], STATS, SMALL if cover.pixels else EMPTY)
            continue
        values.append(Value(region, "mean", _pool_scales(maps, prepared.weights[region])))
        values.append(worst_window(plane, cover, region, better="higher"))
    return values


def _map(prepared: PreparedScales, actual: Image) -> Plane:
    """Product over the scales at every pixel, H×W in [0, 1]; 1 if the image is too small."""
    return _combine_scales(_similarities(prepared, actual), actual.shape[:2])


def _similarities(prepared: PreparedScales, actual: Image) -> list[Small]:
    """Contrast and structure of every scale, times luminance at the coarsest; empty: the image is
    too small.
    """
    if not prepared.scales:
        return []
    planes = _pyramid(luma(actual).astype(np.float32))
    coarsest = len(planes) - 1
    return [
        _similarity(expected, plane, luminance=scale == coarsest)
        for scale, (expected, plane) in enumerate(zip(prepared.scales, planes, strict=True))
    ]


def _similarity(expected: Moments, plane: Small, *, luminance: bool) -> Small:
    actual = _moments(plane)
    covariance = _blur(expected.plane * plane) - expected.mean * actual.mean
    similarity = (2 * covariance + C2) / (expected.variance + actual.variance + C2)
    if luminance:
        similarity *= (2 * expected.mean * actual.mean + C1) / (
            expected.mean**2 + actual.mean**2 + C1
        )
    return np.asarray(similarity, np.float32)


def _pool_scales(maps: list[Small], weights: tuple[Small, ...]) -> float:
    """Average each scale over a region, and multiply the means with the scales' exponents. In [0,
    1].
    """
    means = (
        float((plane * weight).sum(dtype=np.float64))
        for plane, weight in zip(maps, weights, strict=True)
    )
    return float(
        np.prod([max(mean, 0.0) ** exponent for mean, exponent in zip(means, WEIGHTS, strict=True)])
    )


def _combine_scales(maps: list[Small], shape: tuple[int, ...]) -> Plane:
    """Product over the scales at every pixel, H×W; 1 without scales."""
    product = np.ones(shape, np.float32)
    for plane, exponent in zip(maps, WEIGHTS, strict=False):
        powered = np.maximum(plane, 0) ** np.float32(exponent)
        product *= cv2.resize(powered, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return product


def _region_weights(areas: Areas) -> Mapping[Region, tuple[Small, ...]]:
    return {
        region: tuple(_region_weight(plane) for plane in _pyramid(area.astype(np.float32)))
        for region, area in areas.items()
    }


def _region_weight(share: Small) -> Small:
    """Share of a region in each pixel of a scale; the sum is 1.

    The picture's border is left out, since its windows are cut. A region that lies wholly in the
    border uses mirrored windows.
    """
    inner = np.zeros_like(share)
    inner[BORDER:-BORDER, BORDER:-BORDER] = share[BORDER:-BORDER, BORDER:-BORDER]
    weight = inner if inner.any() else share
    return np.asarray(weight / max(float(weight.sum(dtype=np.float64)), 1e-12), np.float32)


def _pyramid(plane: Small) -> list[Small]:
    """The plane at every scale: each pixel is the mean of 2×2 pixels of the scale before. An odd
    last row or column is dropped.
    """
    planes = [plane]
    for _ in WEIGHTS[1:]:
        height, width = (length // 2 for length in planes[-1].shape)
        even = np.ascontiguousarray(planes[-1][: 2 * height, : 2 * width])
        planes.append(
            np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        )
    return planes


def _moments(plane: Small) -> Moments:
    mean = _blur(plane)
    return Moments(plane, mean, _blur(plane * plane) - mean * mean)


def _blur(plane: Small) -> Small:
    kernel = cv2.getGaussianKernel(SIZE, SIGMA, cv2.CV_32F)
    return np.asarray(
        cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT), np.float32
    )


MS_SSIM = Metric(
    name="ms_ssim",
    variant="",
    version=1,
    unit="",
    better="higher",
    range=(0.0, 1.0),
    stats=STATS,
    source=(
        "Wang, Simoncelli & Bovik 2003: luma, 5 scales with their weights; 11×11 Gaussian of σ 1.5,"
        " K 0.01 and 0.03"
    ),
    formula=(
        "product over 5 scales of mean((2 cov + C2) / (v1 + v2 + C2))^w, times the mean"
        " luminance term at the coarsest. The means are taken over the region at each scale"
    ),
    sees=(
        "Lost or invented structure at any viewing distance. It sees what ssim sees, and"
        " also smears and uneven lighting that are larger than its window."
    ),
    misses=(
        "Colour (see delta_e00), and the exact place of the damage: coarse windows are 176 px"
        " wide and look beyond a small region (see ssim)."
    ),
    example="blurred",
    aspect="structure",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.002, "worst": 0.01},
    golden={"mean": 0.984692, "worst": 0.971391},
    map=_map,
)
