"""Pictures between stages: to the bit, and the same file for the same values."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest

from editproof.pipelines.array_file import (
    MAGIC,
    Array,
    decode_array,
    encode_array,
    read_array_size,
)
from editproof.pipelines.files import UnreadablePictureError

RANDOM = np.random.default_rng(1).random((5, 7, 3)).astype(np.float32)


@pytest.mark.parametrize("array", [RANDOM, RANDOM[..., 0], RANDOM[::2, ::-1]])
def test_values_come_back_to_the_bit(array: Array) -> None:
    data = encode_array(array)
    assert data.startswith(MAGIC)
    np.testing.assert_array_equal(decode_array(data), array)
    assert read_array_size(data) == array.shape[:2]
    assert encode_array(array.copy()) == data


def save(array: npt.ArrayLike) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (save(RANDOM.astype(np.float64)), "type float64"),
        (save(RANDOM.astype(">f4")), "type >f4"),
        (save(np.asfortranarray(RANDOM)), "C order"),
        (save(RANDOM[..., :2]), r"shape \(5, 7, 2\)"),
        (save(RANDOM[:0]), r"shape \(0, 7, 3\)"),
        (save(np.array([{}], object)), "type object"),
        (encode_array(RANDOM)[:-4], "length"),
        (encode_array(RANDOM) + b"more", "length"),
        (MAGIC, "not a readable .npy file"),
        (MAGIC + b"\x01\x00\xff\xff{", "not a readable .npy file"),
    ],
)
def test_anything_else_is_named(data: bytes, why: str) -> None:
    """Nothing is unpickled, and nothing large is made for a small file."""
    with pytest.raises(UnreadablePictureError, match=why):
        decode_array(data)
