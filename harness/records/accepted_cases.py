"""What a run keeps of the baseline that it was compared with, so that its folder stands alone.

baseline/pairs.json     which accepted case each case was compared with
baseline/journal.jsonl  the baseline's records
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from editproof.harness.records.cases import Measurement, StageRecord
from editproof.harness.records.digests import Digest
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.journal import JOURNAL, CaseId, RecordHead, read_lines
from editproof.harness.records.json_files import file_digest, read_json
from editproof.harness.records.record_lines import decode_record

BASELINE = "baseline"
PAIRS = "pairs.json"


class AcceptedCase(msgspec.Struct, frozen=True):
    """What the baseline knows of the case that a case was compared with."""

    case: CaseId
    status: str
    blobs: dict[str, Digest] = msgspec.field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()
    measurements: tuple[Measurement, ...] = ()


class Traces(msgspec.Struct, frozen=True):
    """A record without its numbers: quick to read where only pictures are asked for."""

    case: CaseId
    blobs: dict[str, Digest] = msgspec.field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()


class Pairs(msgspec.Struct, frozen=True):
    """`pairs.json`."""

    baseline: str
    """Its folder when it was compared."""
    ids: dict[str, str]
    """Case id of the run -> case id of the baseline."""
    also: dict[str, list[Digest]] = msgspec.field(default_factory=dict)
    """Case id of the run -> hashes of the pictures that are right, too."""
    unchanged: list[str] = msgspec.field(default_factory=list)
    """Ids of the run's cases whose picture is an accepted one, bit for bit; 0.1 did not say."""
    journal: str = ""
    """SHA-256 of the journal beside it; empty: 0.1 did not say."""
    digest: str = ""
    """SHA-256 of the baseline's index when it was compared; empty: not known."""


@dataclass(frozen=True, slots=True)
class AcceptedCases:
    """The baseline's side of a run, read case by case."""

    pairs: Pairs
    _path: Path
    _places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Case id of the baseline -> where its line starts, and how long it is."""

    def get(self, case_id: str) -> AcceptedCase | None:
        """What a case of the run was compared with; None: nothing."""
        place = self._places.get(self.pairs.ids.get(case_id, ""))
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            return decode_record(file.read(place[1]), AcceptedCase, self._path)


def load_accepted_cases(folder: Path) -> AcceptedCases:
    """The baseline's side of a run; empty where it was compared with none. Raises UsageError where
    a file is damaged.
    """
    pairs, journal = load_pairs(folder), folder / BASELINE / JOURNAL
    if pairs.journal and (not journal.is_file() or file_digest(journal) != pairs.journal):
        raise DamagedError(
            f"{journal} is damaged: {PAIRS} was written with another content. `editproof gate`"
            " writes both again"
        )
    places = {head.case.id: place for head, place in read_lines(journal, RecordHead)}
    return AcceptedCases(pairs, journal, places)


def load_pairs(folder: Path) -> Pairs:
    """Which accepted case each case of a run was compared with. Raises DamagedError."""
    path = folder / BASELINE / PAIRS
    if not path.is_file():
        return Pairs("", {})
    return read_json(path, Pairs, is_old=lambda pairs: not pairs.journal)


def read_traces(journal: Path) -> dict[str, Traces]:
    """Pictures and stages of every record of a journal, by case id."""
    return {traces.case.id: traces for traces, _ in read_lines(journal, Traces)}
