"""How far a run is, and why a case failed: of runs here, without any cluster."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from editproof.harness.operations.cluster import StatusWriter
from editproof.harness.operations.follow_run import (
    find_case_log,
    find_progress,
    list_progress_lines,
)
from editproof.harness.records.cases import CaseError
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import JOURNAL, Journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.run_status import read_status
from editproof.harness.records.runs import case_log
from editproof.harness.suites.settings import Project, Settings
from tests.harness.made import case, measured, run_of

PROJECT = Project(Settings(), Path.cwd(), "defaults")
CASES = [replace(case(step), id=f"{step}abcdef") for step in (1, 2, 3)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three cases, of which one is done and one failed."""
    planned = [replace(measured(35.0), case=one) for one in CASES]
    write_manifest(tmp_path, run_of(*planned).manifest)
    done = planned[0]
    error = CaseError("ValueError", "it was to fail", "Traceback …")
    failed = replace(done, case=CASES[1], status="error", error=error)
    journal = Journal(tmp_path)
    for record in (done, failed):
        journal.append(record)
    journal.close()
    return tmp_path


def test_a_run_goes_on_while_its_journal_is_held(run: Path) -> None:
    """However long a case takes; without a word it has stopped."""
    long_ago = time.time() - 900
    os.utime(run / JOURNAL, (long_ago, long_ago))
    assert find_progress(run, PROJECT).state == "stopped"
    journal = Journal(run)
    progress = find_progress(run, PROJECT)
    journal.close()
    assert (progress.state, progress.done, progress.total, progress.failed) == ("running", 2, 3, 1)
    assert list_progress_lines(progress)[0] == "running: 2 of 3 cases (67 %), 1 failed"


def test_a_stopped_run_says_how_it_goes_on(run: Path) -> None:
    writer = StatusWriter(run, "ray://head")
    with pytest.raises(RuntimeError), writer.closing():
        raise RuntimeError
    status = read_status(run)
    assert status
    assert datetime.fromisoformat(status.updated) <= datetime.now(UTC)
    last = list_progress_lines(find_progress(run, PROJECT))[-1]
    assert last.endswith(f"editproof run --resume --out {run} --on ray://head")


def test_a_failure_is_found_by_how_its_id_starts(run: Path) -> None:
    printed = case_log(run, "2abcdef")
    printed.parent.mkdir(parents=True)
    printed.write_text("a last word\x1b[2J\n")
    lines = find_case_log(run, "2abc", PROJECT)
    assert "error: ValueError: it was to fail" in lines
    assert lines[-1] == "a last word"


@pytest.mark.parametrize("name", ["logo/2", "logo/2 ns seed 42"])
def test_a_failure_is_found_by_its_name(run: Path, name: str) -> None:
    assert "error: ValueError: it was to fail" in find_case_log(run, name, PROJECT)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("1abc", "did not fail: it is done"),
        ("3abc", "has not ended yet"),
        ("9abc", "has no case '9abc'"),
        ("", "has no case ''"),
    ],
)
def test_what_has_no_log_is_said(run: Path, name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find_case_log(run, name, PROJECT)
