"""A cache at a URL, behind its local copy: what is not here is looked for there, and what is put
here is sent there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import write_atomically
from editproof.harness.stores.blobs import fetch_picture, send_pictures
from editproof.harness.stores.copies import find_origin
from editproof.harness.stores.objects import ObjectFolder, do_at_once

MOST_ENTRY_BYTES = 1 << 28


def fetch_entries(cache: Path, paths: Iterable[Path]) -> None:
    """Bring those records into the copy that only the store has. Of a local cache nothing is
    fetched. Raises DamagedError and StoreError.
    """
    origin = find_origin(cache)
    if origin is None:
        return
    objects = ObjectFolder(origin)

    def fetch(path: Path) -> None:
        data = objects.read(path.relative_to(cache).as_posix(), MOST_ENTRY_BYTES)
        if data is not None:
            write_atomically(path, data, durable=False)

    do_at_once(fetch, [path for path in paths if not path.is_file()])


def fetch_entry_pictures(paths: Iterable[Path]) -> None:
    """Bring pictures into the copy that only the store has. Raises as `fetch_entries`."""
    do_at_once(fetch_picture, [path for path in paths if not path.is_file()])


def send_entry(cache: Path, path: Path, digests: Iterable[str]) -> None:
    """Send a record, its pictures first. Of a local cache nothing is sent. Raises StoreError."""
    origin = find_origin(cache)
    if origin:
        objects = ObjectFolder(origin)
        send_pictures(cache, digests, objects)
        objects.write(path.relative_to(cache).as_posix(), read_file(path))
