"""`blame`: which stage made a case worse, and a bundle that shows it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from editproof.harness.blame import blame as blaming
from editproof.harness.blame import bundle
from editproof.harness.blame.blame import Blame
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.operations.project import find_baseline, find_run_folder
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.settings import Project


def find_blame(
    folder: Path | None,
    case: str,
    project: Project,
    *,
    baseline: Path | None,
    metric: str,
    good: str,
    bad: str,
    out: Path | None,
) -> Blame:
    """Say which stage made a case worse, and write the bundle that shows it again."""
    run = runs.load(find_run_folder(folder, project))
    accepted = find_baseline(baseline, run.manifest.suite, project)
    if accepted is None:
        raise UsageError(
            "there is no baseline to blame against. Name one with --baseline, a run's folder"
            " will do"
        )
    verdict = runs.load_verdict(run.folder)
    findings = verdict.findings if verdict else ()
    asked = blaming.find_case(run, case, findings)
    question = blaming.ask(run, accepted.run, asked, findings, metric=metric, good=good, bad=bad)
    weights = find_weights(project.lpips_weights, download=False)
    settings = project.settings
    answer = blaming.blame(question, weights, timeout_s=settings.timeout_s, limits=settings.limits)
    written = bundle.write_bundle(out or Path(f"blame-{asked.id}"), question, answer)
    return replace(answer, bundle=str(written))
