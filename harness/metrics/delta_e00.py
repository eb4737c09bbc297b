"""Colour difference by CIEDE2000."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.metric import Areas, Image, Metric, Value
from harness.metrics.pooling import pool


def delta_e_map(expected_lab: npt.NDArray[np.float64], actual: Image) -> npt.NDArray[np.float64]:
    """CIEDE2000 of every pixel. H×W, 0 is equal, about 1 is just noticeable."""
    from skimage.color import deltaE_ciede2000

    return np.asarray(deltaE_ciede2000(expected_lab, _lab(actual)), np.float64)


def _lab(image: Image) -> npt.NDArray[np.float64]:
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(image.astype(np.float64)), np.float64)


def _measure(expected_lab: npt.NDArray[np.float64], actual: Image, areas: Areas) -> list[Value]:
    return pool(delta_e_map(expected_lab, actual), areas, better="lower", tail="p99")


DELTA_E00 = Metric(
    name="delta_e00",
    variant="",
    version=1,
    unit="ΔE00",
    better="lower",
    range=(0.0, 150.0),
    stats=("mean", "p99", "worst"),
    source="CIE 142-2001 (Sharma, Wu & Dalal 2005), sRGB under D65",
    prepare=_lab,
    measure=_measure,
)
