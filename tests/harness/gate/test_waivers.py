"""Waivers of pictures: they cover what was waived, say what changed since, and end with notice."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from editproof.harness.records.decisions import DecidedCase, Decision, Kind, list_waivers
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Waiver
from editproof.harness.records.verdicts import Outcome, Verdict
from tests.harness.made import METRICS as KNOWN
from tests.harness.made import case, hashed, judge_beside, run_of, scored, see

DAY = date(2027, 1, 1)
LATER = DAY + timedelta(days=30)


@pytest.fixture
def before(tmp_path: Path) -> Run:
    return run_of(
        *(scored(case(step), f"accepted {step}") for step in (1, 2)),
        metrics=KNOWN,
        folder=tmp_path / "before",
    )


def judged(tmp_path: Path, before: Run, pictures: tuple[str, str], *waivers: Waiver) -> Verdict:
    """Two cases with these pictures, each worse in detail unless it is the accepted one."""
    folder = tmp_path / "now"
    records = []
    for step, picture in enumerate(pictures, start=1):
        see(folder, f"accepted {step}", picture)
        detail = 10.0 if picture.startswith("accepted") else 15.0
        records.append(scored(case(step), picture, detail=detail))
    now = run_of(*records, metrics=KNOWN, folder=folder)
    return judge_beside(now, before, waivers=waivers, today=DAY)


def waiver_of(*pictures: str, expires: date = LATER) -> Waiver:
    """Of the pictures of the first cases."""
    named = {case(step).id: hashed(name) for step, name in enumerate(pictures, start=1)}
    return Waiver("ada", "known", expires, pictures=named)


def test_a_waived_picture_fails_nothing(tmp_path: Path, before: Run) -> None:
    verdict = judged(tmp_path, before, ("worse 1", "worse 2"), waiver_of("worse 1", "worse 2"))
    assert verdict.exit_code is ExitCode.OK
    assert [finding.outcome for finding in verdict.findings] == [Outcome.WAIVED]
    assert "Waived by ada until 2027-01-31: known" in verdict.findings[0].text
    assert not verdict.notes


def test_what_is_not_waived_fails(tmp_path: Path, before: Run) -> None:
    """It is a finding of its own beside what is."""
    verdict = judged(tmp_path, before, ("worse 1", "worse 2"), waiver_of("worse 1"))
    assert verdict.exit_code is ExitCode.REGRESSION
    assert {finding.outcome: finding.cases for finding in verdict.findings} == {
        Outcome.REGRESSED: (case(2).id,),
        Outcome.WAIVED: (case(1).id,),
    }


def test_a_case_that_changes_again_is_said(tmp_path: Path, before: Run) -> None:
    """And judged: the waiver is of another picture."""
    verdict = judged(tmp_path, before, ("other 1", "accepted 2"), waiver_of("worse 1"))
    assert verdict.exit_code is ExitCode.REGRESSION
    (note,) = verdict.notes
    assert note.startswith("logo/1 ns seed 42 changed again under the waiver by ada")


def test_a_case_that_is_right_again_needs_nothing(tmp_path: Path, before: Run) -> None:
    verdict = judged(tmp_path, before, ("accepted 1", "accepted 2"), waiver_of("worse 1"))
    assert verdict.exit_code is ExitCode.OK
    assert not verdict.notes


@pytest.mark.parametrize(
    ("days", "said"),
    [(8, ""), (7, "ends in 7 days, on 2027-01-08"), (1, "ends in 1 day"), (0, "ends today")],
)
def test_the_end_is_announced(tmp_path: Path, before: Run, days: int, said: str) -> None:
    waiver = waiver_of("worse 1", expires=DAY + timedelta(days=days))
    verdict = judged(tmp_path, before, ("worse 1", "accepted 2"), waiver)
    assert verdict.exit_code is ExitCode.OK
    assert (said in "".join(verdict.notes)) if said else not verdict.notes


def test_after_the_end_a_stable_picture_is_accepted_by_name(tmp_path: Path, before: Run) -> None:
    waiver = waiver_of("worse 1", expires=DAY - timedelta(days=1))
    verdict = judged(tmp_path, before, ("worse 1", "accepted 2"), waiver)
    assert verdict.exit_code is ExitCode.REGRESSION
    (note,) = verdict.notes
    assert "expired on 2026-12-31" in note
    assert f"`editproof baseline accept --case {case(1).id} --reason TEXT`" in note


def test_after_the_end_a_picture_that_changed_is_plain_news(tmp_path: Path, before: Run) -> None:
    waiver = waiver_of("worse 1", expires=DAY - timedelta(days=1))
    verdict = judged(tmp_path, before, ("other 1", "accepted 2"), waiver)
    assert verdict.exit_code is ExitCode.REGRESSION
    assert not verdict.notes


def decision(number: int, kind: Kind, author: str = "ada", **more: str) -> Decision:
    """About one case and its picture, each later than the one before."""
    return Decision(
        f"{number:016x}",
        kind,
        author,
        f"2027-01-01T00:00:{number:02}+00:00",
        "",
        "now",
        (DecidedCase("id1", "logo/1", hashed(more.get("picture", "worse"))),),
        "known",
        more.get("undoes", ""),
        expires=LATER if kind == "waive" else None,
    )


@pytest.mark.parametrize(
    ("decisions", "count"),
    [
        ([decision(1, "waive")], 1),
        ([decision(1, "reject"), decision(2, "waive")], 1),
        ([decision(1, "waive"), decision(2, "reject")], 0),
        ([decision(1, "waive"), decision(2, "waive")], 1),
        ([decision(1, "waive"), decision(2, "comment")], 1),
        ([decision(1, "waive"), decision(2, "undo", undoes=f"{1:016x}")], 0),
        ([decision(1, "waive"), decision(2, "undo", "ben", undoes=f"{1:016x}")], 1),
        ([decision(1, "waive"), decision(2, "reject", "ben")], 0),
        ([decision(1, "waive"), decision(2, "reject", "ben", picture="other")], 1),
    ],
)
def test_which_decisions_are_waivers(decisions: list[Decision], count: int) -> None:
    """The last word of every reviewer about the picture must be to waive it."""
    found = list_waivers(decisions)
    assert [waiver.pictures for waiver in found] == [{"id1": hashed("worse")}] * count
