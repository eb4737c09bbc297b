"""Grids of which every value is tested always, and every combination at night."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def diagonal(*axes: Sequence[object]) -> list[ParameterSet]:
    """Every combination of the axes' values. Those beside a diagonal, which has each value of each
    axis, are `exhaustive`.
    """
    longest = max(map(len, axes))
    kept = {tuple(number % len(axis) for axis in axes) for number in range(longest)}
    return [
        pytest.param(
            *(axis[place] for axis, place in zip(axes, places, strict=True)),
            marks=() if places in kept else pytest.mark.exhaustive,
        )
        for places in itertools.product(*(range(len(axis)) for axis in axes))
    ]


def some(values: Sequence[object], keep: int = 1) -> list[ParameterSet]:
    """All of the values. Those after the first `keep` are `exhaustive`."""
    return [
        pytest.param(value, marks=() if place < keep else pytest.mark.exhaustive)
        for place, value in enumerate(values)
    ]
