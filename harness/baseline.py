"""Baselines: a run that somebody accepted, trimmed to what a comparison needs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from harness import runs
from harness.cache import bring
from harness.errors import IncompleteError, UsageError
from harness.runs import Journal, Run, blob_path

KEPT_PICTURE = "actual"

CONTENTS = frozenset({"manifest.json", "journal.jsonl", "blobs"})
"""What a baseline's folder holds, and nothing else: a folder with anything more is not ours to replace."""


def accept(run: Run, target: Path) -> Path:
    """Write the run as the baseline in `target`, replacing a baseline that is there; give its folder.

    Raises IncompleteError on a run with missing or failed cases, since what was not measured can't be held to later, and
    UsageError where `target` holds anything but a baseline.
    """
    _check_whole(run)
    target = target.resolve()
    _check_target(target, run.folder.resolve())
    partial, old = (target.with_name(f".{target.name}.{suffix}") for suffix in ("new", "old"))
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    _write(run, partial)
    if target.exists():
        target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _check_whole(run: Run) -> None:
    failed = [record for record in run.records if record.error is not None]
    if run.missing or failed or not run.records:
        raise IncompleteError(
            f"{run.folder} can't become a baseline: of {len(run.manifest.cases)} cases {len(run.missing)} are missing "
            f"and {len(failed)} failed. Finish it with `editproof run --resume`, or mend the failing cases"
        )


def _check_target(target: Path, run_folder: Path) -> None:
    if target == run_folder or run_folder.is_relative_to(target) or target.is_relative_to(run_folder):
        raise UsageError(f"the baseline can't be written to {target}: it overlaps the run {run_folder}. Choose another")
    if target.exists() and not target.is_dir():
        raise UsageError(f"the baseline can't be written to {target}: that is a file")
    others = sorted(path.name for path in target.iterdir() if path.name not in CONTENTS) if target.exists() else []
    if others:
        raise UsageError(
            f"{target} is not a baseline (it holds {others[0]}), so it is not replaced. Name a folder that does not exist"
        )


def _write(run: Run, folder: Path) -> None:
    runs.write_manifest(folder, run.manifest)
    journal = Journal(folder)
    try:
        for record in run.records:
            picture = record.blobs.get(KEPT_PICTURE, "")
            if picture:
                bring(run.blob(picture), blob_path(folder, picture))
            journal.append(replace(record, blobs={KEPT_PICTURE: picture} if picture else {}, stages=()))
    except FileNotFoundError as error:
        raise IncompleteError(
            f"{run.folder} can't become a baseline: {error.filename} is gone. Run it again"
        ) from error
    finally:
        journal.close()
