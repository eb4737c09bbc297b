"""Pictures between stages as `.npy` files: float32, to the bit, and the same bytes for the same
values.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from editproof.pipelines.files import UnreadablePictureError

MEDIA_TYPE = "application/x-npy"
MAGIC = b"\x93NUMPY"

Array = npt.NDArray[np.float32]
"""H×W or H×W×3."""


def encode_array(array: Array) -> bytes:
    """An array as a file."""
    values = np.ascontiguousarray(array, "<f4")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(values))
    return header.getvalue() + values.data  # NumPy's own writing to memory takes twice as long


def decode_array(data: bytes) -> Array:
    """The array in a file. Raises UnreadablePictureError where it is no float32 H×W or H×W×3."""
    read_array_size(data)
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), np.float32)


def read_array_size(data: bytes) -> tuple[int, int]:
    """Height and width, from the file's header, checked against its length. Raises
    UnreadablePictureError.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        shape, fortran, kind = np.lib.format.read_array_header_1_0(file)
    except (ValueError, EOFError) as error:
        raise UnreadablePictureError(f"it is not a readable .npy file: {error}") from error
    if not _is_picture(shape) or kind != np.dtype("<f4") or fortran or version != (1, 0):
        raise UnreadablePictureError(
            f"the .npy file has shape {shape} and type {kind}; it must be little-endian float32,"
            " H×W or H×W×3, in C order and format 1.0"
        )
    if len(data) - file.tell() != 4 * int(np.prod(shape)):
        raise UnreadablePictureError("the .npy file's length does not fit its shape")
    return shape[0], shape[1]


def _is_picture(shape: Any) -> bool:
    return len(shape) in {2, 3} and min(shape) > 0 and shape[2:] in {(), (3,)}
