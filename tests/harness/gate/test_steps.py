"""Steps towards the right answer: the test against SciPy, and whole verdicts on runs made by
hand.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from editproof.harness.gate.statistics import Values
from editproof.harness.gate.steps import measure_chance
from editproof.harness.metrics.core.visibility import Difference, Step
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Outcome, Verdict
from tests.harness.made import (
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

SCENES, SEEDS = range(1, 5), range(3)
SPREAD = np.random.default_rng(2).normal(0, 0.2, (4, 3))
"""Steps by chance: scene, seed."""


def test_of_one_scene_it_is_students_test() -> None:
    steps = np.array([0.4, 0.9, 0.7])
    assert measure_chance([steps]) == pytest.approx(ttest_1samp(steps, 0).pvalue)


def test_of_scenes_with_unlike_noise_it_is_welchs() -> None:
    """The sum of the means, by hand; two scenes have no common variance to be drawn to."""
    from scipy.stats import t

    samples = [np.array([0.4, 0.9, 0.7]), np.array([-2.0, 1.0, 3.0, 0.5])]
    squares = [one.var(ddof=1) / len(one) for one in samples]
    change = sum(one.mean() for one in samples) / math.sqrt(sum(squares))
    freedom = sum(squares) ** 2 / (squares[0] ** 2 / 2 + squares[1] ** 2 / 3)
    assert measure_chance(samples) == pytest.approx(2 * t.sf(abs(change), freedom))


def test_without_any_spread_a_change_is_certain() -> None:
    """And no change is none."""
    assert measure_chance([np.full(3, 0.5), np.zeros(2)]) == 0.0
    assert measure_chance([np.zeros(3)]) == 1.0


def test_steps_by_chance_are_seldom_called_more() -> None:
    """In 2,000 runs of 4 scenes on 3 seeds, of unlike noise, p is below 1 % in 1 % or fewer."""
    rng = np.random.default_rng(8)
    noise = rng.uniform(0.1, 2, (2000, 4, 1)) * rng.normal(size=(2000, 4, 3))
    assert np.mean([measure_chance(list(run)) < 0.01 for run in noise]) <= 0.01


def judge_steps(
    folder: Path, towards: Values, partners: int = 3, codes: tuple[str, str] = ("", "")
) -> Verdict:
    """A stochastic model on other seeds, whose numbers stay, and whose pictures lie so many JOD
    nearer to the right answer than the accepted ones. `codes`: fingerprints, the run's first.
    """
    numbers = np.random.default_rng(11).normal(10, 0.4, (2, 4, 3))
    for scene in SCENES:
        for seed in SEEDS:
            step = Step(6.0, 6.0 - float(towards[scene - 1, seed]))
            steps = {"all": step, "structure": step}
            seen = Difference(0.4, 2.0, parts=VISIBLE.parts, steps=steps)
            see(folder, f"a{scene}{seed % partners}", f"b{scene}{seed}", seen)
            see(folder, f"a{scene}{seed}", f"a{scene}{(seed + 1) % 3}", Difference(0.4, 2.0))

    def run(side: int, seeds: range, folder: Path) -> Run:
        records = [
            scored(
                case(scene, 10 * side + seed),
                f"{'ab'[side]}{scene}{seed}",
                **dict.fromkeys(("structure", "detail"), numbers[side, scene - 1, seed]),
            )
            for scene in SCENES
            for seed in seeds
        ]
        made = run_of(*records, metrics=METRICS, folder=folder, stochastic=True)
        known = {
            name: replace(one, fingerprint=codes[1 - side])
            for name, one in made.manifest.pipelines.items()
        }
        return replace(made, manifest=replace(made.manifest, pipelines=known))

    return judge_beside(run(1, SEEDS, folder), run(0, range(partners), Path("made")))


@pytest.mark.parametrize(
    ("towards", "outcome", "code"),
    [
        (1.5, Outcome.IMPROVED, ExitCode.OK),
        (-1.5, Outcome.REGRESSED, ExitCode.REGRESSION),
        (0.0, Outcome.UNCHANGED, ExitCode.OK),
    ],
)
def test_pictures_that_all_lie_nearer_or_further_are_told(
    tmp_path: Path, towards: float, outcome: Outcome, code: ExitCode
) -> None:
    """Whatever the numbers say: other samples are as unlike as before, and their numbers alike."""
    verdict = judge_steps(tmp_path, towards + SPREAD)
    assert (verdict.outcome, verdict.exit_code) == (outcome, code)
    if towards:
        (finding,) = of_pictures(verdict)
        assert finding.aspect == "structure"
        assert len(finding.cases) == 12


def test_one_scene_alone_must_have_moved_far(tmp_path: Path) -> None:
    """Half a JOD and more than chance; the others did not move."""
    towards = SPREAD.copy()
    towards[1] = -2 + SPREAD[1] / 100
    verdict = judge_steps(tmp_path, towards)
    (finding,) = of_pictures(verdict)
    assert finding.outcome is Outcome.REGRESSED
    assert {case_id[:3] for case_id in finding.cases} == {"id2"}
    towards[1] /= 5
    assert not of_pictures(judge_steps(tmp_path / "small", towards))


def test_pictures_beside_one_accepted_picture_prove_nothing(tmp_path: Path) -> None:
    """It may itself lie far from the right answer, or near it, by chance."""
    verdict = judge_steps(tmp_path, np.full((4, 3), 1.5) + SPREAD, partners=1)
    assert verdict.outcome is not Outcome.IMPROVED


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        (("one", "one"), Outcome.UNCHANGED),
        (("two", "one"), Outcome.REGRESSED),
        (("", ""), Outcome.REGRESSED),
    ],
)
def test_where_only_the_seeds_changed_a_single_scene_is_chance(
    tmp_path: Path, codes: tuple[str, str], outcome: Outcome
) -> None:
    """By the fingerprint: that scene gives one of two pictures, by the seed. A note says so."""
    towards = SPREAD.copy()
    towards[1] = -2 + SPREAD[1] / 100
    verdict = judge_steps(tmp_path, towards, codes=codes)
    assert verdict.outcome is outcome
    said = any("a single scene that differs counts as chance" in note for note in verdict.notes)
    assert said == (outcome is Outcome.UNCHANGED)


def test_where_only_the_seeds_changed_all_scenes_together_still_tell(tmp_path: Path) -> None:
    """What a fingerprint does not cover changed, such as the weights."""
    verdict = judge_steps(tmp_path, -3 + SPREAD, codes=("one", "one"))
    assert (verdict.outcome, verdict.exit_code) == (Outcome.REGRESSED, ExitCode.REGRESSION)
