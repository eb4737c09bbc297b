"""Where the parts of a history lie, in a folder or at a URL: one file a night, written whole under
its own name.

Nothing is ever appended, so writers need no lock: two nights have two names, and a night that is
added twice is written twice with the same content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from editproof.harness.records.errors import DamagedError
from editproof.harness.records.json_files import write_atomically
from editproof.harness.stores.objects import AT_ONCE, ObjectFolder, do_at_once
from editproof.harness.stores.places import StoreUrl

SUFFIX = ".parquet"
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.parquet\Z")
_STAMP = "%Y%m%dT%H%M%SZ"

GONE = "{} is gone: it was removed while the history was read. Try again"


class PartStore(Protocol):
    """A place that holds parts, by suite and name."""

    def list_suites(self) -> tuple[str, ...]:
        """Suites that have a part, in the order of the alphabet."""
        ...

    def list_parts(self, suite: str) -> tuple[str, ...]:
        """Names of a suite's parts, the oldest first."""
        ...

    def read_parts(self, suite: str, names: Sequence[str]) -> Iterator[bytes]:
        """Read parts whole, in that order. Raises DamagedError where one is gone."""
        ...

    def write_part(self, suite: str, name: str, data: bytes) -> None:
        """Write a part whole, or not at all."""
        ...

    def remove_parts(self, suite: str, names: Sequence[str]) -> None:
        """Remove parts, as far as they are there."""
        ...


def read_suite(store: PartStore, suite: str, last: int = 0) -> Iterator[tuple[str, bytes]]:
    """Where each of a suite's parts lies, in words, and its data, the oldest first. `last`: so many
    at the end; 0: all. Raises DamagedError where one is gone.
    """
    names = store.list_parts(suite)[-last:]
    for name, data in zip(names, store.read_parts(suite, names), strict=True):
        yield f"{suite}/{name}", data


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

    def read_parts(self, suite: str, names: Sequence[str]) -> Iterator[bytes]:
        """Read parts whole, in that order. Raises DamagedError where one is gone."""
        for name in names:
            path = self.folder / suite / name
            try:
                yield path.read_bytes()
            except FileNotFoundError as error:
                raise DamagedError(GONE.format(path)) from error

    def write_part(self, suite: str, name: str, data: bytes) -> None:
        """Write a part whole, or not at all."""
        write_atomically(self.folder / suite / name, data)

    def remove_parts(self, suite: str, names: Sequence[str]) -> None:
        """Remove parts, as far as they are there."""
        for name in names:
            (self.folder / suite / name).unlink(missing_ok=True)


class PartObjects:
    """Parts in an object store: the same names, below a URL. Raises StoreError."""

    def __init__(self, url: StoreUrl) -> None:
        self._objects = ObjectFolder(url)

    def list_suites(self) -> tuple[str, ...]:
        """Suites that have a part, in the order of the alphabet."""
        names = (found.name.rpartition("/") for found in self._objects.list())
        return tuple(sorted({suite for suite, _, name in names if suite and _NAME.match(name)}))

    def list_parts(self, suite: str) -> tuple[str, ...]:
        """Names of a suite's parts, the oldest first."""
        names = (found.name.rpartition("/")[2] for found in self._objects.list(f"{suite}/"))
        return tuple(sorted(name for name in names if _NAME.match(name)))

    def read_parts(self, suite: str, names: Sequence[str]) -> Iterator[bytes]:
        """Read parts whole, in that order, some at a time. Raises DamagedError where one is
        gone.
        """
        for first in range(0, len(names), AT_ONCE):
            some = [f"{suite}/{name}" for name in names[first : first + AT_ONCE]]
            for name, data in zip(some, do_at_once(self._objects.read, some), strict=True):
                if data is None:
                    raise DamagedError(GONE.format(f"{self._objects.url}/{name}"))
                yield data

    def write_part(self, suite: str, name: str, data: bytes) -> None:
        """Write a part whole, or not at all."""
        self._objects.write(f"{suite}/{name}", data)

    def remove_parts(self, suite: str, names: Sequence[str]) -> None:
        """Remove parts, as far as they are there."""
        self._objects.remove(f"{suite}/{name}" for name in names)


def list_old_parts(names: Sequence[str], before: datetime) -> list[str]:
    """Parts of nights that began before that time, without the newest night."""
    return [name for name in sorted(names)[:-1] if name < before.strftime(_STAMP)]


def is_part_name(name: str) -> bool:
    """Whether a file of that name is a part."""
    return bool(_NAME.match(name))


def _has_part(folder: Path) -> bool:
    return folder.is_dir() and any(_NAME.match(path.name) for path in folder.iterdir())
