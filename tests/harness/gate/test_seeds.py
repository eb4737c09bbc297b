"""Samples of two distributions: statistics against SciPy, and whole verdicts on runs made by
hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import digamma, polygamma
from scipy.stats import ttest_ind

from editproof.harness.gate.score_comparison import MANY, compare_scores
from editproof.harness.gate.seeds import SCENE_ALARM, count_seeds_needed
from editproof.harness.gate.statistics import TRUST, _inverse_trigamma, shrink_variances
from editproof.harness.metrics.core.visibility import Difference, Step
from editproof.harness.records.cases import CaseRecord, Measurement
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.pairing import pair
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Finding, Outcome, Verdict
from editproof.harness.records.vocabulary import ASPECTS
from tests.harness.made import (
    INVISIBLE,
    METRICS,
    VISIBLE,
    case,
    judge_beside,
    of_pictures,
    run_of,
    scored,
    see,
)

pytestmark = pytest.mark.smoke

Values = Sequence[Sequence[float]]


def test_of_a_single_scene_the_test_is_students() -> None:
    """One scene is no company to draw a variance from: SciPy's two-sample t-test, two-sided, by
    Holm's method.
    """
    rng = np.random.default_rng(4)
    new, old = rng.normal(0.5, 1, (2, 5)), rng.normal(0, 1, (2, 4))
    found = compare_scores([(new, old)], [("logo", "ns")])
    expected = np.asarray(ttest_ind(new, old, axis=1).pvalue)
    order = np.argsort(expected)
    holm = np.maximum.accumulate(np.minimum(expected[order] * [2, 1], 1))
    assert found.scene[0][order] == pytest.approx(holm)
    assert found.family[0][order] == pytest.approx(holm)
    assert found.change[0] == pytest.approx(new.mean(axis=1) - old.mean(axis=1))


def test_a_familys_mean_has_welchs_error_and_freedom() -> None:
    """Of two scenes, by hand: each its own error, Satterthwaite's degrees of freedom."""
    from scipy.stats import t

    rng = np.random.default_rng(5)
    scores = [(rng.normal(1, sd, (1, 3)), rng.normal(0, sd, (1, 3))) for sd in (0.2, 3.0)]
    found = compare_scores(scores, [("logo", "ns")] * 2)
    squares = [(new.var(ddof=1) + old.var(ddof=1)) / 3 for new, old in scores]
    change = sum(new.mean() - old.mean() for new, old in scores) / 2
    freedom = sum(squares) ** 2 / sum(one**2 / 4 for one in squares)
    assert found.family[:, 0] == pytest.approx(
        2 * t.sf(abs(change) / (math.sqrt(sum(squares)) / 2), freedom)
    )


def test_of_many_families_some_lose_much_by_chance() -> None:
    """The p that a large loss is held to grows with the number of families, and not with that of
    aspects: those of one scene tell of the same loss.
    """
    rng = np.random.default_rng(6)
    new, old = rng.normal(1, 1, (9, 3)), rng.normal(0, 1, (9, 3))
    alone = ttest_ind(new, old, axis=1).pvalue
    found = compare_scores([(new, old)] * 4, [("logo", str(place)) for place in range(4)])
    assert found.family_by_aspect == pytest.approx(np.minimum([4 * alone] * 4, 1))


def test_variances_are_drawn_towards_their_common_one_as_smyth_does() -> None:
    """By hand: his estimates of the prior's degrees of freedom and scale, and the weighted mean of
    both variances.
    """
    variance = np.array([[0.01], [0.2], [1.0], [9.0]])
    freedom = np.array([4.0, 4.0, 4.0, 4.0])
    drawn, free = shrink_variances(variance, freedom)
    logs = np.log(variance[:, 0]) - digamma(2) + math.log(2)
    prior = min(2 * _inverse_trigamma(float(logs.var(ddof=1) - polygamma(1, 2))), TRUST * 4)
    common = math.exp(logs.mean() + digamma(prior / 2) - math.log(prior / 2))
    assert drawn[:, 0] == pytest.approx((prior * common + 4 * variance[:, 0]) / (prior + 4))
    assert free[:, 0] == pytest.approx(prior + 4)
    assert polygamma(1, _inverse_trigamma(0.7)) == pytest.approx(0.7)


def test_alike_variances_become_one_and_too_few_stay_as_they_are() -> None:
    """Below 3 scenes nothing says what is common."""
    drawn, free = shrink_variances(np.full((5, 1), 2.0), np.full(5, 4.0))
    assert np.ptp(drawn) == pytest.approx(0)
    assert free[:, 0] == pytest.approx(4 + TRUST * 5)
    few, own = shrink_variances(np.array([[1.0], [4.0]]), np.array([4.0, 2.0]))
    assert (few.tolist(), own.tolist()) == ([[1.0], [4.0]], [[4.0], [2.0]])


def test_one_picture_on_each_side_proves_nothing() -> None:
    """Its p is not known, never 0."""
    found = compare_scores([(np.array([[9.0]]), np.array([[0.0]]))], [("logo", "ns")])
    assert np.isnan(found.scene).all()
    assert np.isnan(found.family).all()


def test_the_advised_number_of_seeds_would_do_and_one_less_would_not() -> None:
    """By SciPy's t; where 100 would not, there is no advice."""
    from scipy.stats import t

    seeds = count_seeds_needed(2.0, 1.0)
    assert seeds

    def p(count: int) -> float:
        return float(2 * t.sf(2.0 / math.sqrt(2 / count), 2 * (count - 1)))

    level = SCENE_ALARM / len(ASPECTS)
    assert p(seeds) <= level < p(seeds - 1)
    assert count_seeds_needed(0.01, 1.0) is None


STEPS, SEEDS = range(1, 7), range(3)
NOISE = np.random.default_rng(11).normal(0, 0.4, (2, 6, 3, 3))
"""Side, scene, seed, aspect."""


def sampled(
    side: int,
    worse: Values = ((0.0,) * 3,) * 6,
    *,
    folder: Path = Path("made"),
    stochastic: bool = True,
) -> Run:
    """Six scenes on three seeds: three numbers each, worse by so many margins."""
    first = 10 * side  # other seeds than the other side's
    records = [
        scored(
            case(step, first + seed),
            f"{'ab'[side]}{step}{seed}",
            **{
                name: 10 + worse[step - 1][seed] + float(NOISE[side, step - 1, seed, place])
                for place, name in enumerate(("structure", "detail", "colour"))
            },
        )
        for step in STEPS
        for seed in SEEDS
    ]
    return run_of(*records, metrics=METRICS, folder=folder, stochastic=stochastic)


def look_alike(folder: Path, difference: Difference = VISIBLE) -> None:
    """New pictures differ from the accepted ones, and those among one another, by as much."""
    for step in STEPS:
        for seed in SEEDS:
            see(folder, f"a{step}{seed}", f"b{step}{seed}", difference)
            see(folder, f"a{step}{seed}", f"a{step}{(seed + 1) % 3}", VISIBLE)


def verdict_of(folder: Path, worse: Values, difference: Difference = VISIBLE) -> Verdict:
    look_alike(folder, difference)
    return judge_beside(sampled(1, worse, folder=folder), sampled(0))


def the_finding(verdict: Verdict) -> Finding:
    (finding,) = of_pictures(verdict)
    return finding


def test_an_unchanged_model_on_other_seeds_passes(tmp_path: Path) -> None:
    """Every picture differs visibly, none by more than seeds do; that it ran on others is said."""
    verdict = verdict_of(tmp_path, ((0.0,) * 3,) * 6)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.OK, Outcome.UNCHANGED)
    assert not verdict.findings
    assert {change.outcome for change in verdict.changes} == {Outcome.UNCHANGED}
    assert any("ns ran on other seeds" in note for note in verdict.notes)


@pytest.mark.parametrize(("worse", "outcome"), [(5.0, Outcome.REGRESSED), (-5.0, Outcome.IMPROVED)])
def test_a_shift_of_all_pictures_is_found(tmp_path: Path, worse: float, outcome: Outcome) -> None:
    """With how likely it is by chance, on every picture."""
    verdict = verdict_of(tmp_path, ((worse,) * 3,) * 6)
    finding = the_finding(verdict)
    assert (finding.outcome, finding.fails) == (outcome, outcome is Outcome.REGRESSED)
    assert len(finding.cases) == 18
    assert finding.evidence
    assert finding.evidence.p is not None
    assert finding.evidence.p < 0.001
    assert finding.evidence.samples == 3


def test_a_scene_that_broke_is_not_averaged_away(tmp_path: Path) -> None:
    """The others got a little better."""
    verdict = verdict_of(tmp_path, ((8.0,) * 3, *((-0.5,) * 3,) * 5))
    assert verdict.exit_code is ExitCode.REGRESSION
    assert set(the_finding(verdict).cases) == {"id1-10", "id1-11", "id1-12"}


def test_one_dead_picture_of_three_is_found(tmp_path: Path) -> None:
    """Beside all other pictures of its scene; it alone is named."""
    verdict = verdict_of(tmp_path, ((0.0,) * 3, (0.0, 30.0, 0.0), *((0.0,) * 3,) * 4))
    assert verdict.exit_code is ExitCode.REGRESSION
    assert the_finding(verdict).cases == ("id2-11",)


@pytest.mark.parametrize(("jod", "code"), [(0.4, ExitCode.OK), (0.6, ExitCode.REGRESSION)])
def test_one_odd_number_is_no_dead_picture(tmp_path: Path, jod: float, code: ExitCode) -> None:
    """Far from the right answer, where it differs, but hardly seen to differ from the accepted
    picture.
    """
    look_alike(tmp_path)
    odd = Difference(0.1, jod, parts=VISIBLE.parts, steps={"all": Step(0.1, 0.9)})
    see(tmp_path, "a21", "b21", odd)
    worse = ((0.0,) * 3, (0.0, 30.0, 0.0), *((0.0,) * 3,) * 4)
    verdict = judge_beside(sampled(1, worse, folder=tmp_path), sampled(0))
    assert verdict.exit_code is code


def test_a_dead_picture_does_not_hide_in_its_own_spread() -> None:
    """Its noise is that of the scene's other pictures; a picture as far off as the others is
    none.
    """
    rng = np.random.default_rng(6)
    scores = [(rng.normal(0, 0.4, (1, 3)), rng.normal(0, 0.4, (1, 3))) for _ in range(8)]
    clean = compare_scores(scores, [("logo", "ns")] * 8)
    assert min(one.min() for one in clean.pictures) > 0.01
    scores[2][0][0, 1] += 10
    found = compare_scores(scores, [("logo", "ns")] * 8)
    assert found.pictures[2][0, 1] < 1e-4
    assert found.scene[2][0] > 0.01
    assert found.pictures[2][0, [0, 2]].min() > 0.01


def test_among_many_scenes_a_dead_picture_is_found_as_well() -> None:
    """There its noise is drawn towards that of all scenes."""
    rng = np.random.default_rng(6)
    scores = [(rng.normal(0, 0.4, (1, 3)), rng.normal(0, 0.4, (1, 3))) for _ in range(MANY)]
    groups = [("logo", "ns")] * MANY
    assert min(one.min() for one in compare_scores(scores, groups).pictures) > 0.01
    scores[2][0][0, 1] += 10
    found = compare_scores(scores, groups)
    assert found.pictures[2][0, 1] < 1e-4
    assert found.pictures[2][0, [0, 2]].min() > 0.01


def test_what_nobody_sees_is_no_change_however_certain(tmp_path: Path) -> None:
    """A shift of all numbers, and no picture differs visibly."""
    verdict = verdict_of(tmp_path, ((5.0,) * 3,) * 6, INVISIBLE)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.OK, Outcome.INVISIBLE)
    assert not verdict.findings


def replaced(folder: Path, worse: float) -> Verdict:
    """A stochastic model that a deterministic one takes the place of."""
    look_alike(folder)
    for step in STEPS:
        see(folder, f"a{step}0", f"b{step}0")
    records = [
        scored(case(step), f"b{step}0", structure=10 + worse, detail=10 + worse, colour=10 + worse)
        for step in STEPS
    ]
    return judge_beside(run_of(*records, metrics=METRICS, folder=folder), sampled(0))


@pytest.mark.parametrize(("worse", "code"), [(6.0, ExitCode.REGRESSION), (0.0, ExitCode.OK)])
def test_a_deterministic_model_in_place_of_a_stochastic_one_is_judged(
    tmp_path: Path, worse: float, code: ExitCode
) -> None:
    """A worse one is a regression; one as good as its seeds were passes."""
    assert replaced(tmp_path, worse).exit_code is code


def two_seeds_far_apart(folder: Path, jod: float) -> Verdict:
    """One scene whose new pictures lie 1.3 JOD further from the right answer, and look that much
    unlike the accepted ones; these look .5 JOD unlike each other.
    """
    far = Difference(0.1, jod, parts=VISIBLE.parts, steps={"all": Step(0.2, 1.5)})
    for seed in (0, 1):
        see(folder, f"a{seed}", f"b{seed}", far)
    see(folder, "a0", "a1", VISIBLE)

    def run(side: int, values: Sequence[float], folder: Path) -> Run:
        records = [
            scored(case(1, 10 * side + seed), f"{'ab'[side]}{seed}", structure=value, detail=value)
            for seed, value in enumerate(values)
        ]
        return run_of(*records, metrics=METRICS, folder=folder, stochastic=True)

    now, before = run(1, (15.0, 17.0), folder), run(0, (10.0, 11.0), Path("made"))
    assert {scene.mode for scene in pair(now, before).scenes} == {"seeds"}
    return judge_beside(now, before)


def test_a_large_loss_that_chance_may_explain_is_not_a_pass(tmp_path: Path) -> None:
    """Exit 3, with how many seeds would tell."""
    verdict = two_seeds_far_apart(tmp_path, VISIBLE.worst + 0.6)
    finding = the_finding(verdict)
    assert (finding.outcome, finding.fails) == (Outcome.UNDERPOWERED, False)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.INCOMPLETE, Outcome.UNDERPOWERED)
    assert "It may be chance" in finding.text
    assert "seeds for each scene, on both sides" in finding.text


def test_a_large_loss_is_proved_by_numbers_that_moved_little(tmp_path: Path) -> None:
    """In a family that moved by more than chance explains, a scene moved by less than a margin on
    the mean. People see a large loss: it is a regression, not one that more seeds have to prove.
    """

    def run(side: int, folder: Path) -> Run:
        records = [
            with_detail_beside(
                scored(case(step, 10 * side + seed), f"{'ab'[side]}{step}{seed}"),
                10 + 2.5 * side + float(NOISE[0, step - 1, seed, 0]),
            )
            for step in STEPS
            for seed in SEEDS
        ]
        return run_of(*records, metrics=METRICS, folder=folder, stochastic=True)

    def with_detail_beside(record: CaseRecord, ring: float) -> CaseRecord:
        added = (
            Measurement("detail@1", "ring", "mean", ring, "u"),
            Measurement("detail@1", "keep", "mean", 10.0, "u"),
        )
        return replace(record, measurements=(*record.measurements, *added))

    look_alike(tmp_path)
    for seed, step in enumerate((0.2, 1.0, 1.9)):
        far = Difference(0.1, 2.0, parts=VISIBLE.parts, steps={"all": Step(0.2, 0.2 + step)})
        see(tmp_path, f"a1{seed}", f"b1{seed}", far)
    verdict = judge_beside(run(1, tmp_path), run(0, Path("made")))
    finding = the_finding(verdict)
    assert (finding.outcome, finding.fails) == (Outcome.REGRESSED, True)
    assert "chance" not in finding.text


def test_pictures_that_differ_no_more_than_seeds_do_are_no_large_loss(tmp_path: Path) -> None:
    """Whatever their distance to the right answer: another sample has another one."""
    assert two_seeds_far_apart(tmp_path, VISIBLE.worst).exit_code is ExitCode.OK


def test_a_small_loss_that_chance_may_explain_passes(tmp_path: Path) -> None:
    """The pictures are hardly further from the right answer."""
    verdict = verdict_of(tmp_path, ((0.3,) * 3,) * 6)
    assert verdict.exit_code is ExitCode.OK


def one_picture_each(folder: Path, worse: float, difference: Difference) -> Verdict:
    """Two scenes of a stochastic model, each with one picture on each side."""

    def run(side: int, value: float, folder: Path) -> Run:
        records = [
            scored(case(step, 10 * side), f"{'ab'[side]}{step}", structure=value, detail=value)
            for step in (1, 2)
        ]
        return run_of(*records, metrics=METRICS, folder=folder, stochastic=True)

    for step in (1, 2):
        see(folder, f"a{step}", f"b{step}", difference)
    return judge_beside(run(1, 10 + worse, folder), run(0, 10.0, Path("made")))


@pytest.mark.parametrize(
    ("difference", "code"),
    [
        (VISIBLE, ExitCode.REGRESSION),
        (INVISIBLE, ExitCode.OK),
        (Difference(1.0, 2.0, parts=VISIBLE.parts, steps={"all": Step(1.5, 0.2)}), ExitCode.OK),
    ],
    ids=["visible", "invisible", "nearer to the right answer"],
)
def test_a_seed_that_no_longer_matters_is_a_regression_unless_nothing_is_lost_by_it(
    tmp_path: Path, difference: Difference, code: ExitCode
) -> None:
    """Nobody saw that seeds differed, or the one picture is plainly better. All families of a model
    are one finding.
    """
    places = [(family, seed) for family in ("logo", "thin_text") for seed in SEEDS]
    records = [scored(case(1, seed, family=family), "b") for family, seed in places]
    before = [scored(case(1, seed, family=family), f"a{seed}") for family, seed in places]
    for seed in SEEDS:
        see(tmp_path, f"a{seed}", "b", difference)
        see(tmp_path, f"a{seed}", f"a{(seed + 1) % 3}", difference)
    verdict = judge_beside(
        run_of(*records, metrics=METRICS, folder=tmp_path, stochastic=True),
        run_of(*before, metrics=METRICS, stochastic=True),
    )
    assert verdict.exit_code is code
    told = [one for one in verdict.findings if "every seed gives the same" in one.words]
    expected = [("logo", "thin_text")] if code is ExitCode.REGRESSION else []
    assert [one.families for one in told] == expected


FAR = Difference(1.0, 2.0, parts=VISIBLE.parts, steps={"all": Step(0.2, 1.5)})
NEARER = Difference(1.0, 2.0, parts=VISIBLE.parts, steps={"all": Step(1.5, 0.2)})


def test_one_picture_a_scene_is_no_reason_to_pass_a_large_loss(tmp_path: Path) -> None:
    """Exit 3, and each of the pictures is perhaps worse."""
    verdict = one_picture_each(tmp_path, 20.0, FAR)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.INCOMPLETE, Outcome.UNDERPOWERED)
    assert {change.outcome for change in verdict.changes} == {Outcome.UNDERPOWERED}
    assert all(
        "one picture of a scene does not show how much seeds differ" in one.text
        for one in of_pictures(verdict)
    )


@pytest.mark.parametrize(("worse", "difference"), [(-20.0, NEARER), (0.3, VISIBLE)])
def test_one_picture_a_scene_cannot_say_what_is_better(
    tmp_path: Path, worse: float, difference: Difference
) -> None:
    """What nobody can judge is changed, and a note says why. The build passes."""
    verdict = one_picture_each(tmp_path, worse, difference)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.OK, Outcome.CHANGED)
    assert [note for note in verdict.notes if "has one picture of each scene" in note]


def test_one_picture_a_scene_that_looks_the_same_passes(tmp_path: Path) -> None:
    verdict = one_picture_each(tmp_path, 0.0, INVISIBLE)
    assert (verdict.exit_code, verdict.outcome) == (ExitCode.OK, Outcome.INVISIBLE)
    assert not verdict.findings
