"""A run's numbers as an array: a row a number that a rule asks for, a column a case.

They come from the table of measurements, or from records in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import plain_line
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.reasons import EMPTY, TOO_SMALL
from editproof.harness.records.tables import (
    TableIndex,
    open_table,
    read_words,
    to_array,
    to_floats,
)
from editproof.harness.records.vocabulary import Region

ABSENT = -1
"""The scene has no such region, or the case no such number: nothing that a rule could ask for."""
MEASURED = 0
"""There is a value."""
NO_REASON = "no reason was recorded"

_BATCH = 1 << 18
"""Rows read at a time: about 20 MB."""
_KEY_WORDS = ["metric", "region", "stat"]
_WORDS = [*_KEY_WORDS, "reason"]


class NumberKey(NamedTuple):
    """What a rule asks of every case."""

    metric: str
    """Name, without variant and version."""
    region: Region
    stat: str


class NumberGrid(NamedTuple):
    """Some numbers of some cases: rows are keys, columns are cases."""

    values: npt.NDArray[np.float64]
    """NaN: no value."""
    states: npt.NDArray[np.int32]
    """ABSENT, MEASURED, or the number of the reason why there is no value."""
    reasons: tuple[str, ...]
    """By number; the first is that of MEASURED, and empty."""

    def reason(self, row: int, column: int) -> str:
        """Why there is no value there."""
        return self.reasons[int(self.states[row, column])]


def grid_of_table(
    path: Path,
    keys: Sequence[NumberKey],
    columns: Mapping[str, int],
    index: TableIndex | None = None,
) -> NumberGrid:
    """Fill a grid from a table of measurements; `columns`: case id -> its column."""
    builder = _GridBuilder(keys, columns)
    builder.add_table(path, index)
    return builder.build()


def grid_of_records(
    records: Iterable[CaseRecord], keys: Sequence[NumberKey], columns: Mapping[str, int]
) -> NumberGrid:
    """Fill a grid from records; `columns`: case id -> its column."""
    builder = _GridBuilder(keys, columns)
    builder.add_records(records)
    return builder.build()


def keys_of_records(records: Iterable[CaseRecord]) -> tuple[NumberKey, ...]:
    """Every number that the records have, in their order."""
    rows = (row for record in records for row in record.measurements)
    return tuple(
        dict.fromkeys(NumberKey(metric_name(row.metric), row.region, row.stat) for row in rows)
    )


class _GridBuilder:
    """A grid being filled."""

    def __init__(self, keys: Sequence[NumberKey], columns: Mapping[str, int]) -> None:
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

    def add_records(self, records: Iterable[CaseRecord]) -> None:
        """From records, one by one."""
        for record in records:
            column = self._columns.get(record.case.id, -1)
            for m in record.measurements if column >= 0 else ():
                row = self._rows.get(NumberKey(metric_name(m.metric), m.region, m.stat))
                if row is not None and not (m.value is None and m.reason in {EMPTY, TOO_SMALL}):
                    self._values[row, column] = np.nan if m.value is None else m.value
                    self._states[row, column] = (
                        MEASURED if m.value is not None else self._reason_number(m.reason)
                    )

    def add_table(self, path: Path, index: TableIndex | None) -> None:
        """From a table, some rows at a time, without a Python object a row."""
        if not self._rows:
            return
        metrics, regions, stats = self._names
        for case_ids, batch in _read_cases(path, index, self._columns):
            metric, region, stat, why = (_encode_words(batch, name) for name in _WORDS)
            kept = np.flatnonzero(case_ids >= 0)
            row = self._row_of[
                _number_words(metric, lambda word: metrics.get(metric_name(word), -1), kept),
                _number_words(region, lambda word: regions.get(word, -1), kept),
                _number_words(stat, lambda word: stats.get(word, -1), kept),
            ]
            kept, row = kept[row >= 0], row[row >= 0]
            column = case_ids[kept]
            value = to_floats(batch.column("value"))[kept]
            state = _number_words(why, self._state_of, kept)
            self._values[row, column] = value
            self._states[row, column] = np.where(np.isnan(value), state, MEASURED)

    def build(self) -> NumberGrid:
        """What was filled in."""
        return NumberGrid(self._values, self._states, tuple(self._reasons))

    def _state_of(self, reason: str) -> int:
        """The state of a number that has this reason for having no value."""
        return ABSENT if reason in {EMPTY, TOO_SMALL} else self._reason_number(reason)

    def _reason_number(self, reason: str) -> int:
        return self._reasons.setdefault(plain_line(reason) or NO_REASON, len(self._reasons))


def keys_of_table(path: Path, index: TableIndex | None = None) -> tuple[NumberKey, ...]:
    """Every number that a table of measurements has, in its order."""
    found: dict[tuple[Any, ...], None] = {}
    with open_table(path, _KEY_WORDS, index) as file:
        for batch in file.iter_batches(_BATCH, columns=_KEY_WORDS):
            parts = [_encode_words(batch, name) for name in _KEY_WORDS]
            names = [read_words(part.dictionary) for part in parts]
            counts = tuple(max(1, len(words)) for words in names)
            codes = np.ravel_multi_index([to_array(part.indices) for part in parts], counts)
            if not found.keys() >= {*_spell(np.flatnonzero(np.bincount(codes)), names, counts)}:
                first = np.sort(_find_first(codes))
                found |= dict.fromkeys(_spell(codes[first], names, counts))
    return tuple(dict.fromkeys(NumberKey(metric_name(metric), *rest) for metric, *rest in found))


def _spell(
    codes: npt.NDArray[np.intp], names: Sequence[Sequence[Any]], counts: tuple[int, ...]
) -> Iterator[tuple[Any, ...]]:
    """For each code its words."""
    for places in zip(*np.unravel_index(codes, counts), strict=True):
        yield tuple(words[place] for words, place in zip(names, places, strict=True))


def _find_first(codes: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Where each code occurs first. Codes are small numbers, so nothing needs to be sorted."""
    first = np.full(int(codes.max(initial=-1)) + 1, -1, np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first[first >= 0]


def _read_cases(
    path: Path, index: TableIndex | None, columns: Mapping[str, int]
) -> Iterator[tuple[npt.NDArray[np.intp], Any]]:
    """The table, some rows at a time: each row's column, and its other values. Parts without any of
    the cases are left out; below 0: a row of another case.
    """
    with open_table(path, ["case_id", *_WORDS], index) as file:
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=["case_id"]).column(0).chunks
            none = np.empty(0, np.intp)
            asked = np.concatenate([none, *(_find_columns(part, columns) for part in ids)])
            if (asked >= 0).any():
                start = 0
                for batch in file.iter_batches(
                    _BATCH, row_groups=[group], columns=[*_WORDS, "value"]
                ):
                    yield asked[start : start + len(batch)], batch
                    start += len(batch)


def _find_columns(part: Any, columns: Mapping[str, int]) -> npt.NDArray[np.intp]:
    words = read_words(part.dictionary)
    found = np.fromiter(map(columns.get, words, repeat(-1)), np.intp, len(words))
    return np.asarray(found[to_array(part.indices)], np.intp)


def _encode_words(batch: Any, name: str) -> Any:
    column = batch.column(name)
    return column if hasattr(column, "dictionary") else column.dictionary_encode()


def _number_words(
    part: Any, number: Callable[[str], int], rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """These rows of the column, each of its words as a number."""
    numbers = np.array([number(word) for word in read_words(part.dictionary)], np.intp)
    return np.asarray(numbers[to_array(part.indices)[rows]], np.intp)
