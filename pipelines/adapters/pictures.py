"""Pictures as services and programs take them and give them back."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image as Pil

from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.fields import AdapterFields, MaskKind
from editproof.pipelines.contract import EditRequest, Image, Mask
from editproof.pipelines.files import UnreadablePictureError, decode_image, read_size

QUALITY = 95
"""Of JPEG."""

MOST_FILE_BYTES = 1 << 29
"""Of a picture that lies on the disk."""

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture as a file."""

    name: str
    data: bytes
    media_type: str

    @property
    def part(self) -> tuple[str, bytes, str]:
        """As a part of a form."""
        return self.name, self.data, self.media_type

    @property
    def base64(self) -> str:
        """Its bytes in base64."""
        return base64.b64encode(self.data).decode()

    @property
    def data_url(self) -> str:
        """`data:image/png;base64,…`"""
        return f"data:{self.media_type};base64,{self.base64}"


def encode_image(image: Image, kind: str = "png", name: str = "image") -> PictureFile:
    """An image as a file: `png` and `webp` without losses, `jpeg` at quality 95 in full colour."""
    return _encode(Pil.fromarray(_to_levels(image)), kind, name)


def encode_mask(
    mask: Mask,
    means_edit: MaskKind,
    image: Image,
    name: str = "mask",
    channels: Literal[1, 3] = 1,
) -> PictureFile:
    """A mask as PNG: grey or RGB, with white or black for "edit here"; or the image with alpha 0
    there. `alpha` cuts soft edges at half: whoever edits where alpha is 0 keeps all that is partly
    there. `soft_alpha` keeps them.
    """
    levels = _to_levels(mask)
    if means_edit in {"alpha", "soft_alpha"}:
        edited = levels if means_edit == "soft_alpha" else np.where(levels > 127, 255, 0)
        rgba = np.dstack([_to_levels(image), 255 - edited]).astype(np.uint8)
        return _encode(Pil.fromarray(rgba), "png", name)
    picture = Pil.fromarray(255 - levels if means_edit == "black" else levels)
    return _encode(picture.convert("RGB") if channels == 3 else picture, "png", name)


def decode_data(text: str) -> bytes:
    """The bytes in base64, or in a data URL. Raises AnswerError where they are neither."""
    head, comma, tail = text.partition(",")
    encoded = tail if comma and head.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise AnswerError(
            f"the answer's picture is not base64; it starts with {text[:40]!r}"
        ) from error


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """A picture that came back, in the size that was asked for."""

    image: Image
    changes: str
    """What was done to it, in words."""
    was_resized: bool


def read_file(path: Path) -> bytes:
    """The bytes of a picture on the disk. Raises AnswerError where it can't be read."""
    try:
        size = path.stat().st_size
        if size > MOST_FILE_BYTES:
            raise AnswerError(
                f"{path} has {size} bytes; at most {MOST_FILE_BYTES} are read. Save it smaller"
            )
        return path.read_bytes()
    except OSError as error:
        raise AnswerError(
            f"{path} can't be read: {error.strerror}. Check the file and its permissions"
        ) from error


def read_picture(
    data: bytes, request: EditRequest, fields: AdapterFields, source: str
) -> ReadPicture:
    """Read the picture that came back.

    Raises AnswerError where it can't be read, is too large, or has another size and the fields do
    not let it be resized.
    """
    try:
        height, width = read_size(data)
        if height * width > fields.max_pixels:
            raise AnswerError(
                f"{source} gave a picture of {width}×{height}, more than max_pixels"
                f" {fields.max_pixels}"
            )
        image, changes = decode_image(data)
    except UnreadablePictureError as error:
        raise AnswerError(
            f"{source} gave {len(data)} bytes that can't be read as a picture: {error}"
        ) from error
    rows, columns = (edge * request.scale for edge in request.image.shape[:2])
    if image.shape[:2] == (rows, columns):
        return ReadPicture(image, changes, was_resized=False)
    sizes = f"{image.shape[1]}×{image.shape[0]}; {columns}×{rows}"
    if fields.resize == "exact":
        raise AnswerError(
            f"{source} gave a picture of {sizes} was asked for. {fields.how_to_fit_size}"
        )
    said = f"{changes}, resized: it was {sizes} was asked for"
    return ReadPicture(_resize(image, rows, columns), said, was_resized=True)


def _resize(image: Image, rows: int, columns: int) -> Image:
    smaller = rows * columns < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4
    return np.clip(cv2.resize(image, (columns, rows), interpolation=how), 0, 1)


def _to_levels(plane: Image | Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.rint(plane * 255).astype(np.uint8)


def _encode(picture: Pil.Image, kind: str, name: str) -> PictureFile:
    options: dict[str, dict[str, object]] = {
        "png": {"compress_level": 1},
        "jpeg": {"quality": QUALITY, "subsampling": 0},
        "webp": {"lossless": True},
    }
    file = io.BytesIO()
    picture.save(file, kind, **options[kind])
    return PictureFile(f"{name}.{kind}", file.getvalue(), MEDIA_TYPES[kind])
