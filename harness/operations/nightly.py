"""`nightly`: one night of a suite, from its first edit to the history.

A night has its folder: `runs/SUITE-night-DATE`. What is done is known from there, so a night that
was stopped goes on, and one that is complete is not run a second time.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from editproof.harness.history.summarise import describe_night, name_part
from editproof.harness.operations import progress
from editproof.harness.operations.history import add_night, find_history_folder, open_store
from editproof.harness.operations.judge import judge_run
from editproof.harness.operations.project import find_suite
from editproof.harness.operations.run import RunRequest, run_suite
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.records.runs import Run
from editproof.harness.running.runner import Warn
from editproof.harness.suites.settings import Project

LONGEST = timedelta(hours=20)
"""How long after its start a night that was stopped goes on; later, a new one begins."""


@dataclass(frozen=True, slots=True)
class NightRequest:
    """What was asked for on the command line; empty or 0: the setting holds."""

    suite: str = "nightly"
    pipelines: tuple[str, ...] = ()
    jobs: int = 0
    baseline: Path | None = None


@dataclass(frozen=True, slots=True)
class FinishedNight:
    """A night that is in the history."""

    run: Run
    """With its verdict."""
    is_new: bool
    """False: it was complete before."""


@contextmanager
def hold_night(request: NightRequest, project: Project, warn: Warn) -> Iterator[None]:
    """Let one process at a time work on the nights of a suite. Another one is waited for."""
    folder = find_history_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    name = find_suite(request.suite, project).name
    handle = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn(f"another `editproof nightly` works on the suite {name}: waiting for its end")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def run_night(
    request: NightRequest, project: Project, console: Console, warn: Warn, *, quiet: bool
) -> FinishedNight:
    """Run tonight's night, or what is left of it, judge it, and add it to the history. Raises
    UsageError and IncompleteError.
    """
    now = datetime.now(UTC)
    suite = find_suite(request.suite, project).name
    newest = _find_newest(suite, project)
    if newest and now - newest.began < LONGEST:
        if newest.is_kept and newest.date == _name_date(now):
            return FinishedNight(newest.run, is_new=False)
        if not newest.is_kept and (done := _resume(newest.run.folder, request, project, console)):
            warn(f"{newest.run.folder.name} was stopped, and is continued")
            return _keep(done, request, project, console, quiet=quiet)
    folder = _choose_folder(suite, _name_date(now), project)
    asked = RunRequest(
        suite=request.suite,
        pipelines=request.pipelines,
        jobs=request.jobs,
        baseline=request.baseline,
        out=folder,
    )
    done = run_suite(asked, project, console, quiet=quiet)
    return _keep(done, request, project, console, quiet=quiet)


@dataclass(frozen=True, slots=True)
class _Night:
    run: Run
    began: datetime
    is_kept: bool
    """Whether it is in the history."""
    date: str


def _find_newest(suite: str, project: Project) -> _Night | None:
    """The newest night of a suite; None: there is none that can be read."""
    for folder in sorted(_list_folders(suite, project), reverse=True):
        with suppress(UsageError, ValueError):
            run = runs.load(folder)
            night = describe_night(run, "")
            is_kept = name_part(night) in open_store(project).list_parts(suite)
            began = datetime.fromisoformat(night.created)
            return _Night(run, began, is_kept, _name_date(began))
    return None


def _list_folders(suite: str, project: Project) -> Iterator[Path]:
    pattern = f"{suite}-night-*/{MANIFEST}"
    return (path.parent for path in project.path(project.settings.runs).glob(pattern))


def _choose_folder(suite: str, date: str, project: Project) -> Path:
    """A folder for a new night: with a number where that of the date is taken."""
    stem = project.path(project.settings.runs) / f"{suite}-night-{date}"
    later = (stem.with_name(f"{stem.name}-{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([stem], later) if not folder.exists())


def _resume(folder: Path, request: NightRequest, project: Project, console: Console) -> Run | None:
    """Continue a night; None: it can't be continued, since something has changed meanwhile."""
    asked = RunRequest(
        suite=request.suite,
        pipelines=request.pipelines,
        jobs=request.jobs,
        baseline=request.baseline,
        out=folder,
        resume=True,
    )
    try:
        return run_suite(asked, project, console, quiet=True)
    except UsageError:
        return None


def _keep(
    done: Run, request: NightRequest, project: Project, console: Console, *, quiet: bool
) -> FinishedNight:
    """Judge a night as `gate` does, and add it to the history."""
    report = progress.show_pairs(console, "pairs of pictures", quiet=quiet)
    judged = judge_run(done, request.baseline, project, report)
    add_night(judged.folder, project)
    return FinishedNight(judged, is_new=True)


def _name_date(time: datetime) -> str:
    return time.strftime("%Y%m%d")
