"""The gate, on runs made by hand: what passes, what regresses, what can't be judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from editproof.harness.baselines import acceptance
from editproof.harness.records import runs
from editproof.harness.records.cases import Measurement
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import MetricInfo, write_manifest
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.runs import Run, load
from editproof.harness.records.suites import Budget, Limit
from editproof.harness.records.tables import write_tables
from editproof.harness.records.verdicts import Outcome
from editproof.harness.suites.suite import list_shipped_budgets
from editproof.reports.common.verdict import open_findings
from tests.harness.made import (
    BUDGET,
    MARGIN,
    METRICS,
    case,
    failed,
    judge_beside,
    measured,
    of_pictures,
    run_of,
    scored,
    see,
)


def test_a_kept_budget_passes_and_shows_its_headroom() -> None:
    """Headroom is the distance to the limit, of the worst case."""
    verdict = judge_beside(run_of(measured(35.0), measured(32.5, step=2), budgets=(BUDGET,)), None)
    assert verdict.exit_code is ExitCode.OK
    (finding,) = verdict.findings
    assert finding.evidence
    assert (finding.outcome, finding.case_id) == (Outcome.PASS, "id2-42")
    assert (finding.evidence.after, finding.evidence.headroom, finding.evidence.samples) == (
        32.5,
        2.5,
        2,
    )


def test_a_broken_budget_is_a_regression_and_says_where() -> None:
    """Exit 1, with the case, the value and the limit in one line."""
    verdict = judge_beside(run_of(measured(35.0), measured(29.0, step=2), budgets=(BUDGET,)), None)
    assert verdict.exit_code is ExitCode.REGRESSION
    text = verdict.findings[0].text
    for part in ("29 dB", "30 dB", "logo/2 ns seed 42"):
        assert part in text


def test_a_budget_covers_the_rungs_it_names_and_no_more() -> None:
    """`until_step` leaves harder rungs to the limit curve."""
    run = run_of(measured(35.0), measured(10.0, step=2), budgets=(replace(BUDGET, until_step=1),))
    assert judge_beside(run, None).exit_code is ExitCode.OK


def test_a_budget_without_a_number_is_a_note_in_a_narrowed_run_and_an_error_in_a_whole() -> None:
    """`--vector` leaves families out: what only they measure can't be missed in the others."""
    budgets = (BUDGET, replace(BUDGET, region="protect"))
    whole = run_of(measured(35.0), budgets=budgets)
    narrowed = replace(
        whole, manifest=replace(whole.manifest, suite=replace(whole.manifest.suite, narrowed=True))
    )
    assert judge_beside(whole, None).exit_code is ExitCode.INCOMPLETE
    verdict = judge_beside(narrowed, None)
    assert verdict.exit_code is ExitCode.OK
    assert [finding.evidence.region for finding in verdict.findings if finding.evidence] == ["edit"]
    (note,) = verdict.notes
    assert "psnr mean in protect was not judged" in note


@pytest.mark.parametrize("same", [True, False])
def test_another_environment_is_named_whether_pictures_changed_or_not(
    tmp_path: Path, *, same: bool
) -> None:
    """The gate compares all the same."""
    see(tmp_path, "accepted", "new")
    before = run_of(scored(case(), "accepted"), metrics=METRICS, folder=tmp_path)
    now = run_of(scored(case(), "accepted" if same else "new"), metrics=METRICS, folder=tmp_path)
    elsewhere = replace(now, manifest=replace(now.manifest, versions={"numpy": "2.0"}))
    verdict = judge_beside(elsewhere, before)
    assert verdict.unchanged == int(same)
    (note,) = verdict.notes
    assert "the environment changed: numpy is 2.0, it was unknown" in note
    assert ("No picture changed" in note) == same


def test_a_narrowed_run_with_nothing_left_to_judge_is_no_pass() -> None:
    run = run_of(measured(35.0), budgets=(replace(BUDGET, region="protect"),))
    narrowed = replace(
        run, manifest=replace(run.manifest, suite=replace(run.manifest.suite, narrowed=True))
    )
    verdict = judge_beside(narrowed, None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "the suite has no rules" in verdict.invalid[0]


def test_a_suite_that_only_a_baseline_can_judge_says_so() -> None:
    """Its metrics bring margins along: what is missing is a baseline, not a rule."""
    run = run_of(measured(35.0))
    metrics = {"psnr": replace(run.manifest.metrics["psnr"], margins={"mean": 0.5})}
    verdict = judge_beside(replace(run, manifest=replace(run.manifest, metrics=metrics)), None)
    assert "baseline accept" in verdict.invalid[0]


@pytest.mark.parametrize(
    "limit", [Budget("psnr", "edit", "mean", max=34.0), Budget("psnr", "edit", "mean", min=36.0)]
)
def test_both_kinds_of_limit_bite(limit: Budget) -> None:
    """`max` and `min` each regress on their own side."""
    assert (
        judge_beside(run_of(measured(35.0), budgets=(limit,)), None).exit_code
        is ExitCode.REGRESSION
    )


@pytest.mark.parametrize(
    ("run", "part"),
    [
        (run_of(budgets=(BUDGET,)), "no cases"),
        (run_of(measured(35.0)), "the suite has no rules"),
        (
            run_of(measured(35.0), failed(2), budgets=(BUDGET,)),
            "1 of 2 cases failed (logo/2 ns seed 42: by design)",
        ),
        (run_of(measured(None, reason="refused: policy"), budgets=(BUDGET,)), "refused: policy"),
        (
            run_of(measured(35.0), budgets=(replace(BUDGET, stat="p01"),)),
            "no case of this run has that number",
        ),
        (run_of(measured(35.0), budgets=(BUDGET,)).with_records(()), "1 of 1 case missing"),
    ],
)
def test_what_was_not_measured_never_passes_and_never_regresses(run: Run, part: str) -> None:
    """No cases, missing ones, errors, refused edits, no rules: exit 3, and the reason."""
    verdict = judge_beside(run, None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert any(part in reason for reason in verdict.invalid), verdict.invalid


def test_a_part_of_a_run_is_judged_as_preliminary() -> None:
    """It never passes. Where more than missing cases is wrong, the run can't be judged."""
    first, second = measured(20.0, step=1), measured(35.0, step=2)
    whole = run_of(first, second, budgets=(BUDGET,))
    part = judge_beside(whole.with_records((first,)), None)
    assert (part.preliminary, part.exit_code) == (True, ExitCode.INCOMPLETE)
    assert [finding.outcome for finding in part.findings] == [Outcome.REGRESSED]
    assert not judge_beside(whole, None).preliminary
    assert not judge_beside(whole.with_records(()), None).preliminary
    failing = run_of(failed(1), second, first, budgets=(BUDGET,)).with_records((failed(1), second))
    assert not judge_beside(failing, None).preliminary


def test_cases_that_failed_for_one_reason_are_told_together() -> None:
    """And no budget is said to lack its number where the cases failed."""
    run = run_of(failed(1), failed(2), failed(3), budgets=(BUDGET,))
    verdict = judge_beside(run, None)
    assert len(verdict.invalid) == 1
    assert "3 of 3 cases failed (logo/1 ns seed 42 and 2 more: by design)" in verdict.invalid[0]
    assert verdict.notes == ()


def test_a_reason_is_one_whatever_name_the_request_had() -> None:
    said = (f"answered 500 (request {name}): out of memory" for name in ("0123abcd", "4567cdef"))
    run = run_of(
        *(replace(failed(step), reason=one) for step, one in enumerate(said, 1)),
        budgets=(BUDGET,),
    )
    assert "logo/1 ns seed 42 and 1 more: answered 500" in judge_beside(run, None).invalid[0]


def test_a_budget_whose_cases_may_have_failed_is_not_said_to_fit_none() -> None:
    """The verdict says that cases failed, and that is enough."""
    nowhere = (replace(BUDGET, region="protect"),)
    whole, part = (run_of(measured(35.0), *more, budgets=nowhere) for more in ((), (failed(2),)))
    assert any("no case of this run has" in one for one in judge_beside(whole, None).invalid)
    assert not any("no case of this run has" in one for one in judge_beside(part, None).invalid)


def test_a_shipped_budget_that_the_accepted_run_is_past_is_waived() -> None:
    """Whoever accepted the pictures answers for them. All of them are one note."""
    budgets = list_shipped_budgets("quick")[:1]
    now, past, kept = (
        run_of(measured(value), budgets=budgets, name="quick") for value in (25.0, 26.0, 36.0)
    )
    assert judge_beside(now, None).exit_code is ExitCode.REGRESSION
    verdict = judge_beside(now, past)
    waived = verdict.findings[0]
    assert (waived.outcome, waived.fails) == (Outcome.WAIVED, False)
    assert waived.text.endswith("The accepted run is also outside it")
    assert not open_findings(verdict)
    assert any("1 shipped budget not kept (psnr in edit)" in note for note in verdict.notes)
    assert judge_beside(now, kept).findings[0].fails


@pytest.mark.parametrize("name", ["mine", "quick"])
def test_a_budget_that_somebody_wrote_holds_always(name: str) -> None:
    """Though the accepted run is past it."""
    written = (replace(list_shipped_budgets("quick")[0], min=31.0),)
    now, past = (run_of(measured(25.0), budgets=written, name=name) for _ in range(2))
    assert judge_beside(now, past).findings[0].fails


def test_a_failed_case_outranks_a_regression() -> None:
    """A run that can't be judged is not called a regression, though its findings are there to
    read.
    """
    verdict = judge_beside(run_of(measured(10.0), failed(2), budgets=(BUDGET,)), None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert verdict.findings[0].outcome is Outcome.REGRESSED


def test_a_region_that_a_scene_lacks_is_no_fault() -> None:
    """Scenes without that region are left out; where any other has it, the rule is judged on
    those.
    """
    run = run_of(measured(None, reason=EMPTY), measured(35.0, step=2), budgets=(BUDGET,))
    verdict = judge_beside(run, None)
    assert verdict.exit_code is ExitCode.OK
    assert verdict.findings[0].evidence
    assert verdict.findings[0].evidence.samples == 1


@pytest.mark.parametrize(
    ("now", "outcome", "code"),
    [
        (35.0, Outcome.UNCHANGED, ExitCode.OK),
        (34.6, Outcome.UNCHANGED, ExitCode.OK),
        (34.4, Outcome.CHANGED, ExitCode.OK),
        (33.5, Outcome.REGRESSED, ExitCode.REGRESSION),
        (35.4, Outcome.UNCHANGED, ExitCode.OK),
        (36.5, Outcome.IMPROVED, ExitCode.OK),
    ],
)
def test_without_pictures_a_number_counts_beyond_its_margin(
    now: float, outcome: Outcome, code: ExitCode
) -> None:
    """Within the margin nothing happened; beyond, it warns; one more margin beyond, it is a loss or
    a gain.
    """
    verdict = judge_beside(run_of(measured(now), margins=(MARGIN,)), run_of(measured(35.0)))
    assert (verdict.outcome, verdict.exit_code) == (outcome, code)
    assert len(of_pictures(verdict)) == (outcome is not Outcome.UNCHANGED)


def test_a_case_without_pictures_and_numbers_to_compare_never_passes() -> None:
    """No margin, or no number on one side: exit 3, by name."""
    before = run_of(measured(35.0))
    for now in (
        run_of(measured(10.0)),
        run_of(measured(None, reason="too small"), margins=(MARGIN,)),
    ):
        verdict = judge_beside(now, before)
        assert verdict.exit_code is ExitCode.INCOMPLETE
        assert "1 case not compared: a picture is gone or of another size" in verdict.invalid[0]
        assert "logo/1 ns seed 42" in verdict.invalid[0]


def test_one_dead_case_is_not_averaged_away() -> None:
    """Cases are paired: two gains do not pay for a loss."""
    before = run_of(measured(35.0), measured(35.0, step=2), measured(35.0, step=3))
    now = run_of(measured(36.0), measured(36.0, step=2), measured(20.0, step=3), margins=(MARGIN,))
    verdict = judge_beside(now, before)
    (finding,) = of_pictures(verdict)
    assert finding.outcome is Outcome.REGRESSED
    assert finding.case_id == "id3-42"
    assert finding.evidence
    assert (finding.evidence.before, finding.evidence.after, finding.evidence.headroom) == (
        35.0,
        20.0,
        -14.5,
    )


def test_a_baseline_of_another_suite_is_refused() -> None:
    """With the key that differs; that is a usage error, not a verdict."""
    now = run_of(measured(35.0), margins=(MARGIN,))
    other = replace(
        now, manifest=replace(now.manifest, suite=replace(now.manifest.suite, size=128))
    )
    with pytest.raises(UsageError, match="its size is 128, the run's is 64"):
        judge_beside(now, other)


def test_numbers_of_two_metric_identities_are_not_compared() -> None:
    """lpips[alex] against lpips[st-alex], or another version: exit 3, naming both."""
    now = run_of(measured(35.0), margins=(MARGIN,))
    other = replace(
        now, manifest=replace(now.manifest, metrics={"psnr": MetricInfo("psnr@2", "dB", "higher")})
    )
    verdict = judge_beside(now, other)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "psnr is psnr@1 here and psnr@2 in the baseline" in verdict.invalid[0]


def test_a_case_without_counterpart_makes_the_comparison_incomplete() -> None:
    """New cases are named, not passed over."""
    verdict = judge_beside(
        run_of(measured(35.0), measured(35.0, step=2), margins=(MARGIN,)), run_of(measured(35.0))
    )
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "logo/2 ns seed 42" in verdict.invalid[0]


def test_an_accepted_run_is_a_baseline_that_judges_itself_clean(tmp_path: Path) -> None:
    """What was accepted compares equal to itself."""
    run = replace(run_of(measured(35.0), margins=(MARGIN,)), folder=tmp_path / "run")
    folder = acceptance.accept(run, tmp_path / "baselines" / "made")
    verdict = judge_beside(run, load(folder))
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.OK, Outcome.UNCHANGED)
    assert not verdict.findings


@pytest.mark.parametrize(
    "run", [run_of(), run_of(failed()), run_of(measured(35.0)).with_records(())]
)
def test_a_partial_run_is_never_accepted(run: Run, tmp_path: Path) -> None:
    """Empty, failed or missing cases: refused, and what lies there stays."""
    write_manifest(tmp_path / "kept", run.manifest)
    with pytest.raises(IncompleteError, match="can't become a baseline"):
        acceptance.accept(run, tmp_path / "kept")
    assert (tmp_path / "kept" / "manifest.json").is_file()


def test_accepting_never_touches_what_is_no_baseline(tmp_path: Path) -> None:
    """A folder with anything else in it, a file, the run itself and what holds it are refused, and
    stay as they are.
    """
    run = replace(run_of(measured(35.0)), folder=tmp_path / "runs" / "r")
    run.folder.mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "precious").write_text("mine")
    for target in (
        tmp_path / "work",
        tmp_path / "work" / "precious",
        run.folder,
        tmp_path,
        run.folder / "inside",
    ):
        with pytest.raises(UsageError):
            acceptance.accept(run, target)
    assert (tmp_path / "work" / "precious").read_text() == "mine"
    accepted = acceptance.accept(run, tmp_path / "baseline")
    with pytest.raises(UsageError, match="--reason TEXT"):
        acceptance.accept(run, accepted)
    again = acceptance.AcceptRequest("the same again")
    assert acceptance.accept(run, accepted, again) == accepted


def test_a_case_refused_now_as_then_is_no_change() -> None:
    """The rest is judged."""
    refused = replace(measured(None, step=2, reason="refused: too large"), status="refused")
    before = run_of(measured(35.0), refused)
    verdict = judge_beside(run_of(measured(35.0), refused, margins=(MARGIN,)), before)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.OK, Outcome.UNCHANGED)
    assert (
        judge_beside(run_of(measured(30.0), refused, margins=(MARGIN,)), before).exit_code
        is ExitCode.REGRESSION
    )


@pytest.mark.parametrize(("of", "unit"), [("seconds", "s"), ("memory", "MB")])
def test_an_edit_that_costs_more_than_its_limit_is_a_regression(
    of: Literal["seconds", "memory"], unit: str
) -> None:
    """Seconds and megabytes, of the worst case."""
    records = [
        replace(measured(35.0, step=step), seconds=10.0 * step, peak_mb=10.0 * step)
        for step in (1, 2)
    ]
    run = run_of(*records)
    suite = replace(run.manifest.suite, limits=(Limit(of, max=15.0),))
    verdict = judge_beside(replace(run, manifest=replace(run.manifest, suite=suite)), None)
    assert verdict.exit_code is ExitCode.REGRESSION
    (finding,) = verdict.findings
    assert finding.evidence
    assert (finding.evidence.after, finding.evidence.unit, finding.case_id) == (20, unit, "id2-42")
    easy = replace(suite, limits=(Limit(of, max=15.0, until_step=1),))
    assert (
        judge_beside(replace(run, manifest=replace(run.manifest, suite=easy)), None).exit_code
        is ExitCode.OK
    )


def test_memory_that_nobody_measured_is_not_judged() -> None:
    """Never a pass."""
    run = run_of(measured(35.0))
    suite = replace(run.manifest.suite, limits=(Limit("memory", max=15.0),))
    verdict = judge_beside(replace(run, manifest=replace(run.manifest, suite=suite)), None)
    assert verdict.exit_code is ExitCode.INCOMPLETE


def test_cases_of_the_baseline_that_the_run_lacks_are_said() -> None:
    """Not judged, not silent."""
    verdict = judge_beside(
        run_of(measured(35.0), margins=(MARGIN,)), run_of(measured(35.0), measured(35.0, step=2))
    )
    assert verdict.exit_code is ExitCode.OK
    assert "1 case of the baseline not in this run" in verdict.notes[0]


def test_a_margin_may_be_for_a_family_only() -> None:
    """It wins over one for all."""
    before = run_of(measured(35.0))
    margins = (replace(MARGIN, margin=9.0, families=("logo",)), MARGIN)
    assert (
        judge_beside(run_of(measured(30.0), margins=margins), before).outcome is Outcome.UNCHANGED
    )
    (finding,) = of_pictures(judge_beside(run_of(measured(10.0), margins=margins), before))
    assert finding.evidence
    assert finding.evidence.limit == 9.0


def test_the_tables_say_what_the_journal_says(tmp_path: Path) -> None:
    """Judged from its tables or from its journal, a run has the same verdict; tables older than the
    journal are not used.
    """
    refused = measured(None, step=2, reason="refused: policy")
    empty = measured(None, step=3, reason=EMPTY)
    run = replace(
        run_of(measured(35.0), refused, empty, failed(4), budgets=(BUDGET,)), folder=tmp_path
    )
    write_manifest(tmp_path, run.manifest)
    journal = Journal(tmp_path)
    for record in run.records:
        journal.append(record)
    assert runs.load(tmp_path).in_memory is not None
    write_tables(run.folder, run.records)
    from_tables = runs.load(tmp_path)
    assert from_tables.in_memory is None
    assert judge_beside(from_tables, None) == judge_beside(run, None)
    assert from_tables.number_keys() == run.number_keys()
    journal.append(measured(20.0))
    journal.close()
    key = NumberKey("psnr", "edit", "mean")
    assert from_tables.number_grid([key]).values[0, 0] == 35.0
    assert runs.load(tmp_path).number_grid([key]).values[0, 0] == 20.0


def test_a_first_run_that_edited_nothing_has_a_note() -> None:
    """There is no baseline to see it by."""
    metric = MetricInfo("unedited@1", "", "lower", aspect="ghosts and residue")
    rows = [
        replace(
            measured(35.0, step=step),
            measurements=(Measurement("unedited@1", "edit", "share", share, ""),),
        )
        for step, share in enumerate((1.0, 0.2, None), 1)
    ]
    verdict = judge_beside(run_of(*rows, metrics={"unedited": metric}), None)
    (note,) = [one for one in verdict.notes if "edited nothing" in one]
    assert note.startswith("ns edited nothing in 1 of 3 cases (logo/1 ns seed 42)")
