"""Drift: run lengths that are published, and what is found how soon."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.history.cusum import Alarm, find_drifts, find_limit, measure_run_length
from tests.harness.history.made_nights import noise

LIMIT = find_limit(500 * 3650)


@pytest.mark.parametrize(("limit", "published"), [(4, 168), (5, 465)])
def test_run_lengths_are_those_of_tables(limit: float, published: float) -> None:
    """Montgomery, Introduction to Statistical Quality Control, table 9.3: k = 1/2, no shift."""
    assert measure_run_length(limit, 0.5) == pytest.approx(published, rel=0.01)


def test_the_limit_gives_its_run_length() -> None:
    assert measure_run_length(find_limit(10_000)) == pytest.approx(10_000)


def test_false_alarms_are_as_rare_as_stated() -> None:
    """50 nights of a run length of 1,000: 5 % of the series, or fewer."""
    series = list(np.random.default_rng(0).normal(size=(4000, 50)))
    alarms = find_drifts(series, find_limit(1000))
    assert 0.03 <= np.mean([bool(own) for own in alarms]) <= 0.06


def test_a_drift_of_a_tenth_is_found_before_it_is_visible() -> None:
    """A margin can be seen. Nights are bit-equal before it."""
    values = np.concatenate([np.zeros(30), np.arange(1, 13) / 10])
    ((first, *_),) = find_drifts([values], LIMIT)
    assert first.since in {29, 30}
    assert values[first.night] < 1


def test_a_drift_in_noise_is_found() -> None:
    values = noise(45) + np.concatenate([np.zeros(30), np.arange(1, 16) / 10])
    ((first, *_),) = find_drifts([values], LIMIT)
    assert values[first.night] < 1
    assert 26 <= first.since <= 33


@pytest.mark.parametrize("sign", [1, -1])
def test_both_directions_are_looked_at(sign: int) -> None:
    values = noise(30)
    values[24:] += sign
    assert find_drifts([values], LIMIT)[0][0].since == 23


def test_one_odd_night_is_no_drift() -> None:
    values = noise(40)
    values[20] += 50
    assert find_drifts([values], LIMIT) == [()]


def test_one_odd_night_of_a_small_suite_is_no_drift() -> None:
    """Its limit is low: one series gives one false alarm in ten years."""
    values = np.zeros(40)
    values[20] = 50
    assert find_drifts([values], find_limit(3650)) == [()]


def test_after_an_alarm_the_level_is_new() -> None:
    """A step gives one alarm, not one every night."""
    values = np.concatenate([np.zeros(20), np.ones(20)])
    assert find_drifts([values], LIMIT) == [(Alarm(19, 21),)]


def test_stretches_do_not_depend_on_each_other() -> None:
    series = [noise(n, seed=n) + np.linspace(0, n / 10, n) for n in (5, 40, 12, 25)]
    together = find_drifts(series, LIMIT)
    assert together == [find_drifts([values], LIMIT)[0] for values in series]
    assert any(together)


def test_short_and_equal_stretches_have_none() -> None:
    assert find_drifts([np.zeros(0), np.zeros(1), np.array([0.0, 9.0]), np.zeros(50)], 1.0) == [
        (), (), (), (),
    ]  # fmt: skip
