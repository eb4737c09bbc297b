"""Family logo."""

from __future__ import annotations

import pytest

from vectors import get
from vectors.logo import draw

VECTOR = get("logo")


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
        draw(1, 256, 2, design="seal", diameter_px=68, opacity=1.0, glow_px=glow_px, ground="plain").overlay
        for glow_px in (0.0, 6.0)
    )
    partial = [int(((alpha > 0.02) & (alpha < 0.98)).sum()) for alpha in (hard, soft)]
    assert partial[1] > 1.8 * partial[0]


def test_bad_design() -> None:
    """An unknown design raises and lists those that there are."""
    with pytest.raises(ValueError, match="monogram, star, seal"):
        draw(1, 64, 1, design="crest", diameter_px=20, opacity=1.0, glow_px=0.0, ground="plain")
