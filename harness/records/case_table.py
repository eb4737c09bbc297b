"""Cases by column: a million of them fit into memory. A `Case` is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from operator import attrgetter
from typing import Any, overload

import msgspec
import numpy as np
import numpy.typing as npt

from editproof.harness.records.cases import Case, make_case_name
from editproof.harness.records.errors import plain_line
from editproof.harness.records.json_files import decode_value
from editproof.harness.records.plain_text import is_plain
from editproof.harness.records.suites import Model
from editproof.harness.records.vocabulary import Param

Columns = npt.NDArray[np.intp]
"""Places in a manifest."""
Objects = npt.NDArray[np.object_]

FIELDS = tuple(field.name for field in fields(Case))

_AT_A_TIME = 4096
"""Cases that are decoded at once."""
_NO_FILES = msgspec.Raw(b"{}")


class CaseTable(Sequence[Case]):
    """The cases of a run, in the order of its manifest."""

    def __init__(self, columns: Mapping[str, Objects]) -> None:
        """`columns`: field of Case -> its value for each case."""
        self._columns = columns

    @classmethod
    def of(cls, cases: Sequence[Case]) -> CaseTable:
        """These cases as a table."""
        if isinstance(cases, CaseTable):
            return cases
        return cls({name: _as_column([getattr(one, name) for one in cases]) for name in FIELDS})

    def column(self, name: str) -> Objects:
        """A field of every case."""
        return self._columns[name]

    @cached_property
    def names(self) -> Objects:
        """Name of every case within its family."""
        parts = zip(*(self.column(name) for name in ("own", "step", "turn")), strict=True)
        return _as_column([*map(_Names().__getitem__, parts)])

    @cached_property
    def models(self) -> Objects:
        """Name of every case's model."""
        return _as_column([model.name for model in self.column("model")])

    def list_models(self) -> list[Model]:
        """Their models, each at least once."""
        return [*{id(model): model for model in self.column("model")}.values()]

    def take(self, places: Columns) -> CaseTable:
        """Some of the cases."""
        return CaseTable({name: column[places] for name, column in self._columns.items()})

    @cached_property
    def column_of(self) -> dict[str, int]:
        """Id of a case -> its place."""
        return {case_id: place for place, case_id in enumerate(self.column("id"))}

    def __len__(self) -> int:
        return len(self.column("id"))

    @overload
    def __getitem__(self, at: int) -> Case: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Case, ...]: ...
    def __getitem__(self, at: int | slice) -> Case | tuple[Case, ...]:
        if isinstance(at, slice):
            return tuple(self.take(np.arange(len(self))[at]))
        return Case(*(self._columns[name][at] for name in FIELDS))

    def __iter__(self) -> Iterator[Case]:
        return (Case(*row) for row in zip(*(self._columns[name] for name in FIELDS), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class _Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A case as it stands in a manifest: without what is mostly so."""

    id: str
    key: str
    family: str
    step: int
    params: msgspec.Raw
    size: int
    scale: int
    scene_seed: int
    model: msgspec.Raw
    seed: int
    own: str = ""
    folder: str = ""
    request: str = ""
    turn: int = 1
    files: msgspec.Raw = _NO_FILES
    prompt: str = ""
    given_mask: bool = False
    repeat: int = 0


_UNSHARED = ("id", "key")
_NESTED: Mapping[str, Any] = {"params": dict[str, Param], "model": Model, "files": dict[str, str]}


def encode_cases(cases: Iterable[Case]) -> bytes:
    """The cases of a manifest as JSON, a line each."""
    lines = (msgspec.json.encode(_make_line(case)) for case in cases)
    return b"[\n  " + b",\n  ".join(lines) + b"\n ]"


def _make_line(case: Case) -> _Line:
    nested = {name: msgspec.Raw(msgspec.json.encode(getattr(case, name))) for name in _NESTED}
    nested["files"] = nested["files"] if case.files else _NO_FILES
    return _Line(**{name: nested.get(name, getattr(case, name)) for name in FIELDS})


def decode_cases(left: Sequence[msgspec.Raw], where: object) -> CaseTable:
    """The cases of a manifest, from the JSON of each. Raises DamagedError with `where`."""
    parts: dict[str, list[Objects]] = {name: [] for name in FIELDS}
    known = {name: _Shared(_NESTED.get(name), where) for name in FIELDS}
    for start in range(0, len(left), _AT_A_TIME):
        data = b"[" + b",".join(left[start : start + _AT_A_TIME]) + b"]"
        lines = decode_value(data, list[_Line], where, shown=False)
        for name in FIELDS:
            read = _read_own if name in _UNSHARED else known[name].read
            parts[name].append(read([*map(attrgetter(name), lines)]))
    return CaseTable({name: _join(part) for name, part in parts.items()})


class _Names(dict[tuple[str, int, int], str]):
    """What a case says of its name -> its name, made once."""

    def __missing__(self, parts: tuple[str, int, int]) -> str:
        return self.setdefault(parts, make_case_name(*parts))


class _Shared(dict[Any, Any]):
    """A value of a column, or its JSON -> the one object for it, whose texts are plain."""

    def __init__(self, kind: Any, where: object) -> None:
        """`kind`: what nested JSON is decoded as; None: the column holds plain values."""
        self._kind, self._where = kind, where

    def __missing__(self, value: Any) -> Any:
        made = plain_line(value) if isinstance(value, str) else value
        if self._kind:
            made = decode_value(value, self._kind, self._where)
        return self.setdefault(value, made)

    def read(self, values: list[Any]) -> Objects:
        """Some values of the column. If all are equal, they take no room."""
        some = values[:1] if values.count(values[0]) == len(values) else values
        found = _fill([*map(self.__getitem__, map(bytes, some) if self._kind else some)])
        return np.broadcast_to(found, len(values)) if len(some) == 1 else found


def _read_own(texts: list[str]) -> Objects:
    """Some texts of a column in which each case has its own."""
    return _fill(texts if is_plain("".join(texts)) else [*map(plain_line, texts)])


def _as_column(values: Sequence[Any]) -> Objects:
    """The values as an array. If all are one object, it takes no room."""
    found = _fill(values)
    return _shorten(found) if len(values) > 1 and values[0] is values[-1] else found


def _fill(values: Sequence[Any]) -> Objects:
    return np.fromiter(values, object, len(values))


def _join(parts: Sequence[Objects]) -> Objects:
    """The parts as one array. If all their values are one object, it takes no room."""
    if not parts:
        return np.empty(0, object)
    is_alike = all(part.strides == (0,) or len(part) == 1 for part in parts)
    if is_alike and len({id(part[0]) for part in parts}) == 1:
        return np.broadcast_to(parts[0][:1].copy(), sum(map(len, parts)))
    return np.concatenate(parts)


def _shorten(values: Objects) -> Objects:
    is_alike = len({*map(id, values)}) == 1
    return np.broadcast_to(values[:1].copy(), len(values)) if is_alike else values
