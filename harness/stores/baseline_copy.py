"""A baseline at a URL: it changes in one instant, as a local one does.

baseline.json            the index of what counts; who writes it has made the change
states/DIGEST.json       which files that state has; DIGEST is the hash of its baseline.json
files/ab/DIGEST          their contents, by their hash
blobs/ab/….png           pictures

A reader sees the state before or the state after. Two writers: the second one is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from editproof.harness.records.digests import Digest
from editproof.harness.records.errors import DamagedError, IncompleteError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import (
    decode_json,
    encode_json,
    file_digest,
    read_json,
    write_atomically,
    write_json,
)
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.records.runs import BLOBS
from editproof.harness.stores.blobs import send_pictures
from editproof.harness.stores.copies import find_origin, locked_copy, notes_of, remove_copy
from editproof.harness.stores.objects import ObjectFolder, Version, do_at_once
from editproof.harness.stores.run_copy import RunCopy

INDEX = "baseline.json"
STATES = "states"

MOST_FILES = 10_000


class _State(msgspec.Struct, frozen=True):
    """`states/DIGEST.json`."""

    files: dict[str, Digest]
    """Name in the folder -> SHA-256."""


class _Notes(msgspec.Struct, frozen=True):
    """What of the copy is in the store."""

    version: Version = {}
    """Of the index; empty: there is none."""
    pictures: list[str] = []


class BaselineCopy:
    """The local copy of a baseline at a URL."""

    def __init__(self, folder: Path, objects: ObjectFolder) -> None:
        self._folder, self._objects = folder, objects
        self._notes = _read_notes(folder)

    def open(self) -> bool:
        """Bring the copy up to date; False: there is no baseline. Raises DamagedError and
        StoreError.
        """
        found = self._objects.read_version(INDEX)
        if found is None:
            if (self._folder / INDEX).is_file():
                remove_copy(self._folder)
            self._notes = _Notes()
            return False
        if not self._has(INDEX, hashlib.sha256(found.data).hexdigest()):
            self._fetch_state(found.data)
        self._note(found.version, self._notes.pictures)
        return True

    def send(self) -> None:
        """Make what lies in the copy the baseline. Raises IncompleteError where it has changed in
        the store since it was opened, and StoreError.
        """
        index = read_file(self._folder / INDEX)
        files = {
            path.relative_to(self._folder).as_posix(): file_digest(path)
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and path.relative_to(self._folder).parts[0] not in {BLOBS, INDEX}
        }
        there = {path.stem for path in (self._folder / BLOBS).glob("*/*.png")}
        send_pictures(self._folder, sorted(there - set(self._notes.pictures)), self._objects)
        do_at_once(
            lambda name: self._objects.write_once(
                _name_file(files[name]), read_file(self._folder / name)
            ),
            files,
        )
        state = _name_state(index)
        self._objects.write(state, encode_json(_State(files)))
        if not self._objects.replace(INDEX, index, self._notes.version or None):
            remove_copy(self._folder)
            raise IncompleteError(
                f"the baseline {self._objects.url} has been changed by somebody else, and is"
                " left as it is now. Look at it, then try again"
            )
        found = self._objects.read_version(INDEX)
        self._note(found.version if found else {}, sorted(there))

    def _fetch_state(self, index: bytes) -> None:
        name = _name_state(index)
        where = f"{self._objects.url}/{name}"
        data = self._objects.read(name)
        if data is None:
            raise DamagedError(f"{where} is gone, but {INDEX} names it. Accept a run again")
        state = decode_json(data, _State, where, verified=True)
        if len(state.files) > MOST_FILES or any(map(_leads_elsewhere, state.files)):
            raise DamagedError(f"{where} is damaged: it names what no baseline holds")
        missing = [name for name, digest in state.files.items() if not self._has(name, digest)]
        do_at_once(lambda name: self._fetch_file(name, state.files[name]), missing)
        for path in sorted(self._folder.rglob("*"), reverse=True):  # a folder after what is in it
            known = path.relative_to(self._folder).as_posix()
            if path.is_file() and not known.startswith(f"{BLOBS}/") and known not in state.files:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        write_atomically(self._folder / INDEX, index)

    def _fetch_file(self, name: str, digest: str) -> None:
        data = self._objects.read(_name_file(digest))
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise DamagedError(
                f"{self._objects.url}/{_name_file(digest)} is"
                f" {'gone' if data is None else 'damaged'}: it is {name} of the baseline. Accept a"
                " run again"
            )
        write_atomically(self._folder / name, data)

    def _has(self, name: str, digest: str) -> bool:
        path = self._folder / name
        return path.is_file() and file_digest(path) == digest

    def _note(self, version: Version, pictures: list[str]) -> None:
        self._notes = _Notes(version, pictures)
        write_json(notes_of(self._folder), self._notes)


def open_baseline(folder: Path) -> None:
    """Bring the copy of a baseline up to date, or remove it where there is none. A run may stand in
    place of one. A local folder is left as it is.

    Raises IncompleteError where states lie there and no index does, DamagedError and StoreError.
    """
    origin = find_origin(folder)
    if origin is None:
        return
    objects = ObjectFolder(origin)
    with locked_copy(folder):
        if BaselineCopy(folder, objects).open():
            return
        if objects.find_date(MANIFEST):
            RunCopy(origin).open()
            return
        remove_copy(folder)
        if next(objects.list(f"{STATES}/"), None):
            raise IncompleteError(
                f"the baseline {origin} has no {INDEX}: it was removed, or the first run was never"
                " accepted to the end. Restore that object, or accept a run"
            )


@contextmanager
def changing_baseline(folder: Path) -> Iterator[None]:
    """While a baseline's folder is changed: one at a URL is opened before, and sent afterwards.
    Its copy is one process's meanwhile. Raises as `BaselineCopy.send`.
    """
    origin = find_origin(folder)
    if origin is None:
        yield
        return
    with locked_copy(folder):
        copy = BaselineCopy(folder, ObjectFolder(origin))
        copy.open()
        yield
        copy.send()


def _read_notes(folder: Path) -> _Notes:
    try:
        return read_json(notes_of(folder), _Notes) if notes_of(folder).is_file() else _Notes()
    except DamagedError:
        return _Notes()


def _leads_elsewhere(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or path.as_posix() != name or not all(map(_is_plain, path.parts))


def _is_plain(part: str) -> bool:
    return not part.startswith(".") and part != BLOBS and "\\" not in part and "\0" not in part


def _name_state(index: bytes) -> str:
    return f"{STATES}/{hashlib.sha256(index).hexdigest()}.json"


def _name_file(digest: str) -> str:
    return f"files/{digest[:2]}/{digest}"
