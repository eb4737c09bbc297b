"""Local contrast: did the edit make the picture flatter, or harsher?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, cast

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
    require_part,
)
from editproof.harness.metrics.core.pooling import (
    Covers,
    make_covers,
    pool,
    region_mean,
    unmeasured_values,
)
from editproof.harness.metrics.core.strips import compute_by_strips
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

SIGMA_PX = 4.0
"""Scale of the neighbourhood."""

REACH_PX = 16
"""Reach of the neighbourhood: OpenCV cuts a Gaussian at 4 σ."""

FLOOR = 1 / 255
"""Contrast of one 8-bit level. Below it, two flat places are equally flat."""

SIGMAS_PX = (8.0, 4.0, 2.0, 1.0)
"""Band k lies between the Gaussian of this σ and that of half of it. The last band reaches to the
pixel.
"""

BANDS = tuple(f"band_{number}" for number in range(1, len(SIGMAS_PX) + 1))
"""About an octave each: `band_1` (coarsest, details of about 25 px) to `band_4` (finest, 1 to 3
px).
"""

DARKEST = 8 / 255
"""Floor of the local mean that a band is divided by, so that black has no infinite contrast."""

STATS = ("mean", "worst", *BANDS)

Float = TypeVar("Float", bound=npt.NDArray[np.floating[Any]])


def rms_contrast(image: Image) -> npt.NDArray[np.float64]:
    """Standard deviation of luma in a Gaussian neighbourhood. H×W in [0, 0.5]."""
    plane = luma(image)
    mean = _blur(plane, SIGMA_PX)
    return np.sqrt(np.maximum(_blur(plane * plane, SIGMA_PX) - mean * mean, 0.0))


def band_contrasts(image: Image) -> list[Plane]:
    """Peli's band-limited contrast of luma, H×W each, coarsest first: a band-pass divided by the
    low-pass below it.
    """
    plane = np.asarray(luma(image), np.float32)
    low = [*(_blur(plane, sigma) for sigma in SIGMAS_PX), plane]
    return [
        (fine - coarse) / np.maximum(coarse, DARKEST) for coarse, fine in itertools.pairwise(low)
    ]


class PreparedContrast(NamedTuple):
    """The expected image's luma with its local mean and variance, H×W, its contrast by band and
    region, and the regions.
    """

    luma: Plane
    mean: Plane
    variance: Plane
    bands: Mapping[Region, list[float]]
    covers: Covers


def _prepare(reference: Reference) -> PreparedContrast:
    expected = require_part(reference.expected)
    wide = luma(expected)
    regions = make_covers(reference.areas)
    moments = (wide, _blur(wide, SIGMA_PX), np.square(rms_contrast(expected)))
    bands = _rms_by_region(band_contrasts(expected), regions)
    plane, mean, variance = (moment.astype(np.float32) for moment in moments)
    return PreparedContrast(plane, mean, variance, bands, regions)


def _measure(prepared: PreparedContrast, actual: Image) -> list[Value]:
    pooled = pool(_map(prepared, actual), prepared.covers, better="zero")
    bands = _rms_by_region(band_contrasts(actual), prepared.covers)
    return [
        value
        for region in prepared.covers
        for value in (
            *(v for v in pooled if v.region == region),
            *_band_values(region, prepared.bands[region], bands[region]),
        )
    ]


def _band_values(region: Region, expected: list[float], actual: list[float]) -> list[Value]:
    if not expected:
        return unmeasured_values([region], BANDS, EMPTY)
    return [
        Value(region, stat, float(20 * np.log10((a + FLOOR) / (e + FLOOR))))
        for stat, e, a in zip(BANDS, expected, actual, strict=True)
    ]


def _rms_by_region(bands: list[Plane], regions: Covers) -> Mapping[Region, list[float]]:
    """Root mean square of every band over each region; empty for an empty region."""
    squares = [band * band for band in bands]
    return {
        region: (
            [float(np.sqrt(region_mean(square, cover))) for square in squares]
            if cover.pixels
            else []
        )
        for region, cover in regions.items()
    }


def _map(prepared: PreparedContrast, actual: Image) -> Plane:
    """Actual over expected contrast of every pixel, H×W in dB. Negative is flatter than
    expected.
    """
    return compute_by_strips(
        lambda rows: _contrast_ratio(prepared, actual, rows), *actual.shape[:2], halo=REACH_PX
    )


def _contrast_ratio(prepared: PreparedContrast, actual: Image, rows: slice) -> Plane:
    """By the moments of the difference, as in ssim.py: variance(x + d) = variance(x) + 2 cov(x, d)
    + variance(d).
    """
    plane, mean, variance = prepared.luma[rows], prepared.mean[rows], prepared.variance[rows]
    difference = np.asarray(luma(actual[rows]) - plane, np.float32)
    shift = _blur(difference, SIGMA_PX)
    spread = _blur(difference * difference, SIGMA_PX) - shift * shift
    covariance = _blur(plane * difference, SIGMA_PX) - mean * shift
    other = np.maximum(variance + 2 * covariance + spread, 0)
    return np.asarray(20 * np.log10((np.sqrt(other) + FLOOR) / (np.sqrt(variance) + FLOOR)))


def _blur(plane: Float, sigma: float) -> Float:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return cast("Float", blurred)


LOCAL_CONTRAST = Metric(
    name="local_contrast",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-78.0, 78.0),
    stats=STATS,
    source=(
        "Peli 1990: RMS contrast (eq. 4) in a Gaussian neighbourhood of σ 4 px, actual over"
        " expected. Also band-limited contrast (eq. 9) between Gaussians an octave apart"
    ),
    formula=(
        "20 log10((std of actual + 1/255) / (std of expected + 1/255)), of luma in a"
        " Gaussian of 4 px. The bands use the rms of band-pass / low-pass over the region"
        " in place of std"
    ),
    sees=(
        "Fills with less or more contrast than what they replace, and areas that harmonising"
        " washed out."
    ),
    misses=(
        "Whether the structure that makes up the contrast is right, and differences in"
        " colour at equal lightness (see ssim, delta_e00)."
    ),
    example="denoised",
    aspect="detail",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.5, "worst": 1.5},
    golden={
        "mean": -0.798724,
        "worst": -2.41568,
        "band_1": -0.00548684,
        "band_2": -0.0659971,
        "band_3": -1.10258,
        "band_4": -1.66462,
    },
    map=_map,
)
