"""A run's numbers as arrays: what the gate reads. A row a rule's number, a column a case of the
manifest.

They come from `cases.parquet` and `measurements.parquet`, which are made from the journal; where
those are not there, or are older than the journal, from the journal itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.records import runs
from editproof.harness.records.reasons import EMPTY, TOO_SMALL
from editproof.harness.records.runs import Manifest, Run, metric_name
from editproof.harness.records.types import Case, CaseRecord, Region

ABSENT = -1
"""The scene has no such region, or the case no such number: nothing that a rule could ask for."""
MEASURED = 0
"""There is a value."""
NO_REASON = "no reason was recorded"

_BATCH = 1 << 18
"""Rows read at a time: about 20 MB."""
_COLUMNS = ["case_id", "metric", "region", "stat", "value", "reason"]


class Key(NamedTuple):
    """What a rule asks of every case."""

    metric: str
    """Name, without variant and version."""
    region: Region
    stat: str


class Grid(NamedTuple):
    """Some numbers of all cases: rows are keys, columns the manifest's cases."""

    values: npt.NDArray[np.float64]
    """NaN: no value."""
    states: npt.NDArray[np.int32]
    """ABSENT, MEASURED, or the number of the reason why there is no value."""
    reasons: tuple[str, ...]
    """By number; the first is that of MEASURED, and empty."""

    def reason(self, row: int, column: int) -> str:
        """Why there is no value there."""
        return self.reasons[int(self.states[row, column])]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a case ended."""

    status: str
    """As CaseRecord's."""
    reason: str
    seconds: float
    peak_mb: float | None
    cached: bool
    error: str
    """Kind of the error; empty: none."""
    cpu_s: float | None = None
    held_mb: float | None = None
    turn: int | None = None
    """As CaseRecord's."""
    actual: str = ""
    expected: str = ""
    input: str = ""
    regions: str = ""
    """Hashes of its pictures; empty: there is none, or it is not known."""


@dataclass(frozen=True)
class Sheet:
    """A run, as the gate sees it."""

    folder: Path
    manifest: Manifest
    ended: dict[str, Ended]
    """Finished cases by id, in the order of the manifest."""
    records: tuple[CaseRecord, ...] | None
    """Where the numbers are; None: in the folder's tables."""

    @cached_property
    def missing(self) -> tuple[Case, ...]:
        """Cases that are not finished."""
        return tuple(case for case in self.manifest.cases if case.id not in self.ended)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Case id -> its column."""
        return {case.id: column for column, case in enumerate(self.manifest.cases)}

    def grid(self, keys: Sequence[Key], ids: Sequence[str] | None = None) -> Grid:
        """These numbers of all cases, or of those that `ids` names, in its order. Raises UsageError
        where a table can't be read.
        """
        columns = (
            self.columns if ids is None else {case_id: place for place, case_id in enumerate(ids)}
        )
        draft = _Draft(keys, columns)
        if self.records is None:
            draft.read(self.folder / runs.MEASUREMENTS)
        else:
            draft.fill(self.records)
        return draft.grid()

    def keys(self) -> tuple[Key, ...]:
        """Every number that the run has, in the order of its table."""
        if self.records is None:
            return _keys_in(self.folder / runs.MEASUREMENTS)
        rows = (row for record in self.records for row in record.measurements)
        return tuple(
            dict.fromkeys(Key(metric_name(row.metric), row.region, row.stat) for row in rows)
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is compared with."""

    sheet: Sheet
    also: tuple[Sheet, ...] = ()
    """Further right answers that were accepted for some of its cases: the nearest one counts."""


def sheet_of(run: Run) -> Sheet:
    """A run that has been read already."""
    ended = {record.case.id: _ended(record) for record in run.records}
    return Sheet(run.folder, run.manifest, ended, run.records)


def load(folder: Path) -> Sheet:
    """Read a run folder: its tables where they are up to date, else its journal. Raises UsageError
    on what is no run.
    """
    manifest = runs.load_manifest(folder)
    if not runs.tables_current(folder):
        return sheet_of(runs.load(folder))
    return Sheet(folder, manifest, _read_cases(folder / runs.CASES, manifest), None)


class _Draft:
    """A grid being filled."""

    def __init__(self, keys: Sequence[Key], columns: dict[str, int]) -> None:
        self._columns = columns
        self._values = np.full((len(keys), len(columns)), np.nan)
        self._states = np.full((len(keys), len(columns)), ABSENT, np.int32)
        self._reasons = {"": MEASURED, NO_REASON: MEASURED + 1}
        self._names = [
            {name: number for number, name in enumerate(dict.fromkeys(part))}
            for part in zip(*keys, strict=True)
        ]
        self._row_of = np.full([len(names) + 1 for names in self._names] or [1, 1, 1], -1, np.intp)
        for row, key in enumerate(keys):
            self._row_of[
                tuple(names[part] for names, part in zip(self._names, key, strict=True))
            ] = row
        self._rows = {key: row for row, key in enumerate(keys)}

    def fill(self, records: Iterable[CaseRecord]) -> None:
        """From records, one by one."""
        for record in records:
            column = self._columns.get(record.case.id, -1)
            for m in record.measurements if column >= 0 else ():
                row = self._rows.get(Key(metric_name(m.metric), m.region, m.stat))
                if row is not None and not (m.value is None and m.reason in {EMPTY, TOO_SMALL}):
                    self._values[row, column] = np.nan if m.value is None else m.value
                    self._states[row, column] = (
                        MEASURED if m.value is not None else self._number(m.reason)
                    )

    def read(self, path: Path) -> None:
        """From a table, some rows at a time, without a Python object a row."""
        if not self._rows:
            return
        for batch in _batches(path, _COLUMNS):
            parts = [_encoded(batch, name) for name in _COLUMNS if name != "value"]
            column = _translated(parts[0], lambda name: self._columns.get(name, -1))
            metric, region, stat = (
                _translated(part, lambda name, names=names, clean=clean: names.get(clean(name), -1))
                for part, names, clean in zip(
                    parts[1:4], self._names, (metric_name, str, str), strict=True
                )
            )
            row = self._row_of[metric, region, stat]
            kept = np.flatnonzero((row >= 0) & (column >= 0))
            value = _floats(batch.column("value"))[kept]
            why = _translated(
                parts[4], lambda text: ABSENT if text in {EMPTY, TOO_SMALL} else self._number(text)
            )[kept]
            self._values[row[kept], column[kept]] = value
            self._states[row[kept], column[kept]] = np.where(np.isnan(value), why, MEASURED)

    def grid(self) -> Grid:
        """What was filled in."""
        return Grid(self._values, self._states, tuple(self._reasons))

    def _number(self, reason: str) -> int:
        return self._reasons.setdefault(reason or NO_REASON, len(self._reasons))


def _ended(record: CaseRecord) -> Ended:
    kind = record.error.kind if record.error else ""
    return Ended(
        record.status,
        record.reason,
        record.seconds,
        record.peak_mb,
        record.cached,
        kind,
        record.cpu_s,
        record.held_mb,
        record.turn,
        *(record.blobs.get(picture, "") for picture in runs.PICTURES),
    )


def _read_cases(path: Path, manifest: Manifest) -> dict[str, Ended]:
    with runs.opened_table(path) as file:
        rows = {row["case_id"]: row for row in file.read().to_pylist()}
    fields = runs.CASE_COLUMNS[1:]
    return {
        case.id: Ended(*(rows[case.id][name] for name in fields))
        for case in manifest.cases
        if case.id in rows
    }


def _keys_in(path: Path) -> tuple[Key, ...]:
    found: dict[Key, None] = {}
    for batch in _batches(path, ["metric", "region", "stat"]):
        metric, region, stat = (_encoded(batch, name) for name in ("metric", "region", "stat"))
        names = [part.dictionary.to_pylist() for part in (metric, region, stat)]
        indices = np.stack([_plain(part.indices) for part in (metric, region, stat)])
        code = (indices[0] * len(names[1]) + indices[1]) * len(names[2]) + indices[2]
        _, first = np.unique(code, return_index=True)
        for at in np.sort(first):
            m, r, s = (names[axis][indices[axis, at]] for axis in range(3))
            found[Key(metric_name(m), r, s)] = None
    return tuple(found)


def _batches(path: Path, columns: list[str]) -> Iterable[Any]:
    with runs.opened_table(path, [name for name in columns if name != "value"]) as file:
        yield from file.iter_batches(batch_size=_BATCH, columns=columns)


def _encoded(batch: Any, name: str) -> Any:
    column = batch.column(name)
    return column if hasattr(column, "dictionary") else column.dictionary_encode()


def _translated(part: Any, number: Any) -> npt.NDArray[np.intp]:
    """The column, each of its words as a number."""
    numbers = np.array([number(word) for word in part.dictionary.to_pylist()], np.intp)
    return np.asarray(numbers[_plain(part.indices)], np.intp)


def _floats(column: Any) -> npt.NDArray[np.float64]:
    """The column's numbers; NaN: none."""
    if not column.null_count:
        return np.asarray(_plain(column), np.float64)
    there = np.unpackbits(_bytes(column.buffers()[0]), bitorder="little")[column.offset :][
        : len(column)
    ]
    values = np.frombuffer(column.buffers()[1], np.float64)[column.offset :][: len(column)]
    return np.where(there, values, np.nan)


def _bytes(buffer: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(buffer, np.uint8)


def _plain(column: Any) -> npt.NDArray[Any]:
    """A column without gaps, not copied. (pyarrow's own conversion imports pandas, which takes
    longer than all the rest.)
    """
    return np.from_dlpack(column)
