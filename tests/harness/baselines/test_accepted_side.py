"""What a run keeps of the baseline that it was compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.accepted_side import keep_accepted_side
from editproof.harness.gate.judge import judge
from editproof.harness.records.accepted_cases import load_accepted_cases
from editproof.harness.records.cases import StageRecord
from editproof.harness.records.runs import Run, blob_path
from tests.harness.baselines.test_baseline import (
    PNG,
    pictured,
    run_in,
    seen,  # noqa: F401 - a fixture
)


@pytest.fixture
def first(tmp_path: Path) -> Run:
    """What is accepted; its stage's artefact lies in the run alone."""
    stage = StageRecord("inpaint", 0.1, "", "e" * 64)
    run = run_in(
        tmp_path / "runs" / "first",
        replace(pictured(35.0, "a"), stages=(stage,)),
        pictured(35.0, "b", step=2),
    )
    path = blob_path(run.folder, "e" * 64)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"an artefact")
    return run


@pytest.fixture
def second(tmp_path: Path) -> Run:
    """Its first case is much worse."""
    return run_in(tmp_path / "runs" / "second", pictured(20.0, "c"), pictured(35.0, "d", step=2))


def keep(run: Run, folder: Path | None) -> None:
    held = baseline_folder.load(folder) if folder else None
    keep_accepted_side(run, held, judge(run, held))


def test_a_run_stands_alone(first: Run, second: Run, tmp_path: Path) -> None:
    """The accepted pictures and numbers are in its folder, and of a case that regressed the stage's
    artefact too.
    """
    target = acceptance.accept(first, tmp_path / "baseline")
    keep(second, target)
    case_id = second.records[0].case.id
    found = load_accepted_cases(second.folder).get(case_id)
    assert found is not None
    assert found.measurements[0].value == 35.0
    assert blob_path(second.folder, found.blobs["actual"]).read_bytes() == PNG
    assert blob_path(second.folder, found.stages[0].artefact).read_bytes() == b"an artefact"
    assert load_accepted_cases(second.folder).pairs.baseline == str(target)


def test_the_baseline_may_change_afterwards(first: Run, second: Run, tmp_path: Path) -> None:
    """What the run was compared with stays what it was."""
    target = acceptance.accept(first, tmp_path / "baseline")
    keep(second, target)
    acceptance.accept(second, target, acceptance.AcceptRequest(reason="better"))
    found = load_accepted_cases(second.folder).get(second.records[0].case.id)
    assert found is not None
    assert found.measurements[0].value == 35.0


def test_further_answers_are_there(first: Run, second: Run, tmp_path: Path) -> None:
    """Of the case that has one, by the picture; it lies in the run's folder."""
    target = acceptance.accept(first, tmp_path / "baseline")
    acceptance.accept(
        second,
        target,
        acceptance.AcceptRequest(reason="too", cases=(second.records[0].case.id,), also=True),
    )
    keep(second, target)
    digest = second.records[0].blobs["actual"]
    assert load_accepted_cases(second.folder).pairs.also == {second.records[0].case.id: [digest]}
    assert blob_path(second.folder, digest).is_file()


def test_a_case_that_the_baseline_lacks(first: Run, second: Run, tmp_path: Path) -> None:
    """It has no counterpart."""
    keep(second, acceptance.accept(first, tmp_path / "baseline"))
    assert load_accepted_cases(second.folder).get("another") is None


def test_without_a_baseline_nothing_is_kept(first: Run, second: Run, tmp_path: Path) -> None:
    """Judged again without one, a run forgets what it was compared with."""
    keep(second, acceptance.accept(first, tmp_path / "baseline"))
    keep(second, None)
    assert not (second.folder / "baseline").exists()
    assert load_accepted_cases(second.folder).pairs.baseline == ""


def test_a_picture_that_is_gone_is_no_failure(first: Run, second: Run, tmp_path: Path) -> None:
    """The gate does not fail over a picture: the report says that it was not kept."""
    target = acceptance.accept(first, tmp_path / "baseline")
    blob_path(target, "a" * 64).unlink()
    blob_path(first.folder, "a" * 64).unlink()
    keep(second, target)
    found = load_accepted_cases(second.folder).get(second.records[0].case.id)
    assert found is not None
    assert not blob_path(second.folder, found.blobs["actual"]).exists()
