"""`compare`: two runs, or two models of one run, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from editproof.harness.compare import compare as comparing
from editproof.harness.gate.looks import Report, report_nothing
from editproof.harness.operations.project import find_noise_floor, make_looking
from editproof.harness.records import runs
from editproof.harness.records.comparison import Comparison
from editproof.harness.records.runs import Run
from editproof.harness.stores.run_copy import open_run
from editproof.harness.suites.settings import Project


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """Two runs, and what one is beside the other."""

    a: Run
    b: Run
    found: Comparison


def compare_runs(
    a: Path,
    b: Path | None,
    models: tuple[str, str] | None,
    project: Project,
    report: Report = report_nothing,
) -> ComparedRuns:
    """Compare B with A, or (B None) two models of A. What is measured of their pictures stays in
    B's folder.
    """
    before = runs.load(open_run(a))
    after = runs.load(open_run(b)) if b else before
    noise = find_noise_floor(after.manifest.suite, project)
    answered = comparing.compare(
        before,
        after,
        models=models,
        noise=noise,
        looking=make_looking(project, report),
    )
    return ComparedRuns(before, after, answered)
