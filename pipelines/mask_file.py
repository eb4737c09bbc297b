"""A mask on disk: an 8-bit greyscale PNG, bound by SHA-256 to its image. White is replaced.

save_mask(path, mask, image)
mask = load_mask(path, image)      StaleMaskError where the image is another one by now
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import PngImagePlugin, UnidentifiedImageError

from editproof.pipelines.contract import ContractError, Image, Mask, check_image, check_plane

IMAGE_HASH = "editproof:image-sha256"
MASK_HASH = "editproof:mask-sha256"
POLARITY = "editproof:polarity"
WHITE_IS_REPLACED = "white-is-replaced"


class StaleMaskError(ContractError):
    """The mask was made for another image."""


def save_mask(path: Path, mask: Mask, image: Image) -> str:
    """Write the mask, rounded to 8 bits, with the hash of its image; gives its own hash.

    Raises ContractError where mask and image are not what the edit contract asks for, or not of one
    size.
    """
    check_image(image, "image")
    check_plane(mask, "mask")
    _check_size(mask.shape, image, "the mask")
    levels = np.round(mask * 255).astype(np.uint8)
    facts = PngImagePlugin.PngInfo()
    own_hash = digest(levels)
    for key, value in (
        (IMAGE_HASH, image_hash(image)),
        (MASK_HASH, own_hash),
        (POLARITY, WHITE_IS_REPLACED),
    ):
        facts.add_text(key, value)
    Pil.fromarray(levels).save(path, format="PNG", pnginfo=facts)
    return own_hash


def load_mask(path: Path, image: Image) -> Mask:
    """The mask of a file that `save_mask` wrote for this image: float32 H×W in [0, 1].

    Raises StaleMaskError, naming both hashes, where it was made for another image, and
    ContractError where the file is no such mask: missing, no PNG, of another depth, size or
    polarity, or altered since.
    """
    levels, facts = _read_png(path)
    bound_to = facts.get(IMAGE_HASH)
    if bound_to is None:
        raise ContractError(f"{path} is bound to no image: write masks with save_mask")
    if facts.get(POLARITY) != WHITE_IS_REPLACED:
        raise ContractError(
            f"{path} has polarity {facts.get(POLARITY)!r}; it must be {WHITE_IS_REPLACED!r}"
        )
    if facts.get(MASK_HASH) != digest(levels):
        raise ContractError(
            f"{path} was altered: its pixels' hash is {digest(levels)}, it says"
            f" {facts.get(MASK_HASH)}"
        )
    if bound_to != image_hash(image):
        raise StaleMaskError(
            f"{path} was made for image {bound_to}; this is image {image_hash(image)}"
        )
    _check_size(levels.shape, image, str(path))
    return levels.astype(np.float32) / np.float32(255)


def image_hash(image: Image) -> str:
    """SHA-256 of an image's shape and pixels."""
    return digest(image)


def digest(array: npt.NDArray[np.generic]) -> str:
    """SHA-256 of an array's shape, type and values."""
    return hashlib.sha256(
        f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes()
    ).hexdigest()


def _read_png(path: Path) -> tuple[npt.NDArray[np.uint8], dict[str, str]]:
    try:
        with Pil.open(path) as picture:
            if picture.format != "PNG" or picture.mode != "L":
                raise ContractError(
                    f"{path} is {picture.format} {picture.mode}; a mask is an 8-bit greyscale PNG"
                )
            levels: npt.NDArray[np.uint8] = np.asarray(picture, np.uint8)
            facts = {
                str(key): value for key, value in picture.info.items() if isinstance(value, str)
            }
    except FileNotFoundError as error:
        raise ContractError(f"there is no mask {path}") from error
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise ContractError(f"{path} is not a readable PNG") from error
    return levels, facts


def _check_size(shape: tuple[int, ...], image: Image, name: str) -> None:
    if shape != image.shape[:2]:
        height, width = image.shape[:2]
        raise ContractError(
            f"{name} is {shape[0]}×{shape[1]}, its image {height}×{width}: they must be of one size"
        )
