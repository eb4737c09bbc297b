"""Baselines: a run that somebody accepted, trimmed to what a comparison needs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from harness import runs
from harness.cache import bring
from harness.errors import IncompleteError
from harness.runs import Journal, Run, blob_path

KEPT_PICTURE = "actual"


def accept(run: Run, target: Path) -> Path:
    """Write the run as the baseline in `target`, replacing one that is there; give its folder.

    Raises IncompleteError on a run with missing or failed cases: what was not measured can't be held to later.
    """
    failed = [record for record in run.records if record.error is not None]
    if run.missing or failed or not run.records:
        raise IncompleteError(
            f"{run.folder} can't become a baseline: of {len(run.manifest.cases)} cases {len(run.missing)} are missing "
            f"and {len(failed)} failed. Finish it with `editproof run --resume`, or mend the failing cases"
        )
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    runs.write_manifest(partial, run.manifest)
    journal = Journal(partial)
    for record in run.records:
        picture = record.blobs.get(KEPT_PICTURE, "")
        blobs = {KEPT_PICTURE: picture} if picture else {}
        if picture:
            bring(run.blob(picture), blob_path(partial, picture))
        journal.append(replace(record, blobs=blobs, stages=()))
    journal.close()
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
    return target
