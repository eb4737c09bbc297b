"""JSON files of ours: written whole or not at all, with a checksum as their last member.

A checksum finds damage, not forgery: whoever can write the file can write the checksum.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from editproof.harness.records.disk import naming_full_disk
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.foreign import make_plain, may_hold_control, read_file

MOST_BYTES = 8 << 30
"""Of a file whose checksum is computed."""

RESTORE = "Restore it from a copy, or have it written again"
"""What to do about a damaged file."""

T = TypeVar("T")

_CHECKSUM = re.compile(rb',\s*"checksum":\s*"([0-9a-f]{16})"\s*\}\s*\Z')
"""The last member of an object, with the bracket that closes it."""


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it. `durable`:
    it is on the disk afterwards. A device or a pipe, such as `/dev/stdout`, is written to.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(data)  # to put a file in its place would take it from everybody
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming_full_disk(path, len(data)), partial.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sweep_partials(folder: Path) -> None:
    """Remove what processes that died here left of files that they were writing."""
    for path in folder.glob(".*.*") if folder.is_dir() else ():
        name, _, owner = path.name.rpartition(".")
        if owner.isdecimal() and len(name) > 1 and path.is_file() and not is_alive(int(owner)):
            path.unlink(missing_ok=True)


def sweep_partial_folders(folder: Path, prefix: str) -> None:
    """Remove what processes that died here left of folders that they were writing: those whose name
    begins so and ends with the number of the process.
    """
    for path in folder.glob(f"{prefix}*.*") if folder.is_dir() else ():
        owner = path.name.rpartition(".")[2]
        if owner.isdecimal() and path.is_dir() and not is_alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, with its checksum."""
    write_atomically(path, encode_json(value))


def encode_json(value: object) -> bytes:
    """What `write_json` writes. Raises UsageError where a text in it can't be written."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError as error:  # of a command line in another encoding
        raise UsageError(f"{error.object[:80]!r} is not UTF-8. Write it in UTF-8") from error
    return add_checksum(msgspec.json.format(data, indent=1)) + b"\n"


def read_json(path: Path, kind: type[T], *, is_old: Callable[[T], bool] | None = None) -> T:
    """Read a value that `write_json` wrote. `is_old`: whether 0.1 wrote it, without a checksum.
    Raises DamagedError.
    """
    data = read_file(path)
    value = decode_json(data, kind, path, verified=is_old is None)
    if is_old and not has_checksum(data) and not is_old(value):
        raise DamagedError(f"{path} is damaged: it has no checksum. {RESTORE}")
    return value


def add_checksum(data: bytes) -> bytes:
    """A JSON object, with its checksum as the last member. `data` has at least one member."""
    body = data.rstrip()[:-1].rstrip()
    separator = b",\n " if b"\n" in body else b","
    close = b"\n}" if b"\n" in body else b"}"
    return body + separator + b'"checksum": "' + _digest(body) + b'"' + close


def has_checksum(data: bytes) -> bool:
    """Whether a JSON object ends with a checksum; files of 0.1 have none."""
    return _CHECKSUM.search(data[-80:]) is not None


def decode_json(
    data: bytes, kind: type[T], where: object, *, verified: bool = False, shown: bool = True
) -> T:
    """Decode a JSON object, after its checksum was compared. Raises DamagedError with `where`.

    `shown`: its texts are for people, so they lose their control characters.
    """
    check_content(data, where, verified=verified)
    return decode_value(data, kind, where, shown=shown)


def check_content(data: bytes, where: object, *, verified: bool = False) -> None:
    """Raise DamagedError where a JSON object does not match its checksum; `verified`: or has
    none.
    """
    checksum = _CHECKSUM.search(data, max(0, len(data) - 80))
    if checksum is None and verified:
        raise DamagedError(f"{where} is damaged: it has no checksum. {RESTORE}")
    if checksum and _digest(memoryview(data)[: checksum.start()]) != checksum[1]:
        raise DamagedError(
            f"{where} is damaged: its content does not match its checksum. {RESTORE}"
        )


def decode_value(
    data: bytes | msgspec.Raw, kind: type[T], where: object, *, shown: bool = True
) -> T:
    """Decode JSON. Raises DamagedError with `where`. `shown`: as `decode_json`."""
    try:
        if shown and may_hold_control(data):
            return msgspec.convert(make_plain(msgspec.json.decode(data)), kind)
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError(f"{where} is damaged or of another version: {error}") from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits. Raises DamagedError on one that is larger than
    any of ours.
    """
    if path.stat().st_size > MOST_BYTES:
        raise DamagedError(f"{path} has {path.stat().st_size} bytes: at most {MOST_BYTES} are read")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_alive(process: int) -> bool:
    """Whether a process of that number runs here."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()
