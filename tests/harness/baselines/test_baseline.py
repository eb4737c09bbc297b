"""Baselines: accepting whole runs and parts of them, several right answers, and taking it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.baselines.index import Index
from editproof.harness.commands.cli import app
from editproof.harness.gate.judge import judge
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.runs import Run, blob_path, load
from editproof.harness.records.suites import Margin
from editproof.harness.records.verdicts import Verdict
from tests.harness.made import MARGIN, VISIBLE, measured, run_of


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever differs is plain to see; a picture's name need not be its hash."""
    monkeypatch.setattr("editproof.harness.pictures.files.is_intact", lambda path, data: True)
    monkeypatch.setattr("editproof.harness.gate.looks.compare", lambda *_, **__: VISIBLE)


def pictured(psnr: float, digest: str, *, step: int = 1) -> CaseRecord:
    return replace(measured(psnr, step=step), blobs={"actual": digest * 64, "input": "f" * 64})


def run_in(folder: Path, *records: CaseRecord, margins: tuple[Margin, ...] = (MARGIN,)) -> Run:
    """A run on disk, with the accepted pictures that its records name."""
    run = replace(run_of(*records, margins=margins), folder=folder)
    write_manifest(folder, run.manifest)
    journal = Journal(folder)
    for record in records:
        journal.append(record)
        if record.blobs:
            path = blob_path(folder, record.blobs["actual"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PNG)
    journal.close()
    return run


PNG = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
"""A picture; what it shows is told by its name alone."""


def held_to(run: Run, folder: Path) -> Verdict:
    return judge(run, baseline_folder.load(folder)).verdict


def index_of(folder: Path) -> Index:
    return msgspec.json.decode((folder / "baseline.json").read_bytes(), type=Index)


@pytest.fixture
def first(tmp_path: Path) -> Run:
    return run_in(tmp_path / "first", pictured(35.0, "a"), pictured(35.0, "b", step=2))


@pytest.fixture
def second(tmp_path: Path) -> Run:
    """Both cases are 5 dB worse."""
    return run_in(tmp_path / "second", pictured(30.0, "c"), pictured(30.0, "d", step=2))


def test_the_index_says_what_was_accepted_by_whom_and_why(first: Run, tmp_path: Path) -> None:
    """Hashes, samples, spread and provenance, in a text that git can show; the picture is in the
    store.
    """
    folder = acceptance.accept(first, tmp_path / "base", AcceptRequest("first light", "ada"))
    index = index_of(folder)
    (accepted,) = index.accepted
    assert (accepted.author, accepted.reason, accepted.run, accepted.cases) == (
        "ada",
        "first light",
        "first",
        2,
    )
    assert index.cases["logo/1 ns seed 42"].pictures == ["a" * 64]
    assert [(spread.samples, spread.mean) for spread in index.spread] == [(2, 35.0)]
    assert blob_path(folder, "a" * 64).read_bytes() == PNG
    assert not blob_path(folder, "f" * 64).exists()


@pytest.mark.parametrize("case", ["logo/2", "id2-42"])
def test_one_case_is_accepted_and_the_others_stay(
    first: Run, second: Run, tmp_path: Path, case: str
) -> None:
    """By its name or its id."""
    folder = acceptance.accept(first, tmp_path / "base")
    acceptance.accept(second, folder, AcceptRequest("logo 2 is harder now", "ada", cases=(case,)))
    verdict = held_to(second, folder)
    assert verdict.exit_code is ExitCode.REGRESSION
    assert [finding.cases for finding in verdict.findings] == [("id1-42",)]
    mixed = run_in(tmp_path / "mixed", first.records[0], second.records[1])
    assert held_to(mixed, folder).exit_code is ExitCode.OK
    assert index_of(folder).cases["logo/2 ns seed 42"].acceptances == [2]


def test_a_case_that_changed_takes_the_place_of_the_old_one(
    first: Run, second: Run, tmp_path: Path
) -> None:
    """Of its own pixels a user's case has another id; under its name one answer is kept."""
    folder = acceptance.accept(first, tmp_path / "base")
    old, new = first.records[1], second.records[1]
    changed = run_in(
        tmp_path / "changed", first.records[0], replace(new, case=replace(new.case, id="other"))
    )
    acceptance.accept(changed, folder, AcceptRequest("a new scan", "ada", cases=("logo/2",)))
    ids = {case.id for case in baseline_folder.load(folder).run.manifest.cases}
    assert (old.case.id in ids, "other" in ids) == (False, True)
    assert index_of(folder).cases["logo/2 ns seed 42"].acceptances == [2]
    assert held_to(changed, folder).exit_code is ExitCode.OK


def test_a_family_is_accepted(first: Run, second: Run, tmp_path: Path) -> None:
    """All of its cases."""
    folder = acceptance.accept(first, tmp_path / "base")
    acceptance.accept(second, folder, AcceptRequest("why not", families=("logo",)))
    assert held_to(second, folder).exit_code is ExitCode.OK


def test_a_second_right_answer_stands_beside_the_first(
    first: Run, second: Run, tmp_path: Path
) -> None:
    """The nearest one counts; what is near to neither is a regression."""
    folder = acceptance.accept(first, tmp_path / "base")
    acceptance.accept(
        second, folder, AcceptRequest("both fonts are right", cases=("logo/1",), also=True)
    )
    assert held_to(first, folder).exit_code is ExitCode.OK
    mixed = run_in(tmp_path / "mixed", second.records[0], first.records[1])
    assert held_to(mixed, folder).exit_code is ExitCode.OK
    neither = run_in(tmp_path / "neither", pictured(32.5, "e"), first.records[1])
    assert held_to(neither, folder).exit_code is ExitCode.REGRESSION
    assert held_to(second, folder).exit_code is ExitCode.REGRESSION
    assert index_of(folder).cases["logo/1 ns seed 42"].pictures == ["a" * 64, "c" * 64]


def test_undo_takes_back_one_acceptance_after_the_other(
    first: Run, second: Run, tmp_path: Path
) -> None:
    """With the pictures; and says when there is nothing left to take back."""
    folder = acceptance.accept(first, tmp_path / "base")
    acceptance.accept(second, folder, AcceptRequest("one", cases=("logo/1",)))
    acceptance.accept(second, folder, AcceptRequest("all"))
    assert held_to(second, folder).exit_code is ExitCode.OK
    assert "acceptance 3 (all: all)" in acceptance.undo(folder)
    assert held_to(second, folder).findings[0].case_id == "id2-42"
    assert "acceptance 2 (logo/1: one)" in acceptance.undo(folder)
    assert held_to(first, folder).unchanged == 2
    assert blob_path(folder, "a" * 64).is_file()
    assert not blob_path(folder, "c" * 64).exists()
    with pytest.raises(UsageError, match="no earlier state"):
        acceptance.undo(folder)


@pytest.mark.slow
def test_undo_goes_back_ten_times(first: Run, second: Run, tmp_path: Path) -> None:
    """Further back there is git."""
    folder = tmp_path / "base"
    for number in range(13):
        acceptance.accept((first, second)[number % 2], folder, AcceptRequest(str(number)))
    for number in range(12, 2, -1):
        assert f"(all: {number})" in acceptance.undo(folder)
    with pytest.raises(UsageError, match="no earlier state"):
        acceptance.undo(folder)


@pytest.mark.parametrize(
    ("how", "part"),
    [
        (AcceptRequest(families=("lgo",)), "did you mean logo"),
        (AcceptRequest(cases=("logo/3",)), "no case in that run"),
        (AcceptRequest(), "has only a part of the baseline's cases"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_baseline_stays(
    first: Run, tmp_path: Path, how: AcceptRequest, part: str
) -> None:
    """Unknown names, and a run of fewer cases, which would drop the others unseen."""
    folder = acceptance.accept(first, tmp_path / "base")
    fewer = run_in(tmp_path / "fewer", pictured(30.0, "c"))
    with pytest.raises(UsageError, match=part):
        acceptance.accept(fewer, folder, how)
    assert held_to(first, folder).exit_code is ExitCode.OK


def test_a_part_without_a_baseline_is_refused(first: Run, tmp_path: Path) -> None:
    """There is nothing that it would be a part of."""
    for how in (AcceptRequest(families=("logo",)), AcceptRequest(also=True)):
        with pytest.raises(UsageError, match="no baseline yet"):
            acceptance.accept(first, tmp_path / "base", how)


def test_a_part_measured_otherwise_is_refused(first: Run, second: Run, tmp_path: Path) -> None:
    """Numbers of two machines or metric identities never stand in one baseline."""
    folder = acceptance.accept(first, tmp_path / "base")
    other = replace(second, manifest=replace(second.manifest, machine={"device": "cuda"}))
    with pytest.raises(UsageError, match="their machine differ"):
        acceptance.accept(other, folder, AcceptRequest("faster", families=("logo",)))


def test_a_baseline_without_an_index_still_counts(first: Run, second: Run, tmp_path: Path) -> None:
    """Those that an earlier editproof wrote: compared, accepted into, and had back."""
    trimmed = [
        replace(record, blobs={"actual": record.blobs["actual"]}) for record in first.records
    ]
    folder = run_in(tmp_path / "base", *trimmed).folder
    assert held_to(second, folder).exit_code is ExitCode.REGRESSION
    acceptance.accept(second, folder, AcceptRequest("new"))
    assert held_to(second, folder).exit_code is ExitCode.OK
    acceptance.undo(folder)
    assert held_to(second, folder).exit_code is ExitCode.REGRESSION


def test_the_command_asks_for_a_reason_where_there_is_a_baseline(first: Run, folder: Path) -> None:
    """The first acceptance needs none; the next one does, and undo says what it took back."""
    accept = ["baseline", "accept", str(first.folder), "--to", "base"]
    runner = CliRunner()
    assert runner.invoke(app, accept).exit_code == 0
    refused = runner.invoke(app, accept)
    assert refused.exit_code == 2
    assert "--reason" in refused.stderr
    assert runner.invoke(app, [*accept, "--reason", "new font", "--case", "logo/1"]).exit_code == 0
    assert load(folder / "base").records[0].measurements[0].value == 35.0
    undone = runner.invoke(app, ["baseline", "undo", "--baseline", "base"])
    assert "took back acceptance 2 (logo/1: new font)" in undone.stdout
