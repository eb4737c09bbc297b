"""Cases by column: a million of them fit into memory. A `Case` is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any, overload

import msgspec
import numpy as np
import numpy.typing as npt

from editproof.harness.records.cases import Case
from editproof.harness.records.foreign import make_plain, may_hold_control
from editproof.harness.records.json_files import decode_value
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
        known: dict[object, str] = {}
        return _as_column(
            [
                known.get(part) or known.setdefault(part, self[place].name)
                for place, part in enumerate(parts)
            ]
        )

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
_NESTED = {"params": dict[str, Param], "model": Model, "files": dict[str, str]}


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
    parts: dict[str, list[Objects]] = {name: [np.empty(0, object)] for name in FIELDS}
    known: dict[str, dict[Any, Any]] = {name: {} for name in FIELDS}
    for start in range(0, len(left), _AT_A_TIME):
        lines = _decode_lines(left[start : start + _AT_A_TIME], where)
        values = zip(*map(msgspec.structs.astuple, lines), strict=True)
        for name, column in zip(FIELDS, values, strict=True):
            parts[name].append(_as_column(_share(name, column, known, where)))
    return CaseTable({name: _join(part) for name, part in parts.items()})


def _decode_lines(some: Sequence[msgspec.Raw], where: object) -> list[_Line]:
    data = b"[" + b",".join(some) + b"]"
    if may_hold_control(data):
        plain = make_plain(decode_value(data, list[Any], where, shown=False))
        data = msgspec.json.encode(plain)
    return decode_value(data, list[_Line], where, shown=False)


def _share(
    name: str, column: Sequence[Any], known: dict[str, dict[Any, Any]], where: object
) -> Sequence[Any]:
    """The column, where equal values are one object, and JSON is what it says."""
    if name in _NESTED:
        texts = [*map(bytes, column)]
        for text in dict.fromkeys(texts).keys() - known[name].keys():
            known[name][text] = decode_value(text, _NESTED[name], where, shown=False)
        return [*map(known[name].__getitem__, texts)]
    return column if name in _UNSHARED else [*map(known[name].setdefault, column, column)]


def _as_column(values: Sequence[Any]) -> Objects:
    """The values as an array. If all are one object, it takes no room."""
    found = np.empty(len(values), object)
    found[:] = values
    return _shorten(found)


def _join(parts: Sequence[Objects]) -> Objects:
    return _shorten(np.concatenate(parts))


def _shorten(values: Objects) -> Objects:
    alike = len(values) > 1 and len({*map(id, values)}) == 1
    return np.broadcast_to(values[:1].copy(), len(values)) if alike else values
