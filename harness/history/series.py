"""The series of a suite: a score a night for each family, model and aspect.

A *segment* of a series is the nights that can be compared: one machine and one set of libraries,
and the same numbers of the same cases, by the same versions of metrics and the same margins. A
night that comes back to what was before continues its segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from editproof.harness.history.night_tables import read_rows
from editproof.harness.history.parts import PartStore
from editproof.harness.records.nights import Night, Segment
from editproof.harness.records.vocabulary import ASPECTS

Values = npt.NDArray[np.float64]

COLUMNS = ("family", "model", "aspect", "value", "jod", "made_of")

MEASURED_OTHERWISE = "other cases, numbers, margins or versions of metrics"

SeriesKey = tuple[str, str, str]
"""Family, model, aspect."""


@dataclass(frozen=True)
class SeriesTable:
    """All series of a suite: rows are series, columns are nights, oldest first."""

    nights: tuple[Night, ...]
    keys: tuple[SeriesKey, ...]
    values: Values
    """In margins; NaN: not measured."""
    jods: Values
    """How visible the most visible change against the baseline is; NaN: not judged."""
    made_of: npt.NDArray[np.int64]
    """Equal where the same numbers were measured; -1: nothing."""


def read_series(store: PartStore, suite: str, last: int = 0) -> SeriesTable:
    """The series of a suite. `last`: of so many nights at the end only; 0: of all. Raises
    DamagedError.
    """
    names = store.list_parts(suite)[-last:]
    nights: list[Night] = []
    tables: list[Any] = []
    for name in names:
        with store.open_part(suite, name) as file:
            night, table = read_rows(file, "aspect", COLUMNS, f"{suite}/{name}")
        nights.append(night)
        tables.append(table)
    return make_series(nights, [list_rows(table) for table in tables])


@dataclass(frozen=True, slots=True)
class AspectRows:
    """The aspects of one night."""

    keys: Sequence[SeriesKey]
    values: Values
    jods: Values
    made_of: npt.NDArray[np.int64]


def list_rows(table: Any) -> AspectRows:
    """The rows of a table of aspects."""
    words = [table.column(name).to_pylist() for name in ("family", "model", "aspect")]
    value, jod = (
        np.array([np.nan if one is None else one for one in table.column(name).to_pylist()])
        for name in ("value", "jod")
    )
    made_of = np.array(table.column("made_of").to_pylist(), np.int64)
    return AspectRows(
        list(zip(*words, strict=True)),
        np.asarray(value, np.float64),
        np.asarray(jod, np.float64),
        made_of,
    )


def make_series(nights: Sequence[Night], rows: Sequence[AspectRows]) -> SeriesTable:
    """Series of nights and their aspects, in any order; the newest of two nights of one time
    counts last.
    """
    order = sorted(range(len(nights)), key=lambda at: (nights[at].created, nights[at].run))
    known = {key: None for one in rows for key in one.keys}
    keys = sorted(known, key=lambda key: (key[0], key[1], ASPECTS.index(key[2])))
    row_of = {key: row for row, key in enumerate(keys)}
    shape = (len(keys), len(nights))
    values, jods = np.full(shape, np.nan), np.full(shape, np.nan)
    made_of = np.full(shape, -1, np.int64)
    for column, at in enumerate(order):
        places = np.array([row_of[key] for key in rows[at].keys], np.intp)
        values[places, column] = rows[at].values
        jods[places, column] = rows[at].jods
        made_of[places, column] = rows[at].made_of
    return SeriesTable(tuple(nights[at] for at in order), tuple(keys), values, jods, made_of)


def find_segments(
    nights: Sequence[Night], values: Values, made_of: npt.NDArray[np.int64]
) -> tuple[Segment, ...]:
    """The segments of one series, in the order of their first nights."""
    found: dict[tuple[object, ...], list[int]] = {}
    for night in map(int, np.flatnonzero(~np.isnan(values))):
        one = nights[night]
        environment = (*sorted(one.versions.items()), *sorted(one.machine.items()))
        found.setdefault((int(made_of[night]), environment), []).append(night)
    segments: list[Segment] = []
    for places in found.values():
        changed = (
            _compare(nights, made_of, places[0], _find_before(values, places[0]))
            if segments
            else ()
        )
        segments.append(Segment(tuple(places), changed))
    return tuple(segments)


def _find_before(values: Values, night: int) -> int:
    return int(np.flatnonzero(~np.isnan(values[:night]))[-1])


def _compare(
    nights: Sequence[Night], made_of: npt.NDArray[np.int64], night: int, before: int
) -> tuple[str, ...]:
    """What tells two nights' environments apart."""
    now, then = nights[night], nights[before]
    found = [*_list_changes(then.machine, now.machine), *_list_changes(then.versions, now.versions)]
    if made_of[night] != made_of[before]:
        found.append(MEASURED_OTHERWISE)
    return tuple(found)


def _list_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {before.get(name) or 'none'} -> {now.get(name) or 'none'}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
