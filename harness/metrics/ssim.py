"""Structural similarity."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from harness.metrics.metric import Area, Areas, Image, Metric, Plane, Reference, Value, known
from harness.metrics.pooling import EMPTY, pool, unmeasured

SIZE = 11
SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2
STATS = ("mean", "p01", "worst")
BORDER = SIZE // 2
"""Pixels this near to the image border have no full window and are left out, as in Wang's own implementation."""


class Moments(NamedTuple):
    """The expected image with its local mean and variance, float64 H×W×3."""

    image: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]


class Prepared(NamedTuple):
    """The expected image's moments, the regions, and the regions without the border."""

    moments: Moments
    areas: Areas
    inner: Areas


def _prepare(reference: Reference) -> Prepared:
    moments = _moments(known(reference.expected))
    return Prepared(moments, reference.areas, {r: _without_border(area) for r, area in reference.areas.items()})


def _without_border(area: Area) -> Area:
    inner = np.zeros_like(area)
    inner[BORDER:-BORDER, BORDER:-BORDER] = area[BORDER:-BORDER, BORDER:-BORDER]
    return inner


def ssim_map(moments: Moments, actual: Image) -> npt.NDArray[np.float64]:
    """SSIM of every pixel, averaged over R, G and B. H×W in [-1, 1]."""
    other = _moments(actual)
    covariance = _blur(moments.image * other.image) - moments.mean * other.mean
    luminance = (2 * moments.mean * other.mean + C1) / (moments.mean**2 + other.mean**2 + C1)
    structure = (2 * covariance + C2) / (moments.variance + other.variance + C2)
    return np.asarray((luminance * structure).mean(axis=-1), np.float64)


def _measure(prepared: Prepared, actual: Image) -> list[Value]:
    areas = prepared.areas
    if min(actual.shape[:2]) < SIZE:
        return unmeasured(areas, STATS, f"the image is smaller than the {SIZE}×{SIZE} window")
    values = pool(ssim_map(prepared.moments, actual), prepared.inner, better="higher", tail="p01")
    beside = f"the region lies within {BORDER} px of the image border, where SSIM is not defined"
    return [Value(v.region, v.stat, None, beside) if v.reason == EMPTY and areas[v.region].any() else v for v in values]


def _map(prepared: Prepared, actual: Image) -> Plane:
    return ssim_map(prepared.moments, actual)


def _moments(image: Image) -> Moments:
    wide = image.astype(np.float64)
    mean = _blur(wide)
    return Moments(wide, mean, _blur(wide * wide) - mean * mean)


def _blur(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    kernel = cv2.getGaussianKernel(SIZE, SIGMA)
    return np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT))


SSIM = Metric(
    name="ssim",
    variant="",
    version=1,
    unit="",
    better="higher",
    range=(-1.0, 1.0),
    stats=STATS,
    source="Wang, Bovik, Sheikh & Simoncelli 2004: 11×11 Gaussian of σ 1.5, K 0.01 and 0.03; mean of R, G and B",
    formula=(
        "mean over R, G, B of (2 m1 m2 + C1)(2 cov + C2) / ((m1^2 + m2^2 + C1)(v1 + v2 + C2)), moments in an "
        "11×11 Gaussian"
    ),
    sees="Lost or invented structure: blurred strokes, smears, seams through texture.",
    misses=(
        "Colour shifts of flat areas (see delta_e00), and structure finer than its window once it is averaged "
        "over a large region (see protect and the worst window)."
    ),
    prepare=_prepare,
    measure=_measure,
    golden={"mean": 0.97115, "p01": 0.88031, "worst": 0.93125},
    map=_map,
)
