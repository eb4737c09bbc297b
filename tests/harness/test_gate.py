"""The gate, on runs made by hand: what passes, what regresses, what can't be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

import pytest

from harness import baseline, sheet
from harness.errors import IncompleteError, UsageError
from harness.gate import judge, judge_sheet
from harness.metrics.pooling import EMPTY
from harness.runs import (
    SCHEMA,
    Journal,
    Manifest,
    MetricInfo,
    PipelineInfo,
    Run,
    load,
    write_manifest,
    write_tables,
)
from harness.sheet import sheet_of
from harness.types import (
    Budget,
    Case,
    CaseError,
    CaseRecord,
    ExitCode,
    Limit,
    Margin,
    Measurement,
    Model,
    Outcome,
    Suite,
    Variant,
    Waiver,
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


def test_a_budget_that_a_narrowed_run_has_no_number_for_is_a_note_and_of_a_whole_suite_an_error() -> None:
    """`--vector` leaves families out: what only they measure can't be missed in the others."""
    budgets = (BUDGET, replace(BUDGET, region="protect"))
    whole = run_of(measured(35.0), budgets=budgets)
    narrowed = replace(whole, manifest=replace(whole.manifest, suite=replace(whole.manifest.suite, narrowed=True)))
    assert judge(whole, None).exit_code is ExitCode.INCOMPLETE
    verdict = judge(narrowed, None)
    assert verdict.exit_code is ExitCode.OK
    assert [finding.region for finding in verdict.findings] == ["edit"]
    (note,) = verdict.notes
    assert "psnr mean in protect was not judged" in note


def test_a_narrowed_run_with_nothing_left_to_judge_is_no_pass() -> None:
    run = run_of(measured(35.0), budgets=(replace(BUDGET, region="protect"),))
    narrowed = replace(run, manifest=replace(run.manifest, suite=replace(run.manifest.suite, narrowed=True)))
    verdict = judge(narrowed, None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "nothing was judged" in verdict.invalid[0]


def test_a_suite_that_only_a_baseline_can_judge_says_so() -> None:
    """Its metrics bring margins along: what is missing is a baseline, not a rule."""
    run = run_of(measured(35.0))
    metrics = {"psnr": replace(run.manifest.metrics["psnr"], margins={"mean": 0.5})}
    verdict = judge(replace(run, manifest=replace(run.manifest, metrics=metrics)), None)
    assert "baseline accept" in verdict.invalid[0]


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
        (replace(run_of(measured(35.0), budgets=(BUDGET,)), records=()), "1 of 1 case missing"),
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


SEEDS = (1, 2, 3)
STEPS = (1, 2, 3)


def sampled(
    changes: Sequence[Sequence[float]] = ((0.0,) * 3,) * 3,
    *,
    seeds: Sequence[int] = SEEDS,
    margins: tuple[Margin, ...] = (),
) -> Run:
    """A stochastic model's run: three scenes (rows) on some seeds (columns), at 35 dB less `changes`."""
    rows = zip(STEPS, changes, strict=True)
    records = [
        measured(35.0 - change, step=step, seed=seed)
        for step, row in rows
        for seed, change in zip(seeds, row, strict=True)
    ]
    run = run_of(*records, margins=margins)
    return replace(
        run, manifest=replace(run.manifest, pipelines={"ns": PipelineInfo(MODEL.spec, "", "", stochastic=True)})
    )


def test_a_stochastic_model_on_the_same_seeds_unchanged_passes() -> None:
    """Zero change everywhere: nothing to divide by, no p to fear, and the interval is 0 wide."""
    (finding,) = judge(sampled(margins=(MARGIN,)), sampled()).findings
    assert (finding.outcome, finding.mean_change, finding.interval) == (Outcome.PASS, 0, (0, 0))
    assert not finding.at_risk


def test_a_mean_change_beyond_the_margin_and_significant_is_a_regression() -> None:
    """With its mean, its interval, its corrected p and its samples."""
    changes = ((0.9, 1.0, 1.1), (0.8, 1.2, 1.0), (1.0, 1.1, 0.9))
    verdict = judge(sampled(changes, margins=(MARGIN,)), sampled())
    (finding,) = verdict.findings
    assert (finding.outcome, verdict.exit_code) == (Outcome.REGRESSED, ExitCode.REGRESSION)
    assert finding.mean_change == pytest.approx(1)
    assert finding.interval is not None
    assert 0.5 < finding.interval[0] < 1 < finding.interval[1]
    assert finding.p is not None
    assert finding.p < 0.001
    assert finding.samples == 9


def test_a_significant_change_within_the_margin_passes() -> None:
    """Both are asked for; close to the margin it is at risk."""
    changes = ((0.4, 0.41, 0.42),) * 3
    (finding,) = judge(sampled(changes, margins=(MARGIN,)), sampled()).findings
    assert finding.outcome is Outcome.PASS
    assert finding.p is not None
    assert finding.p < 0.001
    assert finding.at_risk


def test_a_change_that_may_be_noise_is_underpowered_and_says_how_many_seeds_would_tell() -> None:
    """Beyond the margin, but not significant: no regression, and no silence."""
    changes = ((3.0, -2.0, 1.5), (-2.5, 4.0, 0.0), (2.0, 1.0, -1.0))
    verdict = judge(sampled(changes, margins=(MARGIN,)), sampled())
    (finding,) = verdict.findings
    assert (finding.outcome, verdict.exit_code) == (Outcome.UNDERPOWERED, ExitCode.OK)
    assert "seeds would tell" in finding.text


def test_one_pair_of_a_stochastic_model_proves_nothing() -> None:
    """However large: it asks for more seeds."""
    one = replace(sampled(), records=sampled().records[:1])
    one = replace(one, manifest=replace(one.manifest, cases=one.manifest.cases[:1]))
    worse = replace(one, records=(measured(20.0, step=1, seed=1),))
    worse = replace(worse, manifest=replace(worse.manifest, suite=replace(worse.manifest.suite, margins=(MARGIN,))))
    (finding,) = judge(worse, one).findings
    assert (finding.outcome, finding.p, finding.interval) == (Outcome.UNDERPOWERED, None, None)
    assert "more seeds" in finding.text


def test_a_scene_that_broke_on_every_seed_is_not_averaged_away() -> None:
    """Two scenes got better by as much: the mean is 0, and the third is named."""
    changes = ((8.0, 8.1, 7.9), (-4.0, -4.1, -3.9), (-4.0, -3.9, -4.1))
    verdict = judge(sampled(changes, margins=(MARGIN,)), sampled())
    assert verdict.exit_code is ExitCode.REGRESSION
    assert "logo/1 broke: 3 of 3 of its seeds" in verdict.findings[0].text


def test_rules_are_corrected_for_how_many_there_are() -> None:
    """A p of 0.002 is a regression as the only rule of a run, and none of a hundred."""
    changes = ((1.0, 0.4, 1.5), (0.5, 1.8, 0.3), (1.6, 0.3, 1.2))
    alone = judge(sampled(changes, margins=(MARGIN,)), sampled()).findings[0]
    assert alone.outcome is Outcome.REGRESSED
    assert alone.p is not None
    assert 0.0005 < alone.p <= 0.01

    def in_families(run: Run) -> Run:
        """A hundred families with the numbers of one."""
        records = [
            replace(record, case=replace(record.case, id=f"{record.case.id}-{n}", family=f"f{n}"))
            for n in range(100)
            for record in run.records
        ]
        cases = tuple(record.case for record in records)
        return replace(run, records=tuple(records), manifest=replace(run.manifest, cases=cases))

    still, moved = in_families(sampled(margins=(MARGIN,))), sampled(changes).records
    mixed = tuple(
        replace(record, measurements=moved[index].measurements) if index < 9 else record
        for index, record in enumerate(still.records)
    )
    among = next(f for f in judge(replace(still, records=mixed), in_families(sampled())).findings if f.family == "f0")
    assert among.outcome is Outcome.UNDERPOWERED


def test_a_run_on_other_seeds_is_paired_in_order_and_says_so() -> None:
    """The first seed with the first; only where no seed is shared, and there are as many."""
    verdict = judge(sampled(seeds=(7, 8, 9), margins=(MARGIN,)), sampled())
    assert verdict.exit_code is ExitCode.OK
    assert verdict.findings[0].samples == 9
    assert "9 cases ran on other seeds" in verdict.notes[0]
    assert judge(sampled(seeds=(1, 8, 9), margins=(MARGIN,)), sampled()).exit_code is ExitCode.INCOMPLETE


def scenes(change: float, count: int, *, better: int = 0) -> tuple[Run, Run]:
    """A deterministic run of many scenes, `better` of them the other way, and its baseline."""
    now = [measured(35.0 - (change if step > better else -change), step=step) for step in range(1, count + 1)]
    return run_of(*now, margins=(MARGIN,)), run_of(*(measured(35.0, step=step) for step in range(1, count + 1)))


def test_17_worse_and_0_better_is_another_host_and_no_verdict() -> None:
    """Every scene a little worse, none past its margin: exit 3. Fewer, mixed, or past the margin is judged as ever."""
    verdict = judge(*scenes(0.01, 17))
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "17 scenes got a little worse and 0 better" in verdict.invalid[0]
    assert judge(*scenes(0.01, 16)).exit_code is ExitCode.OK
    assert judge(*scenes(0.01, 20, better=5)).exit_code is ExitCode.OK
    assert judge(*scenes(0.0, 20)).exit_code is ExitCode.OK
    assert judge(*scenes(0.6, 20)).exit_code is ExitCode.REGRESSION


def test_the_library_that_changed_is_named_as_the_suspect() -> None:
    """The first thing to look at."""
    run, before = scenes(0.01, 20)
    run = replace(run, manifest=replace(run.manifest, versions={"numpy": "2.4"}))
    assert "numpy is 2.4 here and was absent there" in judge(run, before).invalid[0]


@pytest.mark.parametrize(("of", "unit"), [("seconds", "s"), ("memory", "MB")])
def test_an_edit_that_costs_more_than_its_limit_is_a_regression(of: Literal["seconds", "memory"], unit: str) -> None:
    """Seconds and megabytes, of the worst case."""
    records = [replace(measured(35.0, step=step), seconds=10.0 * step, peak_mb=10.0 * step) for step in (1, 2)]
    run = run_of(*records)
    suite = replace(run.manifest.suite, limits=(Limit(of, max=15.0),))
    verdict = judge(replace(run, manifest=replace(run.manifest, suite=suite)), None)
    assert verdict.exit_code is ExitCode.REGRESSION
    assert (verdict.findings[0].worst, verdict.findings[0].unit, verdict.findings[0].case_id) == (20, unit, "id2-42")
    easy = replace(suite, limits=(Limit(of, max=15.0, until_step=1),))
    assert judge(replace(run, manifest=replace(run.manifest, suite=easy)), None).exit_code is ExitCode.OK


def test_memory_that_nobody_measured_is_not_judged() -> None:
    """Never a pass."""
    run = run_of(measured(35.0))
    suite = replace(run.manifest.suite, limits=(Limit("memory", max=15.0),))
    verdict = judge(replace(run, manifest=replace(run.manifest, suite=suite)), None)
    assert verdict.exit_code is ExitCode.INCOMPLETE


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
def test_a_waiver_counts_until_its_day_for_what_it_names(waiver: Waiver, outcome: Outcome, code: ExitCode) -> None:
    """The finding is shown with owner, day and reason; an expired or unneeded waiver is said."""
    run = sheet_of(run_of(measured(29.0), budgets=(BUDGET,)))
    verdict = judge_sheet(run, None, waivers=(waiver,), today=DAY)
    assert (verdict.findings[0].outcome, verdict.exit_code) == (outcome, code)
    if outcome is Outcome.WAIVED:
        assert "Waived by ada until 2026-11-21: the new font is wider" in verdict.findings[0].text
        assert not verdict.notes
    else:
        assert "ada" in verdict.notes[0]


def test_a_waiver_that_is_not_needed_any_more_is_said() -> None:
    """So that it does not hide the next regression."""
    verdict = judge_sheet(sheet_of(run_of(measured(35.0), budgets=(BUDGET,))), None, waivers=(WAIVER,), today=DAY)
    assert "is not needed" in verdict.notes[0]


def test_a_case_that_failed_is_nobodys_to_waive() -> None:
    """What was not measured stays unjudged."""
    run = sheet_of(run_of(measured(None, reason="refused: policy"), budgets=(BUDGET,)))
    assert judge_sheet(run, None, waivers=(WAIVER,), today=DAY).exit_code is ExitCode.INCOMPLETE


def test_cases_of_the_baseline_that_the_run_lacks_are_said() -> None:
    """Not judged, not silent."""
    verdict = judge(run_of(measured(35.0), margins=(MARGIN,)), run_of(measured(35.0), measured(35.0, step=2)))
    assert verdict.exit_code is ExitCode.OK
    assert "1 case of the baseline not in this run" in verdict.notes[0]


@pytest.mark.parametrize(("seconds", "cached", "said"), [(2.5, False, True), (1.9, False, False), (2.5, True, False)])
def test_what_takes_far_longer_than_in_the_baseline_is_said(seconds: float, cached: bool, said: bool) -> None:
    """It may be the machine, so it fails nothing; what came from the cache was not timed."""
    slow = [replace(measured(35.0, step=step), seconds=seconds, cached=cached) for step in (1, 2, 3)]
    verdict = judge(run_of(*slow, margins=(MARGIN,)), run_of(*(measured(35.0, step=step) for step in (1, 2, 3))))
    assert verdict.exit_code is ExitCode.OK
    assert any("ns is slower than in the baseline: 2.5 s an edit" in note for note in verdict.notes) == said


def test_a_margin_may_be_for_a_family_only() -> None:
    """It wins over one for all."""
    margins = (replace(MARGIN, margin=9.0, families=("logo",)), MARGIN)
    assert judge(run_of(measured(30.0), margins=margins), run_of(measured(35.0))).findings[0].limit == 9.0


def test_the_tables_say_what_the_journal_says(tmp_path: Path) -> None:
    """Judged from its tables or from its journal, a run has the same verdict; tables older than the journal are not used."""
    refused = measured(None, step=2, reason="refused: policy")
    empty = measured(None, step=3, reason=EMPTY)
    run = replace(run_of(measured(35.0), refused, empty, failed(4), budgets=(BUDGET,)), folder=tmp_path)
    write_manifest(tmp_path, run.manifest)
    journal = Journal(tmp_path)
    for record in run.records:
        journal.append(record)
    assert sheet.load(tmp_path).records is not None
    write_tables(run)
    from_tables = sheet.load(tmp_path)
    assert from_tables.records is None
    assert judge_sheet(from_tables, None) == judge(run, None)
    assert from_tables.keys() == sheet_of(run).keys()
    journal.append(measured(20.0))
    journal.close()
    key = sheet.Key("psnr", "edit", "mean")
    assert from_tables.grid([key]).values[0, 0] == 35.0
    assert sheet.load(tmp_path).grid([key]).values[0, 0] == 20.0
