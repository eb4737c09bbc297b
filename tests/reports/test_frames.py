"""The tables that a notebook gets."""

from __future__ import annotations

from pathlib import Path

import editproof


def test_a_run_gives_frames(run_folder: Path) -> None:
    """Every planned case has a row, one that was not run says so; measurements and stages are rows
    by the same ids.
    """
    run = editproof.load(run_folder)
    cases = run.cases
    assert list(cases["case_id"]) == [case.id for case in run.manifest.cases]
    assert cases.set_index("case_id")["status"][run.missing[0].id] == "missing"
    assert set(cases["status"]) == {"done", "error", "needs_review", "missing"}
    known = set(cases["case_id"])
    assert set(run.measurements["case_id"]) <= known
    assert set(run.stages["case_id"]) <= known
