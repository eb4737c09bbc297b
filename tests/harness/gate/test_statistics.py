"""The statistics, against closed forms, SciPy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from editproof.harness.gate.statistics import (
    correct_by_holm,
    group_scenes,
    means,
    measure_worsening,
    noise,
)
from editproof.harness.records.vocabulary import Better

pytestmark = pytest.mark.smoke

NAN = math.nan


def test_the_mean_its_p_and_its_interval_are_those_of_a_t_test() -> None:
    """SciPy's one-sample t-test, one-sided for p and two-sided for the interval; gaps are left
    out.
    """
    changes = np.random.default_rng(1).normal(0.3, 1, (4, 9))
    changes[2, :3] = NAN
    found = means(changes)
    low, high = found.interval()
    for row, values in enumerate(changes):
        expected = stats.ttest_1samp(values[~np.isnan(values)], 0, alternative="greater")
        both = stats.ttest_1samp(values[~np.isnan(values)], 0).confidence_interval(0.95)
        assert found.p()[row] == pytest.approx(expected.pvalue)
        assert (low[row], high[row]) == pytest.approx((both.low, both.high))
    assert found.samples.tolist() == [9, 9, 6, 9]


def test_no_change_at_all_is_neither_worse_nor_a_division_by_zero() -> None:
    """The same seeds and an unchanged pipeline: p is not small, and the interval is 0 wide."""
    found = means(np.zeros((1, 9)))
    assert found.p()[0] == pytest.approx(0.5)
    assert [end[0] for end in found.interval()] == [0, 0]


def test_one_sample_has_no_p_and_none_has_no_mean() -> None:
    """Not known is NaN, never 0 or 1."""
    found = means(np.array([[0.7, NAN], [NAN, NAN]]))
    assert found.mean[0] == 0.7
    assert np.isnan(found.p()).all()
    assert np.isnan(found.mean[1])


def test_the_same_change_on_every_seed_is_certain() -> None:
    """No spread at all: p is 0 for the worse, and says nothing for the better."""
    assert means(np.array([[0.5] * 3, [-0.5] * 3])).p().tolist() == [0, 0.5]


def test_holm_is_the_textbooks() -> None:
    """Holm (1979): multiplied by how many are left, never falling, at most 1; what is not known
    counts for nothing.
    """
    assert correct_by_holm(np.array([0.01, NAN, 0.04, 0.03, 0.005])).tolist() == pytest.approx(
        [0.03, NAN, 0.06, 0.06, 0.02], nan_ok=True
    )
    assert correct_by_holm(np.array([0.6, 0.7])).tolist() == [1, 1]


def test_noise_is_what_differs_between_the_seeds_of_a_scene() -> None:
    """How scenes differ from each other is no noise: variance pooled within scenes, with a degree
    less for each.
    """
    scenes = group_scenes(np.array(["a", "b", "a", "b", "c"]))
    spread, freedom = noise(np.array([[1.0, 10.0, 3.0, 14.0, 99.0]]), scenes)
    assert freedom.tolist() == [2]
    assert spread[0] == pytest.approx(math.sqrt((2 + 8) / 2))
    alone, none = noise(np.array([[1.0, 2.0]]), group_scenes(np.array(["a", "b"])))
    assert np.isnan(alone[0])
    assert none.tolist() == [0]


@pytest.mark.parametrize(("better", "worse"), [("higher", -1.0), ("lower", 1.0), ("zero", 1.0)])
def test_above_0_is_worse_whichever_way_a_metric_is_good(better: Better, worse: float) -> None:
    """From 2 to 3; where 0 is best, also from -2 to -3."""
    assert measure_worsening(np.array([3.0]), np.array([2.0]), better).tolist() == [worse]
    if better == "zero":
        assert measure_worsening(np.array([-3.0]), np.array([-2.0]), better).tolist() == [worse]


@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed", "uneven"])
def test_clean_reruns_raise_hardly_more_alarms_than_stated(kind: str) -> None:
    """36 rules of 9 pairs each, 2,000 times: at most 5 % of runs have a significant rule, whatever
    the noise is like.
    """
    rng = np.random.default_rng(7)
    shape = (2000, 36, 9)
    scale = np.tile(np.repeat([0.1, 1.0, 5.0], 3), (36, 1)) if kind == "uneven" else 1.0

    def draw() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        if kind == "heavy":
            return rng.standard_t(3, shape)
        return rng.exponential(1, shape) if kind == "skewed" else rng.normal(0, 1, shape) * scale

    changes = draw() - draw()
    alarms = [np.nanmin(correct_by_holm(means(run).p())) <= 0.05 for run in changes]
    assert np.mean(alarms) <= 0.065  # 5 % and three standard errors
