"""`review`: open the desk of a run, or apply what was decided there."""

from __future__ import annotations

import gc
import getpass
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from editproof.harness.operations.project import (
    GIT_S,
    find_baseline_folder,
    find_desk_decisions,
    find_run_folder,
    find_suite_weights,
)
from editproof.harness.processes.git import run_git
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError, plain_line, unknown_name_error
from editproof.harness.records.runs import Run
from editproof.harness.review.desk import Desk, apply_decisions, open_desk
from editproof.harness.review.unpacking import unpack_run
from editproof.harness.stores.baseline_copy import changing_baseline, open_baseline
from editproof.harness.stores.copies import find_folder
from editproof.harness.suites.settings import Project
from editproof.harness.suites.trust import read_pipelines, trust_of

if TYPE_CHECKING:
    from editproof.harness.review.rerunning import Means

FROM_CI = "from-ci"
"""Folder among the runs where downloaded ones are unpacked: `editproof gate` without a name does
not find them.
"""

ANSWERS = "by-hand"
"""Folder among the runs where answers that were made at the desk are kept."""

CASES = "cases"
"""Folder of the project where the desk keeps new cases."""


class ReviewOptions(NamedTuple):
    """What the command line says."""

    run: Path | None
    """A run's folder, or the ZIP file that CI uploaded. None: the newest run."""
    baseline: Path | None
    author: str
    """Empty: as git knows the reviewer."""
    read_only: bool
    pipelines: tuple[str, ...] = ()
    """Those that stand for the run's own when a case is run again, each `NAME=PIPELINE`."""
    trust: bool = False
    """Whether the run's own may be loaded, whatever they are."""


def find_desk(options: ReviewOptions, project: Project) -> Desk:
    """The desk of the run. Raises UsageError where it can't be opened."""
    run = _load_run(options.run, project)
    folder = (
        find_folder(options.baseline)
        if options.baseline
        else find_baseline_folder(run.manifest.suite, project)
    )
    open_baseline(folder)
    author = options.author.strip() or _name_author(project.folder)
    decisions = find_desk_decisions(folder, project)
    return open_desk(
        run,
        folder,
        decisions,
        author,
        cases=project.folder / CASES,
        answers=project.path(project.settings.runs) / ANSWERS,
        read_only=options.read_only,
    )


def serve_desk(
    desk: Desk,
    options: ReviewOptions,
    project: Project,
    port: int,
    page: Mapping[str, bytes],
    show: Callable[[str], None],
) -> None:
    """Serve the desk on this machine until somebody stops it. `show` gets the link. Raises
    UsageError where the libraries or the port can't be had.
    """
    _require_libraries()
    from editproof.harness.review.rerunning import Reruns
    from editproof.harness.review.serving import open_server

    reruns = Reruns(desk, _find_means(desk, options, project))
    try:
        server, listening, link = open_server(desk, reruns, port, page)
        gc.collect()
        gc.freeze()  # else a decision waits while ten thousand cases are searched for garbage
        show(link)
        server.run([listening])
    finally:
        reruns.close()


def _find_means(desk: Desk, options: ReviewOptions, project: Project) -> Means:
    """What cases are run again with. Settings that lie in the run's folder allow nothing."""
    from editproof.harness.review.rerunning import Means

    named = read_pipelines(options.pipelines, project)
    models = [model.name for model in desk.run.manifest.suite.models]
    unknown = [model.name for model in named if model.name not in models]
    if unknown:
        raise unknown_name_error("model of that run", unknown[0], models)
    trust = trust_of(
        project, everything=options.trust, named=options.pipelines, data=[desk.run.folder]
    )
    settings, suite = project.settings, desk.run.manifest.suite
    return Means(
        {model.name: model.spec for model in named},
        trust,
        settings.timeout_s,
        settings.limits,
        lambda: find_suite_weights(project, suite, lambda _: None),
    )


def apply_desk(desk: Desk, reason: str) -> tuple[Path, int]:
    """Accept what is accepted at the desk; give the baseline's folder and how many cases it was."""
    with changing_baseline(desk.folder):
        return apply_decisions(desk, reason)


def _load_run(named: Path | None, project: Project) -> Run:
    if named is not None and named.suffix.lower() == ".zip":
        folder = unpack_run(named, project.path(project.settings.runs) / FROM_CI)
        return runs.load(folder)
    return runs.load(find_run_folder(named, project))


def _name_author(folder: Path) -> str:
    """As git knows the reviewer; else the user's name here."""
    try:
        settings = {key: text for key, text in os.environ.items() if key.startswith("GIT_CONFIG")}
        asked = ("config", "user.name")
        name = plain_line(run_git(folder, *asked, variables=settings, timeout_s=GIT_S))
    except UsageError:
        name = ""
    try:
        return name or getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _require_libraries() -> None:
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"`editproof review` needs {error.name}, which is not installed. Install it with"
            ' pip install "editproof[serve]"'
        ) from error
