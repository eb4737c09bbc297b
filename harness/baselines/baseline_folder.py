"""The folder of a baseline: how it is read, and how it becomes another.

baseline.json          for people and for git: which outcomes, by whom, why, from which run, how far
                       their numbers spread; and checksums of the files beside it
manifest.json          as a run's, and so are journal.jsonl and the tables
also/1/ …              further right answers for some of the cases, each like a run
blobs/                 the accepted pictures, named by their SHA-256
history/1/ …           what was there before acceptance 2, 3, …: `editproof baseline undo`

Two folders of other names lie beside it while it is written; see folder_lock.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from editproof.harness.baselines.folder_lock import (
    Say,
    has_leftovers,
    locked_folder,
    new_folder_of,
    put_new_folder,
    say_nothing,
)
from editproof.harness.baselines.index import INDEX, Acceptance, Index, build_index
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.links import bring
from editproof.harness.records import runs
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import DamagedError, EditproofError
from editproof.harness.records.foreign import check_no_links
from editproof.harness.records.journal import JOURNAL, Journal, read_journal
from editproof.harness.records.json_files import file_digest, read_json, write_json
from editproof.harness.records.manifest import MANIFEST, SCHEMA, Manifest, write_manifest
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.tables import TABLE_INDEX, TABLES, write_tables
from editproof.harness.stores.blobs import fetch_picture

ACCEPTED_PICTURE = "actual"
ALSO = "also"
HISTORY = "history"
KEPT_STATES = 10
AT_ONCE = 1000
"""Records that are forced to the disk together."""
"""How many acceptances can be taken back."""

_BEFORE_INDEX = frozenset({MANIFEST, JOURNAL, "blobs"})
"""What the folder of a baseline held before there was an index."""
CONTENTS = _BEFORE_INDEX | {INDEX, ALSO, HISTORY, TABLE_INDEX, *TABLES}
"""What a baseline's folder holds, and nothing else: a folder with anything more is not ours to
replace.
"""
_VERIFIED = frozenset({MANIFEST, JOURNAL, TABLE_INDEX, *TABLES})
"""Files whose checksums the index holds."""


@dataclass(frozen=True, slots=True)
class BaselineState:
    """A baseline in memory, as it is before or after an acceptance."""

    manifest: Manifest
    records: tuple[CaseRecord, ...]
    numbers: dict[str, int]
    """Case id -> the acceptance that its record comes from."""
    also: tuple[tuple[int, Run], ...] = ()
    """Acceptance, and its further answers."""
    accepted: tuple[Acceptance, ...] = ()


def load(folder: Path) -> Baseline:
    """Read a baseline for the gate. Raises UsageError where the folder is none, and DamagedError
    where a file in it is not what was written.
    """
    if not folder.exists() and has_leftovers(folder):
        with lock(folder):
            pass  # a writer died here: the lock's owner completes its work
    _check_contents(folder)
    also = tuple(runs.load(path) for _, path in numbered_folders(folder / ALSO))
    return Baseline(runs.load(folder), also)


def lock(folder: Path, say: Say = say_nothing) -> AbstractContextManager[None]:
    """Keep other writers out of a baseline."""
    return locked_folder(folder, _is_whole, say)


def read_state(folder: Path) -> BaselineState:
    """Read a baseline to make another of it. Raises as `load`."""
    _check_contents(folder)
    run = runs.load(folder)
    index = _read_index(folder)
    if index is None:
        numbers = dict.fromkeys((record.case.id for record in run.records), 1)
        return BaselineState(run.manifest, run.records, numbers)
    numbers = {outcomes.id: outcomes.acceptances[0] for outcomes in index.cases.values()}
    also = tuple((number, runs.load(path)) for number, path in numbered_folders(folder / ALSO))
    return BaselineState(run.manifest, run.records, numbers, also, tuple(index.accepted))


def read_accepted_runs(folder: Path) -> list[str]:
    """Names of the runs that were accepted, oldest first. Raises DamagedError."""
    index = _read_index(folder)
    return [acceptance.run for acceptance in index.accepted] if index else []


def find_digest(folder: Path) -> str:
    """What tells a baseline from every other: SHA-256 of its index, which names all pictures and
    the checksums of all files. Of one from before there was an index, of its journal. Empty: there
    is no baseline.
    """
    paths = (folder / INDEX, folder / JOURNAL)
    return next((file_digest(path) for path in paths if path.is_file()), "")


def numbered_folders(folder: Path) -> Iterator[tuple[int, Path]]:
    """Folders inside that have a number for a name, in order."""
    if folder.is_dir():
        yield from sorted(
            (int(path.name), path) for path in folder.iterdir() if path.name.isdecimal()
        )


def put_state(
    target: Path, before: BaselineState | None, after: BaselineState, sources: Sequence[Path]
) -> None:
    """Write a new state, and keep the one before for `undo`. `sources`: where pictures may lie."""
    past = list(numbered_folders(target / HISTORY))[-KEPT_STATES + 1 :]
    keep = len(before.accepted) or 1 if before else 0
    replace_state(target, after, past, sources, keep=keep)


def replace_state(
    target: Path,
    state: BaselineState,
    past: Sequence[tuple[int, Path]],
    sources: Sequence[Path],
    *,
    keep: int,
) -> None:
    """Write the state in place of what is there, `past` states beside it; and where `keep` is not
    0, what is there as that. The caller holds the lock.
    """
    partial = new_folder_of(target)
    _write_run(state.manifest, state.records, partial)
    for number, run in state.also:
        _write_run(run.manifest, run.records, partial / ALSO / str(number))
    for number, path in past:
        shutil.copytree(path, partial / HISTORY / str(number))
    if keep:
        shutil.copytree(
            target, partial / HISTORY / str(keep), ignore=_skip_pictures_and_history(target)
        )
    for digest in dict.fromkeys(_pictures_of_states(partial)):
        bring(_find_picture(digest, [*sources, target]), blob_path(partial, digest))
    _write_index(partial, state)
    _flush(partial)
    put_new_folder(target)


def find_foreign(target: Path) -> str:
    """Something in a folder that no baseline holds; empty: there is none."""
    allowed = CONTENTS if (target / INDEX).is_file() else _BEFORE_INDEX
    others = (
        sorted(path.name for path in target.iterdir() if path.name not in allowed)
        if target.exists()
        else []
    )
    return others[0] if others else ""


def _check_contents(folder: Path) -> None:
    """Raise DamagedError where a file is not the one that the index was written with."""
    if folder.is_dir():
        check_no_links(folder)
    index = _read_index(folder)
    for name, digest in index.contents.items() if index else ():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DamagedError(f"{folder / INDEX} is damaged: {name!r} leads out of the folder")
        if not path.is_file() or file_digest(path) != digest:
            raise DamagedError(
                f"{path} is {'damaged' if path.is_file() else 'gone'}: {INDEX} was written with"
                " another content. Restore the baseline from version control, or accept a run again"
            )


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds a baseline that was written to its end."""
    try:
        _check_contents(folder)
    except EditproofError:
        return False
    return (folder / INDEX).is_file()


def _read_index(folder: Path) -> Index | None:
    path = folder / INDEX
    if not path.is_file():
        return None
    return read_json(path, Index, is_old=lambda index: not index.contents)


def _write_index(folder: Path, state: BaselineState) -> None:
    answers = {
        record.case.id: [
            (record.blobs.get(ACCEPTED_PICTURE, ""), state.numbers.get(record.case.id, 1))
        ]
        for record in state.records
    }
    for number, run in state.also:
        for record in run.records:
            answers[record.case.id].append((record.blobs.get(ACCEPTED_PICTURE, ""), number))
    contents = {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.name in _VERIFIED and HISTORY not in path.relative_to(folder).parts
    }
    baseline = Baseline(
        Run.of_records(folder, state.manifest, state.records), tuple(run for _, run in state.also)
    )
    write_json(folder / INDEX, build_index(baseline, state.accepted, answers, contents))


def _write_run(manifest: Manifest, records: Sequence[CaseRecord], folder: Path) -> None:
    write_manifest(folder, replace(manifest, schema=SCHEMA))
    journal = Journal(folder)
    try:
        for start in range(0, len(records), AT_ONCE):
            journal.append(*records[start : start + AT_ONCE])
    finally:
        journal.close()
    write_tables(folder, records)


def _flush(folder: Path) -> None:
    """Force what describes the pictures to the disk, before the folder takes another's place."""
    for path in folder.rglob("*"):
        if path.suffix != ".png" and path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _skip_pictures_and_history(target: Path) -> Callable[[str, list[str]], set[str]]:
    def skipped(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(folder) == target and name in {"blobs", HISTORY}}

    return skipped


def _pictures_of_states(folder: Path) -> Iterator[str]:
    """What lies in a baseline as a picture; of the right answer it keeps the hash, by which a scene
    is known again.
    """
    states = [folder, *(path for _, path in numbered_folders(folder / HISTORY))]
    for state in states:
        for path in (state, *(also for _, also in numbered_folders(state / ALSO))):
            for record in read_journal(path):
                if record.blobs.get(ACCEPTED_PICTURE):
                    yield record.blobs[ACCEPTED_PICTURE]


def _find_picture(digest: str, folders: Sequence[Path]) -> Path:
    """Where a picture lies: a run's file is often the cache's as well, so a run comes first. One
    that is damaged is taken where there is no other.
    """
    paths = [blob_path(folder, digest) for folder in folders]
    found = [path for path in paths if path.is_file()] or list(filter(fetch_picture, paths))
    intact = (path for path in found if pictures.is_intact(path, path.read_bytes()))
    return next(intact, (found or paths)[0])
