"""`baseline accept` and `baseline undo`: what is right from now on."""

from __future__ import annotations

from pathlib import Path

from editproof.harness.baselines import baseline as baselines
from editproof.harness.baselines.baseline import AcceptRequest
from editproof.harness.operations.project import baseline_folder, load_run, named_suite
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.settings import Project


def accept_run(
    folder: Path | None, target: Path | None, project: Project, acceptance: AcceptRequest
) -> Path:
    """Make a run, or a part of it, the baseline; give the baseline's folder."""
    accepted = load_run(folder, project)
    target = target or baseline_folder(accepted.manifest.suite, project)
    if target.exists() and not acceptance.reason.strip():
        raise UsageError(
            f"{target} holds a baseline already: say with --reason TEXT why another outcome is"
            " right now"
        )
    return baselines.accept(accepted, target, acceptance)


def undo_acceptance(target: Path | None, suite: str, project: Project) -> tuple[Path, str]:
    """Take back the last acceptance; give the baseline's folder, and what was taken back."""
    folder = target or baseline_folder(named_suite(suite, project), project)
    return folder, baselines.undo(folder)
