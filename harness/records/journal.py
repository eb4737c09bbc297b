"""The append-only record of a run: `journal.jsonl`, one line a finished case with its checksum.

It is the truth: tables are made from it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import msgspec

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.disk import naming_full_disk
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.json_files import has_checksum
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.record_lines import decode_record, encode_record

JOURNAL = "journal.jsonl"

MOST_LINE_BYTES = 1 << 28

T = TypeVar("T")


class CaseId(msgspec.Struct, frozen=True):
    """Of a case, which it is."""

    id: str


class RecordHead(msgspec.Struct, frozen=True):
    """Of a record, whose it is."""

    case: CaseId


class Journal:
    """A journal that is being written. A line is on disk before its case is reported as done: cases
    that ended together are forced there together.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """`durable`: a line is on the disk when it is appended."""
        self._path, self._durable = folder / JOURNAL, durable
        self._file = self._path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UsageError(
                f"another editproof is running in {folder}. Wait for it, or choose another --out"
            ) from error
        _drop_torn_line(self._path)
        self._file.seek(0, os.SEEK_END)

    def append(self, *records: CaseRecord) -> list[tuple[int, int]]:
        """Write finished cases and force them to disk at once; give of each where its line starts,
        and how long it is. They have ended when this returns, and not before: of a process that is
        killed meanwhile the first few lines may be there.
        """
        return self.append_lines([*map(encode_record, records)])

    def append_lines(self, lines: Sequence[bytes]) -> list[tuple[int, int]]:
        """As `append`, of records as lines."""
        data = b"".join(line + b"\n" for line in lines)
        lengths = [len(line) + 1 for line in lines]
        starts = accumulate(lengths, initial=self._file.tell())
        with naming_full_disk(self._path, len(data)):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            if self._durable and lines:
                _force_to_disk(self._file.fileno())
        return [*zip(starts, lengths, strict=False)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _force_to_disk(handle: int) -> None:
    """Content and length of a file; its times only where the system can't leave them out."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(handle)
    else:
        os.fsync(handle)


def is_being_written(folder: Path) -> bool:
    """Whether a process of this machine writes a run. One of another machine may not be seen."""
    path = folder / JOURNAL
    if not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_journal(folder: Path, *, verified: bool = False) -> tuple[CaseRecord, ...]:
    """Every finished case of a run. A later line for the same case replaces an earlier one; a torn
    last line is no case. `verified`: every line must have a checksum. Raises DamagedError.
    """
    lines = read_lines(folder / JOURNAL, CaseRecord, verified=verified)
    return tuple({record.case.id: record for record, _ in lines}.values())


def read_in_order(folder: Path, manifest: Manifest) -> Iterator[CaseRecord]:
    """As `read_journal`, in the order of the manifest, one record at a time: not all need to fit
    into memory.
    """
    path = folder / JOURNAL
    lines = read_lines(path, RecordHead, verified=manifest.has_checksums)
    places = {head.case.id: place for head, place in lines}
    if not places:
        return
    with path.open("rb") as file:
        for case in manifest.cases:
            if case.id in places:
                start, length = places[case.id]
                file.seek(start)
                yield decode_record(file.read(length), CaseRecord, path)


def read_lines(
    path: Path, kind: type[T], *, verified: bool = False
) -> Iterator[tuple[T, tuple[int, int]]]:
    """Every whole line of a journal, and where it lies: its first byte, and how many there are.

    A file of 0.1 has no checksums. After the first line with one, every line must have one.
    """
    if not path.is_file():
        return
    start = 0
    with path.open("rb") as file:
        lines = iter(partial(file.readline, MOST_LINE_BYTES), b"")
        for number, line in enumerate(lines, start=1):
            if len(line) == MOST_LINE_BYTES:
                raise DamagedError(f"{path}, line {number} is damaged: it does not end")
            if not line.endswith(b"\n"):
                return
            verified = verified or has_checksum(line)
            where = f"{path}, line {number}"
            try:
                yield decode_record(line, kind, where, verified=verified), (start, len(line))
            except DamagedError as error:
                raise DamagedError(f"{error}. {_remedy(path)}") from error
            start += len(line)


def _remedy(path: Path) -> str:
    """What to do about a damaged line: that depends on whose journal it is."""
    if (path.parent / "baseline.json").is_file():
        return "Restore the baseline from version control, or accept a run again"
    if (path.parent / "manifest.json").is_file():
        return "Delete that line; `editproof run --resume` then runs its case again"
    return "`editproof gate` writes the file again"


def _drop_torn_line(path: Path) -> None:
    """Cut what a killed process left of a line, so that the next line starts at its own."""
    if path.is_file():
        data = path.read_bytes()
        if not data.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(data.rfind(b"\n") + 1)
