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
from editproof.harness.history.parts import PartStore, read_suite
from editproof.harness.records.nights import Night, Segment
from editproof.harness.records.vocabulary import ASPECTS

Values = npt.NDArray[np.float64]

COLUMNS = (
    "family", "model", "aspect", "value", "spread", "samples", "scenes", "jod", "accepted",
    "made_of",
)  # fmt: skip

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
    errors: Values
    """The standard error of the value, by its seeds; NaN: no scene has two."""
    freedom: Values
    """Degrees of freedom of that error."""
    jods: Values
    """How visible the most visible change against the baseline is; NaN: not judged."""
    accepted: Values
    """The baseline's scores; NaN: not known."""
    made_of: npt.NDArray[np.int64]
    """Equal where the same numbers were measured; -1: nothing."""


def read_series(store: PartStore, suite: str, last: int = 0) -> SeriesTable:
    """The series of a suite. `last`: of so many nights at the end only; 0: of all. Raises
    DamagedError.
    """
    nights: list[Night] = []
    tables: list[Any] = []
    for where, data in read_suite(store, suite, last):
        night, table = read_rows(data, "aspect", COLUMNS, where)
        nights.append(night)
        tables.append(table)
    return make_series(nights, tables)


def make_series(nights: Sequence[Night], tables: Sequence[Any]) -> SeriesTable:
    """Series of nights, oldest first, and the tables of their aspects."""
    import pyarrow as pa

    if not nights:
        none = np.empty((0, 0))
        return SeriesTable((), (), none, none, none, none, none, none.astype(np.int64))
    whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    columns = [encode_words(whole.column(name)) for name in COLUMNS[:3]]
    codes = np.stack([code for _, code in columns], axis=1)
    found, row_of = np.unique(codes, axis=0, return_inverse=True)
    named = [
        tuple(words[at] for (words, _), at in zip(columns, code, strict=True)) for code in found
    ]
    keys = sorted(named, key=lambda key: (key[0], key[1], ASPECTS.index(key[2])))
    place_of = {key: place for place, key in enumerate(keys)}
    rows = np.array([place_of[key] for key in named], np.intp)[row_of.reshape(-1)]
    at = rows, np.repeat(np.arange(len(nights)), [table.num_rows for table in tables])
    shape = (len(keys), len(nights))
    values, errors, freedom, jods, accepted = (np.full(shape, np.nan) for _ in range(5))
    made_of = np.full(shape, -1, np.int64)
    values[at] = whole.column("value").to_numpy()
    samples = whole.column("samples").to_numpy()
    errors[at] = whole.column("spread").to_numpy() / np.sqrt(samples)
    freedom[at] = samples - whole.column("scenes").to_numpy()
    jods[at] = whole.column("jod").to_numpy()
    accepted[at] = whole.column("accepted").to_numpy()
    made_of[at] = whole.column("made_of").to_numpy()
    return SeriesTable(tuple(nights), tuple(keys), values, errors, freedom, jods, accepted, made_of)


def encode_words(column: Any) -> tuple[list[str], npt.NDArray[np.intp]]:
    """The words of a column of words, and the place of each row's among them."""
    array = column.combine_chunks()
    array = array.chunk(0) if hasattr(array, "chunk") else array
    return array.dictionary.to_pylist(), np.asarray(array.indices.to_numpy(), np.intp)


def number_environments(nights: Sequence[Night]) -> npt.NDArray[np.int64]:
    """Of each night a number, equal where machine and libraries are the same."""
    known: dict[tuple[object, ...], int] = {}
    facts = ((*sorted(night.versions.items()), *sorted(night.machine.items())) for night in nights)
    return np.array([known.setdefault(one, len(known)) for one in facts], np.int64)


def find_segments(
    nights: Sequence[Night],
    environments: npt.NDArray[np.int64],
    values: Values,
    made_of: npt.NDArray[np.int64],
) -> tuple[Segment, ...]:
    """The segments of one series, in the order of their first nights. `environments`: of
    `number_environments`.
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return ()
    kinds = np.stack([environments[known], made_of[known]], axis=1)
    if (kinds == kinds[0]).all():
        return (Segment(tuple(known.tolist()), ()),)
    found: dict[tuple[int, int], list[int]] = {}
    for night, (environment, made) in zip(known.tolist(), kinds.tolist(), strict=True):
        found.setdefault((environment, made), []).append(night)
    first, *later = found.values()
    return (
        Segment(tuple(first), ()),
        *(
            Segment(tuple(own), _compare(nights, made_of, own[0], _find_before(values, own[0])))
            for own in later
        ),
    )


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
