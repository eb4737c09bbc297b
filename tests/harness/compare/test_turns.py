"""Turns in a comparison: the turns of a chain are one sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from editproof.harness.compare.pairs import average_turns
from tests.harness.made import case


def test_the_turns_of_a_chain_are_averaged() -> None:
    """A deterministic side's chain stands beside each seed of the other."""
    seeds = [replace(case(1, seed), turn=turn) for seed in (1, 2) for turn in (1, 2)]
    fixed = [replace(case(1, 7), turn=turn) for _ in (1, 2) for turn in (1, 2)]
    change, scenes = average_turns(np.array([1.0, 3.0, 5.0, 9.0]), seeds, fixed)
    assert change.tolist() == [2.0, 7.0]
    assert scenes.tolist() == ["1", "1"]


def test_without_turns_every_pair_is_a_sample() -> None:
    """Their order stays."""
    cases = [case(step, seed) for step in (2, 1) for seed in (5, 4)]
    change, scenes = average_turns(np.array([0.1, 0.2, 0.3, 0.4]), cases, cases)
    assert change.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert scenes.tolist() == ["2", "2", "1", "1"]
