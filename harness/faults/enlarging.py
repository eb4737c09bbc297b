"""The same enlargement kernels from several libraries: h×w×3 in [0, 1] in, (h·scale)×(w·scale)×3
out, float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from editproof.pipelines.contract import Image

Enlarge = Callable[[Image, int], Image]

_LOBES = 4
"""Lobes of OpenCV's Lanczos kernel."""


def _enlarge_by_opencv(flag: int, image: Image, scale: int) -> Image:
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return np.asarray(cv2.resize(image, size, interpolation=flag), np.float32)


def _enlarge_by_pillow(kernel: Pil.Resampling, image: Image, scale: int) -> Image:
    """Enlarge each channel by itself, in float32."""
    size = (image.shape[1] * scale, image.shape[0] * scale)
    channels = [
        Pil.fromarray(np.ascontiguousarray(image[..., channel])).resize(size, kernel)
        for channel in range(3)
    ]
    return np.stack([np.asarray(channel, np.float32) for channel in channels], axis=-1)


def _enlarge_by_torch(mode: str, image: Image, scale: int) -> Image:
    import torch

    options: dict[str, Any] = {} if mode == "area" else {"align_corners": False}
    with torch.no_grad():
        planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
        large = torch.nn.functional.interpolate(planes, scale_factor=scale, mode=mode, **options)
    return np.ascontiguousarray(large[0].numpy().transpose(1, 2, 0))


def _enlarge_by_skimage(order: int, image: Image, scale: int) -> Image:
    from skimage.transform import resize

    shape = (image.shape[0] * scale, image.shape[1] * scale, 3)
    return np.asarray(
        resize(image, shape, order=order, mode="edge", anti_aliasing=False), np.float32
    )


def numpy_lanczos(image: Image, scale: int) -> Image:
    """Enlarge by a Lanczos kernel of four lobes as two matrix products, in float64."""
    down, right = (_lanczos_matrix(length, scale) for length in image.shape[:2])
    return np.asarray(
        np.einsum("yh,hwc,xw->yxc", down, image.astype(np.float64), right, optimize=True),
        np.float32,
    )


def torch_lanczos(image: Image, scale: int) -> Image:
    """Enlarge by a Lanczos kernel of four lobes as two matrix products of torch, in float32."""
    import torch

    down, right = (
        torch.from_numpy(_lanczos_matrix(length, scale).astype(np.float32))
        for length in image.shape[:2]
    )
    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    with torch.no_grad():
        large = down @ planes @ right.T
    return np.ascontiguousarray(large.numpy().transpose(1, 2, 0))


@cache
def _lanczos_matrix(length: int, scale: int) -> npt.NDArray[np.float64]:
    """One row for each output pixel: its weight for every input pixel. Rows sum to 1; the border is
    repeated.
    """
    centres = (np.arange(length * scale) + 0.5) / scale - 0.5
    first = np.floor(centres).astype(int) - _LOBES + 1
    matrix = np.zeros((length * scale, length))
    rows = np.arange(length * scale)
    taps = first[:, None] + np.arange(2 * _LOBES)
    distance = centres[:, None] - taps
    weights = np.sinc(distance) * np.sinc(distance / _LOBES)
    weights /= weights.sum(axis=1, keepdims=True)
    for tap in range(2 * _LOBES):
        np.add.at(matrix, (rows, taps[:, tap].clip(0, length - 1)), weights[:, tap])
    return matrix


opencv_lanczos: Enlarge = partial(_enlarge_by_opencv, cv2.INTER_LANCZOS4)
opencv_bicubic: Enlarge = partial(_enlarge_by_opencv, cv2.INTER_CUBIC)
opencv_bilinear: Enlarge = partial(_enlarge_by_opencv, cv2.INTER_LINEAR)
pillow_lanczos: Enlarge = partial(_enlarge_by_pillow, Pil.Resampling.LANCZOS)
pillow_bicubic: Enlarge = partial(_enlarge_by_pillow, Pil.Resampling.BICUBIC)
pillow_bilinear: Enlarge = partial(_enlarge_by_pillow, Pil.Resampling.BILINEAR)
pillow_box: Enlarge = partial(_enlarge_by_pillow, Pil.Resampling.BOX)
torch_bicubic: Enlarge = partial(_enlarge_by_torch, "bicubic")
torch_bilinear: Enlarge = partial(_enlarge_by_torch, "bilinear")
torch_area: Enlarge = partial(_enlarge_by_torch, "area")
skimage_bicubic: Enlarge = partial(_enlarge_by_skimage, 3)
skimage_bilinear: Enlarge = partial(_enlarge_by_skimage, 1)
