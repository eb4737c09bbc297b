"""Picture files of a user, read within bounds; what can't be read is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import read_file
from editproof.pipelines.files import UnreadablePictureError

T = TypeVar("T")

MOST_PICTURE_BYTES = 1 << 29


def read_or_explain(path: Path, read: Callable[[Path], T]) -> T:
    """What `read` gives; UsageError naming the file where it is not a picture."""
    try:
        return read(path)
    except UnreadablePictureError as error:
        raise UsageError(f"{path}: {error}") from error


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises UsageError where it can't be read, is empty or too
    large.
    """
    try:
        data = read_file(path, MOST_PICTURE_BYTES)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    if not data:
        raise UsageError(f"{path} is empty: it holds no picture")
    return data


def format_size(shape: Iterable[int]) -> str:
    """`640×480` for a height of 480 and a width of 640."""
    height, width, *_ = shape
    return f"{width}×{height}"
