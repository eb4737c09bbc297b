"""Pictures at the input's size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def average_down(picture: npt.NDArray[np.float32], scale: int) -> npt.NDArray[np.float32]:
    """Average an output, h×w or h×w×3, over the pixels of each input pixel."""
    if scale == 1:
        return picture
    size = (picture.shape[1] // scale, picture.shape[0] // scale)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
