"""What to say when a disk is full: which file, where, and how much it takes."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def naming_full_disk(path: Path, size: int) -> Iterator[None]:
    """While `size` bytes are written to a file: where there is no room for them, the OSError names
    the file, the place, and both sizes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, _describe(path, size), str(path)) from error


def _describe(path: Path, size: int) -> str:
    place = path.absolute().parent
    while not place.exists() or not place.is_mount():
        place = place.parent
    needed, left = (f"{number / 1e6:.3g} MB" for number in (size, shutil.disk_usage(place).free))
    return f"the disk at {place} is full: {needed} are needed, {left} are free"
