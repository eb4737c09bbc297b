"""Family shadow_edge."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.drawing.layers import Levels
from editproof.vectors.families.shadow_edge import cast_shadow, draw

VECTOR = get_vector("shadow_edge")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_across(step: int, seed: int) -> None:
    """The sticker hides a part of the edge: beneath it the expected output holds both more light
    and more shade.
    """
    scene = VECTOR.render(seed, 256, step=step)
    hidden = scene.clean[..., 0][scene.edit > 0]
    lit, contrast = scene.clean[..., 0].max(), float(VECTOR.ladder[step - 1]["contrast"])
    assert np.ptp(hidden) > 0.6 * contrast * lit


@pytest.mark.parametrize("step", STEPS)
def test_half_in_shade(step: int) -> None:
    """Light and shade each keep at least a sixth of the picture for a fill to learn from."""
    rung = VECTOR.ladder[step - 1]
    for seed in range(3):
        bright = draw(seed, 128, 1, **{**rung, "ground": "plain"}).clean[..., 0]  # type: ignore[arg-type]
        assert 1 / 6 < (bright > (bright.min() + bright.max()) / 2).mean() < 5 / 6


@pytest.mark.parametrize("penumbra_px", [1.0, 8.0, 40.0])
def test_penumbra(penumbra_px: float) -> None:
    """The level falls over the penumbra's width, from what the ground has to the share that the
    contrast leaves of it.
    """
    lit: Levels = np.full((1, 200, 3), 200, np.uint8)
    distance = (np.arange(200) - 99.5)[None, :] / 2
    red = cast_shadow(lit, distance, penumbra_px=penumbra_px, contrast=0.5)[0, :, 0]
    assert (red[0], red[-1]) == (100, 200)
    between = ((red > 100) & (red < 200)).sum() / 2
    assert 0.8 * penumbra_px <= between <= penumbra_px + 0.5


def test_ladder_gets_harder() -> None:
    """From rung to rung the edge gets sharper and deeper, sways no less, and the hole gets
    larger.
    """
    rungs = VECTOR.ladder
    assert [rung["penumbra_px"] for rung in rungs] == [40.0, 20.0, 8.0, 3.0, 1.0]
    for name in ("contrast", "sway_px", "radius_px"):
        values = [float(rung[name]) for rung in rungs]
        assert values == sorted(values)
