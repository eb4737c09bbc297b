"""`measure` and `baseline measure`: measure pictures again, without editing anything."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from editproof.harness.baselines import acceptance
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.operations import progress
from editproof.harness.operations.judge import judge_run
from editproof.harness.operations.project import (
    add_metrics,
    choose_jobs,
    find_out_folder,
    find_suite,
    find_suite_weights,
    load_run,
    make_printer,
    open_baseline_folder,
    removing_if_empty,
)
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Suite
from editproof.harness.running.remeasure import remeasure
from editproof.harness.running.runner import RunConfig, Warn
from editproof.harness.stores.baseline_copy import changing_baseline
from editproof.harness.suites.settings import Project


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """How edits are to be measured again; empty or 0: not asked for, so the setting holds."""

    metrics: tuple[str, ...]
    """Beside those of the suite."""
    jobs: int
    baseline: Path | None
    out: Path | None = None
    reason: str = ""


def measure_run(
    asked: MeasureRequest, folder: Path | None, project: Project, console: Console, *, quiet: bool
) -> Run:
    """Measure a run's edits again and judge them; give the new run with its verdict."""
    source = load_run(folder, project)
    suite = add_metrics(source.manifest.suite, asked.metrics)
    out = find_out_folder(asked.out, project, suite)
    with removing_if_empty(None if asked.out else out):
        config = _make_config(suite, out, asked, project, make_printer(console, quiet=quiet))
        with progress.show_progress(console, quiet=quiet) as report:
            measured = remeasure(source, config, report)
        return judge_run(measured, asked.baseline, project)


def measure_baseline(
    asked: MeasureRequest, suite: str, project: Project, console: Console, *, quiet: bool
) -> Path:
    """Measure a baseline's pictures again, in its place; give its folder."""
    target = open_baseline_folder(asked.baseline, find_suite(suite, project), project)
    warn = make_printer(console, quiet=quiet)
    with (
        scratch_folder() as parts,
        progress.show_progress(console, quiet=quiet) as report,
    ):

        def again(source: Run) -> Run:
            part = Path(tempfile.mkdtemp(dir=parts.path))
            wanted = add_metrics(source.manifest.suite, asked.metrics)
            return remeasure(source, _make_config(wanted, part, asked, project, warn), report)

        with changing_baseline(target):
            return acceptance.measure_again(target, again, AcceptRequest(asked.reason), warn)


def _make_config(
    suite: Suite, out: Path, asked: MeasureRequest, project: Project, warn: Warn
) -> RunConfig:
    return RunConfig(
        suite=suite,
        folder=out,
        resume=False,
        jobs=choose_jobs(asked.jobs, project),
        timeout_s=project.settings.timeout_s,
        cache=None,
        weights=find_suite_weights(project, suite, warn),
        limits=project.settings.limits,
    )
