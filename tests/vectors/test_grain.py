"""Family grain."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.drawing.layers import Levels
from editproof.vectors.families.grain import DEEPEST, TINT, add_grain, draw

VECTOR = get_vector("grain")
STEPS = range(1, len(VECTOR.ladder) + 1)


def grey(level: int) -> Levels:
    return np.full((256, 256, 3), level, np.uint8)


def deviation(picture: Levels) -> float:
    return float(picture[..., 1].astype(float).std())


@pytest.mark.parametrize("crystal", [1.0, 2.0, 4.0])
def test_deviation(crystal: float) -> None:
    """In mid grey the grain has the deviation asked for, however wide its crystals are."""
    grainy = add_grain(np.random.default_rng(1), grey(128), sigma_levels=8.0, crystal=crystal)
    assert deviation(grainy) == pytest.approx(8.0, rel=0.06)


def test_less_in_shadows() -> None:
    """Near black there is about half the grain of mid grey, and colours differ by their own
    share.
    """
    grainy = add_grain(np.random.default_rng(1), grey(20), sigma_levels=5.0, crystal=2.0)
    assert DEEPEST * 5 < deviation(grainy) < 5 * 0.8
    own = (grainy[..., 0].astype(float) - grainy[..., 1]).std() / deviation(grainy)
    assert own == pytest.approx(TINT, abs=0.1)


@pytest.mark.parametrize("step", STEPS)
def test_input_has_less(step: int) -> None:
    """The input has less grain than the expected output: averaging took the finest part away."""
    rung = VECTOR.ladder[step - 1]
    scene = draw(
        1,
        128,
        2,
        sigma_levels=8.0,
        grain_px=float(rung["grain_px"]),
        diameter_px=24,
        ground="plain",
    )
    fine, coarse = (float(picture[..., 1].std()) for picture in (scene.clean, scene.clean_input))
    assert 0.4 * fine < coarse < 0.98 * fine


def test_grain_beneath() -> None:
    """The expected output has the same grain where the sticker stood as around it."""
    scene = draw(1, 256, 2, sigma_levels=8.0, grain_px=1.3, diameter_px=60, ground="plain")
    inside, outside = (scene.clean[..., 1][mask > 0].std() for mask in (scene.edit, scene.keep))
    assert inside == pytest.approx(outside, rel=0.1)


def test_one_place() -> None:
    """The sticker stands at the same place at every scale."""
    assert (
        VECTOR.render(4, 128, step=2, scale=1).truth == VECTOR.render(4, 128, step=2, scale=2).truth
    )
