"""Finished cases, kept for the next run: found by everything that determines their outcome,
pictures included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from editproof.harness.pictures.links import bring, bring_picture
from editproof.harness.records.cases import Case, CaseRecord, list_pictures
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.record_lines import decode_record, encode_record
from editproof.harness.records.runs import blob_path
from editproof.harness.retention.cache_pruning import note_use
from editproof.harness.stores.cache_copy import fetch_entries, fetch_entry_pictures, send_entry
from editproof.harness.stores.objects import StoreError


class Cache:
    """A folder of records and pictures, shared by all runs of a user. It may be the local copy of a
    URL, which whole teams share.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, cases: Iterable[Case]) -> None:
        """Bring the records of these cases here, where the cache is at a URL. Raises StoreError."""
        fetch_entries(self._folder, [self._record_path(case.key) for case in cases if case.key])

    def get(self, case: Case, run_folder: Path) -> CaseRecord | None:
        """The finished case, its pictures brought into the run's folder; None where it is not here,
        or not whole.
        """
        path = self._record_path(case.key)
        if not case.key or not path.is_file():
            return None
        try:
            record = decode_record(read_file(path), CaseRecord, path, verified=True)
            digests = list_pictures(record)
            fetch_entry_pictures(blob_path(self._folder, digest) for digest in digests)
            for digest in digests:
                _check(blob_path(self._folder, digest), digest)
                bring(blob_path(self._folder, digest), blob_path(run_folder, digest))
        except (DamagedError, FileNotFoundError):
            return None  # another version, damaged, or pruned: the case is run again
        note_use(path)
        return replace(record, case=case, cached=True)

    def put(self, record: CaseRecord, run_folder: Path) -> None:
        """Keep a finished case, unless it failed or its pipeline names no fingerprint. Of a picture
        that is here already, the run keeps no second copy.
        """
        if not record.case.key or record.error is not None:
            return
        for digest in list_pictures(record):
            here, there = blob_path(self._folder, digest), blob_path(run_folder, digest)
            bring(there, here)
            bring_picture(here, there)
        path = self._record_path(record.case.key)
        write_atomically(path, encode_record(record))
        send_entry(self._folder, path, list_pictures(record))

    def _record_path(self, key: str) -> Path:
        return self._folder / "records" / key[:2] / f"{key}.json"


class CarefulCache:
    """The cache, or none: trouble with its folder is said once and turns it off, and the run goes
    on.
    """

    def __init__(self, folder: Path | None, warn: Callable[[str], None]) -> None:
        self._cache = Cache(folder) if folder else None
        self._warn = warn

    def fetch(self, cases: Iterable[Case]) -> None:
        """As Cache.fetch."""
        try:
            if self._cache:
                self._cache.fetch(cases)
        except (OSError, StoreError) as error:
            self._turn_off(error)

    def get(self, case: Case, run_folder: Path) -> CaseRecord | None:
        """As Cache.get."""
        try:
            return self._cache.get(case, run_folder) if self._cache else None
        except (OSError, StoreError) as error:
            self._turn_off(error)
            return None

    def put(self, record: CaseRecord, run_folder: Path) -> None:
        """As Cache.put."""
        try:
            if self._cache:
                self._cache.put(record, run_folder)
        except (OSError, StoreError) as error:
            self._turn_off(error)

    def _turn_off(self, error: Exception) -> None:
        self._cache = None
        self._warn(
            f"the cache is off for this run: {error}. Set EDITPROOF_CACHE or cache.folder to"
            " another folder or URL"
        )


def has_pictures(record: CaseRecord, folder: Path) -> bool:
    """Whether all pictures of a record lie in a folder: those that a cluster stored do not."""
    return all(blob_path(folder, digest).is_file() for digest in list_pictures(record))


def _check(path: Path, digest: str) -> None:
    """Remove a picture that is not what its name says, and raise FileNotFoundError."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        path.unlink()
        raise FileNotFoundError(path)
