"""Family signature."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.families.signature import paint_over

VECTOR = get_vector("signature")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(4))
def test_one_hair(step: int, seed: int) -> None:
    """The stroke is thin for its length: it covers less than 3 % of the image, in a box over half
    of it wide.
    """
    scene = VECTOR.render(seed, 256, step=step, scale=1)
    box = scene.truth[0]
    assert scene.mask is not None
    assert 0.002 < scene.mask.mean() < 0.03
    assert box.x1 - box.x0 > 128


@pytest.mark.parametrize("step", STEPS)
def test_opacity(step: int) -> None:
    """Where the mask is whole the overlay has the opacity of the rung: strokes that cross do not
    add up.
    """
    scene = VECTOR.render(1, 256, step=step)
    assert scene.mask is not None
    assert scene.overlay.max() <= float(VECTOR.ladder[step - 1]["opacity"]) + 1 / 255


def test_swells() -> None:
    """The width varies along one stroke: a thick pen leaves pixels that it covers wholly and
    upstrokes that it barely does.
    """
    ink = VECTOR.render(1, 256, step=2, scale=4).edit
    eroded = ink[1:-1, 1:-1] * ink[2:, 1:-1] * ink[:-2, 1:-1] * ink[1:-1, 2:] * ink[1:-1, :-2]
    assert 0.2 < eroded.sum() / ink.sum() < 0.8


def test_ladder_gets_harder() -> None:
    """From rung to rung there is less ink: the stroke gets thinner and fainter."""
    ink = [float(VECTOR.render(2, 256, step=step).overlay.sum()) for step in STEPS]
    assert ink == sorted(ink, reverse=True)
    assert ink[-1] < 0.15 * ink[0]


def test_painting_at_two_scales() -> None:
    """Painted at twice the resolution and averaged, a painting is the same picture: within 6 levels
    on average.
    """
    coarse, fine = paint_over(2, 128, 1), paint_over(2, 256, 2)
    average = fine.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(average - coarse).mean() < 6
