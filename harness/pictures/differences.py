"""Differences that were measured between pictures, and the accepted pictures of a run.

A difference is stored by what was compared: the hashes of both pictures and of the right answer,
the viewing condition, and the versions of the code. It is not part of a case's record, since the
same picture may be compared with another baseline tomorrow.

differences.jsonl       in a run's folder: one line each, written by its workers and by the gate
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

from editproof.harness.metrics.core.colorvideovdp import PACKAGE
from editproof.harness.metrics.core.visibility import VERSION, Difference
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.families import is_covered
from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import (
    add_checksum,
    decode_json,
    read_json,
    write_json,
)
from editproof.harness.records.pairing import AcceptedPictures
from editproof.harness.records.suites import Viewing
from editproof.harness.retention.cache_pruning import note_use

FILE = "differences.jsonl"


@dataclass(frozen=True, slots=True)
class PicturePair:
    """Two pictures to compare, and the right answer, by their hashes."""

    accepted: str
    image: str
    expected: str
    """Empty: it is unknown."""
    viewing: Viewing

    @property
    def key(self) -> str:
        """The key under which the result is stored."""
        pictures = f'["{self.accepted}", "{self.image}", "{self.expected}", '
        measure = _identify_measure(self.viewing, VERSION)
        return hashlib.sha256(f"{pictures}{measure}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BaselinePictures:
    """The accepted pictures that a run's pictures are compared with."""

    folder: Path
    """Folder of the accepted pictures."""
    pictures: Mapping[str, AcceptedPictures]
    """By case id of the run."""
    viewing: tuple[Viewing, ...]
    """The suite's viewing conditions."""


class _Line(msgspec.Struct, frozen=True):
    key: str
    difference: Difference


class DifferenceStore:
    """The differences in a run's folder, backed by those in the cache."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self._path, self._cache = folder / FILE, cache
        self._known = _read_differences(self._path)

    def get(self, pair: PicturePair) -> Difference | None:
        """Return the difference of a pair; None: it has not been measured."""
        key = pair.key
        if key not in self._known and self._cache and (found := _read_cached(self._cache, key)):
            self._known[key] = found
            append_difference(self._path, key, found)
        return self._known.get(key)

    def put(self, pair: PicturePair, difference: Difference) -> None:
        """Store a result, in the cache as well."""
        key = pair.key
        self._known[key] = difference
        append_difference(self._path, key, difference)
        if self._cache:
            write_json(_cache_path(self._cache, key), difference)


def append_difference(path: Path, key: str, difference: Difference) -> None:
    """Append a line. Several processes may do so: a short write in append mode is not torn."""
    with path.open("ab", buffering=0) as file:
        file.write(add_checksum(msgspec.json.encode(_Line(key, difference))) + b"\n")


def viewing_of(viewing: Sequence[Viewing], family: str) -> Viewing:
    """The viewing condition of a family: the last entry that names it, else the last one for all
    families.
    """
    fitting = [one for one in viewing if not one.families or is_covered(family, one.families)]
    named = [one for one in fitting if one.families]
    chosen = (named or fitting or [Viewing()])[-1]
    return Viewing(chosen.display, chosen.distance_m, chosen.zoom)


def _read_differences(path: Path) -> dict[str, Difference]:
    """Read the file. A line that is torn, damaged or of another version is skipped, and its
    difference is measured again.
    """
    found: dict[str, Difference] = {}
    for line in read_file(path).split(b"\n") if path.is_file() else ():
        try:
            one = decode_json(line, _Line, path, verified=True)
        except DamagedError:
            continue
        found[one.key] = one.difference
    return found


def _read_cached(cache: Path, key: str) -> Difference | None:
    path = _cache_path(cache, key)
    try:
        found = read_json(path, Difference)
    except (OSError, DamagedError):
        return None
    note_use(path)
    return found


def _cache_path(cache: Path, key: str) -> Path:
    return cache / "differences" / key[:2] / f"{key}.json"


@cache
def _identify_measure(viewing: Viewing, version: str) -> str:
    """The end of a key's JSON: what pictures of any hash are compared by."""
    look = (viewing.display, viewing.distance_m, viewing.zoom)
    return json.dumps([*look, version, _package_version()])[1:]


@cache
def _package_version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""
