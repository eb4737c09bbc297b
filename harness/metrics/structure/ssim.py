"""Structural similarity."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.luma import mean_of_channels
from editproof.harness.metrics.core.metric import (
    Area,
    Areas,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import Covers, make_covers, pool, unmeasured_values
from editproof.harness.metrics.core.strips import compute_by_strips
from editproof.harness.records.reasons import EMPTY

SIZE = 11
SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2
CENTRE = np.float32(0.5)
"""Subtracted from values before they are multiplied, which halves the rounding error."""

STATS = ("mean", "p01", "worst")
BORDER = SIZE // 2
"""Pixels this near to the image border have no full window. They are left out, as in Wang's
implementation.
"""

Float = TypeVar("Float", bound=npt.NDArray[np.floating[Any]])


class PreparedMoments(NamedTuple):
    """The expected image's moments, float32 H×W×3, the regions, and the regions without the
    border.
    """

    image: Image
    mean: Image
    variance: Image
    areas: Areas
    inner: Covers


def _prepare(reference: Reference) -> PreparedMoments:
    expected = require_part(reference.expected)
    shape = expected.shape[:2]
    mean = compute_by_strips(
        lambda rows: _blur(expected[rows].astype(np.float64)), *shape, halo=BORDER
    )
    variance = compute_by_strips(
        lambda rows: _variance(expected[rows].astype(np.float64)), *shape, halo=BORDER
    )
    inner = make_covers({region: _remove_border(area) for region, area in reference.areas.items()})
    return PreparedMoments(expected, mean, variance, reference.areas, inner)


def _remove_border(area: Area) -> Area:
    inner = np.zeros_like(area)
    inner[BORDER:-BORDER, BORDER:-BORDER] = area[BORDER:-BORDER, BORDER:-BORDER]
    return inner


def ssim_map(expected: PreparedMoments, actual: Image) -> Plane:
    """SSIM of every pixel, averaged over R, G and B. H×W in [-1, 1].

    The actual image's moments are computed from the expected one's and those of the difference.
    Single precision is enough then, since no large values are subtracted. With d = actual -
    expected, means m and variances v: cov(expected, actual) = v(expected) + cov(expected, d), and
    v(actual) = v(expected) + 2 cov(expected, d) + v(d). With l = 2 m(expected) m(actual) + C1 and s
    = 2 cov(expected, actual) + C2, SSIM is l s / ((l + m(d)²) (s + v(d))).
    """
    return compute_by_strips(
        lambda rows: _ssim(expected, actual, rows), *actual.shape[:2], halo=BORDER
    )


def _ssim(expected: PreparedMoments, actual: Image, rows: slice) -> Image:
    image, expected_mean, expected_variance = (
        expected.image[rows],
        expected.mean[rows],
        expected.variance[rows],
    )
    difference = actual[rows] - image
    covariance = image - CENTRE
    covariance *= difference
    covariance, shift = _blur(covariance), _blur(difference)
    np.multiply(difference, difference, out=difference)
    spread = _blur(difference)
    shifted = np.multiply(shift, shift, out=difference)
    spread -= shifted
    # In place: a strip's planes stay in the cache.
    about = expected_mean - CENTRE
    about *= shift
    covariance -= about
    covariance += expected_variance
    structure = covariance
    structure *= 2
    structure += C2
    luminance = shift
    luminance += expected_mean
    luminance *= expected_mean
    luminance *= 2
    luminance += C1
    spread += structure
    shifted += luminance
    spread *= shifted
    structure *= luminance
    structure /= spread
    return mean_of_channels(structure)


def _measure(prepared: PreparedMoments, actual: Image) -> list[Value]:
    areas = prepared.areas
    if min(actual.shape[:2]) < SIZE:
        return unmeasured_values(
            areas, STATS, f"the image is smaller than the {SIZE}×{SIZE} window"
        )
    values = pool(ssim_map(prepared, actual), prepared.inner, better="higher", tails=("p01",))
    beside = f"the region lies within {BORDER} px of the image border, where SSIM is not defined"
    return [
        Value(v.region, v.stat, None, beside) if v.reason == EMPTY and areas[v.region].any() else v
        for v in values
    ]


def _variance(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mean = _blur(image)
    return np.asarray(_blur(image * image) - mean * mean)


def _blur(image: Float) -> Float:
    kernel = cv2.getGaussianKernel(SIZE, SIGMA)
    blurred = cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    return cast("Float", blurred)


SSIM = Metric(
    name="ssim",
    variant="",
    version=1,
    unit="",
    better="higher",
    range=(-1.0, 1.0),
    stats=STATS,
    source=(
        "Wang, Bovik, Sheikh & Simoncelli 2004: 11×11 Gaussian of σ 1.5, K 0.01 and 0.03; mean of"
        " R, G and B"
    ),
    formula=(
        "mean over R, G, B of (2 m1 m2 + C1)(2 cov + C2) / ((m1^2 + m2^2 + C1)(v1 + v2 + C2)),"
        " moments in an 11×11 Gaussian"
    ),
    sees="Lost or invented structure: blurred strokes, smears, seams through texture.",
    misses=(
        "Colour shifts of flat areas (see delta_e00). Over a large region, structure finer than"
        " the window averages out (see protect and the worst window)."
    ),
    example="soft_fill",
    aspect="structure",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.003, "worst": 0.02},
    golden={"mean": 0.971146, "p01": 0.88031, "worst": 0.931251},
    map=ssim_map,
)
