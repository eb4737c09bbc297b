"""Cases in a cache, and runs that hold them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import blob_path
from editproof.harness.running.cache import Cache
from tests.harness.made import measured

NOW = 1_700_000_000.0
SIZE = 10_000
"""Bytes of a picture."""


def content_of(name: str) -> bytes:
    """Some bytes that stand for a picture; its name in the store is their hash."""
    return (name.encode() * SIZE)[:SIZE]


def digest_of(name: str) -> str:
    return hashlib.sha256(content_of(name)).hexdigest()


def cached_record(name: str, shared: str = "", *, key: str = "") -> CaseRecord:
    """A finished case with a picture of its own, and one that it may share."""
    record = measured(35.0)
    blobs = {"actual": digest_of(name)} | ({"input": digest_of(shared)} if shared else {})
    known = hashlib.sha256((key or name).encode()).hexdigest()
    return replace(record, case=replace(record.case, key=known), blobs=blobs)


def write_pictures(folder: Path, *names: str) -> None:
    """As a worker writes them into its run."""
    for name in names:
        path = blob_path(folder, digest_of(name))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content_of(name))


def put_case(
    cache: Path, name: str, *, used: float | None, shared: str = "", key: str = "", run: str = ""
) -> Path:
    """A case that a run has finished and put into the cache; the run's folder. `used` None: now."""
    folder = cache.parent / (run or f"run of {name}")
    record = cached_record(name, shared, key=key)
    write_pictures(folder, name, *([shared] if shared else []))
    Cache(cache).put(record, folder)
    if used is not None:
        path = cache / "records" / record.case.key[:2] / f"{record.case.key}.json"
        os.utime(path, (used, used))
    return folder
