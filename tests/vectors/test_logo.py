"""Family logo."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.families.logo import GLASS, draw

VECTOR = get_vector("logo")


@pytest.mark.parametrize("size", [64, 256, 512])
@pytest.mark.parametrize("step", range(1, len(VECTOR.ladder) + 1))
def test_share(size: int, step: int) -> None:
    """The logo covers less than 9 % of the image at every size."""
    assert 0.003 < VECTOR.render(1, size, step=step).edit.mean() < 0.09


def test_mask_of_opaque_logo() -> None:
    """The mask given for an opaque logo is its alpha, bit for bit."""
    scene = VECTOR.render(1, 256, step=2)
    assert scene.mask is not None
    assert (scene.mask == scene.overlay).all()


def test_mask_of_translucent_logo() -> None:
    """The mask given for a translucent logo is 1 inside, where the alpha is the opacity."""
    scene = VECTOR.render(1, 256, step=4)
    assert scene.mask is not None
    assert scene.mask.max() == 1
    assert scene.overlay.max() == pytest.approx(VECTOR.ladder[3]["opacity"], abs=1 / 255)


def test_glow_is_soft() -> None:
    """A glow gives the logo an edge of intermediate alphas several pixels wide."""
    hard, soft = (
        draw(
            1,
            256,
            2,
            design="seal",
            fill="flat",
            diameter_px=68,
            opacity=1.0,
            glow_px=glow_px,
            ground="plain",
        ).overlay
        for glow_px in (0.0, 6.0)
    )
    partial = [int(((alpha > 0.02) & (alpha < 0.98)).sum()) for alpha in (hard, soft)]
    assert partial[1] > 1.8 * partial[0]


def test_fills() -> None:
    """A flat fill is of one colour, a gradient gets darker downwards, and through a translucent one
    the ground is seen.
    """
    flat, gradient, glass = (
        draw(
            3,
            256,
            1,
            design="star",
            fill=fill,
            diameter_px=60,
            opacity=1.0,
            glow_px=0.0,
            ground="brick",
        )
        for fill in ("flat", "gradient", "translucent")
    )
    inside = flat.overlay == 1
    assert len(np.unique(flat.overlay_rgb[inside], axis=0)) == 1
    rows = np.flatnonzero(inside.any(axis=1))
    upper, lower = (gradient.overlay_rgb[row][inside[row]].mean() for row in (rows[3], rows[-4]))
    assert upper > lower + 0.15
    assert glass.overlay[inside] == pytest.approx(GLASS, abs=1 / 255)
    assert glass.mask is not None
    assert (glass.mask[inside] == 1).all()


def test_bad_design_or_fill() -> None:
    """An unknown design or fill raises and lists those that there are."""
    with pytest.raises(ValueError, match="monogram, star, seal"):
        draw(
            1,
            64,
            1,
            design="crest",
            fill="flat",
            diameter_px=20,
            opacity=1.0,
            glow_px=0.0,
            ground="plain",
        )
    with pytest.raises(ValueError, match="flat, gradient, translucent"):
        draw(
            1,
            64,
            1,
            design="star",
            fill="plaid",
            diameter_px=20,
            opacity=1.0,
            glow_px=0.0,
            ground="plain",
        )
