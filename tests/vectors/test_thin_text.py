"""Family thin_text."""

from __future__ import annotations

import numpy as np
import pytest

from vectors import get
from vectors.thin_text import MARGIN, draw

VECTOR = get("thin_text")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", STEPS)
def test_must_be_found(step: int) -> None:
    """The pipeline is told neither mask nor place, and is told nothing of the words in the metadata."""
    scene = VECTOR.render(2, 256, step=step)
    assert scene.mask is None
    assert not {box.label for box in scene.truth} & set(map(str, scene.metadata.values()))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(6))
def test_margin(step: int, seed: int) -> None:
    """At 256 px all lettering keeps clear of the border, and as many whole lines as asked are there."""
    scene = VECTOR.render(seed, 256, step=step)
    assert len(scene.truth) == VECTOR.ladder[step - 1]["lines"]
    for box in scene.truth:
        assert min(box.y0, box.x0) >= MARGIN * 256 - 2
        assert max(box.y1, box.x1) <= 256 * (1 - MARGIN) + 2


def test_ladder_gets_harder() -> None:
    """From the first rung to the third, the overlay gets smaller and fainter: its strongest alpha falls."""
    strongest = [float(VECTOR.render(0, 256, step=step).overlay.max()) for step in (1, 2, 3)]
    assert strongest == sorted(strongest, reverse=True)
    assert strongest[2] < 0.5 * strongest[0]


def test_ink_stands_out() -> None:
    """The ink is black on a light ground and white on a dark one."""
    for seed in range(6):
        scene = draw(seed, 256, 1, height_px=24, weight="regular", alpha=1.0, lines=1, ground="gradient")
        box = scene.truth[0]
        here = np.s_[box.y0 : box.y1, box.x0 : box.x1]
        inked = scene.overlay[here] > 0.99
        assert abs(float(scene.input[here][inked].mean()) - float(scene.clean[here].mean())) > 0.3
