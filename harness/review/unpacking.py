"""A run that CI uploaded as a ZIP file, unpacked: nothing leads out of the folder, and nothing is
larger than a run is.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.json_files import file_digest, sweep_partial_folders
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.records.plain_text import strip_control

PARTIAL = ".unpacking-"
"""The name of a folder begins so until it is whole."""

MOST_FILES = 1_000_000
MOST_BYTES_OF_A_FILE = 2 << 30
MOST_BYTES = 64 << 30
MOST_RATIO = 200
"""So many times as large as the archive its content may be: pictures hardly shrink, and numbers do
by less than fifty.
"""
ALLOWANCE = 64 << 20
"""Up to this size, content of any ratio is harmless."""

DEEPEST = 32
"""Folders within each other."""

_READING = {None, errno.EINVAL}
"""`OSError`s of damage: the module for bzip2 gives no number, and a place before the first byte of
the archive can't be read.
"""

LONGEST_NAME, LONGEST_PATH = 200, 2000
"""Bytes of the name of a file or folder, and of a path: file systems take 255, and 4096."""

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, RuntimeError,
    ValueError,
)  # fmt: skip
"""What is raised if a file is not an archive, or is damaged."""

_LEFT_OUT = frozenset({"report", "logs"})
"""Folders of a run that nobody needs at the desk. A report holds scripts, which would be the
sender's.
"""


def unpack_run(archive: Path, folder: Path) -> Path:
    """Unpack the one run in an archive below `folder`, and give the run's folder: the same one for
    the same archive.

    Raises UsageError where the archive is none, holds no run or several, or holds anything that no
    run does: links, paths that lead out, or sizes beyond the limits.
    """
    if not archive.is_file():
        raise UsageError(f"there is no file {archive}. Name the artefact that CI uploaded")
    target = folder / file_digest(archive)[:16]
    if (target / MANIFEST).is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    sweep_partial_folders(folder, PARTIAL)
    partial = folder / f"{PARTIAL}{target.name}.{os.getpid()}"  # two may unpack it at once
    try:
        with zipfile.ZipFile(archive) as opened:
            _unpack(opened, archive, partial)
        _move(partial, target)
    except _DAMAGE as error:
        raise _explain_damage(archive, error) from error
    except OSError as error:
        if error.errno not in _READING:  # of the disk
            raise
        raise _explain_damage(archive, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _move(partial: Path, target: Path) -> None:
    try:
        partial.replace(target)
    except OSError:
        if not (target / MANIFEST).is_file():  # else another process was faster
            raise


def _explain_damage(archive: Path, error: Exception) -> DamagedError:
    return DamagedError(f"{archive} can't be unpacked: {error}. Download it again")


def _unpack(opened: zipfile.ZipFile, archive: Path, partial: Path) -> None:
    entries = opened.infolist()
    _check_sizes(entries, archive)
    files = {_check_name(entry, archive): entry for entry in entries if not entry.is_dir()}
    if len({str(path).casefold() for path in files}) < sum(not entry.is_dir() for entry in entries):
        raise UsageError(f"{archive} holds two files of one name. Download it again")
    if both := next((path for path in files if not files.keys().isdisjoint(path.parents)), None):
        raise UsageError(f"{archive} holds {both}, whose folder is a file. Download it again")
    root = _find_run(files, archive)
    for path, entry in files.items():
        inner = path.relative_to(root) if path.is_relative_to(root) else None
        if inner and inner.parts and inner.parts[0] not in _LEFT_OUT:
            _write(opened, entry, partial.joinpath(*inner.parts))


def _check_sizes(entries: list[zipfile.ZipInfo], archive: Path) -> None:
    if len(entries) > MOST_FILES:
        raise UsageError(f"{archive} holds {len(entries):,} files; at most {MOST_FILES:,} are read")
    _check_size(
        archive, sum(entry.file_size for entry in entries), archive.stat().st_size, MOST_BYTES
    )
    for entry in entries:
        _check_size(archive, entry.file_size, entry.compress_size, MOST_BYTES_OF_A_FILE)


def _check_size(archive: Path, size: int, compressed: int, most: int) -> None:
    allowed = min(most, max(ALLOWANCE, MOST_RATIO * compressed))
    if size > allowed:
        raise UsageError(
            f"{archive} would become {size / 1e6:,.0f} MB, more than so small a file may"
            f" ({allowed / 1e6:,.0f} MB). Is it an artefact of editproof?"
        )


def _check_name(entry: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """The path of an entry. Raises UsageError where it leads elsewhere or is no plain file."""
    name = entry.filename
    path = PurePosixPath(name)
    mode = entry.external_attr >> 16
    is_plain = not stat.S_IFMT(mode) or stat.S_ISREG(mode)
    if (
        not is_plain
        or entry.flag_bits & 1
        or not path.parts
        or path.is_absolute()
        or len(path.parts) > DEEPEST
        or len(os.fsencode(name)) > LONGEST_PATH
        or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts)
        or {"..", "~"} & set(path.parts)
        or set(name) & set('\\:"<>|?*')
        or strip_control(name) != name
    ):
        raise UsageError(
            f"{archive} holds {name[:200]!r}, which no run does: a link, an encrypted file, or a"
            " path that leads elsewhere. Nothing was unpacked"
        )
    return path


def _find_run(paths: Iterable[PurePosixPath], archive: Path) -> PurePosixPath:
    roots = [path.parent for path in paths if path.name == MANIFEST]
    if not roots:
        raise UsageError(f"{archive} holds no run: it has no {MANIFEST}")
    if len(roots) > 1:
        raise UsageError(
            f"{archive} holds {len(roots)} runs. Unpack it, and name one: `editproof review RUN`"
        )
    return roots[0]


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Write one file: as much of it as the archive said, which then fits its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("xb") as file:
        shutil.copyfileobj(source, file)
