"""What a report shows beside a run's own numbers: heat maps, and what the baseline says of the same
cases.

maps.json               where each metric's map of a case lies in `blobs/`, and what its colours
                        stand for
baseline/pairs.json     which case of the baseline each case was compared with
baseline/journal.jsonl  the baseline's records
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from editproof.harness.records.errors import UsageError
from editproof.harness.records.runs import write_atomically
from editproof.harness.records.types import Better, Measurement, StageRecord

T = TypeVar("T")

MAPS = "maps.json"
BASELINE = "baseline"
PAIRS = "pairs.json"
JOURNAL = "journal.jsonl"
MAPS_SCHEMA = 1


class MapScale(msgspec.Struct, frozen=True):
    """What the colours of a metric's maps stand for, in all cases of a run alike."""

    identity: str
    """The metric's."""
    unit: str
    better: Better
    """Which end is harmless: `zero` is the middle of the colours, otherwise the darkest colour."""
    low: float
    high: float
    """In `unit`. What lies beyond has the colour of the end."""
    cases: int
    """How many cases the two ends were taken from."""


class Maps(msgspec.Struct, frozen=True):
    """`maps.json`."""

    schema: int = MAPS_SCHEMA
    palettes: dict[str, str] = msgspec.field(default_factory=dict)
    """`sequential` and, where better is `zero`, `diverging` -> 256 colours, six hexadecimal digits
    each, low to harmful.
    """
    scales: dict[str, MapScale] = msgspec.field(default_factory=dict)
    """By metric name."""
    cases: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """Case id -> metric name -> hash of the PNG in `blobs/`."""
    pictures: dict[str, str] = msgspec.field(default_factory=dict)
    """Case id -> hash of the picture that the maps are of."""
    skipped: dict[str, str] = msgspec.field(default_factory=dict)
    """Case id -> why it has no maps."""


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Head(msgspec.Struct, frozen=True):
    case: _Id


class Counterpart(msgspec.Struct, frozen=True):
    """What the baseline knows of the case that a case was compared with."""

    case: _Id
    status: str
    blobs: dict[str, str] = msgspec.field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()
    measurements: tuple[Measurement, ...] = ()


class Traces(msgspec.Struct, frozen=True):
    """A record without its numbers: quick to read where only pictures are asked for."""

    case: _Id
    blobs: dict[str, str] = msgspec.field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()


class Pairs(msgspec.Struct, frozen=True):
    """`pairs.json`."""

    baseline: str
    """Its folder when it was compared."""
    ids: dict[str, str]
    """Case id of the run -> case id of the baseline."""
    also: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Case id of the run -> hashes of the pictures that are right, too."""


@dataclass(frozen=True, slots=True)
class Counterparts:
    """The baseline's side of a run, read case by case."""

    pairs: Pairs
    _path: Path
    _places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Case id of the baseline -> where its line starts, and how long it is."""

    def get(self, case_id: str) -> Counterpart | None:
        """What a case of the run was compared with; None: nothing."""
        place = self._places.get(self.pairs.ids.get(case_id, ""))
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            return _decode(file.read(place[1]), Counterpart, self._path)


def write_maps(folder: Path, maps: Maps) -> None:
    """Write `maps.json` into a run's folder."""
    write_atomically(folder / MAPS, msgspec.json.format(msgspec.json.encode(maps), indent=1))


def load_maps(folder: Path) -> Maps:
    """The maps of a run; none where none were drawn. Raises UsageError where the file is
    damaged.
    """
    path = folder / MAPS
    if not path.is_file():
        return Maps()
    maps = _decode(path.read_bytes(), Maps, path)
    return maps if maps.schema == MAPS_SCHEMA else Maps()


def load_counterparts(folder: Path) -> Counterparts:
    """The baseline's side of a run; empty where it was compared with none. Raises UsageError where
    a file is damaged.
    """
    path, journal = folder / BASELINE / PAIRS, folder / BASELINE / JOURNAL
    if not path.is_file() or not journal.is_file():
        return Counterparts(Pairs("", {}), journal)
    places: dict[str, tuple[int, int]] = {}
    start = 0
    with journal.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                places[_decode(line, _Head, journal).case.id] = (start, len(line))
            start += len(line)
    return Counterparts(_decode(path.read_bytes(), Pairs, path), journal, places)


def read_traces(journal: Path) -> dict[str, Traces]:
    """Pictures and stages of every record of a journal, by case id."""
    if not journal.is_file():
        return {}
    with journal.open("rb") as file:
        found = [_decode(line, Traces, journal) for line in file if line.endswith(b"\n")]
    return {traces.case.id: traces for traces in found}


def _decode(data: bytes, kind: type[T], where: Path) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{where} is damaged or of another version: {error}. `editproof gate` writes it again"
        ) from error
