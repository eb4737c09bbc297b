"""Luma, which the metrics of structure look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.metric import Image


def luma(image: Image) -> npt.NDArray[np.float64]:
    """Y' of sRGB-encoded RGB (ITU-R BT.601 weights). H×W in [0, 1]."""
    return np.asarray(image.astype(np.float64) @ np.array([0.299, 0.587, 0.114]), np.float64)
