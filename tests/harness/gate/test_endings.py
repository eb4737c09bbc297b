"""Rules of conduct and margins that metrics bring along, on runs made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from editproof.harness.records.cases import Case, CaseRecord, Measurement
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import SCHEMA, Manifest, MetricInfo, PipelineInfo
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Budget, Margin, Model, Suite, Variant, Waiver
from editproof.harness.records.verdicts import Finding, Outcome, Verdict
from tests.harness.made import hashed, judge_beside

MODEL = Model("patch", "reference?inpaint.model=patch")
SSIM = MetricInfo("ssim@1", "", "higher", margins={"mean": 0.01})


def record(
    step: int, seed: int, value: float | None, status: str = "done", reason: str = ""
) -> CaseRecord:
    case = Case(f"id{step}-{seed}", "", "logo", step, {}, 64, 2, 7, MODEL, seed)
    rows = (
        Measurement("ssim@1", "edit", "mean", value, "", reason),
        Measurement("ssim@1", "edit", "p01", value, "", reason),
    )
    return CaseRecord(case, status, reason, 1.0, cached=False, measurements=rows)


def run_of(
    *records: CaseRecord, stochastic: bool = True, metric: MetricInfo = SSIM, **rules: object
) -> Run:
    suite = Suite(
        "made",
        "",
        64,
        2,
        7,
        (1, 2, 3),
        (Variant("logo", 1),),
        (MODEL,),
        ("ssim",),
        budgets=(),
        margins=(),
    )
    manifest = Manifest(
        SCHEMA,
        "0",
        "2026-01-01",
        replace(suite, **rules),  # type: ignore[arg-type]
        {"patch": PipelineInfo(MODEL.spec, "", "", stochastic=stochastic)},
        {"ssim": metric},
        tuple(one.case for one in records),
        {},
        {"device": "cpu"},
    )
    return Run.of_records(Path("made"), manifest, records)


def found(verdict: Verdict, rule: str) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.rule == rule]


def test_a_metric_brings_its_own_margin() -> None:
    """0.02 beyond it is a loss, 0.005 is none; the statistic without a margin is not compared."""
    before = run_of(record(1, 1, 0.9), stochastic=False)
    bad = judge_beside(run_of(record(1, 1, 0.87), stochastic=False), before)
    assert bad.exit_code is ExitCode.REGRESSION
    (finding,) = found(bad, "picture")
    assert finding.evidence
    assert (finding.evidence.stat, finding.checks) == ("mean", 1)
    assert (
        judge_beside(run_of(record(1, 1, 0.895), stochastic=False), before).outcome
        is Outcome.UNCHANGED
    )


def of_family(family: str, seed: int, status: str) -> CaseRecord:
    one = record(1, seed, 0.9, status)
    return replace(one, case=replace(one.case, id=f"{family}-{seed}", family=family))


def test_edits_of_several_families_that_end_alike_are_one_finding() -> None:
    """Those that a waiver covers stand apart."""
    before = run_of(
        *(of_family(family, seed, "done") for family in ("logo", "grain") for seed in (1, 2))
    )
    now = run_of(
        *(
            of_family(family, seed, "needs_review")
            for family in ("logo", "grain")
            for seed in (1, 2)
        )
    )
    (finding,) = found(judge_beside(now, before), "status")
    assert (finding.families, len(finding.cases)) == (("logo", "grain"), 4)
    assert finding.words == "4 of 4 edits were done and are now sent to review"
    waiver = Waiver("Ada", "it was asked for", date.max, family="grain", metric="status")
    suite = replace(now.manifest.suite, waivers=(waiver,))
    waived = found(
        judge_beside(replace(now, manifest=replace(now.manifest, suite=suite)), before), "status"
    )
    assert {(one.families, one.outcome) for one in waived} == {
        (("logo",), Outcome.REGRESSED),
        (("grain",), Outcome.WAIVED),
    }


def test_a_written_margin_wins_and_default_ones_can_be_turned_off() -> None:
    before = run_of(record(1, 1, 0.9), stochastic=False)
    wide = (Margin("ssim", "edit", "mean", margin=0.1),)
    assert (
        judge_beside(run_of(record(1, 1, 0.85), stochastic=False, margins=wide), before).exit_code
        is ExitCode.OK
    )
    dead = judge_beside(
        run_of(record(1, 1, 0.1), stochastic=False, margins=wide, default_margins=False), before
    )
    assert dead.exit_code is ExitCode.REGRESSION


@pytest.mark.parametrize("status", ["needs_review", "refused"])
def test_an_edit_that_is_not_done_any_more_is_a_regression(status: str) -> None:
    """Said with the reason; the other way round it is an improvement."""
    fine = run_of(record(1, 1, 0.9), stochastic=False)
    value = None if status == "refused" else 0.9
    worse = run_of(record(1, 1, value, status, "refused: mask too large"), stochastic=False)
    verdict = judge_beside(worse, fine)
    assert verdict.exit_code is ExitCode.REGRESSION
    (finding,) = found(verdict, "status")
    assert finding.outcome is Outcome.REGRESSED
    assert "mask too large" in finding.text
    (finding,) = found(judge_beside(fine, worse), "status")
    assert finding.outcome is Outcome.IMPROVED
    assert not found(judge_beside(worse, worse), "status")


def test_a_budget_without_a_number_since_edits_are_refused_is_a_regression_and_no_error() -> None:
    """Said once, as how the edits end; without a baseline that did them nothing can be judged."""
    budgets = (Budget("ssim", "edit", "mean", min=0.5),)
    refused = run_of(
        record(1, 1, None, "refused", "mask too large"), stochastic=False, budgets=budgets
    )
    verdict = judge_beside(refused, run_of(record(1, 1, 0.9), stochastic=False, budgets=budgets))
    assert verdict.exit_code is ExitCode.REGRESSION
    assert not found(verdict, "budget")
    assert judge_beside(refused, None).exit_code is ExitCode.INCOMPLETE


def test_one_seed_of_three_sent_to_review_warns_and_all_three_fail() -> None:
    """A stochastic model's edit may lie near a limit: nearly all seeds of a scene must have
    changed.
    """
    fine = run_of(*(record(1, seed, 0.9) for seed in (1, 2, 3)))

    def reviewed(count: int) -> Run:
        return run_of(
            *(
                record(1, seed, 0.9, "needs_review" if seed <= count else "done")
                for seed in (1, 2, 3)
            )
        )

    some = judge_beside(reviewed(1), fine)
    (finding,) = found(some, "status")
    assert (finding.outcome, finding.fails, some.exit_code) == (Outcome.CHANGED, False, ExitCode.OK)
    assert "1 of 3 edits was done and is now sent to review" in finding.text
    assert "On other seeds of these scenes nothing changed" in finding.text
    assert judge_beside(reviewed(3), fine).exit_code is ExitCode.REGRESSION


def test_what_ends_worse_and_better_is_a_regression_of_what_ends_worse() -> None:
    """Its cases are the worse ones alone."""
    before = run_of(record(1, 1, 0.9, "needs_review"), record(2, 1, 0.9), stochastic=False)
    now = run_of(record(1, 1, 0.9), record(2, 1, 0.9, "needs_review"), stochastic=False)
    (finding,) = found(judge_beside(now, before), "status")
    assert (finding.outcome, finding.cases) == (Outcome.REGRESSED, ("id2-1",))


def pictured(step: int, seed: int, picture: str) -> CaseRecord:
    return replace(record(step, seed, 0.9), blobs={"actual": hashed(picture)})


def test_seeds_that_give_the_same_picture_are_a_regression() -> None:
    """Where they differed in the baseline; not where they never did, nor with one seed."""
    varied = run_of(
        *(pictured(step, seed, f"{step} {seed}") for step in (1, 2) for seed in (1, 2, 3))
    )
    stuck = run_of(*(pictured(step, seed, f"{step} 1") for step in (1, 2) for seed in (1, 2, 3)))
    verdict = judge_beside(stuck, varied)
    assert verdict.exit_code is ExitCode.REGRESSION
    (finding,) = found(verdict, "seed")
    assert "2 of 2 scenes" in finding.text
    assert finding.cases == ("id1-1", "id2-1")
    assert not found(judge_beside(varied, varied), "seed")
    assert not found(judge_beside(stuck, stuck), "seed")
    assert not found(judge_beside(run_of(pictured(1, 1, "a")), run_of(pictured(1, 1, "a"))), "seed")


def test_refused_edits_are_no_picture_that_every_seed_gives() -> None:
    """A scene whose edits are all refused is a change of how edits end, and nothing else."""
    before = run_of(*(pictured(1, seed, f"p{seed}") for seed in (1, 2, 3)))
    after = run_of(*(record(1, seed, None, "refused", "no picture") for seed in (1, 2, 3)))
    verdict = judge_beside(after, before)
    assert not found(verdict, "seed")
    assert [one.outcome for one in found(verdict, "status")] == [Outcome.REGRESSED]
