"""Files that may come from a stranger: read within bounds, never through a link, and without what a
terminal would obey.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from editproof.harness.records.errors import UsageError, plain_line
from editproof.harness.records.plain_text import strip_control

MOST_BYTES = 1 << 30
"""Of a file that is read whole."""

DEEPEST = 64
"""Folders within each other, in a run's folder or among cases."""

_MAY_HOLD_CONTROL = re.compile(
    rb"\\[bfnrt]|\\u|\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
    rb"|::|##"
)

_IN_ASCII = (b"\\", b"\x7f", b"::", b"##")
"""What the pattern can find in ASCII begins with one of these: quick to look for."""

_MANY_LINES = frozenset({"about", "traceback"})
"""Fields whose text may have several lines."""


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file. Raises UsageError where it is none, or holds more than `most`,
    and OSError.
    """
    if "\0" in str(path):
        raise UsageError(f"{path} can't be the name of a file")
    known = path.stat()
    if stat.S_ISDIR(known.st_mode):
        raise UsageError(f"{path} is a folder. Name a file")
    if not stat.S_ISREG(known.st_mode):
        raise UsageError(f"{path} is a device or a pipe. Name a file")
    if known.st_size > most:
        raise UsageError(
            f"{path} has {known.st_size} bytes: at most {most} are read. Is it the right file?"
        )
    with path.open("rb") as file:
        return file.read(most)


def check_no_links(folder: Path) -> None:
    """Raise UsageError where a symbolic link lies anywhere in a folder that we read and write: it
    could lead to any file here.
    """
    for entry in _entries(folder):
        if entry.is_symlink():
            raise UsageError(
                f"{entry.path} is a symbolic link, and links in the folder of a run, a baseline or"
                " a bundle are not followed. Put a copy of the file in its place"
            )


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height in the header of a PNG; None if the file is missing or not a PNG."""
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def may_hold_control(data: bytes) -> bool:
    """Whether JSON may hold a control character: seldom, so that most is decoded once."""
    if data.isascii() and not any(part in data for part in _IN_ASCII):
        return False
    return _MAY_HOLD_CONTROL.search(data) is not None


def make_plain(value: Any) -> Any:
    """Parsed JSON or TOML, its texts and keys without control characters, each in one line but
    those that may have several.
    """
    if isinstance(value, str):
        return plain_line(value)
    if isinstance(value, Mapping):
        return {
            plain_line(key): (
                strip_control(part)
                if key in _MANY_LINES and isinstance(part, str)
                else make_plain(part)
            )
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [make_plain(part) for part in value]
    return value


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below the folder; links are given, not followed."""
    waiting = [(str(folder), 0)]
    while waiting:
        path, depth = waiting.pop()
        if depth > DEEPEST:
            raise UsageError(f"{folder} has more than {DEEPEST} folders within each other")
        with os.scandir(path) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, depth + 1))
