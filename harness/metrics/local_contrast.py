"""Local contrast: has the picture gone flat, or harsh, where the edit was?"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from harness.metrics.luma import luma
from harness.metrics.metric import Areas, Image, Metric, Plane, Reference, Value, known
from harness.metrics.pooling import pool

SIGMA_PX = 4.0
"""Scale of the neighbourhood whose contrast is taken."""

FLOOR = 1 / 255
"""Contrast of one 8-bit level: below it two flat places are equally flat."""


def rms_contrast(image: Image) -> npt.NDArray[np.float64]:
    """Standard deviation of luma in a Gaussian neighbourhood. H×W in [0, 0.5]."""
    plane = luma(image)
    mean = _blur(plane)
    return np.sqrt(np.maximum(_blur(plane * plane) - mean * mean, 0.0))


def contrast_map(expected_contrast: npt.NDArray[np.float64], actual: Image) -> npt.NDArray[np.float64]:
    """Actual over expected contrast of every pixel. H×W in dB; negative is flatter than expected."""
    return np.asarray(20 * np.log10((rms_contrast(actual) + FLOOR) / (expected_contrast + FLOOR)), np.float64)


class Prepared(NamedTuple):
    """The expected image's contrast, H×W, and the regions."""

    contrast: npt.NDArray[np.float64]
    areas: Areas


def _prepare(reference: Reference) -> Prepared:
    return Prepared(rms_contrast(known(reference.expected)), reference.areas)


def _measure(prepared: Prepared, actual: Image) -> list[Value]:
    return pool(_map(prepared, actual), prepared.areas, better="zero")


def _map(prepared: Prepared, actual: Image) -> Plane:
    return contrast_map(prepared.contrast, actual)


def _blur(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), SIGMA_PX, borderType=cv2.BORDER_REFLECT), np.float64)


LOCAL_CONTRAST = Metric(
    name="local_contrast",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-43.0, 43.0),
    stats=("mean", "worst"),
    source="RMS contrast (Peli 1990, eq. 4) in a Gaussian neighbourhood of σ 4 px, actual over expected",
    formula="20 log10((std of actual + 1/255) / (std of expected + 1/255)), luma in a Gaussian of 4 px",
    sees="Fills that are flatter or harsher than what they replace; washed-out areas after harmonising.",
    misses="What the contrast is made of, and colour without lightness (see ssim, delta_e00).",
    prepare=_prepare,
    measure=_measure,
    golden={"mean": -0.79872, "worst": -2.41568},
    map=_map,
)
