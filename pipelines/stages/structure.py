"""Local structure: how strongly a picture changes around each pixel."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from editproof.pipelines.contract import Image
from editproof.pipelines.edit import Pixels

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G and B (Rec. 601)."""


def structure_strength(image: Image, known: Pixels, *, sigma_px: float) -> npt.NDArray[np.float32]:
    """Root of the structure tensor's larger eigenvalue, H×W: luma change a pixel, 0 to 1, across
    the local structure.

    The tensor (Förstner & Gülch 1987) is averaged by a Gaussian over pixels whose whole 3×3
    neighbourhood is known; where there are none within its reach, the strength is 0.
    """
    luma = np.ascontiguousarray(image @ LUMA)
    usable = np.asarray(cv2.erode(known.astype(np.float32), np.ones((3, 3), np.uint8)), np.float32)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    weight = _average(usable, sigma_px)
    xx, xy, yy = (
        _average(usable * product, sigma_px) for product in (across**2, across * down, down**2)
    )
    larger = (xx + yy) / 2 + np.sqrt(np.square((xx - yy) / 2) + np.square(xy))
    return np.asarray(
        np.sqrt(np.where(weight > 1e-4, larger / np.maximum(weight, 1e-4), 0)), np.float32
    )


def _average(plane: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)
