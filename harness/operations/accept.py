"""`baseline accept` and `baseline undo`: what is right from now on."""

from __future__ import annotations

from pathlib import Path

from editproof.harness.baselines import acceptance
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.baselines.folder_lock import Say
from editproof.harness.operations.project import (
    find_baseline_folder,
    find_suite,
    load_run,
    open_baseline_folder,
)
from editproof.harness.stores.baseline_copy import changing_baseline
from editproof.harness.stores.copies import find_folder
from editproof.harness.suites.settings import Project


def accept_run(
    folder: Path | None, target: Path | None, project: Project, request: AcceptRequest, say: Say
) -> Path:
    """Make a run, or a part of it, the baseline; give the baseline's folder."""
    run = load_run(folder, project)
    target = find_folder(target) if target else find_baseline_folder(run.manifest.suite, project)
    with changing_baseline(target):
        return acceptance.accept(run, target, request, say)


def undo_acceptance(
    target: Path | None, suite: str, project: Project, say: Say
) -> tuple[Path, str]:
    """Take back the last acceptance; give the baseline's folder, and what was taken back."""
    folder = open_baseline_folder(target, find_suite(suite, project), project)
    with changing_baseline(folder):
        return folder, acceptance.undo(folder, say)
