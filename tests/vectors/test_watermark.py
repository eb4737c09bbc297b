"""Family watermark."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from editproof.vectors import get_vector
from editproof.vectors.families.watermark import MARGIN_PX

VECTOR = get_vector("watermark")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(4))
def test_coverage(step: int, seed: int) -> None:
    """Grown by a pixel the mask covers less than 11 % of the image, so that a pipeline which
    refuses more takes it.
    """
    mask = VECTOR.render(seed, 256, step=step, scale=1).mask
    assert mask is not None
    assert ndimage.binary_dilation(mask > 0.02, np.ones((3, 3), bool)).mean() < 0.11


@pytest.mark.parametrize("step", STEPS)
def test_everywhere(step: int) -> None:
    """Each quarter of the picture holds a part of the pattern, and the free border holds none."""
    overlay = VECTOR.render(1, 256, step=step).overlay
    assert overlay.reshape(2, 128, 2, 128).any(axis=(1, 3)).all()
    inner = overlay[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    assert np.count_nonzero(inner) == np.count_nonzero(overlay)


@pytest.mark.parametrize("step", STEPS)
def test_one_box_a_mark(step: int) -> None:
    """Every covered pixel lies in the box of a mark."""
    scene = VECTOR.render(2, 256, step=step)
    outside = scene.overlay.copy()
    for box in scene.truth:
        outside[box.y0 : box.y1, box.x0 : box.x1] = 0
    assert len(scene.truth) >= 4
    assert not outside.any()


def test_ladder_gets_harder() -> None:
    """From rung to rung the lettering gets fainter, down to a fifth of the first."""
    strongest = [float(VECTOR.render(0, 256, step=step).overlay.max()) for step in STEPS]
    assert strongest == sorted(strongest, reverse=True)
    assert strongest[-1] == pytest.approx(0.2 * strongest[0], rel=0.1)


def test_ink_stands_out() -> None:
    """The lettering is white, but black on a picture too light for white."""
    luma = [float(VECTOR.render(seed, 64, step=1).clean.mean()) for seed in range(12)]
    white = [bool(VECTOR.render(seed, 64, step=1).overlay_rgb.max() > 0.5) for seed in range(12)]
    assert all(is_white for level, is_white in zip(luma, white, strict=True) if level < 0.6)
    assert any(white)
