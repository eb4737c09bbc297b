"""`history`: add nights to the history, read it, and give it to other programs."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from editproof.harness.history.branch import PartBranch, find_branch
from editproof.harness.history.case_nights import add_pictures, read_endings
from editproof.harness.history.flakiness import find_flaky, read_edits
from editproof.harness.history.night_tables import read_table
from editproof.harness.history.parts import (
    PartFolder,
    PartObjects,
    PartStore,
    list_old_parts,
    read_suite,
)
from editproof.harness.history.series import read_series
from editproof.harness.history.summarise import make_part
from editproof.harness.history.trends import find_trends
from editproof.harness.operations.project import (
    find_commit,
    find_noise_floor,
    find_run_folder,
    find_suite,
)
from editproof.harness.records import runs
from editproof.harness.records.errors import EditproofError, UsageError, unknown_name_error
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.records.nights import CaseNights, Night, Trends
from editproof.harness.retention.durations import parse_duration
from editproof.harness.stores.copies import name_place
from editproof.harness.stores.places import find_url
from editproof.harness.suites.settings import Project, Settings

Format = Literal["csv", "parquet"]

NO_NIGHTS = (
    "the history in {} has no night yet. `editproof history add` adds the newest run, and"
    " `editproof history import RUN …` earlier ones"
)


@dataclass(frozen=True, slots=True)
class AddedNight:
    """A night that was written."""

    night: Night
    name: str
    size: int
    """Bytes."""
    is_new: bool
    """False: it was there, and was written again."""


def open_store(project: Project) -> PartStore:
    """The history that the settings name. Raises UsageError where it can't be a place."""
    if branch := find_branch(project.settings.history):
        return PartBranch(project.folder, branch)
    url = find_url(project.settings.history)
    return PartObjects(url) if url else PartFolder(project.path(project.settings.history))


def add_night(folder: Path | None, project: Project) -> AddedNight:
    """Add a run to the history; None: the newest. A run that names no commit gets the one that is
    checked out now. Raises UsageError and DamagedError.
    """
    return _add(find_run_folder(folder, project), project, find_commit(project.folder))


def import_nights(folders: Iterable[Path], project: Project) -> list[AddedNight]:
    """Add runs that were made before; a folder of runs stands for the runs in it. Raises UsageError
    and DamagedError.
    """
    return [_add(folder, project, "") for named in folders for folder in _find_runs(named, project)]


def prune_nights(suite: str, project: Project) -> None:
    """Remove the nights of a suite that are older than the settings ask for."""
    longest = project.settings.retention.nights
    if longest:
        store = open_store(project)
        before = datetime.now(UTC) - parse_duration(longest, "retention.nights")
        store.remove_parts(suite, list_old_parts(store.list_parts(suite), before))


def show_history(suite: str, project: Project, last: int = 0) -> Trends:
    """What the history of a suite shows; an empty name: of the only one, or of the setting's.
    `last`: so many nights at the end; 0: all. Raises UsageError where there is none.
    """
    store = open_store(project)
    name = _choose_suite(suite, store, project)
    flaky = find_flaky(read_edits(store, name, last))
    return add_pictures(find_trends(name, read_series(store, name, last), flaky), store)


def find_history_folder(project: Project) -> Path:
    """What lies on this machine of a history: all of it, or beside a branch its pages alone."""
    is_branch = find_branch(project.settings.history)
    return project.path(Settings().history if is_branch else project.settings.history)


def find_page_folder(suite: str, project: Project) -> Path:
    """Where the page of a suite's history lies on this machine."""
    return find_history_folder(project) / suite / "report"


def find_case_nights(
    suite: str, project: Project, *, links_page: bool = False
) -> CaseNights | None:
    """How the cases of a suite ended in its last nights, for the report of a run; None: no night is
    known, or the history can't be read, which keeps no run from its report. `links_page`: its page
    will be written; else the page is named where it lies there.
    """
    try:
        days, endings = read_endings(open_store(project), suite)
    except EditproofError:
        return None
    if not days:
        return None
    page = find_page_folder(suite, project) / "index.html"
    return CaseNights(page if links_page or page.is_file() else None, days, endings)


def export_history(suite: str, path: Path, kind: Format, project: Project) -> int:
    """Write all nights of a suite as one file; give the number of rows. Raises as
    `show_history`.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    store = open_store(project)
    name = _choose_suite(suite, store, project)
    tables = [read_table(data, where) for where, data in read_suite(store, name)]
    table = pa.concat_tables(tables, promote_options="permissive")
    buffer = io.BytesIO()
    if kind == "csv":
        csv.write_csv(_make_flat(table), buffer)
    else:
        parquet.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())
    return int(table.num_rows)


def _add(folder: Path, project: Project, commit: str) -> AddedNight:
    run = runs.load(folder)
    part = make_part(
        run, run.manifest.commit or commit, find_noise_floor(run.manifest.suite, project)
    )
    store = open_store(project)
    is_new = part.name not in store.list_parts(part.night.suite)
    store.write_part(part.night.suite, part.name, part.data)
    return AddedNight(part.night, part.name, len(part.data), is_new)


def _choose_suite(named: str, store: PartStore, project: Project) -> str:
    known = store.list_suites()
    if not known:
        place = project.settings.history
        raise UsageError(
            NO_NIGHTS.format(place if find_branch(place) else name_place(project.path(place)))
        )
    if named:
        name = find_suite(named, project).name if named.endswith(".toml") else named
        if name not in known:
            raise unknown_name_error("suite in the history", name, known)
        return name
    if len(known) == 1:
        return known[0]
    usual = find_suite("", project).name
    if usual in known:
        return usual
    raise UsageError(f"the history has several suites: name one of {', '.join(known)}")


def _make_flat(table: Any) -> Any:
    """The table with words in place of dictionaries, which CSV does not know."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _find_runs(folder: Path, project: Project) -> list[Path]:
    if find_url(folder):
        return [find_run_folder(folder, project)]
    inside = sorted(path.parent for path in folder.glob(f"[!.]*/{MANIFEST}"))
    return [folder] if (folder / MANIFEST).is_file() or not inside else inside
