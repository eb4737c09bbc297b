"""Local copies: the folder that stands for a URL.

COPIES/HASH/origin.json     the URL that the copies beside it come from
COPIES/HASH/NAME/           the copy of URL/NAME
COPIES/HASH/.NAME.json      what of it is in the store; see run_copy.py

The origin lies outside of every copy. So a folder that somebody sent us can't name a URL.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import shutil
import tempfile
from functools import cache
from pathlib import Path

import msgspec
from platformdirs import user_cache_path

from editproof.harness.records.errors import DamagedError
from editproof.harness.records.json_files import read_json, write_json
from editproof.harness.stores.places import StoreUrl, find_url

ORIGIN = "origin.json"


class _Origin(msgspec.Struct, frozen=True):
    url: str


def find_copy_folder(url: StoreUrl) -> Path:
    """Where the copy of that folder lies, or would."""
    parent = url.parent
    key = hashlib.sha256(str(parent).encode()).hexdigest()[:16]
    beside = _root_of(url) / key
    if not (beside / ORIGIN).is_file():
        write_json(beside / ORIGIN, _Origin(str(parent)))
    return beside / url.name


def find_origin(folder: Path) -> StoreUrl | None:
    """The URL that a folder is the copy of; None: it is no copy."""
    beside = folder.parent
    if beside.parent not in {_find_root(), find_memory_root()} or not (beside / ORIGIN).is_file():
        return None
    try:
        url = f"{read_json(beside / ORIGIN, _Origin).url.rstrip('/')}/{folder.name}"
    except DamagedError:
        return None
    scheme, _, rest = url.partition(":")
    return find_url(f"{scheme}://{rest.lstrip('/')}")


def name_place(folder: Path) -> str:
    """A folder as people know it: the URL of a copy, else the path."""
    url = find_origin(folder)
    return str(url) if url else str(folder)


def remove_copy(folder: Path) -> None:
    """Remove a copy, and what is noted of it."""
    shutil.rmtree(folder, ignore_errors=True)
    notes_of(folder).unlink(missing_ok=True)


def notes_of(folder: Path) -> Path:
    """Where it is noted what of a copy is in the store."""
    return folder.with_name(f".{folder.name}.json")


def _root_of(url: StoreUrl) -> Path:
    return find_memory_root() if url.scheme == "memory" else _find_root()


def _find_root() -> Path:
    """Beside the cache, unless that is at a URL."""
    named = os.environ.get("EDITPROOF_CACHE", "")
    is_local = named and not find_url(named)
    cache_folder = Path(named).expanduser() if is_local else user_cache_path("editproof")
    return (cache_folder / "copies").resolve()


@cache
def find_memory_root() -> Path:
    """Copies of `memory://` end with the process, as their store does."""
    name = f"editproof-memory-{secrets.token_hex(8)}"
    root = Path(tempfile.gettempdir()).resolve() / name
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root
