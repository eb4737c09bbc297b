"""A run that is being written: one contract, for a local folder and for a URL.

The process that drives a run has one of these from the run's first case to its last:

    store = open_run_store("s3://bucket/editproof/nightly-7")    # or a local folder
    store.start(manifest)                                        # or store.resume()
    store.put(record, another)                                   # cases that ended together
    store.close()

`store.folder` is the working folder. Workers write pictures into it (`pictures.files.store`), and
everything that reads runs reads it. At a URL it is the local copy: after `resume` it holds the
manifest and all records, and `harness.records.runs.load(store.folder)` reads them.

**A process of its own, such as an actor on another machine**, puts cases without driving the run.
It needs nothing but the URL. Its working folder is the copy on its own machine, and several
processes of one machine may share it:

    store = open_run_store(url)
    setup = replace(setup, folder=store.folder)      # what its worker is told
    records = store.put(*worker_makes(setup, work))  # pictures first, then an object for each case
    ...                                              # they are small: they go to the driver

`put` gives the records that count. Where another process has finished a case before, that is the
other's, and ours changes nothing. The driver then calls `store.note(*records)`, not `put`. It may
do so more than once. Pictures that the worker needs of the turn before are fetched when they are
read.

A local folder has one process that puts, since its journal is locked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import Journal
from editproof.harness.records.json_files import sweep_partials
from editproof.harness.records.manifest import Manifest, write_manifest
from editproof.harness.records.runs import BLOBS
from editproof.harness.stores.copies import find_folder, find_origin
from editproof.harness.stores.object_run import ObjectRunStore


class RunStore(Protocol):
    """Where a run is written to."""

    folder: Path
    """The working folder: pictures are written into it, and it is read."""

    def start(self, manifest: Manifest) -> None:
        """Make the run. Raises UsageError where something is there already, or another process is
        writing there.
        """

    def resume(self) -> None:
        """Go on with the run that is there. Raises UsageError where there is none, or another
        process is writing there.
        """

    def put(self, *records: CaseRecord) -> tuple[CaseRecord, ...]:
        """Keep cases that ended together; their pictures lie in the working folder. All are stored
        when this returns. Gives the records that count.
        """

    def note(self, *records: CaseRecord) -> None:
        """Take notice of cases that another process has put."""

    def close(self) -> None:
        """Let others write. May be called twice."""


class LocalRunStore:
    """A run in a local folder: a journal that one process writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal: Journal | None = None

    def start(self, manifest: Manifest) -> None:
        """As RunStore.start."""
        self._sweep()
        if self.folder.exists() and any(self.folder.iterdir()):
            raise UsageError(
                f"{self.folder} is not empty. Add --resume to continue a run, or choose another"
                " --out"
            )
        write_manifest(self.folder, manifest)
        self._journal = Journal(self.folder)

    def resume(self) -> None:
        """As RunStore.resume."""
        self._sweep()
        self._journal = Journal(self.folder)

    def put(self, *records: CaseRecord) -> tuple[CaseRecord, ...]:
        """As RunStore.put."""
        if self._journal is None:
            raise RuntimeError("the run was neither started nor resumed")
        self._journal.append(*records)
        return records

    def note(self, *records: CaseRecord) -> None:
        """As RunStore.note: nobody else can have put them, so they are put."""
        self.put(*records)

    def close(self) -> None:
        """As RunStore.close."""
        if self._journal:
            self._journal.close()
            self._journal = None

    def _sweep(self) -> None:
        for place in (self.folder, *self.folder.glob(f"{BLOBS}/*")):
            sweep_partials(place)


def open_run_store(place: Path | str) -> RunStore:
    """Where a run is written to: a local folder, a URL, or the local copy of one. Nothing is read
    or written yet. Raises UsageError where a URL can't be used.
    """
    folder = find_folder(place)
    origin = find_origin(folder)
    return ObjectRunStore(origin) if origin else LocalRunStore(folder)
