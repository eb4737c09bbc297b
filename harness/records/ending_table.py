"""How the cases of a run ended, by column: a million of them fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

from editproof.harness.records.case_table import CaseTable, Columns, Objects
from editproof.harness.records.endings import CaseEnding

KINDS = get_type_hints(CaseEnding)
"""Field of an ending -> what its values are."""

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class EndingTable(Mapping[str, CaseEnding]):
    """Case id -> how it ended; of finished cases, in the order of the manifest."""

    def __init__(self, cases: CaseTable) -> None:
        """Of a run that has not begun."""
        self.cases = cases
        self.finished: Flags = np.zeros(len(cases), bool)
        """By place in the manifest, as all columns."""
        self._next = 0
        """The place after the last one that was added in order."""
        self._columns = {name: _make_column(kind, len(cases)) for name, kind in KINDS.items()}

    @classmethod
    def of(cls, cases: CaseTable, endings: Mapping[str, CaseEnding]) -> EndingTable:
        """The endings of these cases as a table."""
        if isinstance(endings, EndingTable) and endings.cases is cases:
            return endings
        table = cls(cases)
        known = [
            (case_id, endings[case_id]) for case_id in cases.column("id") if case_id in endings
        ]
        columns = {name: [getattr(ending, name) for _, ending in known] for name in KINDS}
        table.add([case_id for case_id, _ in known], columns)
        return table

    def add(self, ids: Sequence[str], columns: Mapping[str, Sequence[Any] | Objects]) -> None:
        """Note how some cases ended. Those that the manifest does not have are left out."""
        places, known = self._find_places(ids)
        self.finished[places] = True
        for name, values in columns.items():
            own = self._columns[name]
            given = np.empty(len(ids), own.dtype)
            given[:] = values
            own[places] = given[known]

    def _find_places(self, ids: Sequence[str]) -> tuple[slice | Columns, slice | Flags]:
        """Where the cases that the manifest has stand there, and which of these they are. Mostly
        they come in its order.
        """
        following = slice(self._next, self._next + len(ids))
        if self.cases.column("id")[following].tolist() == ids:
            self._next = following.stop
            return following, slice(None)
        asked = np.fromiter(map(self.cases.column_of.get, ids, repeat(-1)), np.intp, len(ids))
        known = asked >= 0
        return asked[known], known

    @property
    def failed(self) -> Flags:
        """Whether a case ended in an error."""
        failed: Flags = self._columns["error"] != ""
        return failed

    def texts(self, name: str) -> Objects:
        """A column of texts; empty where the case is not finished."""
        return self._columns[name]

    def numbers(self, name: str) -> Numbers:
        """A column of numbers; NaN where there is none."""
        return self._columns[name]

    def flags(self, name: str) -> Flags:
        """A column of flags; False where the case is not finished."""
        return self._columns[name]

    def __getitem__(self, case_id: str) -> CaseEnding:
        at = self.cases.column_of[case_id]
        if not self.finished[at]:
            raise KeyError(case_id)
        return CaseEnding(*(_read_value(name, self._columns[name][at]) for name in KINDS))

    def __iter__(self) -> Iterator[str]:
        return iter(self.cases.column("id")[self.finished])

    def __len__(self) -> int:
        return int(np.count_nonzero(self.finished))


def _make_column(kind: Any, cases: int) -> npt.NDArray[Any]:
    if kind is str:
        return np.full(cases, "", object)
    return np.zeros(cases, bool) if kind is bool else np.full(cases, np.nan)


def _read_value(name: str, value: Any) -> Any:
    """The value as Python has it; None: there is none."""
    if isinstance(value, str):
        return value
    if KINDS[name] is bool:
        return bool(value)
    if np.isnan(value):
        return None
    return int(value) if name == "turn" else float(value)
