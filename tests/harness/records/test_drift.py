"""Drift: the slope a turn, and what its interval is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from editproof.harness.records.cases import CaseRecord, Measurement
from editproof.harness.records.drift import TurnDrift, measure_turn_drift
from editproof.harness.records.manifest import MetricInfo
from editproof.harness.records.runs import Run
from tests.harness.made import measured, run_of


def make_chain(values: Sequence[float | None], *, step: int, seed: int = 42) -> list[CaseRecord]:
    """The PSNR in the edit of one scene, turn by turn."""
    records = [measured(value, step=step, seed=seed) for value in values]
    return [
        replace(record, case=replace(record.case, id=f"{record.case.id}-{turn}", turn=turn))
        for turn, record in enumerate(records, start=1)
    ]


def run_of_chains(*chains: Sequence[float | None]) -> Run:
    """A scene a chain."""
    return run_of(
        *(
            record
            for step, values in enumerate(chains, start=1)
            for record in make_chain(values, step=step)
        )
    )


def measure(run: Run) -> TurnDrift:
    (drift,) = measure_turn_drift(run)
    return drift


def test_a_fall_in_every_scene_is_plain() -> None:
    """The interval is Student's t over the slopes of scenes."""
    drift = measure(run_of_chains((40, 38, 36), (30, 28.2, 26.2), (35, 32.9, 30.9)))
    slopes = [-2.0, -1.9, -2.05]
    reach = 4.302653 * np.std(slopes, ddof=1) / np.sqrt(3)
    assert drift.slope == pytest.approx(np.mean(slopes))
    assert drift.interval == pytest.approx((np.mean(slopes) - reach, np.mean(slopes) + reach))
    assert (drift.is_plain, drift.samples, drift.unit) == (True, 3, "dB")


def test_what_holds_has_an_interval_of_0() -> None:
    """Numbers that do not change show no drift."""
    drift = measure(run_of_chains((40, 40, 40), (30, 30, 30)))
    assert (drift.slope, drift.interval, drift.is_plain) == (0.0, (0.0, 0.0), False)


def test_scenes_that_disagree_are_not_plain() -> None:
    """One rises and one falls: the interval includes 0."""
    drift = measure(run_of_chains((40, 41, 42), (40, 38, 36), (30, 30.5, 30)))
    assert not drift.is_plain


def test_the_slope_is_that_of_least_squares() -> None:
    """Of one chain as scipy's linregress gives it; a single chain has no interval."""
    from scipy.stats import linregress

    values = (40.0, 37.0, 36.5, 33.0)
    drift = measure(run_of_chains(values))
    assert drift.slope == pytest.approx(linregress(range(1, 5), values).slope)
    assert drift.interval is None
    assert not drift.is_plain


def test_seeds_of_a_scene_count_as_one() -> None:
    """Their slopes are averaged; of a single scene they are the samples."""
    two = [*make_chain((40, 38), step=1, seed=1), *make_chain((40, 36), step=1, seed=2)]
    alone = measure(run_of(*two))
    assert (alone.slope, alone.samples) == (-3.0, 2)
    beside = measure(run_of(*two, *make_chain((30, 29), step=2, seed=1)))
    assert (beside.slope, beside.samples) == (-2.0, 2)


def test_turns_without_a_value_are_left_out() -> None:
    """A chain needs two values; one with fewer has no slope."""
    drift = measure(run_of_chains((40, None, 36), (30, None, None), (30, 28, 26)))
    assert (drift.slope, drift.samples) == (-2.0, 2)


def test_by_family_each_has_its_own() -> None:
    """The families are in the order of the run."""
    run = run_of_chains((40, 38), (40, 36))
    other = [
        replace(record, case=replace(record.case, family="grain")) for record in run.records[2:]
    ]
    both = run_of(*run.records[:2], *other)
    assert [(one.family, one.slope) for one in measure_turn_drift(both, by_family=True)] == [
        ("logo", -2.0),
        ("grain", -4.0),
    ]


def test_without_a_right_answer_it_is_the_distance_from_the_first_input() -> None:
    """Own cases may know no right answer: then what changed outside the edit drifts."""
    info = MetricInfo("outside_change@1", "levels", "lower", aspect="what had to be kept")
    records = [
        replace(
            record,
            measurements=(
                Measurement("outside_change@1", "keep", "p99", 2.0 * turn, "levels"),
                Measurement("psnr@1", "edit", "mean", None, "dB", "no right answer"),
            ),
        )
        for turn, record in enumerate(make_chain((None, None, None), step=1), start=1)
    ]
    known = {"psnr": MetricInfo("psnr@1", "dB", "higher"), "outside_change": info}
    drift = measure(run_of(*records, metrics=known))
    assert (drift.metric, drift.stat, drift.slope) == ("outside_change", "p99", 2.0)


def test_a_run_without_turns_has_none() -> None:
    """Nothing was edited again."""
    assert measure_turn_drift(run_of(measured(40.0), measured(38.0, step=2))) == ()
