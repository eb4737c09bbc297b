"""What a history shows of its series."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.history.series import MEASURED_OTHERWISE, SeriesTable
from editproof.harness.history.trends import FALSE_DISCOVERY, find_trends
from editproof.harness.records.nights import SeriesTrend
from tests.harness.history.made_nights import night, noise, table_of


def find_one(table: SeriesTable) -> SeriesTrend:
    """The trend of the only series."""
    (trend,) = find_trends("made", table).series
    return trend


def test_a_visible_step_of_bit_equal_nights_is_found_in_its_first_night() -> None:
    trend = find_one(table_of([0.0] * 9 + [1.0]))
    assert [(one.night, one.before, one.size, one.p) for one in trend.points] == [(9, 8, 1.0, 0.0)]
    assert trend.loss == 1
    assert trend.noise == 0


def test_an_invisible_step_of_bit_equal_nights_is_none() -> None:
    trend = find_one(table_of([0.0] * 9 + [0.1]))
    assert not trend.points
    assert trend.loss == 0


def test_a_small_step_that_the_gate_can_see_is_one() -> None:
    """One scene of twelve: on the mean it is small."""
    jods = [0.0] * 9 + [0.8]
    assert [one.night for one in find_one(table_of([0.0] * 9 + [0.1], jods=jods)).points] == [9]


def test_a_step_in_noise_is_found_where_it_is() -> None:
    values = noise(40)
    values[25:] += 1
    trend = find_one(table_of(values))
    assert [one.night for one in trend.points] == [25]
    assert trend.points[0].size == pytest.approx(1, abs=0.1)
    assert trend.noise == pytest.approx(0.1, abs=0.03)
    assert trend.loss == pytest.approx(1, abs=0.1)


def test_a_step_in_much_noise_is_found_after_three_nights_by_what_seeds_tell() -> None:
    """Without them, it is not."""
    series = [noise(33, 0.2, seed) for seed in range(20)]
    series[0][30:] += 1
    without, told = (find_trends("made", table_of(*series, error=error)) for error in (np.nan, 0.2))
    assert not without.series[0].points
    assert [one.night for one in told.series[0].points] == [30]
    assert told.series[0].family == "f0"
    assert not any(one.points or one.drifts for one in told.series[1:])


def test_one_odd_night_is_no_change_whatever_seeds_tell() -> None:
    series = [noise(33, 0.1, seed) for seed in range(20)]
    series[0][31] += 3
    assert not any(one.points for one in find_trends("made", table_of(*series, error=0.1)).series)


def test_what_the_baseline_scored_is_kept() -> None:
    table = table_of([0.0] * 3)
    table.accepted[0, 1:] = 0.5
    assert find_one(table).accepted == (None, 0.5, 0.5)
    assert find_one(table_of([0.0] * 3)).accepted == ()


def test_a_recovered_regression_is_kept() -> None:
    worse, better = find_one(table_of([0.0] * 5 + [1.0] * 3 + [0.0] * 5)).points
    assert (worse.night, worse.recovered) == (5, 8)
    assert (better.night, better.recovered) == (8, None)


def test_twelve_nights_of_three_tenths_are_a_drift() -> None:
    values = [0.0] * 20 + list(np.cumsum([0.3] * 12))
    drift = find_one(table_of(values)).drifts[0]
    assert (drift.since, drift.night) == (19, 21)
    assert drift.size == pytest.approx(0.6)


def test_nothing_changed_and_nothing_is_found() -> None:
    series = [noise(50, seed=seed) for seed in range(60)]
    trends = find_trends("made", table_of(*series))
    assert not any(one.points or one.drifts or one.loss for one in trends.series)
    assert trends.false_discovery == FALSE_DISCOVERY
    assert trends.run_length == 60 * 3650


def test_a_new_library_begins_a_segment() -> None:
    """The step between two libraries is not a change point: the numbers can't be compared."""
    nights = {number: night(number, versions={"torch": "2.5"}) for number in range(6, 12)}
    trend = find_one(table_of([0.0] * 6 + [3.0] * 6, nights=nights))
    assert [one.nights for one in trend.segments] == [tuple(range(6)), tuple(range(6, 12))]
    assert [one.changed for one in trend.segments] == [(), ("torch 2.4 -> 2.5",)]
    assert not trend.points
    assert trend.loss == 0


def test_another_set_of_numbers_begins_a_segment() -> None:
    trend = find_one(table_of([0.0] * 4 + [3.0] * 4, made_of=[1] * 4 + [2] * 4))
    assert trend.segments[1].changed == (MEASURED_OTHERWISE,)


def test_nights_of_two_machines_by_turns_are_two_segments() -> None:
    nights = {number: night(number, machine={"device": "cuda"}) for number in range(1, 20, 2)}
    trend = find_one(table_of([0.0, 5.0] * 5 + [1.0, 5.0] * 5, nights=nights))
    assert [one.nights for one in trend.segments] == [
        tuple(range(0, 20, 2)),
        tuple(range(1, 20, 2)),
    ]
    assert [(one.night, one.before) for one in trend.points] == [(10, 8)]


def test_a_night_that_was_not_measured_is_a_gap() -> None:
    trend = find_one(table_of([0.0, 0.0, np.nan, 0.0, 1.0, 1.0]))
    assert trend.values[2] is None
    assert [(one.night, one.before) for one in trend.points] == [(4, 3)]


def test_the_worst_series_comes_first() -> None:
    flat, better, worse, bad = (
        [0.0] * 8,
        [1.0] * 4 + [0.0] * 4,
        [0.0] * 7 + [2.0],
        [0.0] * 7 + [1.0],
    )
    trends = find_trends("made", table_of(flat, better, worse, bad))
    assert [one.family for one in trends.series] == ["f2", "f3", "f1", "f0"]


def test_the_same_nights_show_the_same() -> None:
    series = [noise(60, seed=seed) for seed in range(5)]
    series[2][30:] += 0.8
    assert find_trends("made", table_of(*series)) == find_trends("made", table_of(*series))
