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
    NO_BASELINE,
    baseline_folder,
    jobs_of,
    load_run,
    named_suite,
    new_folder,
    printer,
    weights_of,
    with_metrics,
)
from editproof.harness.records.errors import UsageError
from editproof.harness.records.runs import Run
from editproof.harness.records.types import Suite
from editproof.harness.running.remeasure import remeasure
from editproof.harness.running.runner import RunConfig, Warn
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
    suite = with_metrics(source.manifest.suite, asked.metrics)
    out = asked.out.resolve() if asked.out else new_folder(project, suite)
    config = _measuring(suite, out, asked, project, printer(console, quiet=quiet))
    with progress.shown(console, quiet=quiet) as report:
        measured = remeasure(source, config, report)
    return judge_run(measured, asked.baseline, project)


def measure_baseline(
    asked: MeasureRequest, suite: str, project: Project, console: Console, *, quiet: bool
) -> Path:
    """Measure a baseline's pictures again, in its place; give its folder."""
    target = asked.baseline or baseline_folder(named_suite(suite, project), project)
    if not target.exists():
        raise UsageError(NO_BASELINE.format(target))
    warn = printer(console, quiet=quiet)
    with (
        tempfile.TemporaryDirectory(prefix="editproof-") as parts,
        progress.shown(console, quiet=quiet) as report,
    ):

        def again(source: Run) -> Run:
            part = Path(tempfile.mkdtemp(dir=parts))
            wanted = with_metrics(source.manifest.suite, asked.metrics)
            return remeasure(source, _measuring(wanted, part, asked, project, warn), report)

        return acceptance.measure_again(target, again, AcceptRequest(asked.reason), warn)


def _measuring(
    suite: Suite, out: Path, asked: MeasureRequest, project: Project, warn: Warn
) -> RunConfig:
    return RunConfig(
        suite=suite,
        folder=out,
        resume=False,
        jobs=jobs_of(asked.jobs, project),
        timeout_s=project.settings.timeout_s,
        cache=None,
        weights=weights_of(project, suite, warn),
    )
