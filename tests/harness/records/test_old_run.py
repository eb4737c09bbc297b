"""What 0.1.0 left behind is judged by today's gate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from editproof.harness.baselines import baseline_folder
from editproof.harness.gate.judge import judge
from editproof.harness.records import runs
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.verdicts import Outcome

FIXTURES = Path(__file__).parents[2] / "fixtures" / "v0_1_0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run and its baseline."""
    return Path(shutil.copytree(FIXTURES, tmp_path / "v0_1_0"))


def test_a_run_a_baseline_and_a_verdict_of_0_1_0_open(folder: Path) -> None:
    """With their cases, pictures and findings."""
    run = runs.load(folder / "run")
    assert run.records
    assert run.verdict
    assert run.verdict.exit_code is ExitCode.REGRESSION
    kept = baseline_folder.load(folder / "baseline")
    assert len(kept.run.endings) == len(run.records)
    assert all(ended.actual for ended in kept.run.endings.values())


def test_a_run_of_0_1_0_is_judged_as_it_was(folder: Path) -> None:
    """Its metrics name no aspects, its numbers and pictures count: one regression, at the stage
    that was changed.
    """
    verdict = judge(runs.load(folder / "run"), baseline_folder.load(folder / "baseline")).verdict
    assert (verdict.exit_code, verdict.outcome, verdict.invalid) == (
        ExitCode.REGRESSION,
        Outcome.REGRESSED,
        (),
    )
    (finding,) = verdict.findings
    assert (finding.families, finding.models, finding.stage) == (
        ("logo", "tiled_seams"),
        ("ns",),
        "inpaint",
    )
    assert finding.words == "the fill lost structure"
    assert (len(verdict.changes), verdict.unchanged) == (2, 4)
    (note,) = verdict.notes
    assert "without checksums: damage in these files would not be noticed" in note
