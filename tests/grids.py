"""Grids of which CI tests a diagonal, and a night everything."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def diagonal(*axes: Sequence[object]) -> list[ParameterSet]:
    """Every combination of the axes' values. Those beside a diagonal are `exhaustive`.

    A diagonal has every value of two axes, and every pair of values of three.
    """
    shortest = min(map(len, axes))
    return [
        pytest.param(
            *(axis[place] for axis, place in zip(axes, places, strict=True)),
            marks=() if sum(places) % shortest == 0 else pytest.mark.exhaustive,
        )
        for places in itertools.product(*(range(len(axis)) for axis in axes))
    ]


def some(values: Sequence[object]) -> list[ParameterSet]:
    """All of the values. Those after the first are `exhaustive`."""
    return [
        pytest.param(value, marks=() if place == 0 else pytest.mark.exhaustive)
        for place, value in enumerate(values)
    ]
