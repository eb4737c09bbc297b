"""Sizes as people write them, and what a folder holds on the disk.

Bytes are those of the files' contents; what a file system adds for its blocks is not counted.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
MAX_SIZE = 10**18

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,6})?) (B|KB|MB|GB|TB)", re.ASCII)
_TWO_DIGITS = 10
"""Numbers below it are written with one decimal."""


@dataclass(frozen=True, slots=True)
class FolderSize:
    """What a folder's files hold. A file that has several names in it counts once."""

    total: int
    """Bytes."""
    shared: int
    """Bytes of the files that are hard links to files elsewhere: they stay when the folder goes."""

    @property
    def own(self) -> int:
        """Bytes that the folder alone holds."""
        return self.total - self.shared


def parse_size(text: str, name: str) -> int:
    """Bytes, above 0. Raises ValueError with the name of the setting or option."""
    match = _SIZE.fullmatch(text)
    size = round(float(match[1]) * UNITS[match[2]]) if match else 0
    if not 0 < size <= MAX_SIZE:
        raise ValueError(
            f"{name} is {text!r}, which is not a size: write a number above 0 and a unit"
            f' ({", ".join(UNITS)}), such as "10 GB"'
        )
    return size


def format_size(size: int) -> str:
    """`51 MB`, `4.6 MB`."""
    unit, factor = next(
        ((name, factor) for name, factor in reversed(UNITS.items()) if size >= factor), ("B", 1)
    )
    number = size / factor
    is_short = number < _TWO_DIGITS and unit != "B"
    return f"{number:.1f} {unit}" if is_short else f"{number:.0f} {unit}"


def describe_size(size: FolderSize) -> str:
    """`51 MB (46 MB shared with the cache, a baseline or other runs)`."""
    shared = (
        f" ({format_size(size.shared)} shared with the cache, a baseline or other runs)"
        if size.shared
        else ""
    )
    return f"{format_size(size.total)}{shared}"


def measure_folder(folder: Path) -> FolderSize:
    """What a folder holds. Symbolic links are not followed; what vanishes meanwhile holds
    nothing.
    """
    names: Counter[tuple[int, int]] = Counter()
    found: dict[tuple[int, int], os.stat_result] = {}
    for about in _walk(folder):
        inode = (about.st_dev, about.st_ino)
        names[inode] += 1
        found[inode] = about
    total = sum(about.st_size for about in found.values())
    shared = sum(about.st_size for inode, about in found.items() if about.st_nlink > names[inode])
    return FolderSize(total, shared)


def _walk(folder: Path) -> Iterator[os.stat_result]:
    """Of every regular file below a folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                about = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - of many files
            except FileNotFoundError:
                continue
            if stat.S_ISREG(about.st_mode):
                yield about
