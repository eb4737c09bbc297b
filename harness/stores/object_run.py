"""A run at a URL, being written: each finished case is one small object, written once.

manifest.json        what the run is: whoever writes it has made the run
cases/, parts/ …     its records; see compaction.py
blobs/ab/….png       pictures by their hash, before the record that names them
lease.json           who drives the run; see lease.py
verdict.json, tables, report/ …   as in a local folder, sent when the command ends
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from editproof.harness.stores.objects import AT_ONCE, do_at_once
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
        lines = [(record, encode_record(record)) for record in records]
        shares = [lines[start::AT_ONCE] for start in range(min(AT_ONCE, len(lines)))]
        stored = do_at_once(lambda share: [self._put_line(*one) for one in share], shares)
        counted = [stored[place % AT_ONCE][place // AT_ONCE] for place in range(len(lines))]
        if self._journal:
            self._note_lines(self._journal, counted)
        return tuple(record for record, _ in counted)

    def note(self, *records: CaseRecord) -> None:
        """As RunStore.note."""
        if self._journal is None:
            raise RuntimeError("the run was neither started nor resumed")
        self._note_lines(self._journal, [(record, encode_record(record)) for record in records])

    def _note_lines(self, journal: Journal, lines: Iterable[tuple[CaseRecord, bytes]]) -> None:
        """Write down what is new: records and their lines."""
        new: dict[str, tuple[CaseRecord, bytes]] = {}
        for record, line in lines:
            case_id = record.case.id
            if case_id not in self._finished and (case_id not in new or new[case_id][0].error):
                new[case_id] = (record, line)
        places = journal.append_lines([line for _, line in new.values()])
        for (case_id, (record, _)), place in zip(new.items(), places, strict=True):
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

    def _put_line(self, record: CaseRecord, line: bytes) -> tuple[CaseRecord, bytes]:
        """Write the case's object, unless there is one; give what counts, and its line."""
        case_id = record.case.id
        if record.error is not None:
            self._objects.write(name_failure(case_id), line)
            return record, line
        name = name_case(case_id)
        if not self._objects.create(name, line):
            try:
                known = self._read_case(case_id)
            except DamagedError:
                self._objects.write(name, line)
            else:
                return (known, encode_record(known)) if known else (record, line)
        return record, line

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
