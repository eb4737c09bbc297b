"""Differences between pictures that were measured once, and what is accepted for each case.

They are kept by what was compared: both pictures' and the right answer's hashes, the viewing
condition, and the versions of the code. They are no part of a case's record, since the same picture
may meet another baseline tomorrow.

differences.jsonl       in a run's folder: a line each, written by its workers and by the gate
differences/ab/….json   in the cache
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from editproof.harness.metrics.core.visibility import PACKAGE, VERSION, Difference
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import (
    add_checksum,
    decode_json,
    read_json,
    write_json,
)
from editproof.harness.records.pairing import AcceptedPictures
from editproof.harness.records.types import Viewing
from editproof.harness.retention.cache_pruning import note_use

FILE = "differences.jsonl"


@dataclass(frozen=True, slots=True)
class PicturePair:
    """Two pictures that are compared, and the right answer; by their hashes."""

    accepted: str
    image: str
    expected: str
    """Empty: it is not known."""
    viewing: Viewing

    @property
    def key(self) -> str:
        """What the result is found by."""
        look = (self.viewing.display, self.viewing.distance_m, self.viewing.zoom)
        identity = [self.accepted, self.image, self.expected, *look, VERSION, _package_version()]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AcceptedPictures:
    """What a run's pictures are compared with while they are at hand."""

    folder: Path
    """Where the accepted pictures lie."""
    pictures: Mapping[str, AcceptedPictures]
    """By case id of the run."""
    viewing: tuple[Viewing, ...]
    """As the suite's."""


class _Line(msgspec.Struct, frozen=True):
    key: str
    difference: Difference


class DifferenceStore:
    """The differences of a run's folder, and behind it those of the cache."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self._path, self._cache = folder / FILE, cache
        self._known = _read_differences(self._path)

    def get(self, pair: PicturePair) -> Difference | None:
        """What was measured of a pair; None: it has not been, yet."""
        key = pair.key
        if key not in self._known and self._cache and (found := _read_cached(self._cache, key)):
            self._known[key] = found
            append_difference(self._path, key, found)
        return self._known.get(key)

    def put(self, pair: PicturePair, difference: Difference) -> None:
        """Keep a result, in the cache as well."""
        key = pair.key
        self._known[key] = difference
        append_difference(self._path, key, difference)
        if self._cache:
            write_atomically(_cache_path(self._cache, key), msgspec.json.encode(difference))


def append_difference(path: Path, key: str, difference: Difference) -> None:
    """Add a line. Several processes may: a short write to a file opened for appending is not torn
    apart.
    """
    with path.open("ab", buffering=0) as file:
        file.write(add_checksum(msgspec.json.encode(_Line(key, difference))) + b"\n")


def viewing_of(viewing: Sequence[Viewing], family: str) -> Viewing:
    """How a family's pictures are looked at: the last entry that names it, else the last one for
    all.
    """
    fitting = [one for one in viewing if not one.families or family in one.families]
    named = [one for one in fitting if one.families]
    chosen = (named or fitting or [Viewing()])[-1]
    return Viewing(chosen.display, chosen.distance_m, chosen.zoom)


def _read_differences(path: Path) -> dict[str, Difference]:
    """What the file says; a line that is torn or of another version says nothing."""
    found: dict[str, Difference] = {}
    for line in read_file(path).split(b"\n") if path.is_file() else ():
        try:
            one = decode_json(line, _Line, path, verified=True)
        except DamagedError:
            continue
        found[one.key] = one.difference
    return found


def _read_cached(cache: Path, key: str) -> Difference | None:
    try:
        return msgspec.json.decode(_cache_path(cache, key).read_bytes(), type=Difference)
    except (OSError, msgspec.MsgspecError):
        return None
    note_use(path)
    return found


def _cache_path(cache: Path, key: str) -> Path:
    return cache / "differences" / key[:2] / f"{key}.json"


@cache
def _package_version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""
