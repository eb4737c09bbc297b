"""The cache's size and age, and what goes when it is too large or too old.

What was used least recently goes first. A record goes before its pictures, so a run that meets the
gap finds a miss and never half a case.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

UNUSED_FOR_S = 3600.0
"""A picture that no record names goes when it has lain so long: a run writes pictures first."""

_ENTRIES = ("records", "differences")
_SUFFIXES = {"records": ".json", "differences": ".json", "blobs": ".png"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PARTIAL = re.compile(r"\.[0-9a-f]{64}\.(json|png)\.\d+")
"""A file that a process writes, or was writing when it was killed."""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What a cache holds."""

    records: int
    """Finished cases."""
    differences: int
    """Measured differences between two pictures."""
    pictures: int
    size: int
    """Bytes."""
    oldest: float | None
    """When the entry was last used that goes first, in seconds since 1970; None: there is none."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went."""

    entries: int
    """Records and differences."""
    pictures: int
    size: int
    """Bytes. Those of pictures that a run or a baseline still holds stay on the disk."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    used: float
    linked: float
    """When the file was written, or given or taken a name."""


class _Stage(msgspec.Struct, frozen=True):
    artefact: str = ""


class _Record(msgspec.Struct, frozen=True):
    """The part of a record that names pictures."""

    blobs: dict[str, str] = {}
    stages: list[_Stage] = []


def note_use(path: Path) -> None:
    """Say of an entry that it was used now. A cache that may only be read keeps its times."""
    with suppress(OSError):
        os.utime(path)


def measure_cache(folder: Path) -> CacheUse:
    """What a cache holds. A folder that does not exist holds nothing."""
    files = {kind: list(_list_files(folder, kind)) for kind in _SUFFIXES}
    entries = [file for kind in _ENTRIES for file in files[kind]]
    return CacheUse(
        records=len(files["records"]),
        differences=len(files["differences"]),
        pictures=len(files["blobs"]),
        size=sum(file.size for found in files.values() for file in found),
        oldest=min((file.used for file in entries), default=None),
    )


def prune_cache(
    folder: Path,
    *,
    now: float,
    max_size: int | None = None,
    older_than: timedelta | None = None,
) -> Pruned:
    """Remove pictures that no record names; then, the least recently used first, entries that were
    not used for `older_than`, and entries until the cache holds at most `max_size` bytes.

    Runs may use the cache meanwhile.
    """
    pictures = {file.path.stem: file for file in _list_files(folder, "blobs")}
    entries = sorted(
        (file for kind in _ENTRIES for file in _list_files(folder, kind)),
        key=lambda file: (file.used, file.path.name),
    )
    named = {file.path: _pictures_named_by(file.path) for file in entries}
    left = Counter(digest for digests in named.values() for digest in digests)
    size = sum(file.size for file in (*entries, *pictures.values()))
    limit = size if max_size is None else max_size
    gone: list[_File] = []
    for digest, file in pictures.items():
        if not left[digest] and file.linked < now - UNUSED_FOR_S:
            gone.append(file)
            size -= file.size
    removed = 0
    oldest_kept = now - older_than.total_seconds() if older_than else float("-inf")
    for entry in entries:
        if entry.used >= oldest_kept and size <= limit:
            break
        left.subtract(named[entry.path])
        unnamed = [pictures[one] for one in named[entry.path] if not left[one] and one in pictures]
        gone += [entry, *unnamed]
        size -= sum(file.size for file in (entry, *unnamed))
        removed += 1
    for file in gone:
        file.path.unlink(missing_ok=True)
    _sweep_partials(folder, now)
    return Pruned(removed, len(gone) - removed, sum(file.size for file in gone))


def _pictures_named_by(path: Path) -> frozenset[str]:
    """Hashes of the pictures that a record names; a damaged one, or a difference, names none."""
    if path.parents[1].name != "records":
        return frozenset()
    try:
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return frozenset()
    artefacts = (stage.artefact for stage in record.stages if stage.artefact)
    return frozenset([*record.blobs.values(), *artefacts])


def _list_files(folder: Path, kind: str) -> Iterator[_File]:
    """The files of a kind. Only what the cache itself would name like that is its own."""
    for path in _list_names(folder / kind):
        is_ours = path.suffix == _SUFFIXES[kind] and _DIGEST.fullmatch(path.stem)
        if not is_ours or path.parent.name != path.stem[:2]:
            continue
        with suppress(FileNotFoundError):  # another process removed it
            about = path.lstat()
            yield _File(path, about.st_size, about.st_mtime, about.st_ctime)


def _sweep_partials(folder: Path, now: float) -> None:
    for kind in _SUFFIXES:
        for path in _list_names(folder / kind):
            if not _PARTIAL.fullmatch(path.name):
                continue
            with suppress(FileNotFoundError):
                if path.lstat().st_ctime < now - UNUSED_FOR_S:
                    path.unlink()


def _list_names(folder: Path) -> Iterator[Path]:
    """Regular files two levels down; symbolic links are not followed."""
    for part in _scan(folder):
        if part.is_dir(follow_symlinks=False):
            yield from (
                Path(entry.path)
                for entry in _scan(Path(part.path))
                if entry.is_file(follow_symlinks=False)
            )


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
