"""What operations ask of the project: which suite, run and baseline are meant, and what its
settings say.
"""

from __future__ import annotations

import itertools
import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from editproof.harness.baselines import baseline_folder as baselines
from editproof.harness.baselines.folder_lock import has_leftovers
from editproof.harness.baselines.index import INDEX
from editproof.harness.gate import noise_floors
from editproof.harness.gate.looks import LookOptions, Report
from editproof.harness.gate.noise_floors import NO_NOISE, NoiseFloor
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS, LpipsWeights, find_weights
from editproof.harness.metrics.core.registry import check_name
from editproof.harness.processes.git import run_git
from editproof.harness.records import runs
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.decisions import (
    DecisionFiles,
    find_decisions_folder,
    list_waivers,
)
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Suite, Waiver
from editproof.harness.running import runner
from editproof.harness.running.runner import Warn
from editproof.harness.stores.baseline_copy import open_baseline
from editproof.harness.stores.copies import find_folder, find_origin, name_place
from editproof.harness.stores.run_copy import open_run
from editproof.harness.stores.runs_folder import open_newest
from editproof.harness.suites.settings import Project
from editproof.harness.suites.suite import check_fail_on, load_suite

GIT_S = 10.0
"""How long git may take to say what it knows of the project."""

NO_BASELINE = "there is no baseline in {}. Make one with `editproof baseline accept RUN`"


def load_run(folder: Path | None, project: Project) -> Run:
    """The run in that folder; None: the newest one."""
    return runs.load(find_run_folder(folder, project))


def find_run_folder(folder: Path | None, project: Project) -> Path:
    """That folder; None: the newest run's. Of a run at a URL, its local copy, up to date."""
    if folder is None:
        return open_newest(project.path(project.settings.runs))
    return open_run(folder)


def find_out_folder(out: Path | None, project: Project, suite: Suite) -> Path:
    """The folder of a new run: the one that was asked for, else one that is made. Of a URL, where
    its local copy will be.
    """
    return find_folder(out).resolve() if out else make_new_folder(project, suite)


def find_suite(name: str, project: Project) -> Suite:
    """The suite of that name or file; empty: the setting's."""
    return (
        load_suite(name, Path.cwd()) if name else load_suite(project.settings.suite, project.folder)
    )


def make_new_folder(project: Project, suite: Suite) -> Path:
    """Make the folder of a new run of the suite: SUITE-TIME, with a number where that is taken.

    Whoever makes it has it: two runs that start in one second get two. At a URL nothing is made
    yet, and the name has a random end.
    """
    runs_folder = project.path(project.settings.runs)
    stem = f"{suite.name}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"  # noqa: DTZ005 - a name for a person here
    if find_origin(runs_folder):
        return runs_folder / f"{stem}-{secrets.token_hex(3)}"
    for number in itertools.count(1):
        folder = runs_folder / (stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


@contextmanager
def removing_if_empty(folder: Path | None) -> Iterator[None]:
    """Leave no empty folder behind where what was to go into it failed; None: none was made."""
    try:
        yield
    except BaseException:
        if folder:
            with suppress(OSError):
                folder.rmdir()
        raise


def find_baseline(
    named: Path | None, suite: Suite, project: Project, *, first_run: bool = False
) -> Baseline | None:
    """The baseline to compare with; None: there has never been one.

    Raises IncompleteError where there should be one and is none: it was named, or git knows it.
    `first_run`: one that only the settings name may be missing, since the run may become it.
    """
    is_named = named is not None or (bool(project.settings.baseline) and not first_run)
    folder = find_folder(named) if named else find_baseline_folder(suite, project)
    open_baseline(folder)
    if folder.exists() or has_leftovers(folder):
        return baselines.load(folder)
    if is_named:
        raise IncompleteError(NO_BASELINE.format(name_place(folder)))
    if is_tracked(folder):
        raise IncompleteError(
            f"the baseline {folder} is gone, though git's HEAD has it. Get it back with `git"
            f" checkout HEAD -- {shlex.quote(str(folder))}`, or commit its removal"
        )
    return None


def is_tracked(folder: Path) -> bool:
    """Whether the repository that would hold the baseline has it at its HEAD."""
    there = next(parent for parent in folder.resolve().parents if parent.is_dir())
    name = folder.resolve().relative_to(there).as_posix()
    try:
        run_git(there, "cat-file", "-e", f"HEAD:./{name}/{INDEX}", timeout_s=GIT_S)
    except UsageError:
        return False  # it has not, or there is no git here
    return True


def find_commit(folder: Path) -> str:
    """The commit that is checked out there; empty: there is no repository, or no git."""
    try:
        return run_git(folder, "rev-parse", "--verify", "-q", "HEAD", timeout_s=GIT_S)
    except UsageError:
        return ""


def find_baseline_folder(suite: Suite, project: Project) -> Path:
    """Where the suite's baseline lies, or would."""
    return project.path(project.settings.baseline or f"baselines/{suite.name}")


def open_baseline_folder(named: Path | None, suite: Suite, project: Project) -> Path:
    """The folder of a baseline that must be there: the one named, else the suite's. Raises
    UsageError where it is not.
    """
    folder = find_folder(named) if named else find_baseline_folder(suite, project)
    open_baseline(folder)
    if not folder.exists() and not has_leftovers(folder):
        raise UsageError(NO_BASELINE.format(name_place(folder)))
    return folder


def find_desk_decisions(baseline: Path, project: Project) -> Path:
    """Where the decisions about a baseline lie: beside it; of one at a URL, in the project, where
    git has them.
    """
    if find_origin(baseline):
        return find_decisions_folder(project.folder / "baselines" / baseline.name)
    return find_decisions_folder(baseline)


def read_waivers(named: Path | None, suite: Suite, project: Project) -> tuple[Waiver, ...]:
    """The waivers of the settings, and those that were given at the desk. Raises DamagedError."""
    folder = find_folder(named) if named else find_baseline_folder(suite, project)
    decisions = DecisionFiles(find_desk_decisions(folder, project)).read()
    return (*project.settings.waivers, *list_waivers(decisions))


def find_noise_floor(suite: Suite, project: Project) -> NoiseFloor:
    """The noise floor that margins come from: the setting's, else the suite's, else none."""
    named = (
        project.path(project.settings.noise)
        if project.settings.noise
        else Path(suite.noise)
        if suite.noise
        else None
    )
    return noise_floors.read(named) if named else NO_NOISE


def read_fail_on(project: Project) -> tuple[str, ...]:
    """What the settings say fails the build; empty: the suite says it."""
    check_fail_on(project.settings.fail_on, f"{project.source}: fail_on")
    return project.settings.fail_on


def choose_jobs(asked: int, project: Project) -> int:
    """How many workers: what was asked for, else what the settings say, else one a core."""
    return asked or project.settings.jobs or runner.default_jobs()


def make_looking(project: Project, report: Report) -> LookOptions:
    """How pictures are looked at: as the settings say."""
    return LookOptions(
        choose_jobs(0, project),
        project.cache_folder if project.settings.cache.enabled else None,
        report,
    )


def find_suite_weights(project: Project, suite: Suite, warn: Warn) -> LpipsWeights:
    """The weights that the suite's LPIPS needs; none where it has no LPIPS."""
    if not any(name.startswith("lpips") for name in suite.metrics):
        return NO_WEIGHTS
    weights = find_weights(project.lpips_weights, download=project.settings.lpips.download)
    if weights.note:
        warn(weights.note)
    return weights


def add_metrics(suite: Suite, names: Sequence[str]) -> Suite:
    """The suite, measured by these as well. Raises UsageError on a name that no metric has."""
    for name in names:
        check_name(name)
    return replace(suite, metrics=tuple(dict.fromkeys([*suite.metrics, *names])))


def make_printer(console: Console, *, quiet: bool) -> Warn:
    """What prints a line for a person, unless it is to be quiet."""

    def warn(line: str) -> None:
        if not quiet:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return warn
