"""Structural similarity."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from harness.metrics.metric import Areas, Image, Metric, Value
from harness.metrics.pooling import EMPTY, pool

SIZE = 11
SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2
BORDER = SIZE // 2
"""Pixels this near to the image border have no full window and are left out, as in Wang's own implementation."""


class Moments(NamedTuple):
    """The expected image with its local mean and variance, float64 H×W×3."""

    image: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]


def ssim_map(moments: Moments, actual: Image) -> npt.NDArray[np.float64]:
    """SSIM of every pixel, averaged over R, G and B. H×W in [-1, 1]."""
    other = _moments(actual)
    covariance = _blur(moments.image * other.image) - moments.mean * other.mean
    luminance = (2 * moments.mean * other.mean + C1) / (moments.mean**2 + other.mean**2 + C1)
    structure = (2 * covariance + C2) / (moments.variance + other.variance + C2)
    return np.asarray((luminance * structure).mean(axis=-1), np.float64)


def _measure(moments: Moments, actual: Image, areas: Areas) -> list[Value]:
    if min(actual.shape[:2]) < SIZE:
        reason = f"the image is smaller than the {SIZE}×{SIZE} window"
        return [Value(region, stat, None, reason) for region in areas for stat in ("mean", "p01", "worst")]
    inner = np.zeros(actual.shape[:2], bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    values = pool(ssim_map(moments, actual), {r: a & inner for r, a in areas.items()}, better="higher", tail="p01")
    beside = f"the region lies within {BORDER} px of the image border, where SSIM is not defined"
    return [Value(v.region, v.stat, None, beside) if v.reason == EMPTY and areas[v.region].any() else v for v in values]


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
    stats=("mean", "p01", "worst"),
    source="Wang, Bovik, Sheikh & Simoncelli 2004: 11×11 Gaussian of σ 1.5, K 0.01 and 0.03; mean of R, G and B",
    prepare=_moments,
    measure=_measure,
)
