"""`history`: add nights to the history, read it, and give it to other programs."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from editproof.harness.history.flakiness import find_flaky, read_edits
from editproof.harness.history.night_tables import read_table
from editproof.harness.history.parts import PartFolder, PartObjects, PartStore, read_suite
from editproof.harness.history.series import read_series
from editproof.harness.history.summarise import make_part
from editproof.harness.history.trends import find_trends
from editproof.harness.operations.project import find_commit, find_noise_floor, find_run_folder
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError, unknown_name_error
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.records.nights import Night, Trends
from editproof.harness.stores.copies import name_place
from editproof.harness.stores.places import find_url
from editproof.harness.suites.settings import Project

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
    """The history that the settings name."""
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


def show_history(suite: str, project: Project, last: int = 0) -> Trends:
    """What the history of a suite shows; an empty name: of the only one, or of the setting's.
    `last`: so many nights at the end; 0: all. Raises UsageError where there is none.
    """
    store = open_store(project)
    name = _choose_suite(suite, store, project)
    return find_trends(
        name, read_series(store, name, last), find_flaky(read_edits(store, name, last))
    )


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
        raise UsageError(NO_NIGHTS.format(name_place(project.path(project.settings.history))))
    if named:
        if named not in known:
            raise unknown_name_error("suite in the history", named, known)
        return named
    if len(known) == 1:
        return known[0]
    usual = Path(project.settings.suite).stem
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
