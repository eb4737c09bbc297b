"""Family date_stamp."""

from __future__ import annotations

import re

import pytest

from editproof.vectors import get_vector
from editproof.vectors.families.date_stamp import MARGIN

VECTOR = get_vector("date_stamp")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", STEPS)
def test_mask(step: int) -> None:
    """A mask is given where the rung says so, which is the first alone, and the metadata never
    holds the date.
    """
    scene = VECTOR.render(2, 256, step=step)
    assert (scene.mask is not None) == VECTOR.ladder[step - 1]["mask_given"] == (step == 1)
    assert scene.truth[0].label not in map(str, scene.metadata.values())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(5))
def test_corner(step: int, seed: int) -> None:
    """The figures are as high as asked, and stand at the margin in a corner."""
    box = VECTOR.render(seed, 256, step=step, scale=1).truth[0]
    assert re.fullmatch(r"'\d\d [ \d]\d [ \d]\d", box.label)
    assert box.y1 - box.y0 == pytest.approx(float(VECTOR.ladder[step - 1]["height_px"]), abs=1.6)
    margin = MARGIN * 256
    assert min(box.y0, 256 - box.y1) == pytest.approx(margin, abs=1.6)
    assert min(box.x0, 256 - box.x1) <= margin + 12


@pytest.mark.parametrize("step", STEPS)
def test_glow(step: int) -> None:
    """Around the figures lies a haze of less than half their alpha, at least as large as they
    are.
    """
    scene = VECTOR.render(1, 256, step=step)
    alpha = scene.overlay / scene.overlay.max()
    assert ((alpha > 0.02) & (alpha < 0.5)).sum() > (alpha >= 0.5).sum()


def test_both_colours() -> None:
    """Some cameras write white and most write orange, which has no blue to speak of."""
    inks = [
        scene.overlay_rgb[scene.overlay > 0.9]
        for scene in (VECTOR.render(s, 128, step=2) for s in range(12))
    ]
    white = [bool(ink[:, 2].mean() > 0.6) for ink in inks]
    assert 0 < sum(white) < len(white) / 2 + 1


def test_ladder_gets_harder() -> None:
    """From rung to rung the figures get smaller and never stronger."""
    rungs = VECTOR.ladder
    assert [rung["height_px"] for rung in rungs] == [14, 12, 10, 8, 7]
    assert sorted((float(rung["alpha"]) for rung in rungs), reverse=True) == [
        float(rung["alpha"]) for rung in rungs
    ]
