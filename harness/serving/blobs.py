"""Where the bytes of pictures lie: a folder, or an object store that several machines share."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from editproof.harness.records.errors import UsageError
from editproof.harness.records.json_files import write_atomically
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url


class Blobs(Protocol):
    """Bytes by the SHA-256 of what they are."""

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes, unless they are there already."""

    def read(self, digest: str) -> bytes | None:
        """The bytes; None: there are none."""

    def read_unless(self, digest: str, start: bytes) -> bytes | None:
        """The bytes, or nothing where they start so; None: there are none."""

    def remove(self, digest: str) -> None:
        """Remove the bytes, if they are there."""


class FolderBlobs:
    """A file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = threading.Lock()

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes, unless they are there already."""
        path = self._path(digest)
        with self._writing:  # two threads would write to one temporary file
            if not path.exists():
                write_atomically(path, data, durable=False)

    def read(self, digest: str) -> bytes | None:
        """The bytes; None: there are none."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            return None

    def read_unless(self, digest: str, start: bytes) -> bytes | None:
        """The bytes, or nothing where they start so; None: there are none."""
        try:
            with self._path(digest).open("rb") as file:
                found = file.read(len(start))
                return b"" if found == start else found + file.read()
        except FileNotFoundError:
            return None

    def remove(self, digest: str) -> None:
        """Remove the bytes, if they are there."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


class ObjectBlobs:
    """An object each. Raises StoreError where the store does not answer."""

    def __init__(self, objects: ObjectFolder) -> None:
        self._objects = objects

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes, unless they are there already."""
        self._objects.write_once(digest, data)

    def read(self, digest: str) -> bytes | None:
        """The bytes; None: there are none."""
        return self._objects.read(digest)

    def read_unless(self, digest: str, start: bytes) -> bytes | None:
        """The bytes, or nothing where they start so; None: there are none."""
        data = self.read(digest)
        return b"" if data is not None and data.startswith(start) else data

    def remove(self, digest: str) -> None:
        """Remove the bytes, if they are there."""
        self._objects.remove([digest])


def open_blobs(place: str, folder: Path) -> Blobs:
    """What a URL names; without one, the folder. Raises UsageError where it can't be used."""
    if not place:
        return FolderBlobs(folder)
    url = find_url(place)
    if url is None:
        raise UsageError(f"--store {place}: it must be a URL, such as s3://bucket/editproof")
    objects = ObjectFolder(url)
    objects.list_folders()  # what can't be reached is named before anybody asks
    return ObjectBlobs(objects)
