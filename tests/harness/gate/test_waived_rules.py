"""Waivers of rules: what they cover, until when, and that one which is not needed is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.suites import Waiver
from editproof.harness.records.verdicts import Outcome
from tests.harness.made import BUDGET, MARGIN, judge_beside, measured, run_of

DAY = date(2026, 11, 21)
WAIVER = Waiver("ada", "the new font is wider", DAY, family="logo", metric="psnr")


@pytest.mark.parametrize(
    ("waiver", "outcome", "code"),
    [
        (WAIVER, Outcome.WAIVED, ExitCode.OK),
        (replace(WAIVER, expires=date(2026, 11, 20)), Outcome.REGRESSED, ExitCode.REGRESSION),
        (replace(WAIVER, family="microprint"), Outcome.REGRESSED, ExitCode.REGRESSION),
    ],
)
def test_a_waiver_counts_until_its_day_for_what_it_names(
    waiver: Waiver, outcome: Outcome, code: ExitCode
) -> None:
    """The finding is shown with owner, day and reason; an expired or unneeded waiver is said."""
    run = run_of(measured(29.0), budgets=(BUDGET,))
    verdict = judge_beside(run, None, waivers=(waiver,), today=DAY)
    assert (verdict.findings[0].outcome, verdict.exit_code) == (outcome, code)
    if outcome is Outcome.WAIVED:
        assert "Waived by ada until 2026-11-21: the new font is wider" in verdict.findings[0].text
        assert "by ada ends today" in verdict.notes[0]
    else:
        assert "ada" in verdict.notes[0]


@pytest.mark.parametrize(
    ("family", "outcome"),
    [("brush", "waived"), ("brush/add", "waived"), ("brush/remove", "regressed")],
)
def test_a_rule_for_a_folder_covers_its_groups(family: str, outcome: str) -> None:
    """Waivers, budgets and margins alike."""
    record = measured(29.0)
    record = replace(record, case=replace(record.case, family="brush/add"))
    budget = replace(BUDGET, families=("brush",))
    waiver = replace(WAIVER, family=family)
    verdict = judge_beside(run_of(record, budgets=(budget,)), None, waivers=(waiver,), today=DAY)
    assert verdict.findings[0].outcome == outcome
    before = replace(measured(35.0), case=record.case)
    run = run_of(record, margins=(replace(MARGIN, margin=9.0, families=(family,)), MARGIN))
    judged = judge_beside(run, run_of(before)).outcome
    assert (judged is Outcome.UNCHANGED) == (outcome == "waived")


def test_a_waiver_that_is_not_needed_any_more_is_said() -> None:
    """So that it does not hide the next regression."""
    verdict = judge_beside(
        run_of(measured(35.0), budgets=(BUDGET,)), None, waivers=(WAIVER,), today=DAY
    )
    assert "is not needed" in verdict.notes[0]


@pytest.mark.parametrize(
    ("waiver", "said"),
    [
        (replace(WAIVER, family="*"), "no family '*': it has logo"),
        (replace(WAIVER, model="na"), "no model 'na': it has ns"),
    ],
)
def test_a_waiver_of_what_the_run_does_not_have_is_said(waiver: Waiver, said: str) -> None:
    """A wildcard, or a name that was typed wrong."""
    run = run_of(measured(29.0), budgets=(BUDGET,))
    verdict = judge_beside(run, None, waivers=(waiver,), today=DAY)
    assert verdict.exit_code is ExitCode.REGRESSION
    assert said in verdict.notes[0]


def test_a_case_that_failed_is_nobodys_to_waive() -> None:
    """What was not measured stays unjudged."""
    run = run_of(measured(None, reason="refused: policy"), budgets=(BUDGET,))
    assert judge_beside(run, None, waivers=(WAIVER,), today=DAY).exit_code is ExitCode.INCOMPLETE
