"""Which local copies there are, and which go: everything in them is in their store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from editproof.harness.records.manifest import MANIFEST
from editproof.harness.retention.sizes import measure_folder
from editproof.harness.stores.copied_journal import locked_journal
from editproof.harness.stores.copies import find_copies_root, notes_of, remove_copy


def prune_copies(older_than: timedelta, *, now: float) -> tuple[int, int]:
    """Remove the copies of runs and baselines that no command has opened for so long; how many
    went, and their bytes. One that a run is being written into stays.
    """
    removed = freed = 0
    for folder in list(_list_copies(find_copies_root())):
        used = max(path.stat().st_mtime for path in (folder, notes_of(folder)) if path.exists())
        if used > now - older_than.total_seconds():
            continue
        with locked_journal(folder) as is_free:
            if is_free:
                freed += measure_folder(folder).own
                remove_copy(folder)
                removed += 1
    return removed, freed


def _list_copies(root: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(root):
        if MANIFEST in files:
            folders.clear()
            yield Path(parent)
