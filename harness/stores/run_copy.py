"""A run at a URL, as a local folder: what is small is fetched when it is opened, pictures when they
are read, and what a command has written is sent back at its end.

Of the store's names only those of this module are read. A listing says which cases there are; their
ids are the manifest's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from editproof.harness.records.accepted_cases import BASELINE, PAIRS, read_traces
from editproof.harness.records.canaries import CANARIES
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.json_files import read_json, write_atomically, write_json
from editproof.harness.records.manifest import MANIFEST, Manifest, load_manifest
from editproof.harness.records.map_index import MAPS
from editproof.harness.records.runs import BLOBS, VERDICT
from editproof.harness.records.tables import TABLE_INDEX, TABLES
from editproof.harness.stores.blobs import send_pictures
from editproof.harness.stores.compaction import (
    CASES,
    FAILURES,
    MOST_CASE_BYTES,
    name_case,
    name_failure,
    read_index,
    read_part,
)
from editproof.harness.stores.copied_journal import RecordLines, check_line, locked_journal
from editproof.harness.stores.copies import find_folder, find_origin, notes_of, remove_copy
from editproof.harness.stores.objects import (
    UNCHANGED,
    DeniedError,
    FullError,
    ObjectFolder,
    Version,
    do_at_once,
)
from editproof.harness.stores.places import StoreUrl

FETCHED = (
    VERDICT,
    *TABLES,
    TABLE_INDEX,
    MAPS,
    CANARIES,
    "differences.jsonl",
    f"{BASELINE}/{PAIRS}",
    f"{BASELINE}/{JOURNAL}",
)
"""What is fetched beside the manifest when a run is opened."""

SENT_LAST = (TABLE_INDEX, VERDICT)
"""They say that the others are whole."""

_FETCHED_AT_ONCE = 1000
"""Records held in memory while they are fetched."""


_OPENED: dict[Path, RunCopy] = {}
"""Copies that this process has opened: what was written into them is sent by `send_opened`."""


class _FileNote(msgspec.Struct, frozen=True):
    """A file of the copy that is in the store, as it was then."""

    size: int
    changed_ns: int
    version: Version = {}


class _Notes(msgspec.Struct):
    """`.NAME.json`: what of a copy is in the store."""

    files: dict[str, _FileNote] = {}
    parts: list[str] = []
    """Digests of the parts whose lines are in the journal."""
    whole_bytes: int = -1
    """How long the journal was when it had every case; -1: it never had."""
    pictures: list[str] = []
    """Pictures in the store that no record names."""


class RunCopy:
    """The local copy of a run at a URL."""

    def __init__(self, url: StoreUrl) -> None:
        self.url = url
        self.folder = find_folder(str(url))
        self.objects = ObjectFolder(url)
        self._notes = self._read_notes()

    def open(self) -> Path:
        """Bring the copy up to date, and give its folder.

        Raises UsageError where there is no run, DamagedError, and StoreError.
        """
        manifest = self._fetch_manifest()
        do_at_once(self._fetch_file, FETCHED)
        with locked_journal(self.folder) as is_locked:
            if is_locked:
                self._fetch_records(manifest)
        self._write_notes()
        _OPENED[self.folder] = self
        return self.folder

    def begin(self, manifest_file: bytes) -> None:
        """Make the run. Raises UsageError where there is one already."""
        if not self.objects.create(MANIFEST, manifest_file):
            raise UsageError(f"{self.url} holds a run already. Choose another --out")
        remove_copy(self.folder)
        self._notes = _Notes()
        write_atomically(self.folder / MANIFEST, manifest_file)
        self._write_notes()
        _OPENED[self.folder] = self

    def send(self) -> None:
        """Send what was written into the copy since, and remove what was removed. Raises
        StoreError.
        """
        if not self.folder.is_dir():
            return
        self._notes = self._read_notes()
        changed = [name for name in self._list_files() if self._is_changed(name)]
        do_at_once(self._send_file, [name for name in changed if name not in SENT_LAST])
        gone = [name for name in self._notes.files if not (self.folder / name).is_file()]
        self.objects.remove(gone)
        for name in gone:
            del self._notes.files[name]
        self._send_made_pictures()
        for name in SENT_LAST:
            if name in changed:
                self._send_file(name)
        self._write_notes()

    def put_records_in_order(self, manifest: Manifest) -> RecordLines:
        """Bring the journal into the order that it has on every machine."""
        RecordLines(self.folder).put_in_order(manifest)
        return RecordLines(self.folder)

    def _fetch_manifest(self) -> Manifest:
        found = self.objects.read_version(MANIFEST)
        if found is None:
            raise UsageError(
                f"{self.url} is not a run: it has no {MANIFEST}. Name the URL that `editproof run`"
                " printed"
            )
        path = self.folder / MANIFEST
        if path.is_file() and read_file(path) != found.data:  # another run was there before
            remove_copy(self.folder)
        if not path.is_file():
            self._notes = _Notes()
            (self.folder / JOURNAL).unlink(missing_ok=True)
            write_atomically(path, found.data)
        return load_manifest(self.folder)

    def _fetch_file(self, name: str) -> None:
        path, note = self.folder / name, self._notes.files.get(name)
        since = note.version if note and path.is_file() else None
        found = self.objects.read_changed(name, since)
        if found is UNCHANGED:
            return
        if found is not None:
            write_atomically(path, found.data)
            self._note_file(name, found.version)
        elif note:  # it was removed there
            path.unlink(missing_ok=True)
            del self._notes.files[name]

    def _fetch_records(self, manifest: Manifest) -> None:
        """Bring the journal up to date."""
        path = self.folder / JOURNAL
        if self._notes.whole_bytes == path.stat().st_size:
            return
        try:
            lines = RecordLines(self.folder)
        except DamagedError:
            path.write_bytes(b"")
            self._notes.parts = []
            lines = RecordLines(self.folder)
        planned = {case.id for case in manifest.cases}
        index, _ = read_index(self.objects)
        while True:
            for part in index.parts:
                if part.digest not in self._notes.parts:
                    self._append(read_part(self.objects, part))
                    self._notes.parts.append(part.digest)
                    lines = RecordLines(self.folder)
            if lines.finished >= planned:
                break
            self._fetch_cases(planned - lines.finished)
            before, (index, _) = index, read_index(self.objects)
            if index == before:  # no case has moved into a part meanwhile
                break
        lines = self.put_records_in_order(manifest)
        if lines.finished >= planned:
            self._notes.whole_bytes = path.stat().st_size

    def _fetch_cases(self, wanted: set[str]) -> None:
        """Fetch the records of these cases, where there are any."""
        for folder, name_of in ((FAILURES, name_failure), (CASES, name_case)):
            there = {found.name for found in self.objects.list(f"{folder}/")}
            ids = [case_id for case_id in sorted(wanted) if name_of(case_id) in there]
            for first in range(0, len(ids), _FETCHED_AT_ONCE):
                some = ids[first : first + _FETCHED_AT_ONCE]
                names = [name_of(case_id) for case_id in some]
                found = do_at_once(lambda name: self.objects.read(name, MOST_CASE_BYTES), names)
                self._append(
                    line
                    for line, case_id, name in zip(found, some, names, strict=True)
                    if line is not None and self._check(line, case_id, name)
                )

    def _check(self, line: bytes, case_id: str, name: str) -> bool:
        try:
            check_line(line, case_id, f"{self.url}/{name}")
        except DamagedError as error:
            raise DamagedError(
                f"{error}. Remove that object; `editproof run --resume` then runs its case again"
            ) from error
        return True

    def _append(self, lines: Iterable[bytes]) -> None:
        with (self.folder / JOURNAL).open("ab") as file:
            file.writelines(line + b"\n" for line in lines)

    def _list_files(self) -> Iterator[str]:
        """Files that a command may have written, by their names in the run. Manifest, records and
        pictures go by themselves.
        """
        for top in sorted(self.folder.iterdir()):
            if top.name not in {MANIFEST, JOURNAL, BLOBS}:
                for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
                    if path.is_file() and not path.name.startswith("."):
                        yield path.relative_to(self.folder).as_posix()

    def _is_changed(self, name: str) -> bool:
        about, note = (self.folder / name).stat(), self._notes.files.get(name)
        return note is None or (note.size, note.changed_ns) != (about.st_size, about.st_mtime_ns)

    def _send_file(self, name: str) -> None:
        about = (self.folder / name).stat()
        version = self.objects.write(name, read_file(self.folder / name))
        self._notes.files[name] = _FileNote(about.st_size, about.st_mtime_ns, version)

    def _send_made_pictures(self) -> None:
        """Send the pictures that a command has made, such as maps: no record names them."""
        there = {path.stem for path in (self.folder / BLOBS).glob("*/*.png")}
        new = there - set(self._notes.pictures)
        new = new - self._find_named_pictures() if new else new
        send_pictures(self.folder, sorted(new), self.objects)
        self._notes.pictures.extend(sorted(new))

    def _find_named_pictures(self) -> set[str]:
        """Pictures of the records: they were sent before their records."""
        traces = read_traces(self.folder / JOURNAL).values()
        named = {digest for one in traces for digest in one.blobs.values()}
        return named | {stage.artefact for one in traces for stage in one.stages}

    def _note_file(self, name: str, version: Version) -> None:
        about = (self.folder / name).stat()
        self._notes.files[name] = _FileNote(about.st_size, about.st_mtime_ns, version)

    def _read_notes(self) -> _Notes:
        path = notes_of(self.folder)
        try:
            return read_json(path, _Notes) if path.is_file() else _Notes()
        except DamagedError:
            return _Notes()

    def _write_notes(self) -> None:
        write_json(notes_of(self.folder), self._notes)


def open_run(place: Path | str) -> Path:
    """The folder of a run: as it is, or the local copy of a URL, up to date. Raises as
    `RunCopy.open`.
    """
    folder = find_folder(place)
    origin = find_origin(folder)
    return RunCopy(origin).open() if origin else folder


def send_opened(warn: Callable[[str], None]) -> None:
    """Send what was written into the copies that this process has opened. Where a store may only be
    read, or is full, that is a warning. Raises StoreError.
    """
    while _OPENED:
        folder, copy = _OPENED.popitem()
        try:
            copy.send()
        except (DeniedError, FullError) as error:
            warn(f"what was written stays in {folder}: {error}")
