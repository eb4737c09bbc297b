"""Is it better or worse, and what is one cause? On pictures that are only names, and numbers made
by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.gate.judge import judge
from editproof.harness.gate.scoring import clip_margins, in_margins
from editproof.harness.metrics.core.visibility import Difference, Step
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import CaseRecord, Measurement, StageRecord
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import MetricInfo
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import FAIL_ON, Model, Waiver
from editproof.harness.records.tables import write_tables
from editproof.harness.records.verdicts import Finding, Outcome, Verdict
from tests.harness.made import (
    INVISIBLE,
    METRICS,
    MODEL,
    OTHER,
    VISIBLE,
    case,
    judge_beside,
    of_pictures,
    run_of,
    scored,
    see,
)

pytestmark = pytest.mark.smoke

DAY = date(2026, 1, 1)


def judged(
    folder: Path,
    values: Mapping[str, float] | None = None,
    *,
    difference: Difference = VISIBLE,
    fail_on: Sequence[str] = FAIL_ON,
) -> Verdict:
    """One case whose picture changed, with these numbers; what was accepted has 10 of each."""
    see(folder, "a", "b", difference)
    now = run_of(
        scored(case(), "b", **(values or {})),
        metrics=METRICS,
        folder=folder,
        fail_on=tuple(fail_on),
    )
    return judge_beside(now, run_of(scored(case(), "a"), metrics=METRICS))


def the_finding(verdict: Verdict) -> Finding:
    (finding,) = of_pictures(verdict)
    return finding


def test_within_a_margin_a_change_is_nothing_and_beyond_it_counts_up_to_10() -> None:
    """On both sides alike; what is not known is 0; without a margin any change is beyond it."""
    assert clip_margins(np.array([0.9, -1.0, 1.5, -3.0, 99.0, np.inf, np.nan])).tolist() == [
        0,
        0,
        0.5,
        -2,
        10,
        10,
        0,
    ]
    assert in_margins(np.array([1.0, 0.0, -2.0, 3.0]), np.array([0.5, 0.0, 0.0, np.nan])).tolist()[
        :1
    ] == [2.0]
    assert np.isneginf(in_margins(np.array([-2.0]), np.array([0.0]))).all()
    assert np.isnan(in_margins(np.array([0.0, 3.0]), np.array([0.0, np.nan]))).all()


@pytest.mark.parametrize(
    ("values", "outcome", "code"),
    [
        ({"detail": 13.0}, Outcome.REGRESSED, ExitCode.REGRESSION),
        ({"detail": 7.0}, Outcome.IMPROVED, ExitCode.OK),
        ({"detail": 11.9}, Outcome.CHANGED, ExitCode.OK),
        ({"detail": 10.5}, Outcome.CHANGED, ExitCode.OK),
        ({"detail": 15.0, "structure": 5.0}, Outcome.TRADED, ExitCode.OK),
        ({"detail": 20.0, "structure": 7.0}, Outcome.REGRESSED, ExitCode.REGRESSION),
    ],
)
def test_a_visible_picture_is_better_or_worse_by_its_numbers(
    tmp_path: Path, values: dict[str, float], outcome: Outcome, code: ExitCode
) -> None:
    """Losses 3 times the gains are a loss; one check alone, less than a margin beyond its margin,
    decides nothing.
    """
    verdict = judged(tmp_path, values)
    assert (verdict.outcome, verdict.exit_code) == (outcome, code)
    finding = the_finding(verdict)
    assert (finding.outcome, finding.fails, finding.jod) == (
        outcome,
        code is ExitCode.REGRESSION,
        VISIBLE.jod,
    )
    (change,) = verdict.changes
    assert (change.outcome, change.whole, change.worst) == (outcome, VISIBLE.whole, VISIBLE.worst)


def test_a_loss_says_which_aspect_by_which_number_and_where(tmp_path: Path) -> None:
    """The case, the number before and after, and how visible it is."""
    finding = the_finding(judged(tmp_path, {"detail": 16.0, "structure": 13.0}))
    assert (finding.aspect, finding.lost, finding.won) == ("detail", ("detail", "structure"), ())
    assert finding.evidence
    assert (finding.evidence.metric, finding.evidence.before, finding.evidence.after) == (
        "detail@1",
        10.0,
        16.0,
    )
    assert (finding.evidence.limit, finding.evidence.headroom, finding.checks) == (1.0, -5.0, 2)
    assert (
        "logo · ns: the picture is worse in detail (clearly visible, JOD 0.5) in logo/1 ns seed 42"
        in finding.text
    )


def test_95_numbers_better_and_one_worse_by_a_hair_is_an_improvement(tmp_path: Path) -> None:
    """What is lost is next to nothing beside what is won."""
    metrics = {
        f"m{n}": MetricInfo(f"m{n}@1", "u", "lower", margins={"mean": 1.0}, aspect="structure")
        for n in range(96)
    }

    def measured(picture: str, good: float, bad: float) -> CaseRecord:
        rows = tuple(
            Measurement(f"{n}@1", "edit", "mean", bad if n == "m0" else good, "u") for n in metrics
        )
        return replace(scored(case(), picture), measurements=rows)

    see(tmp_path, "a", "b")
    verdict = judge_beside(
        run_of(measured("b", 7.0, 11.05), metrics=metrics, folder=tmp_path),
        run_of(measured("a", 10.0, 10.0), metrics=metrics),
    )
    assert (verdict.outcome, verdict.exit_code) == (Outcome.IMPROVED, ExitCode.OK)
    assert the_finding(verdict).lost == ()


@pytest.mark.parametrize(
    ("parts", "fails"),
    [({"detail": 0.6, "structure": 0.1}, True), ({"detail": 0.1, "structure": 0.6}, False)],
)
def test_a_trade_fails_only_where_what_is_lost_is_more_visible(
    tmp_path: Path, parts: dict[str, float], fails: bool
) -> None:
    """Detail is lost, structure is won by as many margins."""
    difference = Difference(0.1, 0.6, parts=parts)
    verdict = judged(tmp_path, {"detail": 15.0, "structure": 5.0}, difference=difference)
    finding = the_finding(verdict)
    assert (finding.outcome, finding.fails) == (Outcome.TRADED, fails)
    assert verdict.exit_code is (ExitCode.REGRESSION if fails else ExitCode.OK)
    assert finding.whole_words == ("the picture is worse in detail, but better in structure")
    assert finding.whole_words in finding.text
    assert finding.text.endswith("Worse: detail; better: structure")
    assert finding.words_of(Outcome.IMPROVED) == "the picture is better in structure"
    assert finding.words_of(Outcome.REGRESSED) == "the picture is worse in detail"
    outcomes = {judgement.aspect: judgement.outcome for judgement in verdict.judgements}
    assert (outcomes["detail"], outcomes["structure"]) == (Outcome.REGRESSED, Outcome.IMPROVED)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"detail": 5.0}, Outcome.CHANGED),
        ({"detail": 5.0, "colour": 15.0}, Outcome.CHANGED),
        ({"detail": 5.0, "ghosts": 15.0}, Outcome.REGRESSED),
        ({"ghosts": 5.0}, Outcome.CHANGED),
    ],
)
def test_without_a_right_answer_only_what_the_input_tells_is_worse(
    tmp_path: Path, values: dict[str, float], outcome: Outcome
) -> None:
    """What should have gone is still there, whatever looks better by other numbers. Nothing is an
    improvement.
    """
    see(tmp_path, "a", "b", VISIBLE)
    now, before = (
        run_of(hide_answer(record), metrics=METRICS, folder=folder)
        for record, folder in (
            (scored(case(), "b", **values), tmp_path),
            (scored(case(), "a"), Path("made")),
        )
    )
    assert judge_beside(now, before).outcome is outcome


def hide_answer(record: CaseRecord) -> CaseRecord:
    """The record of a case without a right answer."""
    rows = (
        replace(row, value=None, reason="it has no expected picture")
        if row.metric.startswith("structure")
        else row
        for row in record.measurements
    )
    return replace(record, measurements=tuple(rows))


def test_a_step_away_from_the_right_answer_is_a_loss_without_any_number(tmp_path: Path) -> None:
    """The fine bands are 0.5 JOD further from it; nearer is a gain."""
    away = replace_steps(0.2, 0.7)
    assert the_finding(judged(tmp_path / "away", difference=away)).lost == ("detail",)
    assert judged(tmp_path / "near", difference=replace_steps(0.7, 0.2)).outcome is Outcome.IMPROVED
    assert judged(tmp_path / "same", difference=replace_steps(0.2, 0.25)).outcome is Outcome.CHANGED


@pytest.mark.parametrize(
    ("values", "before", "after", "outcome"),
    [
        ({"detail": 15.0, "structure": 5.0}, 0.1, 0.4, Outcome.REGRESSED),
        ({"detail": 15.0, "structure": 5.0}, 0.4, 0.1, Outcome.IMPROVED),
        ({"detail": 15.0, "structure": 5.0}, 0.1, 0.2, Outcome.TRADED),
        ({"detail": 5.0}, 0.1, 0.4, Outcome.TRADED),
        ({"detail": 15.0}, 0.4, 0.1, Outcome.REGRESSED),
    ],
)
def test_what_plainly_leads_away_from_the_right_answer_settles_a_trade(
    tmp_path: Path, values: dict[str, float], before: float, after: float, outcome: Outcome
) -> None:
    """Of .5 JOD .3 lead away or towards it. Numbers that plainly lose stand; those that plainly win
    are a trade then.
    """
    difference = Difference(0.1, 0.5, parts=VISIBLE.parts, steps={"all": Step(before, after)})
    verdict = judged(tmp_path, values, difference=difference)
    finding = the_finding(verdict)
    fails = outcome is Outcome.REGRESSED or (outcome is Outcome.TRADED and after - before > 0.25)
    assert (finding.outcome, finding.fails) == (outcome, fails)
    assert [change.outcome for change in verdict.changes] == [outcome]


def test_no_picture_leads_further_away_than_it_is_seen_to_differ(tmp_path: Path) -> None:
    """Beside older errors, one scene's distance to the right answer jumps by 5 JOD, though it
    differs by half of one; another scene is .4 JOD nearer. So the cause leads nowhere.
    """
    for step, (before, after) in enumerate(((0.1, 5.1), (0.5, 0.1))):
        steps = {"all": Step(before, after)}
        see(
            tmp_path, f"a{step}", f"b{step}", Difference(0.1, 0.5, parts=VISIBLE.parts, steps=steps)
        )
    accepted = [scored(case(step), f"a{step}") for step in range(2)]
    new = [scored(case(step), f"b{step}", detail=5.0) for step in range(2)]
    verdict = judge_beside(
        run_of(*new, metrics=METRICS, folder=tmp_path), run_of(*accepted, metrics=METRICS)
    )
    assert (verdict.outcome, verdict.exit_code) == (Outcome.IMPROVED, ExitCode.OK)


def test_a_step_that_nobody_can_see_spoils_no_gain(tmp_path: Path) -> None:
    """A picture of another lightness is visible, though ColorVideoVDP gives it .01 JOD, all of them
    away from the right answer.
    """
    steps = {"all": Step(0.1, 0.11)}
    difference = Difference(0.01, 0.01, shift=1.0, parts=VISIBLE.parts, steps=steps)
    verdict = judged(tmp_path, {"colour": 5.0}, difference=difference)
    assert difference.visible
    assert (verdict.outcome, verdict.exit_code) == (Outcome.IMPROVED, ExitCode.OK)


def test_a_trade_that_lost_no_aspect_says_what_a_viewer_sees(tmp_path: Path) -> None:
    """Every number is better, and the picture looks further from the right answer."""
    steps = {"all": Step(0.1, 0.4)}
    difference = Difference(0.1, 0.5, parts=VISIBLE.parts, steps=steps)
    text = the_finding(judged(tmp_path, {"detail": 5.0}, difference=difference)).text
    assert (
        "the picture looks further from what belongs there, but the picture is better in detail"
        in text
    )
    assert text.endswith("Worse: how it looks as a whole; better: detail")


def replace_steps(before: float, after: float) -> Difference:
    return Difference(0.1, 0.5, parts=VISIBLE.parts, steps={"detail": Step(before, after)})


def test_an_invisible_change_is_listed_and_passes_whatever_its_numbers_say(tmp_path: Path) -> None:
    """With how little can be seen of it."""
    verdict = judged(tmp_path, {"detail": 99.0}, difference=INVISIBLE)
    assert (verdict.exit_code, verdict.outcome, verdict.unchanged) == (
        ExitCode.OK,
        Outcome.INVISIBLE,
        0,
    )
    assert not verdict.findings
    (change,) = verdict.changes
    assert (change.case_id, change.outcome, change.worst) == (
        "id1-42",
        Outcome.INVISIBLE,
        INVISIBLE.worst,
    )


@pytest.mark.parametrize(
    ("fail_on", "values", "code"),
    [
        (("changed",), {}, ExitCode.REGRESSION),
        (("changed",), {"detail": 20.0}, ExitCode.OK),
        (("improved",), {"detail": 5.0}, ExitCode.REGRESSION),
        ((), {"detail": 20.0}, ExitCode.OK),
    ],
)
def test_a_suite_says_what_fails(
    tmp_path: Path, fail_on: tuple[str, ...], values: dict[str, float], code: ExitCode
) -> None:
    """What it does not name warns."""
    assert judged(tmp_path, values, fail_on=fail_on).exit_code is code


@pytest.mark.parametrize(
    ("before", "after", "outcome"), [(60.0, 56.0, "changed"), (60.0, 44.0, "regressed")]
)
def test_numbers_beyond_what_is_seen_do_not_count(
    tmp_path: Path, before: float, after: float, outcome: str
) -> None:
    """A PSNR of 60 dB and one of 56 dB look alike; one below 50 dB is worse than either."""
    metrics = {
        "psnr": MetricInfo(
            "psnr@1", "dB", "higher", margins={"mean": 0.5}, aspect="structure", unseen=50.0
        )
    }

    def one(picture: str, psnr: float) -> CaseRecord:
        return replace(
            scored(case(), picture),
            measurements=(Measurement("psnr@1", "edit", "mean", psnr, "dB"),),
        )

    see(tmp_path, "a", "b")
    now = run_of(one("b", after), metrics=metrics, folder=tmp_path)
    assert judge_beside(now, run_of(one("a", before), metrics=metrics)).outcome == outcome


def many(folder: Path, stages: dict[str, str], **values: float) -> tuple[Run, Run]:
    """Two families and two models; every picture changed alike. `stages`: family -> its first stage
    that differs.
    """

    def records(picture: str) -> list[CaseRecord]:
        found = []
        for family, stage in stages.items():
            for model in (MODEL, OTHER):
                trace = tuple(
                    StageRecord(name, 0.1, "", picture * 2 if name == stage else "same")
                    for name in ("detect", "inpaint")
                )
                numbers = values if picture == "b" else {}
                found.append(
                    replace(
                        scored(case(family=family, model=model), picture, **numbers), stages=trace
                    )
                )
        return found

    see(folder / "now", "a", "b")
    (folder / "before").mkdir()
    now = run_of(*records("b"), metrics=METRICS, folder=folder / "now")
    before = run_of(*records("a"), metrics=METRICS, folder=folder / "before")
    for run in (now, before):
        write_tables(run.folder, run.records)
    return now, before


def test_families_and_models_with_one_first_stage_are_one_finding(tmp_path: Path) -> None:
    """One cause, said once, with all of its cases."""
    finding = the_finding(
        judge_beside(*many(tmp_path, {"logo": "inpaint", "stroke": "inpaint"}, detail=15.0))
    )
    assert (finding.families, finding.models, finding.stage) == (
        ("logo", "stroke"),
        ("ns", "patch"),
        "inpaint",
    )
    assert len(finding.cases) == 4
    assert "in 4 cases, above all" in finding.text


def test_what_differs_first_at_another_stage_is_another_cause(tmp_path: Path) -> None:
    """So that who is to look is told."""
    found = of_pictures(
        judge_beside(*many(tmp_path, {"logo": "inpaint", "stroke": "detect"}, detail=15.0))
    )
    assert {(finding.families, finding.stage) for finding in found} == {
        (("logo",), "inpaint"),
        (("stroke",), "detect"),
    }


def test_a_waiver_of_one_family_does_not_waive_a_cause_of_two(tmp_path: Path) -> None:
    """It takes one for each of them."""
    now, before = many(tmp_path, {"logo": "inpaint", "stroke": "inpaint"}, detail=15.0)
    waivers = [Waiver("ada", "new font", DAY, family=family) for family in ("logo", "stroke")]

    def code(*chosen: Waiver) -> ExitCode:
        return judge(now, Baseline(before), waivers=chosen, today=DAY).verdict.exit_code

    assert code(waivers[0]) is code(waivers[1]) is ExitCode.REGRESSION
    assert code(*waivers) is ExitCode.OK


def test_the_most_visible_case_is_the_one_to_look_at(tmp_path: Path) -> None:
    """And the changes are listed with it first."""
    see(tmp_path, "a1", "b1", Difference(0.1, 0.3))
    see(tmp_path, "a2", "b2", Difference(0.1, 1.5))
    now = run_of(
        *(scored(case(n), f"b{n}", detail=15.0) for n in (1, 2)), metrics=METRICS, folder=tmp_path
    )
    verdict = judge_beside(
        now, run_of(*(scored(case(n), f"a{n}") for n in (1, 2)), metrics=METRICS)
    )
    finding = the_finding(verdict)
    assert (finding.case_id, finding.cases) == ("id2-42", ("id2-42", "id1-42"))
    assert "(obvious, JOD 1.5)" in finding.text
    assert [change.case_id for change in verdict.changes] == ["id2-42", "id1-42"]


def test_every_aspect_of_every_family_and_model_is_judged(tmp_path: Path) -> None:
    """What did not change is said to be so; what is new is not judged."""
    see(tmp_path, "a", "b")
    other = Model("lama", "lama")
    now = run_of(
        scored(case(), "b", detail=15.0),
        scored(case(model=OTHER), "a"),
        scored(case(model=other), "a"),
        metrics=METRICS,
        folder=tmp_path,
    )
    before = run_of(scored(case(), "a"), scored(case(model=OTHER), "a"), metrics=METRICS)
    verdict = judge_beside(now, before)
    found = {(one.model, one.aspect): one.outcome for one in verdict.judgements}
    assert len(found) == len(verdict.judgements) == 27
    assert found["ns", "detail"] is Outcome.REGRESSED
    assert found["ns", "structure"] is Outcome.UNCHANGED
    assert {outcome for (model, _), outcome in found.items() if model == "patch"} == {
        Outcome.UNCHANGED
    }
    assert {outcome for (model, _), outcome in found.items() if model == "lama"} == {
        Outcome.NOT_JUDGED
    }
    assert verdict.exit_code is ExitCode.INCOMPLETE
