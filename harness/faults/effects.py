"""What damages a picture, as pure functions: float32 H×W×3 in [0, 1], sRGB, in and out."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from editproof.pipelines.contract import Image

Plane = npt.NDArray[np.float32]

RIM_PX = 2.0
"""Distance over which a halo falls to 1/e, in pixels."""


def blur(image: Image, sigma_px: float) -> Image:
    """Blur by a Gaussian."""
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.float32
    )


def denoise(image: Image, share: float) -> Image:
    """Remove a share of the grain and keep the edges."""
    smooth = np.asarray(
        cv2.bilateralFilter(image, 0, 0.08, 1.5, borderType=cv2.BORDER_REFLECT), np.float32
    )
    return clip_to_float32(image + np.float32(min(share, 1.0)) * (smooth - image))


def sharpen(image: Image, amount: float, *, sigma_px: float = 1.0) -> Image:
    """Sharpen by an unsharp mask."""
    return clip_to_float32(image + np.float32(amount) * (image - blur(image, sigma_px)))


def sharpen_widely(image: Image, amount: float) -> Image:
    """Sharpen so widely that a rim shows along every edge."""
    return sharpen(image, amount, sigma_px=3.0)


def turn_hue(image: Image, degrees: float) -> Image:
    """Rotate all hues in Lab's a b plane."""
    lab = to_lab(image)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    lab[..., 1], lab[..., 2] = cosine * a - sine * b, sine * a + cosine * b
    return from_lab(lab)


def lighten(image: Image, amount: float) -> Image:
    """Raise L* by `amount`."""
    return from_lab(to_lab(image) + np.array([amount, 0, 0]))


def fade_colours(image: Image, share: float) -> Image:
    """Remove a share of the chroma."""
    return from_lab(to_lab(image) * np.array([1, 1 - share, 1 - share]))


def bend_tone_curve(image: Image, change: float) -> Image:
    """Raise the tone curve's exponent by `change`."""
    return np.asarray(image ** np.float32(1 + change), np.float32)


def shift_right(image: npt.NDArray[np.float32], right_px: float) -> npt.NDArray[np.float32]:
    """Shift to the right, H×W or H×W×3, with bilinear interpolation; the border is repeated."""
    matrix = np.array([[1, 0, right_px], [0, 1, 0]], np.float64)
    size = (image.shape[1], image.shape[0])
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def compress_as_jpeg(image: Image, loss: float) -> Image:
    """Compress as a JPEG of quality `100 - loss`, 4:2:0."""
    file = io.BytesIO()
    Pil.fromarray(np.asarray(np.rint(image * 255), np.uint8)).save(
        file, "JPEG", quality=round(100 - loss), subsampling="4:2:0"
    )
    with Pil.open(file) as decoded:
        return np.asarray(decoded, np.float32) / np.float32(255)


def reduce_levels(image: Image, levels: float) -> Image:
    """Round to steps of `levels` 8-bit levels."""
    steps = np.float32(255 / levels)
    return clip_to_float32(np.round(image * steps) / steps)


def add_chequers(image: Image, levels: float) -> Image:
    """Add a checkerboard of single pixels, as transposed convolutions leave it; `levels` are 8-bit,
    from peak to peak.
    """
    rows, columns = (np.arange(edge) for edge in image.shape[:2])
    return clip_to_float32(
        image + (((rows[:, None] + columns) % 2 - 0.5) * levels / 255)[..., None]
    )


def add_rim(image: Image, inside: npt.NDArray[np.bool_], levels: float) -> Image:
    """Add a bright rim on both sides of the edge of `inside`; `levels` is its peak in 8-bit
    levels.
    """
    area = inside.astype(np.uint8)
    if not area.any():
        return image
    distance = cv2.distanceTransform(area, cv2.DIST_L2, 5) + cv2.distanceTransform(
        1 - area, cv2.DIST_L2, 5
    )
    return clip_to_float32(image + (levels / 255 * np.exp(-distance / RIM_PX))[..., None])


def chessboard(shape: tuple[int, ...], tile_px: int) -> Plane:
    """Tiles of +0.5 and -0.5 in turn, H×W."""
    rows, columns = (np.arange(edge) // tile_px for edge in shape[:2])
    return np.asarray(np.where((rows[:, None] + columns) % 2, 0.5, -0.5), np.float32)


def to_lab(image: Image) -> npt.NDArray[np.float64]:
    """Convert to CIE Lab, D65."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(image.astype(np.float64)), np.float64)


def from_lab(lab: npt.NDArray[np.float64]) -> Image:
    """Convert from CIE Lab to sRGB, and clip."""
    from skimage.color import lab2rgb

    return clip_to_float32(np.asarray(lab2rgb(lab), np.float32))


def clip_to_float32(image: npt.NDArray[Any]) -> Image:
    """Clip to [0, 1], as float32."""
    return np.asarray(image, np.float32).clip(0, 1)
