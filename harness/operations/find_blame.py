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
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
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
    _check_files(asked, run.folder)
    allowed = trust_of(
        project,
        everything=trust,
        named=[text for text in (good, bad) if text],
        data=[run.folder, accepted.run.folder],
    )
    weights = find_weights(project.lpips_weights, download=False)
    settings = project.settings
    answer = blame(
        question, weights, timeout_s=settings.timeout_s, limits=settings.limits, trust=allowed
    )
    written = write_bundle(out or Path(f"blame-{asked.id}"), question, answer)
    own = any(beyond_shipped(spec) for spec in (question.good, question.bad))
    again = f"cd {shlex.quote(str(written))} && python repro.py{' --trust' if own else ''}"
    return replace(answer, bundle=str(written), see_again=again)


def _check_files(case: Case, folder: Path) -> None:
    """Raise UsageError where the files that a case names are not those that the run saw: a run that
    came from elsewhere may name any file here, and the bundle would hold it.
    """
    if (case.own or case.folder) and current_id(case) != case.id:
        raise UsageError(
            f"{case.folder} does not hold what {name_case(case)} was in {folder}: its files"
            " have changed. Run the suite again"
        )
