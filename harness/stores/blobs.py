"""Pictures of a copy: fetched when they are first read, and sent by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from editproof.harness.records.digests import is_digest
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.runs import BLOBS, blob_path
from editproof.harness.stores.copies import find_origin
from editproof.harness.stores.objects import ObjectFolder, do_at_once

MOST_PICTURE_BYTES = 1 << 29


def fetch_picture(path: Path) -> bool:
    """Fetch a picture that a copy lacks, to where it would lie; False: the folder is not a copy, or
    the store has no such picture. Raises DamagedError where the store has another, and StoreError.
    """
    digest = path.stem
    if not is_digest(digest) or path.parent.parent.name != BLOBS:
        return False
    origin = find_origin(path.parent.parent.parent)
    if origin is None:
        return False
    objects = open_folder(origin)
    data = objects.read(name_blob(digest), MOST_PICTURE_BYTES)
    if data is None:
        return False
    if hashlib.sha256(data).hexdigest() != digest:
        raise DamagedError(
            f"the picture {objects.url}/{name_blob(digest)} is damaged. Remove it, and run its case"
            " again"
        )
    write_atomically(path, data, durable=False)
    return True


def fetch_pictures(folder: Path, digests: Iterable[str]) -> None:
    """Fetch those of the pictures that a copy lacks. What the store lacks is left out."""
    paths = (blob_path(folder, digest) for digest in dict.fromkeys(digests))
    do_at_once(fetch_picture, [path for path in paths if not path.is_file()])


def send_pictures(folder: Path, digests: Iterable[str], objects: ObjectFolder) -> None:
    """Send pictures of a folder. Raises DamagedError where a file is not what its name says, and
    FileNotFoundError.
    """

    def send(digest: str) -> None:
        path = blob_path(folder, digest)
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedError(f"the picture {path} is damaged. Run its case again")
        objects.write_once(name_blob(digest), data)

    do_at_once(send, dict.fromkeys(digests))


def name_blob(digest: str) -> str:
    """The object of a picture."""
    return f"{BLOBS}/{digest[:2]}/{digest}.png"


open_folder = lru_cache(maxsize=64)(ObjectFolder)
