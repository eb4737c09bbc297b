"""Family tiled_seams."""

from __future__ import annotations

import pytest

from editproof.vectors import get_vector

VECTOR = get_vector("tiled_seams")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(6))
def test_crosses_borders(step: int, seed: int) -> None:
    """At 256 px the smudge lies across a vertical and a horizontal tile border."""
    scene = VECTOR.render(seed, 256, step=step)
    across = scene.seams * scene.edit
    lines = scene.seams[0] > 0, scene.seams[:, 0] > 0
    assert (across[:, lines[0]].sum(axis=0) > 4).any()
    assert (across[lines[1]].sum(axis=1) > 4).any()


@pytest.mark.parametrize("step", STEPS)
def test_tiling_is_asked_for(step: int) -> None:
    """The tile size and overlap of the rung are the settings that the caller asks for."""
    rung = VECTOR.ladder[step - 1]
    config = VECTOR.render(0, 64, step=step).config
    assert config == {"tile.size_px": rung["tile_px"], "tile.overlap_px": rung["overlap_px"]}


def test_one_tile() -> None:
    """An image that fits into one tile has no seams."""
    assert not VECTOR.render(0, 64, step=1).seams.any()


def test_ladder_gets_harder() -> None:
    """Each of the first three rungs has less overlap and more seams than the one before."""
    seams = [float(VECTOR.render(0, 256, step=step).seams.sum()) for step in (1, 2, 3)]
    assert seams == sorted(seams)
    overlaps = [VECTOR.ladder[step - 1]["overlap_px"] for step in (1, 2, 3)]
    assert overlaps == [32, 8, 0]
