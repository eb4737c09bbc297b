"""Files that are made to hurt: an answer that says what is wrong, no crash, and little memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import PngImagePlugin

from editproof.harness.pictures.files import encode_png
from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, Server, draw_image, hash_of

MOST_BYTES = 64 << 20
"""Of memory that a refusal may take."""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(width: int, height: int, body: bytes, *more: bytes) -> bytes:
    """An 8-bit grey PNG that says that it has such a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + end


def make_npy(shape: str) -> bytes:
    """A header that says such a shape, and four bytes."""
    words = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words.encode() + b"\0\0\0\0"


def make_gif_of_many() -> bytes:
    frames = [Pil.fromarray(np.full((64, 64), level, np.uint8)) for level in range(60)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def make_text_bomb() -> bytes:
    """A small PNG with 200 MiB of compressed text in it."""
    info = PngImagePlugin.PngInfo()
    file = io.BytesIO()
    Pil.fromarray(np.zeros((8, 8), np.uint8)).save(file, "PNG", pnginfo=info)
    text = b"Comment\0\0" + zlib.compress(b"\0" * (200 << 20), 9)
    data = file.getvalue()
    return data[:33] + chunk(b"zTXt", text) + data[33:]


def make_tiff(width: int, height: int) -> bytes:
    """A TIFF that says such a size, and has no pixels."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


HOSTILE = {
    "flat_30000": make_png(30_000, 30_000, b"\0" * (30 << 20)),
    "largest_png": make_png(2**31 - 1, 2**31 - 1, b""),
    "no_width": make_png(0, 5, b""),
    "cut_png": encode_png(draw_image(200))[:2000],
    "cut_jpeg": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "text_bomb": make_text_bomb(),
    "npy_huge": make_npy("(1000000, 1000000)"),
    "npy_negative": make_npy("(-1, -1)"),
    "npy_overflow": make_npy(f"({2**62}, {2**62}, 3)"),
    "npy_code": make_npy("__import__('os').getcwd()"),
    "tiff_huge": make_tiff(2**31 - 1, 2**31 - 1),
    "tiff_loop": b"II*\0" + struct.pack("<IHI", 8, 0, 8),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "html": b"<html><script>alert(1)</script>",
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "webp_cut": b"RIFF\xff\xff\xff\xffWEBPVP8X",
    "gif_of_many": make_gif_of_many(),
    "empty": b"",
    "zeros": b"\0" * 4096,
}

USABLE = {"gif_of_many", "text_bomb"}
"""They are pictures, if odd ones: an edit may use them."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_answered(server: Server, name: str) -> None:
    """By each way in."""
    data = HOSTILE[name]
    tracemalloc.start()
    for field, other in (("image", MASK_PNG), ("mask", IMAGE_PNG)):
        rest = "mask" if field == "image" else "image"
        files = {field: ("a.png", data), rest: ("b.png", other)}
        for path in ("/v1/edit", "/v1/images/edits"):
            answer = server.client.post(path, files=files)
            problem = answer.json()
            expected = {200, 400, 413, 422} if name in USABLE else {400, 413, 422}
            assert answer.status_code in expected, problem
            if answer.status_code != 200:
                assert problem["detail"]
                assert problem["remedy"]
    digest = hash_of(data)
    kept = server.client.put(f"/v1/pictures/{digest}", content=data)
    assert kept.status_code in ({201, 413, 422} if name in USABLE else {413, 422, 201})
    if kept.status_code == 201:
        assert server.client.get(f"/v1/pictures/{digest}", params={"as": "png"}).status_code < 500
        assert server.edit(image=digest).status_code in {200, 413, 422}
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MOST_BYTES
    assert server.client.get("/healthz").status_code == 200


def test_a_kept_file_is_never_a_page(server: Server) -> None:
    """What somebody sent is not run by a browser."""
    answer = server.client.get(f"/v1/pictures/{server.put(IMAGE_PNG)}")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'"
