"""Rules of conduct and margins that metrics bring along, on runs made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.gate import judge
from harness.runs import SCHEMA, Manifest, MetricInfo, PipelineInfo, Run
from harness.types import (
    Budget,
    Case,
    CaseRecord,
    ExitCode,
    Finding,
    Margin,
    Measurement,
    Model,
    Outcome,
    Region,
    Suite,
    Variant,
    Verdict,
)

MODEL = Model("patch", "reference?inpaint.model=patch")
SSIM = MetricInfo("ssim@1", "", "higher", margins={"mean": 0.01})


def record(step: int, seed: int, value: float | None, status: str = "done", reason: str = "") -> CaseRecord:
    case = Case(f"id{step}-{seed}", "", "logo", step, {}, 64, 2, 7, MODEL, seed)
    rows = (
        Measurement("ssim@1", "edit", "mean", value, "", reason),
        Measurement("ssim@1", "edit", "p01", value, "", reason),
    )
    return CaseRecord(case, status, reason, 1.0, cached=False, measurements=rows)


def run_of(*records: CaseRecord, stochastic: bool = True, metric: MetricInfo = SSIM, **rules: object) -> Run:
    suite = Suite("made", "", 64, 2, 7, (1, 2, 3), (Variant("logo", 1),), (MODEL,), ("ssim",), budgets=(), margins=())
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
    return Run(Path("made"), manifest, records, None)


def found(verdict: Verdict, rule: str) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.rule == rule]


def test_a_metric_brings_its_own_margin() -> None:
    """0.02 worse regresses, 0.005 passes; the statistic without a margin is not compared."""
    before = run_of(record(1, 1, 0.9), stochastic=False)
    bad = judge(run_of(record(1, 1, 0.88), stochastic=False), before)
    assert bad.exit_code is ExitCode.REGRESSION
    assert [finding.stat for finding in found(bad, "baseline")] == ["mean"]
    assert judge(run_of(record(1, 1, 0.895), stochastic=False), before).exit_code is ExitCode.OK


def test_a_written_margin_wins_and_default_ones_can_be_turned_off() -> None:
    before = run_of(record(1, 1, 0.9), stochastic=False)
    wide = (Margin("ssim", "edit", "mean", margin=0.1),)
    assert judge(run_of(record(1, 1, 0.85), stochastic=False, margins=wide), before).exit_code is ExitCode.OK
    silent = judge(run_of(record(1, 1, 0.1), stochastic=False, default_margins=False), before)
    assert silent.exit_code is ExitCode.INCOMPLETE
    assert "nothing was judged" in silent.invalid[0]


def test_a_number_that_one_side_lacks_is_left_out_unless_somebody_wrote_a_margin_for_it() -> None:
    before = run_of(record(1, 1, 0.9), record(2, 1, 0.9), stochastic=False)
    now = run_of(record(1, 1, 0.9), record(2, 1, None, reason="too small"), stochastic=False)
    assert judge(now, before).exit_code is ExitCode.OK
    written = replace(now.manifest.suite, margins=(Margin("ssim", "edit", "mean", margin=0.1),))
    asked = replace(now, manifest=replace(now.manifest, suite=written))
    assert judge(asked, before).exit_code is ExitCode.INCOMPLETE


@pytest.mark.parametrize("status", ["needs_review", "refused"])
def test_an_edit_that_is_not_done_any_more_is_a_regression(status: str) -> None:
    """Said with the reason; the other way round it is an improvement."""
    fine = run_of(record(1, 1, 0.9), stochastic=False)
    value = None if status == "refused" else 0.9
    worse = run_of(record(1, 1, value, status, "refused: mask too large"), stochastic=False)
    verdict = judge(worse, fine)
    assert verdict.exit_code is ExitCode.REGRESSION
    (finding,) = found(verdict, "status")
    assert finding.outcome is Outcome.REGRESSED
    assert "mask too large" in finding.text
    (finding,) = found(judge(fine, worse), "status")
    assert finding.outcome is Outcome.IMPROVED
    assert not found(judge(worse, worse), "status")


def test_a_budget_without_a_number_since_edits_are_refused_is_a_regression_and_no_error() -> None:
    """Said once, as how the edits end; without a baseline that did them nothing can be judged."""
    budgets = (Budget("ssim", "edit", "mean", min=0.5),)
    refused = run_of(record(1, 1, None, "refused", "mask too large"), stochastic=False, budgets=budgets)
    verdict = judge(refused, run_of(record(1, 1, 0.9), stochastic=False, budgets=budgets))
    assert verdict.exit_code is ExitCode.REGRESSION
    assert not found(verdict, "budget")
    assert judge(refused, None).exit_code is ExitCode.INCOMPLETE


def test_one_seed_of_three_sent_to_review_is_unclear_and_all_three_are_not() -> None:
    """A stochastic model's edit may lie near a limit: nearly all seeds of a scene must have changed."""
    fine = run_of(*(record(1, seed, 0.9 + seed / 100) for seed in (1, 2, 3)))

    def reviewed(count: int) -> Run:
        return run_of(
            *(record(1, seed, 0.9 + seed / 100, "needs_review" if seed <= count else "done") for seed in (1, 2, 3))
        )

    (some,) = found(judge(reviewed(1), fine), "status")
    assert some.outcome is Outcome.UNDERPOWERED
    assert "more of them would tell" in some.text
    assert judge(reviewed(3), fine).exit_code is ExitCode.REGRESSION


def test_seeds_that_give_the_same_numbers_are_a_regression() -> None:
    """Where they differed in the baseline; not where they never did, nor with one seed."""
    varied = run_of(*(record(step, seed, 0.9 + seed / 1000) for step in (1, 2) for seed in (1, 2, 3)))
    stuck = run_of(*(record(step, seed, 0.901) for step in (1, 2) for seed in (1, 2, 3)))
    verdict = judge(stuck, varied)
    assert verdict.exit_code is ExitCode.REGRESSION
    (finding,) = found(verdict, "seed")
    assert "2 of 2 scenes" in finding.text
    assert not found(judge(varied, varied), "seed")
    assert not found(judge(stuck, stuck), "seed")
    assert not found(judge(run_of(record(1, 1, 0.9)), run_of(record(1, 1, 0.9))), "seed")


REGIONS: tuple[Region, ...] = ("edit", "ring", "keep", "all")


def whole(step: int, seed: int, value: float) -> CaseRecord:
    """A case with one value in every region."""
    one = record(step, seed, value)
    rows = tuple(Measurement("ssim@1", region, "mean", value, "") for region in REGIONS)
    return replace(one, measurements=rows)


def seeds(worst: float = 0.0, *, of: Sequence[int] = ()) -> Run:
    """Three scenes by three seeds, a little noise between them; of scene 2 these seeds are so much worse."""
    return run_of(
        *(
            whole(step, seed, 0.9 + 0.002 * seed - (worst if step == 2 and seed in of else 0.0))
            for step in (1, 2, 3)
            for seed in (1, 2, 3)
        )
    )


def test_an_average_cannot_hide_a_single_dead_edit() -> None:
    """One seed of nine leaves what must go: too few for a mean, and as plain as can be."""
    verdict = judge(seeds(0.8, of=[2]), seeds())
    assert {finding.outcome for finding in found(verdict, "baseline")} == {Outcome.UNDERPOWERED}
    (finding,) = found(verdict, "edit")
    assert finding.outcome is Outcome.REGRESSED
    assert verdict.exit_code is ExitCode.REGRESSION
    assert finding.case_id == "id2-2"
    assert "1 of 9 edits broke" in finding.text
    assert "4 of 4 numbers" in finding.text


def test_a_seed_within_the_noise_is_no_dead_edit_nor_is_one_that_the_margins_call_out_already() -> None:
    assert not found(judge(seeds(0.03, of=[2]), seeds()), "edit")
    assert not found(judge(seeds(0.8, of=[1, 2, 3]), seeds()), "edit")
    assert not found(judge(seeds(), seeds()), "edit")


def test_a_metric_that_is_an_outlier_alone_is_no_dead_edit() -> None:
    """Of four numbers two are far off: a metric has outliers, an edit that broke shows in many."""
    dead = seeds(0.8, of=[2])
    calm = {one.case.id: one for one in seeds().records}
    mixed = tuple(
        replace(one, measurements=(*one.measurements[:2], *calm[one.case.id].measurements[2:])) for one in dead.records
    )
    assert not found(judge(replace(dead, records=mixed), seeds()), "edit")


def test_two_seeds_of_one_scene_say_too_little_of_the_noise_to_call_one_dead() -> None:
    """With one degree of freedom anything may be noise."""
    before = run_of(*(whole(1, seed, 0.9 + 0.002 * seed) for seed in (1, 2)))
    now = run_of(*(whole(1, seed, 0.9 + 0.002 * seed - 0.5 * (seed == 2)) for seed in (1, 2)))
    assert not found(judge(now, before), "edit")
