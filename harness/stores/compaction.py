"""Records of a run in few objects: some thousand cases to a part.

cases/ID.json            a finished case, written once: a line of the journal
failures/ID.json         the last error of a case; it counts while the case has not finished
parts/DIGEST.jsonl.gz    lines of the journal, named by the hash of the object
parts.json               which parts there are; it is read by its name, so no listing hides one

A case's own object goes after a part that holds it is listed in parts.json.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence

import msgspec

from editproof.harness.records.digests import Digest
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.json_files import add_checksum, decode_json
from editproof.harness.stores.objects import ObjectFolder, StoreError, Version

CASES = "cases"
FAILURES = "failures"
PARTS = "parts"
PART_INDEX = "parts.json"

CASES_A_PART = 2000

LEVEL = 3
"""Of the compression: 9 takes four times as long, and saves a seventh of the bytes."""

MOST_CASE_BYTES = 1 << 28
MOST_PART_BYTES = 1 << 31
"""Of a part's lines."""


class RunPart(msgspec.Struct, frozen=True):
    """A part of a run's records."""

    digest: Digest
    """SHA-256 of the object."""
    cases: int


class PartIndex(msgspec.Struct, frozen=True):
    """`parts.json`."""

    parts: tuple[RunPart, ...] = ()
    schema: int = 1


def read_index(objects: ObjectFolder) -> tuple[PartIndex, Version | None]:
    """The parts of a run, and the version of their index. Raises DamagedError and StoreError."""
    found = objects.read_version(PART_INDEX)
    if found is None:
        return PartIndex(), None
    index = decode_json(found.data, PartIndex, f"{objects.url}/{PART_INDEX}", verified=True)
    return index, found.version


def read_part(objects: ObjectFolder, part: RunPart) -> list[bytes]:
    """The lines of a part, without their ends. Raises DamagedError and StoreError."""
    name = _name_part(part.digest)
    data = objects.read(name)
    where = f"{objects.url}/{name}"
    if data is None or hashlib.sha256(data).hexdigest() != part.digest:
        raise DamagedError(
            f"{where} is {'gone' if data is None else 'damaged'}. Restore it, or run its cases"
            " again in a new run"
        )
    unpacking = zlib.decompressobj(wbits=31)
    try:
        lines = unpacking.decompress(data, MOST_PART_BYTES)
    except zlib.error as error:
        raise DamagedError(f"{where} is damaged: {error}") from error
    if not unpacking.eof:
        raise DamagedError(f"{where} has more than {MOST_PART_BYTES} bytes, or does not end")
    return lines.removesuffix(b"\n").split(b"\n")


def add_part(objects: ObjectFolder, lines: Sequence[bytes]) -> RunPart:
    """Write lines as a part, and list it. Raises StoreError."""
    data = gzip.compress(b"".join(line + b"\n" for line in lines), LEVEL, mtime=0)
    part = RunPart(hashlib.sha256(data).hexdigest(), len(lines))
    objects.write_once(_name_part(part.digest), data)
    for _ in range(5):
        index, version = read_index(objects)
        if part in index.parts:
            return part
        after = msgspec.structs.replace(index, parts=(*index.parts, part))
        if objects.replace(PART_INDEX, add_checksum(msgspec.json.encode(after)), version):
            return part
    raise StoreError(f"{objects.url}/{PART_INDEX} is changed by others all the time. Try again")


def name_case(case_id: str) -> str:
    """The object of a finished case."""
    return f"{CASES}/{case_id}.json"


def name_failure(case_id: str) -> str:
    """The object of a case that failed."""
    return f"{FAILURES}/{case_id}.json"


def _name_part(digest: str) -> str:
    return f"{PARTS}/{digest}.jsonl.gz"
