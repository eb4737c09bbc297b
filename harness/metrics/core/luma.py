"""One value for each pixel: luma, for metrics of structure, and the mean of the channels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Image
from editproof.harness.metrics.core.sharing import compute_once

BT601 = np.array([[0.299, 0.587, 0.114]])
MEAN = np.full((1, 3), 1 / 3)


@compute_once
def luma(image: Image) -> npt.NDArray[np.float64]:
    """Y' of sRGB-encoded RGB (ITU-R BT.601 weights). H×W in [0, 1]."""
    return np.asarray(cv2.transform(image.astype(np.float64), BT601), np.float64).reshape(
        image.shape[:2]
    )


def mean_of_channels(image: Image) -> Image:
    """Mean of the three values of every pixel, H×W. Several times faster than NumPy along so short
    an axis.
    """
    return np.asarray(cv2.transform(image, MEAN), np.float32).reshape(image.shape[:2])
