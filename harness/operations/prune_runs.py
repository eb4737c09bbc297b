"""`runs`: which runs there are, and which of them go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from editproof.harness.baselines.baseline_folder import read_accepted_runs
from editproof.harness.baselines.index import INDEX
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.retention.durations import parse_duration
from editproof.harness.retention.run_pruning import (
    RetentionRule,
    RunChoice,
    RunEntry,
    choose_runs,
    find_runs,
    remove_run,
    sweep_leftovers,
)
from editproof.harness.retention.sizes import FolderSize, measure_folder
from editproof.harness.stores.baseline_copy import open_baseline
from editproof.harness.stores.copies import find_folder, find_origin, name_place
from editproof.harness.stores.runs_folder import (
    measure_run,
    open_runs,
    remove_remote_run,
    sweep_remote_runs,
)
from editproof.harness.suites.settings import Project


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run, and what it holds on the disk."""

    run: RunEntry
    size: FolderSize
    is_accepted: bool
    """Whether a baseline was accepted from it."""


@dataclass(frozen=True, slots=True)
class PrunedRun:
    """A run that went, or would go."""

    choice: RunChoice
    size: FolderSize


def list_runs(project: Project, baseline: Path | None) -> tuple[ListedRun, ...]:
    """The runs of a project, the newest first. Raises DamagedError on a baseline that can't be
    read.
    """
    accepted = _accepted_runs(project, baseline)
    return tuple(
        ListedRun(run, _measure(run.folder), run.name in accepted)
        for run in _find_runs(project, baseline)
    )


def prune_runs(
    named: Sequence[Path], project: Project, baseline: Path | None, *, dry_run: bool
) -> tuple[PrunedRun, ...]:
    """Remove the runs that the settings let go, or those named; give them. Of a dry run nothing
    goes.

    Raises UsageError on a name that is none of the project's runs. Raises DamagedError on a
    baseline that can't be read: nobody knows then which runs were accepted.
    """
    retention = project.settings.retention
    rule = RetentionRule(
        parse_duration(retention.runs, "retention.runs"),
        parse_duration(retention.failed, "retention.failed"),
    )
    choices = choose_runs(
        _find_runs(project, baseline),
        rule,
        accepted=_accepted_runs(project, baseline),
        named=[_name_of(path, project) for path in named],
        now=datetime.now(UTC),
    )
    going = tuple(
        PrunedRun(choice, _measure(choice.run.folder)) for choice in choices if choice.goes
    )
    if not dry_run:
        sweep_leftovers(_runs_folder(project))
        sweep_remote_runs(_runs_folder(project))
        for one in going:
            _remove(one.choice.run.folder)
    return going


def _measure(folder: Path) -> FolderSize:
    """What a run holds, where it is."""
    remote = measure_run(folder)
    return measure_folder(folder) if remote is None else FolderSize(remote, 0)


def _remove(folder: Path) -> None:
    if find_origin(folder):
        remove_remote_run(folder)
    else:
        remove_run(folder)


def _runs_folder(project: Project) -> Path:
    return project.path(project.settings.runs)


def _find_runs(project: Project, baseline: Path | None) -> tuple[RunEntry, ...]:
    baselines = frozenset(folder.resolve() for folder in _find_baselines(project, baseline))
    open_runs(_runs_folder(project))
    return find_runs(_runs_folder(project), baselines, INDEX)


def _accepted_runs(project: Project, baseline: Path | None) -> frozenset[str]:
    """Names of the runs that a baseline of the project was accepted from."""
    return frozenset(
        name for folder in _find_baselines(project, baseline) for name in read_accepted_runs(folder)
    )


def _find_baselines(project: Project, baseline: Path | None) -> Iterator[Path]:
    """The one named, the setting's, and those in `baselines/`. Raises UsageError where the one
    named is none.
    """
    if baseline is not None:
        baseline = find_folder(baseline)
        open_baseline(baseline)
        if not (baseline / MANIFEST).is_file():
            raise UsageError(f"{name_place(baseline)} is not a baseline: it has no {MANIFEST}")
        yield baseline
    if project.settings.baseline:
        folder = project.path(project.settings.baseline)
        open_baseline(folder)
        yield folder
    yield from (path.parent for path in project.path("baselines").glob(f"*/{MANIFEST}"))


def _name_of(path: Path, project: Project) -> str:
    """The name of a run that was given as a folder, or by its name alone."""
    runs_folder = _runs_folder(project)
    is_name = path == Path(path.name)
    folder = find_folder(path).resolve()
    if not is_name and folder.parent != runs_folder:
        raise UsageError(
            f"{path} is not in {name_place(runs_folder)}, where the project's runs are."
            " Remove it by hand"
        )
    return path.name if is_name else folder.name
