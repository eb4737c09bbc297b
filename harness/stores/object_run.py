"""A run at a URL, being written: each finished case is one small object, written once.

manifest.json        what the run is: whoever writes it has made the run
cases/, parts/ …     its records; see compaction.py
blobs/ab/….png       pictures by their hash, before the record that names them
lease.json           who drives the run; see lease.py
verdict.json, tables, report/ …   as in a local folder, sent when the command ends
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from editproof.harness.records.cases import CaseRecord, list_pictures
from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import Manifest, encode_manifest, load_manifest
from editproof.harness.records.record_lines import decode_record, encode_record
from editproof.harness.stores.blobs import send_pictures
from editproof.harness.stores.compaction import (
    CASES,
    CASES_A_PART,
    MOST_CASE_BYTES,
    add_part,
    name_case,
    name_failure,
)
from editproof.harness.stores.copied_journal import Place, RecordLines, check_line, read_places
from editproof.harness.stores.lease import LEASE, Lease
from editproof.harness.stores.objects import do_at_once
from editproof.harness.stores.places import StoreUrl
from editproof.harness.stores.run_copy import RunCopy


class ObjectRunStore:
    """A run at a URL. See RunStore."""

    def __init__(self, url: StoreUrl) -> None:
        self._copy = RunCopy(url)
        self.folder: Path = self._copy.folder
        self._objects = self._copy.objects
        self._sent: set[str] = set()
        """Pictures that this process has sent."""
        self._lease: Lease | None = None
        self._journal: Journal | None = None
        self._finished: set[str] = set()
        """Ids of the cases that have ended without an error, where this process drives the run."""
        self._unpacked: dict[str, Place] = {}
        """Of these, those in objects of their own: where they lie in the journal."""

    def start(self, manifest: Manifest) -> None:
        """As RunStore.start."""
        if any(found.name != LEASE for found in self._objects.list()):
            raise UsageError(
                f"{self._copy.url} is not empty. Add --resume to continue a run, or choose another"
                " --out"
            )
        with self._driving():
            self._copy.begin(encode_manifest(manifest))

    def resume(self) -> None:
        """As RunStore.resume. The working folder holds all records then."""
        self._copy.open()  # where there is no run, nobody gets a lease
        with self._driving():
            self._copy.open()
            lines = RecordLines(self.folder)
            self._finished = lines.finished
            there = {found.name for found in self._objects.list(f"{CASES}/")}
            self._unpacked = {
                case_id: lines.places[case_id]
                for case_id in lines.finished
                if name_case(case_id) in there
            }

    def put(self, *records: CaseRecord) -> tuple[CaseRecord, ...]:
        """As RunStore.put: several requests are under way together. Raises StoreError, and
        IncompleteError where another process drives the run by now.
        """
        if self._lease and self._lease.is_lost:
            raise IncompleteError(
                f"another editproof has taken over {self._copy.url}, since this one did not answer"
                " for a while. What it finished is stored"
            )
        named = {digest for record in records for digest in list_pictures(record)}
        new = sorted(named - self._sent)
        send_pictures(self.folder, new, self._objects)
        self._sent.update(new)
        counted = do_at_once(self._put_record, records)
        if self._journal:
            self.note(*counted)
        return tuple(counted)

    def note(self, *records: CaseRecord) -> None:
        """As RunStore.note."""
        if self._journal is None:
            raise RuntimeError("the run was neither started nor resumed")
        new: dict[str, CaseRecord] = {}
        for record in records:
            known = new.get(record.case.id)
            if record.case.id not in self._finished and (known is None or known.error):
                new[record.case.id] = record
        places = self._journal.append(*new.values())
        for (case_id, record), place in zip(new.items(), places, strict=True):
            if record.error is None:
                self._finished.add(case_id)
                self._unpacked[case_id] = place
        if len(self._unpacked) >= CASES_A_PART:
            self._pack()

    def close(self) -> None:
        """As RunStore.close. The journal of the working folder is in order then."""
        try:
            if self._journal:
                manifest = load_manifest(self.folder)
                if self._finished >= {case.id for case in manifest.cases}:
                    self._pack()
                self._journal.close()
                self._journal = None
                self._copy.put_records_in_order(manifest)
        finally:
            if self._lease:
                self._lease.release()
                self._lease = None

    @contextmanager
    def _driving(self) -> Iterator[None]:
        """Take the lease, and open the journal when the working folder is there."""
        self._lease = Lease(self._objects)
        try:
            yield
            self._journal = Journal(self.folder, durable=False)  # the store has the record
        except BaseException:
            self.close()
            raise

    def _put_record(self, record: CaseRecord) -> CaseRecord:
        """Write the case's object, unless there is one; give the record that counts."""
        line, case_id = encode_record(record), record.case.id
        if record.error is not None:
            self._objects.write(name_failure(case_id), line)
            return record
        name = name_case(case_id)
        if self._objects.create(name, line):
            return record
        try:
            return self._read_case(case_id) or record
        except DamagedError:
            self._objects.write(name, line)
            return record

    def _read_case(self, case_id: str) -> CaseRecord | None:
        name = name_case(case_id)
        where = f"{self._objects.url}/{name}"
        line = self._objects.read(name, MOST_CASE_BYTES)
        if line is None:
            return None
        check_line(line, case_id, where)
        return decode_record(line, CaseRecord, where, verified=True)

    def _pack(self) -> None:
        """Put the cases that lie in objects of their own into a part."""
        if self._unpacked:
            lines = list(read_places(self.folder, self._unpacked.values()))
            add_part(self._objects, lines)
            self._objects.remove(map(name_case, self._unpacked))
            self._unpacked = {}
