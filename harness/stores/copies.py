"""Local copies: the folder that stands for a URL, COPIES/SCHEME/BUCKET/FOLDER/….

The URL is in the path alone, so a folder that somebody sent us can't name one. What of a copy is in
the store is noted beside it, in `.NAME.json`; see run_copy.py.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import product
from pathlib import Path

from platformdirs import user_cache_path

from editproof.harness.records.errors import UsageError
from editproof.harness.stores.places import SCHEMES, StoreUrl, check_url, find_local, find_url

_PLACES = ("EDITPROOF_CACHE", "XDG_CACHE_HOME", "HOME")
"""What of the environment says where the cache lies, beside the working folder."""


def find_folder(place: Path | str) -> Path:
    """The local folder of a place: the path itself, or where the copy of a URL lies, or would.
    Raises UsageError where a URL can't be used.
    """
    url = find_url(place)
    if url is None:
        return find_local(place)
    root = find_memory_root() if url.scheme == "memory" else find_copies_root()
    return root.joinpath(url.scheme, *url.parts)


def find_origin(folder: Path) -> StoreUrl | None:
    """The URL that a folder is the copy of; None: it is not a copy."""
    return _find_origin(folder, find_copies_root(), find_memory_root())


@lru_cache(maxsize=256)  # it is asked for each picture that a folder lacks
def _find_origin(folder: Path, *roots: Path) -> StoreUrl | None:
    root = next((root for root in roots if folder.is_relative_to(root)), None)
    scheme, *parts = folder.relative_to(root).parts if root else ("",)
    if scheme not in SCHEMES or not parts:
        return None
    url = StoreUrl(scheme, tuple(parts))
    try:
        check_url(url)
    except UsageError:
        return None
    return url


def name_place(folder: Path) -> str:
    """A folder as people know it: the URL of a copy, else the path."""
    url = find_origin(folder)
    return str(url) if url else str(folder)


def name_places(message: str) -> str:
    """A message with the URLs of copies in place of their paths."""
    for root, scheme in product((find_copies_root(), find_memory_root()), SCHEMES):
        message = message.replace(f"{root}/{scheme}/", f"{scheme}://")
    return message


def remove_copy(folder: Path) -> None:
    """Remove a copy, and what is noted of it."""
    shutil.rmtree(folder, ignore_errors=True)
    notes_of(folder).unlink(missing_ok=True)


def notes_of(folder: Path) -> Path:
    """Where it is noted what of a copy is in the store."""
    return folder.with_name(f".{folder.name}.json")


@contextmanager
def locked_copy(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine from a copy; who holds it is waited for."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_copies_root() -> Path:
    """The folder of all copies: beside the cache, unless that is at a URL."""
    return _find_copies_root(*(os.environ.get(name, "") for name in _PLACES), Path.cwd())


@cache  # it is asked for each picture that a folder lacks
def _find_copies_root(named: str, *_: object) -> Path:
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
