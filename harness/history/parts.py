"""Where the parts of a history lie: one file a night, written whole under its own name.

Nothing is ever appended, so writers need no lock: two nights have two names, and a night that is
added twice is written twice with the same content.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from editproof.harness.records.json_files import write_atomically

SUFFIX = ".parquet"
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.parquet\Z")


class PartStore(Protocol):
    """A place that holds parts, by suite and name."""

    def list_suites(self) -> tuple[str, ...]:
        """Suites that have a part, in the order of the alphabet."""
        ...

    def list_parts(self, suite: str) -> tuple[str, ...]:
        """Names of a suite's parts, the oldest first."""
        ...

    def read_part(self, suite: str, name: str) -> bytes:
        """Read a part whole."""
        ...

    def write_part(self, suite: str, name: str, data: bytes) -> None:
        """Write a part whole, or not at all."""
        ...


class PartFolder:
    """Parts in a folder on the disk: `SUITE/NIGHT.parquet`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_suites(self) -> tuple[str, ...]:
        """Suites that have a part, in the order of the alphabet."""
        if not self.folder.is_dir():
            return ()
        return tuple(path.name for path in sorted(self.folder.iterdir()) if _has_part(path))

    def list_parts(self, suite: str) -> tuple[str, ...]:
        """Names of a suite's parts, the oldest first."""
        folder = self.folder / suite
        if not folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in folder.iterdir() if _NAME.match(path.name)))

    def read_part(self, suite: str, name: str) -> bytes:
        """Read a part whole."""
        return (self.folder / suite / name).read_bytes()

    def write_part(self, suite: str, name: str, data: bytes) -> None:
        """Write a part whole, or not at all."""
        write_atomically(self.folder / suite / name, data)


def _has_part(folder: Path) -> bool:
    return folder.is_dir() and any(_NAME.match(path.name) for path in folder.iterdir())
