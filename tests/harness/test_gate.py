"""The gate, on runs made by hand: what passes, what regresses, what can't be judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import baseline
from harness.errors import IncompleteError, UsageError
from harness.gate import judge
from harness.metrics.pooling import EMPTY
from harness.runs import SCHEMA, Manifest, MetricInfo, PipelineInfo, Run, load, write_manifest
from harness.types import (
    Budget,
    Case,
    CaseError,
    CaseRecord,
    ExitCode,
    Margin,
    Measurement,
    Model,
    Outcome,
    Suite,
    Variant,
)

MODEL = Model("ns", "reference?inpaint.model=ns")
BUDGET = Budget("psnr", "edit", "mean", min=30.0)
MARGIN = Margin("psnr", "edit", "mean", margin=0.5)


def case(step: int = 1, seed: int = 42) -> Case:
    return Case(f"id{step}-{seed}", "", "logo", step, {}, 64, 2, 7, MODEL, seed)


def measured(psnr: float | None, *, step: int = 1, seed: int = 42, reason: str = "") -> CaseRecord:
    rows = (Measurement("psnr@1", "edit", "mean", psnr, "dB", reason),)
    return CaseRecord(case(step, seed), "done", "", 1.0, cached=False, measurements=rows)


def failed(step: int = 1) -> CaseRecord:
    error = CaseError("ValueError", "by design", "")
    return CaseRecord(case(step), "error", "by design", 0.0, cached=False, error=error)


def run_of(*records: CaseRecord, budgets: tuple[Budget, ...] = (), margins: tuple[Margin, ...] = ()) -> Run:
    suite = Suite(
        "made", "", 64, 2, 7, (42,), (Variant("logo", 1),), (MODEL,), ("psnr",), budgets=budgets, margins=margins
    )
    manifest = Manifest(
        SCHEMA,
        "0",
        "2026-01-01",
        suite,
        {"ns": PipelineInfo(MODEL.spec, "", "", stochastic=False)},
        {"psnr": MetricInfo("psnr@1", "dB", "higher")},
        tuple(record.case for record in records),
        {},
        {"device": "cpu"},
    )
    return Run(Path("made"), manifest, records, None)


def test_a_kept_budget_passes_and_shows_its_headroom() -> None:
    """Headroom is the distance to the limit, of the worst case."""
    verdict = judge(run_of(measured(35.0), measured(32.5, step=2), budgets=(BUDGET,)), None)
    assert verdict.exit_code is ExitCode.OK
    (finding,) = verdict.findings
    assert (finding.outcome, finding.worst, finding.headroom, finding.cases) == (Outcome.PASS, 32.5, 2.5, 2)
    assert finding.case_id == "id2-42"


def test_a_broken_budget_is_a_regression_and_says_where() -> None:
    """Exit 1, with the case, the value and the limit in one line."""
    verdict = judge(run_of(measured(35.0), measured(29.0, step=2), budgets=(BUDGET,)), None)
    assert verdict.exit_code is ExitCode.REGRESSION
    text = verdict.findings[0].text
    for part in ("29 dB", "30 dB", "logo/2 ns seed 42"):
        assert part in text


def test_a_budget_covers_the_rungs_it_names_and_no_more() -> None:
    """`until_step` leaves harder rungs to the limit curve."""
    run = run_of(measured(35.0), measured(10.0, step=2), budgets=(replace(BUDGET, until_step=1),))
    assert judge(run, None).exit_code is ExitCode.OK


@pytest.mark.parametrize("limit", [Budget("psnr", "edit", "mean", max=34.0), Budget("psnr", "edit", "mean", min=36.0)])
def test_both_kinds_of_limit_bite(limit: Budget) -> None:
    """`max` and `min` each regress on their own side."""
    assert judge(run_of(measured(35.0), budgets=(limit,)), None).exit_code is ExitCode.REGRESSION


@pytest.mark.parametrize(
    ("run", "part"),
    [
        (run_of(budgets=(BUDGET,)), "no cases"),
        (run_of(measured(35.0)), "nothing was judged"),
        (run_of(measured(35.0), failed(2), budgets=(BUDGET,)), "1 of 2 cases failed (logo/2 ns seed 42: by design)"),
        (run_of(measured(None, reason="refused: policy"), budgets=(BUDGET,)), "refused: policy"),
        (run_of(measured(35.0), budgets=(replace(BUDGET, stat="p01"),)), "no case of this run has that number"),
        (replace(run_of(measured(35.0), budgets=(BUDGET,)), records=()), "1 of 1 cases are missing"),
    ],
)
def test_what_was_not_measured_never_passes_and_never_regresses(run: Run, part: str) -> None:
    """No cases, missing ones, errors, refused edits, no rules: exit 3, and the reason."""
    verdict = judge(run, None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert any(part in reason for reason in verdict.invalid), verdict.invalid


def test_a_failed_case_outranks_a_regression() -> None:
    """A run that can't be judged is not called a regression, though its findings are there to read."""
    verdict = judge(run_of(measured(10.0), failed(2), budgets=(BUDGET,)), None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert verdict.findings[0].outcome is Outcome.REGRESSED


def test_a_region_that_a_scene_lacks_is_no_fault() -> None:
    """Scenes without that region are left out; where any other has it, the rule is judged on those."""
    run = run_of(measured(None, reason=EMPTY), measured(35.0, step=2), budgets=(BUDGET,))
    verdict = judge(run, None)
    assert verdict.exit_code is ExitCode.OK
    assert verdict.findings[0].cases == 1


@pytest.mark.parametrize(
    ("now", "outcome", "code"),
    [
        (35.0, Outcome.PASS, ExitCode.OK),
        (34.6, Outcome.PASS, ExitCode.OK),
        (34.4, Outcome.REGRESSED, ExitCode.REGRESSION),
        (35.4, Outcome.PASS, ExitCode.OK),
        (36.0, Outcome.IMPROVED, ExitCode.OK),
    ],
)
def test_a_change_counts_beyond_the_margin(now: float, outcome: Outcome, code: ExitCode) -> None:
    """Within the margin it passes, on either side."""
    verdict = judge(run_of(measured(now), margins=(MARGIN,)), run_of(measured(35.0)))
    assert (verdict.findings[0].outcome, verdict.exit_code) == (outcome, code)


def test_one_dead_case_is_not_averaged_away() -> None:
    """Cases are paired; the largest change for the worse decides."""
    before = run_of(measured(35.0), measured(35.0, seed=43), measured(35.0, seed=44))
    now = run_of(measured(45.0), measured(45.0, seed=43), measured(20.0, seed=44), margins=(MARGIN,))
    verdict = judge(now, before)
    assert verdict.findings[0].outcome is Outcome.REGRESSED
    assert verdict.findings[0].worst == 15.0


def test_a_baseline_of_another_suite_is_refused() -> None:
    """With the key that differs; that is a usage error, not a verdict."""
    now = run_of(measured(35.0), margins=(MARGIN,))
    other = replace(now, manifest=replace(now.manifest, suite=replace(now.manifest.suite, size=128)))
    with pytest.raises(UsageError, match="its size is 128, the run's is 64"):
        judge(now, other)


def test_numbers_of_two_metric_identities_are_not_compared() -> None:
    """lpips[alex] against lpips[st-alex], or another version: exit 3, naming both."""
    now = run_of(measured(35.0), margins=(MARGIN,))
    other = replace(now, manifest=replace(now.manifest, metrics={"psnr": MetricInfo("psnr@2", "dB", "higher")}))
    verdict = judge(now, other)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "psnr is psnr@1 here and psnr@2 in the baseline" in verdict.invalid[0]


def test_a_case_without_counterpart_makes_the_comparison_incomplete() -> None:
    """New cases are named, not passed over."""
    verdict = judge(run_of(measured(35.0), measured(35.0, step=2), margins=(MARGIN,)), run_of(measured(35.0)))
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "logo/2 ns seed 42" in verdict.invalid[0]


def test_an_accepted_run_is_a_baseline_that_judges_itself_clean(tmp_path: Path) -> None:
    """What was accepted compares equal to itself."""
    run = replace(run_of(measured(35.0), margins=(MARGIN,)), folder=tmp_path / "run")
    folder = baseline.accept(run, tmp_path / "baselines" / "made")
    verdict = judge(run, load(folder))
    assert verdict.exit_code is ExitCode.OK
    assert verdict.findings[0].worst == 0.0


@pytest.mark.parametrize("run", [run_of(), run_of(failed()), replace(run_of(measured(35.0)), records=())])
def test_a_partial_run_is_never_accepted(run: Run, tmp_path: Path) -> None:
    """Empty, failed or missing cases: refused, and what lies there stays."""
    write_manifest(tmp_path / "kept", run.manifest)
    with pytest.raises(IncompleteError, match="can't become a baseline"):
        baseline.accept(run, tmp_path / "kept")
    assert (tmp_path / "kept" / "manifest.json").is_file()


def test_accepting_never_touches_what_is_no_baseline(tmp_path: Path) -> None:
    """A folder with anything else in it, a file, the run itself and what holds it are refused, and stay as they are."""
    run = replace(run_of(measured(35.0)), folder=tmp_path / "runs" / "r")
    run.folder.mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "precious").write_text("mine")
    for target in (tmp_path / "work", tmp_path / "work" / "precious", run.folder, tmp_path, run.folder / "inside"):
        with pytest.raises(UsageError):
            baseline.accept(run, target)
    assert (tmp_path / "work" / "precious").read_text() == "mine"
    accepted = baseline.accept(run, tmp_path / "baseline")
    assert baseline.accept(run, accepted) == accepted


def test_a_case_refused_now_as_then_is_no_change() -> None:
    """Refused on one side only can't be judged; on both sides it is left out, and the rest is judged."""
    refused = measured(None, step=2, reason="refused: too large")
    before = run_of(measured(35.0), refused)
    verdict = judge(run_of(measured(35.0), refused, margins=(MARGIN,)), before)
    assert verdict.exit_code is ExitCode.OK
    assert verdict.findings[0].cases == 1
    verdict = judge(run_of(measured(35.0), measured(30.0, step=2), margins=(MARGIN,)), before)
    assert verdict.exit_code is ExitCode.INCOMPLETE


def test_a_deterministic_baseline_stands_for_every_seed() -> None:
    """A stochastic candidate is held to it on each of its seeds; a stochastic baseline is paired seed by seed."""
    now = run_of(measured(35.0), measured(20.0, seed=43), margins=(MARGIN,))
    before = run_of(measured(35.0))
    verdict = judge(now, before)
    assert verdict.exit_code is ExitCode.REGRESSION
    assert (verdict.findings[0].cases, verdict.findings[0].worst) == (2, 15.0)
    stochastic = {"ns": PipelineInfo(MODEL.spec, "", "", stochastic=True)}
    before = replace(before, manifest=replace(before.manifest, pipelines=stochastic))
    assert judge(now, before).exit_code is ExitCode.INCOMPLETE
