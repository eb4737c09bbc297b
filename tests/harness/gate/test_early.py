"""A model is stopped once it is certain to be worse, and hardly ever where nothing changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editproof.harness.gate.early import ALARM, STAKE, Bet, EarlyStop
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import CaseRecord
from tests.harness.made import MARGIN, failed, measured, run_of

pytestmark = pytest.mark.smoke

SCENES = 40


def find_stop(*changes: float) -> int | None:
    """After which scene the model is certain to be worse, where each scene's number changed so."""
    accepted = run_of(*(measured(35.0, step=step) for step in range(1, 41)), margins=(MARGIN,))
    early = EarlyStop(Baseline(accepted))
    for step, change in enumerate(changes, start=1):
        if early(accepted.manifest, [measured(35.0 + change, step=step)]):
            return step
    return None


def test_a_model_that_got_worse_everywhere_is_certain_after_some_scenes() -> None:
    """As many as a bet needs that always wins."""
    needed = int(np.ceil(np.log(1 / ALARM) / np.log(1 + STAKE)))
    assert find_stop(*[-3.0] * SCENES) == needed


@pytest.mark.parametrize("change", [0.0, -0.4, 3.0])
def test_a_model_that_is_no_worse_goes_on(change: float) -> None:
    """Equal, within its margin, or better."""
    assert find_stop(*[change] * SCENES) is None


def test_what_got_worse_here_and_better_there_goes_on() -> None:
    assert find_stop(*[-3.0, 3.0] * (SCENES // 2)) is None


def test_a_scene_speaks_once() -> None:
    """Its seeds are alike, and a case that failed says nothing."""
    accepted = run_of(*(measured(35.0, seed=seed) for seed in range(100)), margins=(MARGIN,))
    early = EarlyStop(Baseline(accepted))
    assert not early(accepted.manifest, [failed(), *(measured(9.0, seed=s) for s in range(100))])


@pytest.mark.parametrize("share_unchanged", [0.0, 0.5])
def test_the_error_rate_is_kept_however_often_one_looks(share_unchanged: float) -> None:
    """Of runs in which nothing changed, at most the level is ever stopped, looked at after each of
    a thousand scenes. A level of 5 % shows it: of 0.03 %, millions of runs would.
    """
    level, runs, scenes = 0.05, 4_000, 1_000
    rng = np.random.default_rng(7)
    ways = rng.choice([-1, 1], (runs, scenes)) * (rng.random((runs, scenes)) >= share_unchanged)
    wealth = np.cumprod(1 + STAKE * ways, axis=1)
    stopped = (wealth >= 1 / level).any(axis=1).mean()
    assert 0 < stopped <= level + 3 * np.sqrt(level * (1 - level) / runs)


def test_a_bet_is_what_was_simulated() -> None:
    """Its wealth is the product of what each scene makes of it."""
    bet = Bet()
    for way in (1, -1, 0, 1):
        bet.add(way)
    assert bet.wealth == pytest.approx((1 + STAKE) ** 2 * (1 - STAKE))


def test_several_models_share_the_level() -> None:
    """With two of them, each needs twice the evidence."""
    records: list[CaseRecord] = [measured(20.0, step=step) for step in range(1, 22)]
    accepted = run_of(*(measured(35.0, step=step) for step in range(1, 22)), margins=(MARGIN,))
    pipelines = accepted.manifest.pipelines
    assert EarlyStop(Baseline(accepted))(accepted.manifest, records[:21])
    more = {**pipelines, "other": next(iter(pipelines.values()))}
    twice = replace(accepted.manifest, pipelines=more)
    assert not EarlyStop(Baseline(accepted))(twice, records[:21])
