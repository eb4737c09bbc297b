"""Pictures by the SHA-256 of their bytes: files as they came in, and float32 arrays as `.npy`."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from editproof.harness.pictures.files import encode_png
from editproof.harness.serving.blobs import Blobs
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.settings import Limits
from editproof.pipelines.array_file import MAGIC, Array, decode_array, encode_array, read_array_size
from editproof.pipelines.array_file import MEDIA_TYPE as NPY_TYPE
from editproof.pipelines.contract import Image, Mask, check_image, check_plane
from editproof.pipelines.files import decode_image, decode_mask, read_size

MEDIA_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    MAGIC: NPY_TYPE,
}
"""By the first bytes."""

KEPT_TYPES = sorted({*MEDIA_TYPES.values(), "image/webp"})
TILE_PIXEL_BYTES = 4
"""Bytes of a pixel in the largest file of an 8-bit RGB picture, with what the file adds."""


class PictureStore:
    """Pictures, and the last ones that were read, decoded."""

    def __init__(self, blobs: Blobs, limits: Limits) -> None:
        self._blobs = blobs
        self._limits = limits
        self._decoded: OrderedDict[tuple[str, str], Array] = OrderedDict()
        self._reading = threading.Lock()

    def put(self, data: bytes) -> str:
        """Keep a picture; gives its SHA-256. Raises Problem where it is too large, ValueError where
        it is no picture that can be read.
        """
        self.check(data)
        return self._write(data)

    def check(self, data: bytes) -> None:
        """Look at a picture's header. Raises Problem where it is too large, ValueError where it is
        no picture.
        """
        self._check_size(measure_picture(data))

    def put_array(self, array: Array) -> str:
        """Keep a picture, H×W or H×W×3, float32 in [0, 1], to the bit."""
        digest = self._write(encode_array(array))
        self._remember((digest, "plane" if array.ndim == 2 else "image"), array)
        return digest

    def _write(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self._blobs.write(digest, data)
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes that were kept. Raises Problem where there are none, or others by now."""
        return self._check_digest(digest, self._blobs.read(digest))

    def read_file(self, digest: str) -> bytes:
        """The file that came in; empty: the picture is an array. Raises Problem where there is no
        picture.
        """
        data = self._blobs.read_unless(digest, MAGIC)
        return data if data == b"" else self._check_digest(digest, data)

    def remove(self, digest: str) -> None:
        """Remove a picture, which nobody may use any more."""
        with self._reading:
            for kind in ("image", "plane"):
                self._decoded.pop((digest, kind), None)
        self._blobs.remove(digest)

    def _check_digest(self, digest: str, data: bytes | None) -> bytes:
        """The bytes, which are what was kept; damaged ones are removed."""
        if data is None:
            raise unknown_picture(digest)
        if hashlib.sha256(data).hexdigest() == digest:
            return data
        self.remove(digest)
        raise Problem(
            500,
            "damaged_picture",
            f"The picture {digest} was damaged where it was kept, and is removed.",
            remedy="Upload it again, or ask for its edit again. Check the disk.",
            picture=digest,
        )

    def load_image(self, digest: str) -> Image:
        """The picture as float32 H×W×3. Raises ContractError where it is a plane, not a picture."""
        return self._load(digest, "image")

    def load_plane(self, digest: str) -> Mask:
        """The mask, or another plane, as float32 H×W. Raises ContractError where it is none."""
        return self._load(digest, "plane")

    def _load(self, digest: str, kind: str) -> Array:
        with self._reading:
            if (digest, kind) in self._decoded:
                self._decoded.move_to_end((digest, kind))
                return self._decoded[digest, kind]
        data = self.read(digest)
        if data.startswith(MAGIC):
            array = decode_array(data)
        else:
            self._check_size(read_size(data))
            array = decode_image(data)[0] if kind == "image" else decode_mask(data)
        check = check_image if kind == "image" else check_plane
        check(array, f"the picture {digest}")
        self._remember((digest, kind), array)
        return array

    def _remember(self, key: tuple[str, str], array: Array) -> None:
        array.setflags(write=False)  # what others hold, too, nobody may change
        with self._reading:
            self._decoded[key] = array
            total = sum(one.nbytes for one in self._decoded.values())
            while total > self._limits.cache_mib << 20:
                total -= self._decoded.popitem(last=False)[1].nbytes

    def _check_size(self, size: tuple[int, int]) -> None:
        height, width = size
        if height * width > self._limits.max_pixels:
            raise Problem(
                413,
                "too_many_pixels",
                f"The picture is {width}×{height} pixels; at most {self._limits.max_pixels} are"
                " taken.",
                field="image",
                remedy=describe_split(self._limits),
                limit_pixels=self._limits.max_pixels,
            )


def describe_split(limits: Limits) -> str:
    """What to do with a picture that is too large: the size of tiles that surely fit."""
    pixels = min(limits.max_pixels, (limits.max_body_mib << 20) // TILE_PIXEL_BYTES)
    edge = int(pixels**0.5) // 64 * 64
    return (
        f"Cut the picture into tiles of at most {edge}×{edge} px that overlap by 64 px, edit each,"
        " and blend them where they overlap. Upload pictures one by one with PUT"
        " /v1/pictures/{sha256}, then name them in a JSON body by their hashes."
    )


def unknown_picture(digest: str) -> Problem:
    """There is none of that hash for whoever asks."""
    return Problem(
        404,
        "unknown_picture",
        f"There is no picture {digest}.",
        remedy="Upload it first: PUT /v1/pictures/{sha256}.",
        picture=digest,
    )


def media_type_of(data: bytes) -> str:
    """What kind of file it is, by its first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    kinds = (kind for magic, kind in MEDIA_TYPES.items() if data.startswith(magic))
    return next(kinds, "application/octet-stream")


def to_png(data: bytes) -> bytes:
    """A picture of the store as an 8-bit PNG that can be looked at."""
    if data.startswith(MAGIC):
        return encode_png(decode_array(data))
    return encode_png(decode_image(data)[0])


def measure_picture(data: bytes) -> tuple[int, int]:
    """Height and width, from the file's header. Raises UnreadablePictureError."""
    return read_array_size(data) if data.startswith(MAGIC) else read_size(data)
