"""Picture files as arrays: every kind that a customer sends, upright, in sRGB, without
surprises.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from editproof.pipelines.contract import Image, Mask

GREY16 = frozenset({"I;16", "I;16L", "I;16B", "I"})
"""Pillow's modes of one channel with 16 bits."""

FORMATS: Mapping[str, str] = {
    "PNG": "Png",
    "JPEG": "Jpeg",
    "MPO": "Mpo",
    "TIFF": "Tiff",
    "WEBP": "WebP",
    "BMP": "Bmp",
    "GIF": "Gif",
    "PPM": "Ppm",
    "JPEG2000": "Jpeg2K",
    "AVIF": "Avif",
}
"""What is read, and the module of Pillow that reads it. Pillow knows more kinds, and starts another
program for some of them; to load them all takes longer than to read a picture.
"""

BITS_PER_SAMPLE = 258
"""TIFF's tag."""

ORIENTATION = 0x0112
"""EXIF's tag: how the picture must be turned to stand upright."""


class UnreadablePictureError(ValueError):
    """The bytes are not a picture that can be read."""


def decode_image(data: bytes) -> tuple[Image, str]:
    """A picture file as float32 H×W×3 sRGB in [0, 1], and in words what had to be done for it.

    PNG, JPEG, TIFF, WebP and the other FORMATS: turned upright by its EXIF orientation, greyscale
    and palettes expanded, 16 bits kept, CMYK and other ICC profiles converted to sRGB, what is
    transparent laid over white. The first frame of several. Raises UnreadablePictureError.
    """
    with _readable():
        return _decode_image(data)


def _decode_image(data: bytes) -> tuple[Image, str]:
    picture, orientation = _open_picture(data)
    changes = [f"{picture.format} {picture.mode}"]
    if orientation != 1:
        changes.append("turned upright")
    pixels = _read_sixteen_bits(picture, data, orientation)
    if pixels is not None:
        changes.append("16 bits kept")
    else:
        upright = ImageOps.exif_transpose(picture)
        managed = _convert_to_srgb(upright, picture.info.get("icc_profile"))
        if managed is not upright:
            changes.append("converted to sRGB by its profile")
        pixels = _read_eight_bits(managed)
    if pixels.shape[2] == 4:
        changes.append("laid over white")
        alpha = pixels[..., 3:]
        pixels = pixels[..., :3] * alpha + (1 - alpha)
    return np.ascontiguousarray(pixels, np.float32), ", ".join(changes)


def decode_mask(data: bytes) -> Mask:
    """A mask file as float32 H×W in [0, 1], upright: its alpha where that says anything, else its
    luma; white is replaced.

    Raises UnreadablePictureError.
    """
    with _readable():
        return _decode_mask(data)


def _decode_mask(data: bytes) -> Mask:
    picture = ImageOps.exif_transpose(_open_picture(data)[0])
    if picture.mode in GREY16:
        return _unit16(picture)
    rgba = np.asarray(picture.convert("RGBA"), np.float32) / np.float32(255)
    alpha = rgba[..., 3]
    if alpha.min() < alpha.max():
        return np.ascontiguousarray(alpha)
    luma: Mask = np.asarray(picture.convert("L"), np.float32) / np.float32(255)
    return luma


def read_mask_range(data: bytes) -> tuple[float, float]:
    """The lowest and the highest value of what `decode_mask` gives, found faster. Raises
    UnreadablePictureError.
    """
    with _readable():
        picture = _open_picture(data)[0]
        if picture.mode in GREY16 or picture.has_transparency_data:
            mask = _decode_mask(data)
            return float(mask.min()), float(mask.max())
        counts = picture.convert("L").histogram()
        levels = [level for level, count in enumerate(counts) if count]
        return levels[0] / 255, levels[-1] / 255


def read_size(data: bytes) -> tuple[int, int]:
    """Height and width of a picture file once it stands upright; reads its header only. Raises
    UnreadablePictureError.
    """
    with (
        _readable(),
        warnings.catch_warnings(action="ignore"),
        Pil.open(io.BytesIO(data), formats=_formats()) as picture,
    ):
        width, height = picture.size
        lies = (
            picture.format != "TIFF" and _read_orientation(picture) >= 5
        )  # Pillow turns a TIFF itself
        return (width, height) if lies else (height, width)


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever a decoder raises on a file that is damaged, cut off or hostile becomes one kind of
    error.
    """
    try:
        yield
    except UnreadablePictureError:
        raise
    except Exception as error:  # decoders of many kinds raise anything
        raise UnreadablePictureError(_describe_error(error)) from error


def _open_picture(data: bytes) -> tuple[Pil.Image, int]:
    """The picture, read whole, and its EXIF orientation; a TIFF already stands upright."""
    with warnings.catch_warnings(action="ignore"):  # of damage that it can live with
        picture = Pil.open(io.BytesIO(data), formats=_formats())
        orientation = _read_orientation(picture)
        picture.load()
    return picture, orientation


@cache
def _formats() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow knows."""
    for module in FORMATS.values():
        if importlib.util.find_spec(f"PIL.{module}ImagePlugin"):
            importlib.import_module(f"PIL.{module}ImagePlugin")
    return tuple(name for name in FORMATS if name in Pil.OPEN)


def _read_orientation(picture: Pil.Image) -> int:
    orientation = picture.getexif().get(ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def _describe_error(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture of a known kind"
    return f"it can't be read: {str(error) or type(error).__name__}"


def _read_sixteen_bits(
    picture: Pil.Image, data: bytes, orientation: int
) -> npt.NDArray[np.float32] | None:
    """The pixels of a file with 16 bits a channel, upright, H×W×3 or 4; None: it has 8, or a
    profile to convert from.
    """
    if picture.info.get("icc_profile"):
        return None
    if picture.mode in GREY16:
        return np.repeat(_unit16(ImageOps.exif_transpose(picture))[..., None], 3, axis=2)
    depth = (
        data[24]
        if picture.format == "PNG"
        else max(getattr(picture, "tag_v2", {}).get(BITS_PER_SAMPLE, (8,)))
    )
    if depth != 16 or picture.mode not in {"RGB", "RGBA", "LA"}:
        return None
    if (
        picture.format == "TIFF" and orientation != 1
    ):  # rare, and the two readers turn it differently: 8 bits will do
        return None
    import cv2

    pixels = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    )
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    rgb = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    return _turn_upright(np.asarray(rgb, np.float32) / np.float32(65535), orientation)


def _unit16(picture: Pil.Image) -> npt.NDArray[np.float32]:
    unit: npt.NDArray[np.float32] = np.asarray(picture, np.float32) / np.float32(65535)
    return unit.clip(0, 1)


def _turn_upright(pixels: npt.NDArray[np.float32], orientation: int) -> npt.NDArray[np.float32]:
    """Stand upright what a camera stored as one of EXIF's eight orientations."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return pixels


def _read_eight_bits(picture: Pil.Image) -> npt.NDArray[np.float32]:
    """H×W×3, or 4 where the picture has transparency."""
    if picture.mode == "F":
        grey = np.asarray(picture, np.float32)
        if not (np.isfinite(grey).all() and grey.min() >= 0 and grey.max() <= 1):
            raise UnreadablePictureError("it holds floating-point values outside 0 to 1")
        return np.repeat(grey[..., None], 3, axis=2)
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return np.asarray(picture.convert(mode), np.float32) / np.float32(255)


def _convert_to_srgb(picture: Pil.Image, profile: bytes | None) -> Pil.Image:
    """The picture converted from its ICC profile; as it is where it has none, is sRGB already, or
    the profile is broken.
    """
    if not profile or picture.mode not in {"RGB", "RGBA", "CMYK", "L"}:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
        opaque = picture.convert("RGB") if picture.mode == "RGBA" else picture
        converted = ImageCms.profileToProfile(
            opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return picture
    if converted is None:
        return picture
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
