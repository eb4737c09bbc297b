"""Find overlays that are not text: a logo by its picture, a colour by its value."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageOps

from editproof.pipelines.contract import ContractError, Image, Mask
from editproof.pipelines.files import UnreadablePictureError, decode_image

SIZES = tuple(float(size) for size in np.geomspace(0.5, 2.0, 15))
"""How much larger than its file a logo is looked for."""

LEAST_PX = 8
"""A logo smaller than this is not told from the ground."""

_GROWN = np.ones((3, 3), np.uint8)


def find_template(image: Image, path: str, *, min_score: float) -> tuple[Mask, int]:
    """Where the logo of a file stands, at any size from half to twice the file's: 0 or 1, and how
    often.

    By normalised correlation over the logo's opaque pixels. Raises ContractError where the file
    can't be read.
    """
    logo, opaque = _read_template(path)
    mask = np.zeros(image.shape[:2], np.float32)
    places = sorted(_find_matches(image, logo, opaque, min_score), reverse=True)
    count = 0
    for _, y, x, shape in places:
        height, width = shape.shape
        part = mask[y : y + height, x : x + width]
        if not (part * shape).any():
            np.maximum(part, shape, out=part)
            count += 1
    return np.asarray(cv2.dilate(mask, _GROWN), np.float32), count


def find_colour(image: Image, colour: str, *, tolerance: float) -> Mask:
    """Pixels within a distance of the colour `#rrggbb` in CIE Lab, with their rims: 0 or 1."""
    wanted = np.array([[[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]]], np.float32)
    distance = np.linalg.norm(
        cv2.cvtColor(image, cv2.COLOR_RGB2Lab) - cv2.cvtColor(wanted, cv2.COLOR_RGB2Lab), axis=-1
    )
    near = np.asarray(distance <= tolerance, np.float32)
    return np.asarray(cv2.dilate(near, _GROWN), np.float32)


def _find_matches(
    image: Image, logo: Image, opaque: Mask, min_score: float
) -> list[tuple[float, int, int, npt.NDArray[np.float32]]]:
    """Score, top, left and shape of the best match of each size in each place."""
    found = []
    for size in SIZES:
        width, height = (max(1, round(length * size)) for length in (logo.shape[1], logo.shape[0]))
        if min(height, width) < LEAST_PX or height > image.shape[0] or width > image.shape[1]:
            continue
        scaled = np.asarray(
            cv2.resize(logo, (width, height), interpolation=cv2.INTER_AREA), np.float32
        )
        shape = np.asarray(
            cv2.resize(opaque, (width, height), interpolation=cv2.INTER_AREA) >= 0.5, np.float32
        )
        if not shape.any():
            continue
        scores = cv2.matchTemplate(
            image, scaled, cv2.TM_CCOEFF_NORMED, mask=np.repeat(shape[..., None], 3, axis=2)
        )
        scores = np.where(
            np.isfinite(scores) & (scores <= 1.001), scores, 0
        )  # flat ground divides by zero
        peaks = (scores >= min_score) & (
            scores == cv2.dilate(scores, np.ones((height | 1, width | 1), np.uint8))
        )
        found += [
            (float(scores[y, x]), int(y), int(x), shape)
            for y, x in zip(*np.nonzero(peaks), strict=True)
        ]
    return found


def _read_template(path: str) -> tuple[Image, Mask]:
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ContractError(f"detect.template: {path} can't be read: {error.strerror}") from error
    return _decode_template(data, path)


@lru_cache(maxsize=4)
def _decode_template(data: bytes, path: str) -> tuple[Image, Mask]:
    try:
        logo = decode_image(data)[0]
    except UnreadablePictureError as error:
        raise ContractError(f"detect.template: {path}: {error}") from error
    rgba = ImageOps.exif_transpose(Pil.open(io.BytesIO(data))).convert("RGBA")
    return logo, np.asarray(rgba, np.float32)[..., 3] / np.float32(255)
