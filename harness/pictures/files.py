"""The pictures of a case, as PNG files that are named by their content."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from editproof.harness.metrics.colour.delta_e00 import delta_e_map, lab
from editproof.harness.metrics.core.metric import Area, Image, Plane
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.foreign import png_size, read_file
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.palettes import make_heat_palette
from editproof.harness.records.runs import blob_path, has_blob
from editproof.harness.stores.blobs import fetch_picture
from editproof.harness.stores.copies import find_origin

Levels = npt.NDArray[np.uint8]
"""H×W."""

OUTLINE_SHARE = 400
"""A region's outline is one pixel thick for each of this many pixels of the longer edge."""

MOST_PIXELS = 178_956_970
"""Largest picture that is read: Pillow's own limit."""

DELTA_E_WHITE = 20.0
"""ΔE00 from which on the difference picture shows its brightest colour."""


def store(folder: Path, image: Image | Plane) -> str:
    """Write a picture, H×W or H×W×3 in [0, 1], as an 8-bit PNG under `blobs/`, and return its
    SHA-256. An existing file is kept.
    """
    return _write_blob(folder, encode_png(image))


def load(path: Path) -> Image:
    """Load a stored picture; one that a local copy lacks is fetched. Raises DamagedError if it is
    missing, damaged or too large, and StoreError.
    """
    if not path.is_file():
        fetch_picture(path)
    size = png_size(path) or (0, 0)
    if size[0] * size[1] > MOST_PIXELS:
        raise DamagedError(f"the picture {path} is {size[0]}×{size[1]}, too large to be read")
    data = read_file(path) if path.is_file() else b""
    buffer = np.frombuffer(data, np.uint8)
    pixels = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if is_intact(path, data) else None
    if pixels is None:
        raise DamagedError(
            f"the picture {path} is {'damaged' if data else 'gone'}. Run its case again, or restore"
            " the baseline"
        )
    return np.asarray(pixels[..., ::-1], np.float32) / np.float32(255)


def is_intact(path: Path, data: bytes) -> bool:
    """Whether a file holds the picture that its name says."""
    return bool(data) and hashlib.sha256(data).hexdigest() == path.stem


def path_in(folders: Iterable[Path], digest: str) -> Path | None:
    """Path of a picture in the first folder that has it, local ones first; None: no folder has it,
    or the hash is empty.
    """
    if not digest:
        return None
    places = [*folders]
    there = next((place for place in places if has_blob(place, digest)), None)
    if there:
        return blob_path(there, digest)
    copies = (blob_path(place, digest) for place in places if find_origin(place))
    return next(filter(fetch_picture, copies), None)


def find(folders: Iterable[Path], digest: str) -> Image | None:
    """Load a picture by its hash; None: the hash is empty, or no folder has it."""
    path = path_in(folders, digest)
    return load(path) if path else None


def digest_of(image: Image | Plane) -> str:
    """The SHA-256 under which `store` would write a picture."""
    return hashlib.sha256(encode_png(image)).hexdigest()


def store_indexed(folder: Path, levels: Levels, palette: bytes, alphas: bytes | None = None) -> str:
    """Store H×W palette indices as `store` does. `palette` has three bytes for each colour,
    `alphas` one (None: all opaque).
    """
    return _write_blob(folder, _encode_indexed(levels, palette, alphas))


def outline(area: Area, colour: Sequence[float]) -> tuple[Levels, bytes, bytes]:
    """The line just outside a region, for `store_indexed`, transparent elsewhere. `colour` is RGB
    in [0, 1].
    """
    thickness = max(1, round(max(area.shape) / OUTLINE_SHARE))
    kernel = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    inside = area.astype(np.uint8)
    levels = np.asarray(cv2.dilate(inside, kernel) - inside, np.uint8)
    return levels, bytes([0, 0, 0, *(round(255 * part) for part in colour)]), bytes([0, 255])


def encode_png(image: Image | Plane) -> bytes:
    """A picture, H×W or H×W×3 in [0, 1], as an 8-bit PNG."""
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    done, data = cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    if not done:
        raise OSError(f"a picture of shape {image.shape} could not be encoded as PNG")
    return bytes(data.tobytes())


def _encode_indexed(levels: Levels, palette: bytes, alphas: bytes | None = None) -> bytes:
    picture = Pil.fromarray(levels).convert("P")
    picture.putpalette(palette)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **({} if alphas is None else {"transparency": alphas}))
    return buffer.getvalue()


def _write_blob(folder: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = blob_path(folder, digest)
    if not path.exists():
        write_atomically(path, data, durable=False)
    return digest


def enlarge(image: Image, shape: tuple[int, ...]) -> Image:
    """Repeat every pixel so that the picture has the height and width of `shape`, a multiple of its
    own.
    """
    factor = shape[0] // image.shape[0]
    return image if factor == 1 else image.repeat(factor, axis=0).repeat(factor, axis=1)


def store_difference(folder: Path, expected: Image, actual: Image) -> str:
    """Store `encode_difference`."""
    return _write_blob(folder, encode_difference(expected, actual))


def encode_difference(expected: Image, actual: Image) -> bytes:
    """CIEDE2000 as a heat map, a PNG: black is equal, white is ΔE00 20 and more. One byte a pixel
    and a palette, since as colours these would be a third of all that a run stores.
    """
    shares = np.clip(delta_e_map(lab(expected), actual) / DELTA_E_WHITE, 0, 1)
    levels = np.round(shares * 255).astype(np.uint8)
    return _encode_indexed(levels, make_heat_palette())
