"""The journal of a local copy: records as they came from the store, brought into one order."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from editproof.harness.records.errors import DamagedError
from editproof.harness.records.journal import JOURNAL, read_lines
from editproof.harness.records.json_files import decode_json
from editproof.harness.records.manifest import Manifest


class _Id(msgspec.Struct, frozen=True):
    id: str


class _CaseHead(msgspec.Struct, frozen=True):
    case: _Id
    error: dict[str, object] | None = None


Place = tuple[int, int]
"""Where a line starts in the journal, and how long it is with its end."""


class RecordLines:
    """Where the record of each case lies in a journal. A finished case counts before a failure, the
    first answer before later ones, and the last failure before earlier ones.
    """

    def __init__(self, folder: Path) -> None:
        """Read the journal of a folder. Raises DamagedError."""
        self._path = folder / JOURNAL
        self.places: dict[str, Place] = {}
        self.finished: set[str] = set()
        """Ids of the cases that have ended without an error."""
        for head, place in read_lines(self._path, _CaseHead, verified=True):
            if head.case.id in self.finished:
                continue
            self.places[head.case.id] = place
            if head.error is None:
                self.finished.add(head.case.id)

    def put_in_order(self, manifest: Manifest) -> None:
        """Rewrite the journal with one line a case, in the manifest's order: the same records are
        the same bytes on every machine.
        """
        places = [self.places[case.id] for case in manifest.cases if case.id in self.places]
        ends = [0, *(start + length for start, length in places)]
        size = self._path.stat().st_size if places else 0
        if ends[-1] == size and ends[:-1] == [start for start, _ in places]:
            return
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with partial.open("wb") as file:
            file.writelines(line + b"\n" for line in read_places(self._path.parent, places))
        partial.replace(self._path)


def read_places(folder: Path, places: Iterable[Place]) -> Iterator[bytes]:
    """Lines of a folder's journal, without their ends."""
    with (folder / JOURNAL).open("rb") as file:
        for start, length in places:
            file.seek(start)
            yield file.read(length).rstrip(b"\n")


@contextmanager
def locked_journal(folder: Path) -> Iterator[bool]:
    """Keep other processes from the journal of a copy. Gives whether that could be done: a run that
    is going on here keeps its journal itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / JOURNAL).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def check_line(line: bytes, case_id: str, where: str) -> bool:
    """Whether a record is of a case that has ended without an error. Raises DamagedError where it
    is no record of that case.
    """
    head = decode_json(line, _CaseHead, where, verified=True)
    if head.case.id != case_id or b"\n" in line:
        raise DamagedError(f"{where} is damaged: it is not the record of the case {case_id}")
    return head.error is None
