"""The run folder: what a run leaves behind, and how it is read.

manifest.json          what was to be run, with what: suite, cases, pipelines, metric identities,
                       versions, machine
journal.jsonl          one line a finished case, fsynced: the truth while running
measurements.parquet   every measurement, one row a number, in the order of the cases
cases.parquet          how each case ended, one row a case
stages.parquet         every stage of every case
tables.json            checksums of the tables, and how long the journal was when they were made
verdict.json           the gate's word
maps.json              heat maps of the cases that need a look; see map_index.py
baseline/              the records of the baseline that it was compared with; see accepted_cases.py
blobs/ab/abcd….png     pictures, named by their SHA-256
report/index.html      what people look at
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from editproof.harness.records import tables
from editproof.harness.records.case_table import CaseTable
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.digests import is_digest
from editproof.harness.records.ending_table import EndingTable
from editproof.harness.records.endings import CaseEnding, make_ending
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.journal import read_journal
from editproof.harness.records.json_files import decode_json, write_json
from editproof.harness.records.manifest import MANIFEST, Manifest, load_manifest, metric_name
from editproof.harness.records.number_grid import (
    NumberGrid,
    NumberKey,
    grid_of_records,
    grid_of_table,
    keys_of_records,
    keys_of_table,
)
from editproof.harness.records.old_names import rename_record
from editproof.harness.records.old_verdict import SCHEMA as OLD_SCHEMA
from editproof.harness.records.old_verdict import read_old
from editproof.harness.records.tables import TableIndex
from editproof.harness.records.verdicts import VERDICT_SCHEMA, Verdict

if TYPE_CHECKING:
    import pandas as pd

VERDICT = "verdict.json"
BLOBS = "blobs"


class _Schema(msgspec.Struct, frozen=True):
    """What version of a file it is."""

    schema: int = OLD_SCHEMA


class Unread(Enum):
    """In place of a verdict that is read from the run's folder when it is asked for."""

    UNREAD = "unread"


@dataclass(frozen=True)
class Run:
    """A run: read from its folder, or made in memory. Numbers are read when they are asked for."""

    folder: Path
    manifest: Manifest
    endings: Mapping[str, CaseEnding]
    """Finished cases by id, in the order of the manifest."""
    in_memory: tuple[CaseRecord, ...] | None = None
    """Its records; None: numbers are in the folder's tables, and records in its journal."""
    table_index: TableIndex | None = None
    """Checksums of the tables, as they were when the run was read."""
    known_verdict: Verdict | Unread | None = Unread.UNREAD
    """Of the gate; None: it has not been judged."""

    @classmethod
    def of_records(
        cls,
        folder: Path,
        manifest: Manifest,
        records: Sequence[CaseRecord],
        verdict: Verdict | Unread | None = None,
    ) -> Run:
        """A run whose records are in memory, in any order."""
        column_of = {case.id: column for column, case in enumerate(manifest.cases)}
        known = [record for record in records if record.case.id in column_of]
        ordered = tuple(sorted(known, key=lambda record: column_of[record.case.id]))
        endings = {record.case.id: make_ending(record) for record in ordered}
        return cls(folder, manifest, endings, ordered, known_verdict=verdict)

    @cached_property
    def records(self) -> tuple[CaseRecord, ...]:
        """Finished cases with everything that is known of them, in the order of the manifest."""
        if self.in_memory is not None:
            return self.in_memory
        return _read_from_journal(self.folder, self.manifest).records

    @cached_property
    def verdict(self) -> Verdict | None:
        """The gate's word; None: it has not been judged. Raises DamagedError."""
        if isinstance(self.known_verdict, Unread):
            return load_verdict(self.folder)
        return self.known_verdict

    @cached_property
    def case_table(self) -> CaseTable:
        """The planned cases by column."""
        return CaseTable.of(self.manifest.cases)

    @cached_property
    def ending_table(self) -> EndingTable:
        """How they ended, by column."""
        return EndingTable.of(self.case_table, self.endings)

    @cached_property
    def missing(self) -> tuple[Case, ...]:
        """Cases that are not finished."""
        left = np.flatnonzero(~self.ending_table.finished).tolist()
        return tuple(self.manifest.cases[column] for column in left)

    @property
    def column_of(self) -> dict[str, int]:
        """Case id -> its place in the manifest, which is its column in a grid of numbers."""
        return self.case_table.column_of

    @property
    def measurements(self) -> pd.DataFrame:
        """One row a number: case_id, vector, family, step, turn, model, seed, metric, region,
        stat, value, unit, reason, y, x.
        """
        return tables.make_measurement_table(self.records)

    @property
    def cases(self) -> pd.DataFrame:
        """One row a planned case: case_id, family, name, step, model, seed, status, reason,
        seconds, peak_mb, cached, error, cpu_s, held_mb, turn, and the hashes of four pictures.
        """
        import pandas as pd

        planned = [
            (c.id, c.family, c.name, c.step, c.model.name, c.seed) for c in self.manifest.cases
        ]
        frame = pd.DataFrame(
            planned, columns=["case_id", "family", "name", "step", "model", "seed"]
        )
        merged = frame.merge(tables.make_case_table(self.records), on="case_id", how="left")
        return merged.assign(status=merged["status"].fillna("missing"))

    @property
    def stages(self) -> pd.DataFrame:
        """One row a stage of a case: case_id, family, step, model, seed, stage, seconds, decision,
        artefact, peak_mb.
        """
        return tables.make_stage_table(self.records)

    def number_grid(
        self, keys: Sequence[NumberKey], case_ids: Sequence[str] | None = None
    ) -> NumberGrid:
        """These numbers of all cases, or of those named, in their order. Raises DamagedError."""
        column_of = (
            self.column_of
            if case_ids is None
            else {case_id: column for column, case_id in enumerate(case_ids)}
        )
        if not any(key.metric in self.manifest.metrics for key in keys):
            return grid_of_records((), keys, column_of)
        if self.in_memory is None:
            return grid_of_table(
                self.folder / tables.MEASUREMENTS, keys, column_of, self.table_index
            )
        return grid_of_records(self.in_memory, keys, column_of)

    def number_keys(self) -> tuple[NumberKey, ...]:
        """Every number that the run has, in the order of its table."""
        if self.in_memory is None:
            return keys_of_table(self.folder / tables.MEASUREMENTS, self.table_index)
        return keys_of_records(self.in_memory)

    def blob(self, digest: str) -> Path:
        """Where a picture lies."""
        return blob_path(self.folder, digest)

    def with_records(self, records: Sequence[CaseRecord]) -> Run:
        """The run with these records in place of its own, in memory."""
        return Run.of_records(self.folder, self.manifest, records, self.known_verdict)

    def with_verdict(self, verdict: Verdict | None) -> Run:
        """The run with that verdict; None: not judged."""
        return replace(self, known_verdict=verdict)


def blob_path(folder: Path, digest: str) -> Path:
    """Where the picture of that hash lies, under a run's or the cache's folder. Raises DamagedError
    where that is no hash.
    """
    return folder / _name_blob(folder, digest)


def has_blob(folder: Path, digest: str) -> bool:
    """Whether the picture of that hash lies there. A gate asks it of many. Raises DamagedError."""
    return os.path.isfile(f"{folder}/{_name_blob(folder, digest)}")  # noqa: PTH113 - ten times as quick


def _name_blob(folder: Path, digest: str) -> str:
    if not is_digest(digest):
        raise DamagedError(
            f"{digest!r} is not a SHA-256, so {folder} can't have a picture of that name: a file in"
            " it is damaged, or was made to lead elsewhere"
        )
    return f"{BLOBS}/{digest[:2]}/{digest}.png"


def case_log(folder: Path, case_id: str) -> Path:
    """Where a run keeps what was printed while a case failed."""
    return folder / "logs" / "cases" / f"{case_id}.log"


def load(folder: Path | str) -> Run:
    """Read a run folder, finished or not: its tables where they are up to date, else its journal.

    Raises UsageError where the folder is not a run, and DamagedError where a file is damaged.
    """
    folder = Path(folder)
    manifest = load_manifest(folder)
    index = tables.read_current_index(folder)
    if index is None:
        return _read_from_journal(folder, manifest)
    endings = tables.read_endings(folder, index, CaseTable.of(manifest.cases))
    return Run(folder, manifest, endings, table_index=index)


def find_newest(runs_folder: Path) -> Path:
    """The newest run under a folder of runs. Raises UsageError where there is none."""
    runs = [path.parent for path in runs_folder.glob(f"[!.]*/{MANIFEST}")]
    if not runs:
        raise UsageError(
            f"there is no run in {runs_folder}. Run `editproof run` first, or name the run's folder"
        )
    return max(runs, key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path.name))


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Write `verdict.json`."""
    write_json(folder / VERDICT, verdict)


def load_verdict(folder: Path) -> Verdict | None:
    """The gate's word on a run; None: it has not been judged. One of an older version is converted.

    Raises DamagedError where the file is damaged, and UsageError where it is of a newer version.
    """
    path = folder / VERDICT
    if not path.is_file():
        return None
    data = read_file(path)
    schema = decode_json(data, _Schema, path).schema
    if schema > VERDICT_SCHEMA:
        raise UsageError(
            f"{path} has schema {schema}; this editproof reads up to {VERDICT_SCHEMA}. `editproof"
            " gate` judges the run again"
        )
    try:
        if schema == OLD_SCHEMA:
            return read_old(msgspec.json.encode(decode_json(data, dict, path)))
        return decode_json(data, Verdict, path)
    except msgspec.MsgspecError as error:
        raise DamagedError(f"{path} is damaged or of another version: {error}") from error


def _read_from_journal(folder: Path, manifest: Manifest) -> Run:
    records = read_journal(folder, verified=manifest.has_checksums)
    if not manifest.has_checksums:  # of 0.1
        records = tuple(map(rename_record, records))
    _check_metrics(manifest, records, folder)
    return Run.of_records(folder, manifest, records, Unread.UNREAD)


def _check_metrics(manifest: Manifest, records: Iterable[CaseRecord], folder: Path) -> None:
    """Raise DamagedError where a number is of a metric that the manifest does not know."""
    measured = {row.metric for record in records for row in record.measurements}
    unknown = {metric_name(metric) for metric in measured} - manifest.metrics.keys()
    if unknown:
        raise DamagedError(
            f"{folder} is damaged: its journal has numbers of {min(unknown)!r}, which its manifest"
            " does not know"
        )
