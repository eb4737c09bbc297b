"""How a picture is rounded, stored or converted: float32 H×W×3 in [0, 1], sRGB, in and out. All
functions are pure.
"""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from editproof.pipelines.contract import Image, Mask

_SEED = 20_260
"""Seed of all random draws here."""
_LEVELS = np.float32(255)
_TABLE = 4096
"""Number of entries in a tone curve's table."""
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32)
"""Thresholds of an ordered dither (Bayer 1973), in sixteenths."""

Levels = npt.NDArray[np.uint8]


def add_half_level(image: Image) -> Image:
    """Brighten by half a level."""
    return _clip(image + np.float32(0.5) / _LEVELS)


def truncate(image: Image) -> Image:
    """Cut to whole levels. A value that lies on a level, apart from float rounding, stays there."""
    return _clip(np.floor(image * _LEVELS + np.float32(1e-3)) / _LEVELS)


def round_halves_up(image: Image) -> Image:
    """Round to whole levels, halves upwards."""
    return _clip(np.floor(image * _LEVELS + np.float32(0.5)) / _LEVELS)


def dither_ordered(image: Image) -> Image:
    """Round with an ordered dither of ±0.5 levels."""
    height, width = image.shape[:2]
    tile = np.tile(
        (_BAYER + np.float32(0.5)) / 16 - np.float32(0.5), (height // 4 + 1, width // 4 + 1)
    )
    return round_to_8_bits(_clip(image + (tile[:height, :width] / _LEVELS)[..., None]))


def dither_randomly(image: Image) -> Image:
    """Round with a triangular dither of ±1 level."""
    draw = np.random.default_rng(_SEED).random((2, *image.shape), dtype=np.float32)
    return round_to_8_bits(_clip(image + (draw[0] - draw[1]) / _LEVELS))


def add_noise(image: Image, sigma: float) -> Image:
    """Add normal noise; `sigma` is in 8-bit levels."""
    draw = np.random.default_rng(_SEED).standard_normal(image.shape, dtype=np.float32)
    return _clip(image + draw * np.float32(sigma) / _LEVELS)


def round_to_8_bits(image: Image) -> Image:
    """Round to whole levels."""
    return _from_levels(_to_levels(image))


def round_mask_to_8_bits(mask: Mask) -> Mask:
    """Round a mask to whole levels."""
    return np.asarray(np.rint(mask * _LEVELS) / _LEVELS, np.float32)


def round_to_16_bits(image: Image) -> Image:
    """Round to 65 536 levels."""
    return _clip(
        np.rint(image * np.float32(65535)).astype(np.uint16).astype(np.float32) / np.float32(65535)
    )


def round_to_float16(image: Image) -> Image:
    """Round to half precision."""
    return image.astype(np.float16).astype(np.float32)


def round_to_bfloat16(image: Image) -> Image:
    """Round to eight significant bits, halves to even."""
    bits = np.ascontiguousarray(image, np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded & np.uint32(0xFFFF0000)).view(np.float32)


def round_trip_png(image: Image, level: int) -> Image:
    """Write a PNG of compression `level`, 0 to 9, and read it again."""
    return _round_trip_file(image, "PNG", compress_level=level)


def round_trip_tiff(image: Image) -> Image:
    """Write a TIFF with LZW compression, and read it again."""
    return _round_trip_file(image, "TIFF", compression="tiff_lzw")


def round_trip_webp_lossless(image: Image) -> Image:
    """Write a lossless WebP, and read it again."""
    return _round_trip_file(image, "WEBP", lossless=True)


def round_trip_webp(image: Image, quality: int) -> Image:
    """Write a WebP of that quality, and read it again."""
    return _round_trip_file(image, "WEBP", quality=quality)


def round_trip_jpeg(image: Image, quality: int, subsampling: str) -> Image:
    """Write a JPEG of that quality and subsampling, and read it again."""
    return _round_trip_file(image, "JPEG", quality=quality, subsampling=subsampling)


def round_trip_linear(image: Image) -> Image:
    """Convert to linear light by sRGB's curve, and back."""
    return _clip(_from_linear(_to_linear(image)))


def round_trip_linear_16_bits(image: Image) -> Image:
    """Convert to linear light in 16 bits, and back."""
    return _clip(_from_linear(round_to_16_bits(_to_linear(image))))


def round_trip_linear_float16(image: Image) -> Image:
    """Convert to linear light in half precision, and back."""
    return _clip(_from_linear(round_to_float16(_to_linear(image))))


def round_trip_gamma_tables(image: Image) -> Image:
    """Apply an exponent of 2.2 and its inverse; each is a table that is read at the nearest
    entry.
    """
    steps = np.linspace(0, 1, _TABLE)
    forward, back = (np.asarray(steps**exponent, np.float32) for exponent in (2.2, 1 / 2.2))
    return _clip(_look_up(_look_up(image, forward), back))


def round_trip_ycbcr(image: Image) -> Image:
    """Convert to YCbCr in 8 bits and back, by OpenCV."""
    return _from_levels(
        cv2.cvtColor(cv2.cvtColor(_to_levels(image), cv2.COLOR_RGB2YCrCb), cv2.COLOR_YCrCb2RGB)
    )


def round_trip_ycbcr_float32(image: Image) -> Image:
    """Convert to YCbCr in float32 and back, by OpenCV."""
    return _clip(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), cv2.COLOR_YCrCb2RGB))


def round_trip_lab_8_bits(image: Image) -> Image:
    """Convert to Lab in 8 bits and back, by OpenCV."""
    return _from_levels(
        cv2.cvtColor(cv2.cvtColor(_to_levels(image), cv2.COLOR_RGB2LAB), cv2.COLOR_LAB2RGB)
    )


def round_trip_lab(image: Image) -> Image:
    """Convert to Lab and back, by scikit-image."""
    from skimage.color import lab2rgb, rgb2lab

    return _clip(lab2rgb(rgb2lab(image)))


def round_trip_hsv_8_bits(image: Image) -> Image:
    """Convert to HSV in 8 bits and back, by OpenCV; hue has 256 steps."""
    return _from_levels(
        cv2.cvtColor(
            cv2.cvtColor(_to_levels(image), cv2.COLOR_RGB2HSV_FULL), cv2.COLOR_HSV2RGB_FULL
        )
    )


def round_trip_hsv(image: Image) -> Image:
    """Convert to HSV in float32 and back, by OpenCV."""
    return _clip(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), cv2.COLOR_HSV2RGB))


def round_trip_xyz(image: Image) -> Image:
    """Convert to XYZ and back, by scikit-image."""
    from skimage.color import rgb2xyz, xyz2rgb

    return _clip(xyz2rgb(rgb2xyz(image)))


def round_trip_icc_lab(image: Image) -> Image:
    """Convert from an sRGB profile to a Lab profile in 8 bits and back, by LittleCMS."""
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    forward = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    back = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
    converted = ImageCms.applyTransform(Pil.fromarray(_to_levels(image)), forward)
    if converted is None:
        raise ValueError("LittleCMS gave no picture")
    returned = ImageCms.applyTransform(converted, back)
    return _from_levels(np.asarray(returned))


def _round_trip_file(image: Image, format_: str, **options: Any) -> Image:
    file = io.BytesIO()
    Pil.fromarray(_to_levels(image)).save(file, format_, **options)
    with Pil.open(file) as opened:
        return _from_levels(np.asarray(opened.convert("RGB")))


def _to_linear(image: Image) -> Image:
    """Convert sRGB to linear light (IEC 61966-2-1)."""
    low = image / np.float32(12.92)
    return np.asarray(
        np.where(image <= 0.04045, low, ((image + np.float32(0.055)) / np.float32(1.055)) ** 2.4),
        np.float32,
    )


def _from_linear(light: Image) -> Image:
    """Convert linear light to sRGB."""
    low = light * np.float32(12.92)
    high = np.float32(1.055) * np.maximum(light, 0) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.asarray(np.where(light <= 0.0031308, low, high), np.float32)


def _look_up(image: Image, table: npt.NDArray[np.float32]) -> Image:
    return np.asarray(table[np.rint(image * np.float32(_TABLE - 1)).astype(np.intp)], np.float32)


def _to_levels(image: Image) -> Levels:
    return np.asarray(np.rint(image * _LEVELS), np.uint8)


def _from_levels(levels: npt.NDArray[Any]) -> Image:
    return np.asarray(levels, np.float32) / _LEVELS


def _clip(image: npt.NDArray[Any]) -> Image:
    return np.asarray(image, np.float32).clip(0, 1)
