"""`blame`: which stage made a case worse, and a bundle that shows it again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from editproof.harness.blame.blame import blame
from editproof.harness.blame.bundle import write_bundle
from editproof.harness.blame.outcome import Blame
from editproof.harness.blame.question import find_case, make_question
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.operations.project import find_baseline, find_run_folder
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.records.types import Case
from editproof.harness.records.wording import name_case
from editproof.harness.suites.cases import current_id
from editproof.harness.suites.settings import Project
from editproof.harness.suites.trust import trust_of
from editproof.pipelines.reach import beyond_shipped


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
    trust: bool,
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
    asked = find_case(run, case, findings)
    question = make_question(run, accepted.run, asked, findings, metric=metric, good=good, bad=bad)
    weights = find_weights(project.lpips_weights, download=False)
    answer = blame(question, weights, timeout_s=project.settings.timeout_s)
    written = write_bundle(out or Path(f"blame-{asked.id}"), question, answer)
    return replace(answer, bundle=str(written))
