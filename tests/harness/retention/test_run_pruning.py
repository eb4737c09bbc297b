"""Which runs go, and that one goes whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import MANIFEST, write_manifest
from editproof.harness.records.runs import write_verdict
from editproof.harness.records.verdicts import Outcome, Verdict
from editproof.harness.retention.run_pruning import (
    RetentionRule,
    choose_runs,
    find_runs,
    remove_run,
    sweep_leftovers,
)
from tests.harness.made import measured, run_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RULE = RetentionRule(passed=timedelta(days=30), failed=timedelta(days=90))
PASS = Verdict(ExitCode.OK, Outcome.PASS, (), (), (), (), 0, "")
FAIL = replace(PASS, exit_code=ExitCode.REGRESSION, outcome=Outcome.REGRESSED)


def make_run(folder: Path, *, days: float, verdict: Verdict | None = PASS) -> Path:
    """A run that many days old."""
    created = (NOW - timedelta(days=days)).isoformat()
    manifest = replace(run_of(measured(35.0)).manifest, created=created)
    write_manifest(folder, manifest)
    picture = folder / "blobs" / "ab" / "picture.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"x" * 100)
    if verdict:
        write_verdict(folder, verdict)
    made = (NOW - timedelta(days=days)).timestamp()
    os.utime(folder / MANIFEST, (made, made))
    return folder


def going(folder: Path, *, accepted: tuple[str, ...] = (), named: tuple[str, ...] = ()) -> set[str]:
    runs = find_runs(folder, (), "baseline.json")
    choices = choose_runs(runs, RULE, accepted=accepted, named=named, now=NOW)
    return {choice.run.name for choice in choices if choice.goes}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Passed and failed runs of several ages."""
    for name, days, verdict in (
        ("new", 1.0, PASS),
        ("young", 29.0, PASS),
        ("old", 31.0, PASS),
        ("failed", 31.0, FAIL),
        ("unjudged", 31.0, None),
        ("failed-old", 91.0, FAIL),
        ("unjudged-old", 91.0, None),
    ):
        make_run(tmp_path / "runs" / name, days=days, verdict=verdict)
    return tmp_path / "runs"


def test_passed_runs_go_first_and_failed_ones_later(runs: Path) -> None:
    """A run that was never judged counts as failed: somebody may want to know why."""
    assert going(runs) == {"old", "failed-old", "unjudged-old"}


def test_an_accepted_run_stays_unless_it_is_named(runs: Path) -> None:
    """What is named goes, and nothing else then."""
    assert going(runs, accepted=("old",)) == {"failed-old", "unjudged-old"}
    assert going(runs, accepted=("old",), named=("old",)) == {"old"}
    assert going(runs, named=("young",)) == {"young"}


def test_the_newest_run_stays(tmp_path: Path) -> None:
    """However old it is; and also where it is named."""
    make_run(tmp_path / "older", days=500)
    make_run(tmp_path / "newest", days=400)
    assert going(tmp_path) == {"older"}
    with pytest.raises(UsageError, match="the newest run, which always stays"):
        going(tmp_path, named=("newest",))
    with pytest.raises(UsageError, match="no run 'oldre'; did you mean older"):
        going(tmp_path, named=("oldre",))


def test_a_run_that_was_continued_is_as_young_as_its_last_case(runs: Path) -> None:
    """Its journal says when that was."""
    journal = runs / "old" / "journal.jsonl"
    journal.write_bytes(b"")
    lately = (NOW - timedelta(days=2)).timestamp()
    os.utime(journal, (lately, lately))
    assert "old" not in going(runs)


def test_a_run_whose_manifest_is_damaged_stays(runs: Path) -> None:
    """Nobody knows what it is; it goes where somebody names it."""
    (runs / "failed-old" / MANIFEST).write_text("{")
    os.utime(runs / "failed-old" / MANIFEST, (0, 0))
    assert "failed-old" not in going(runs)
    assert going(runs, named=("failed-old",)) == {"failed-old"}


def test_what_is_no_run_is_not_found(runs: Path, tmp_path: Path) -> None:
    """A folder without a manifest, a baseline, a link to a run, a file."""
    (runs / "notes").mkdir()
    (runs / "file").write_text("")
    make_run(runs / "accepted", days=99)
    (runs / "accepted" / "baseline.json").write_text("{}")
    make_run(runs / "named", days=99)
    elsewhere = make_run(tmp_path / "elsewhere", days=99)
    (runs / "link").symlink_to(elsewhere)
    found = {run.name for run in find_runs(runs, {(runs / "named").resolve()}, "baseline.json")}
    assert found == {
        *("new", "young", "old", "failed", "unjudged", "failed-old", "unjudged-old"),
    }
    assert find_runs(tmp_path / "nowhere", (), "baseline.json") == ()


def test_a_removal_does_not_follow_links(tmp_path: Path) -> None:
    """What a link in the run leads to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    run = make_run(tmp_path / "runs" / "one", days=99)
    (run / "folder").symlink_to(outside)
    (run / "blobs" / "folder").symlink_to(outside)
    (run / "file").symlink_to(outside / "file")
    remove_run(run)
    assert list((tmp_path / "runs").iterdir()) == []
    assert (outside / "file").read_text() == "mine"


def test_a_sweep_leaves_what_is_not_a_removed_run(tmp_path: Path) -> None:
    """Other names, and folders of such a name that hold something else."""
    for name in (".git", ".notes.removed", "old.removed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("mine")
    outside = make_run(tmp_path / "outside", days=99)
    (tmp_path / ".link.removed").symlink_to(outside)
    sweep_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 5
    assert (outside / MANIFEST).is_file()


def test_what_cannot_be_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is gone from the list, and the rest goes when it can."""
    run = make_run(tmp_path / "runs" / "one", days=99)
    with monkeypatch.context() as stubborn:
        stubborn.setattr(shutil, "rmtree", lambda path, ignore_errors: None)
        with pytest.raises(IncompleteError, match="could not be removed: check its permissions"):
            remove_run(run)
    assert find_runs(tmp_path / "runs", (), "baseline.json") == ()
    sweep_leftovers(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []
