"""Text, shapes and layers."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.layers import (
    Layer,
    Lettering,
    Patch,
    Weight,
    bounds,
    flatten_layers,
    patch_box,
    shape_patch,
    text_patch,
    text_width,
)
from editproof.vectors.drawing.shapes import disc


@pytest.mark.parametrize("weight", ["thin", "light", "regular", "bold"])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_capital_height(weight: Weight, scale: int) -> None:
    """A capital is as high as asked, in input pixels, and stands where asked."""
    y0, _, y1, _ = bounds(text_patch("H", Lettering(weight, 20), y_px=30, x_px=10, scale=scale))
    assert abs(y0 - 30 * scale) <= 1
    assert abs(y1 - 50 * scale) <= 1


@pytest.mark.parametrize("height_px", [3.0, 6.0, 12.0, 28.0])
def test_text_at_two_scales(height_px: float) -> None:
    """Averaged down, a text drawn at scale 2 covers what it covers at scale 1, within 2 % of its
    ink.
    """
    lettering = Lettering("regular", height_px)
    inks = [
        text_patch("Hanami", lettering, y_px=8, x_px=9, scale=scale).coverage.sum() / scale**2
        for scale in (1, 2)
    ]
    assert inks[0] == pytest.approx(inks[1], rel=0.02)


def test_text_width() -> None:
    """The width asked for beforehand is the width drawn, within a pixel and the side bearings."""
    lettering = Lettering("light", 28)
    _, x0, _, x1 = bounds(text_patch("Hanami", lettering, y_px=8, x_px=9, scale=1))
    assert abs(x1 - x0 - text_width("Hanami", lettering)) < 6


def test_nothing_is_cut() -> None:
    """Descenders and round letters lie wholly inside the patch."""
    coverage = text_patch("Qgjpy(", Lettering("bold", 20), y_px=5, x_px=5, scale=2).coverage
    assert not (coverage[0].any())
    assert not (coverage[-1].any())
    assert not (coverage[:, 0].any())
    assert not (coverage[:, -1].any())


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_disc_area(scale: int) -> None:
    """The coverage of a disc sums to its area."""
    patch = shape_patch(disc(10.3), y_px=20.2, x_px=17.7, reach_px=12, scale=scale)
    assert patch.coverage.sum() / 255 / scale**2 == pytest.approx(np.pi * 10.3**2, rel=0.003)


def test_empty_patch() -> None:
    """A patch that covers nothing has no bounds and raises."""
    with pytest.raises(ValueError, match="covers no pixel"):
        bounds(Patch(np.zeros((4, 4), np.uint8), 0, 0))


def test_box_is_outward() -> None:
    """A box in input pixels holds every output pixel that is covered."""
    box = patch_box("logo", "dot", Patch(np.full((3, 3), 255, np.uint8), 5, 3), scale=2)
    assert (box.y0, box.x0, box.y1, box.x1) == (2, 1, 4, 3)


def test_over() -> None:
    """A half opaque layer over an opaque one mixes half and half; alpha stays 1."""
    full = Patch(np.full((4, 4), 255, np.uint8), 0, 0)
    flat = flatten_layers([Layer(full, (255, 0, 0)), Layer(full, (0, 0, 255), 0.5)], (4, 4))
    assert np.allclose(flat.alpha, 1)
    assert np.allclose(flat.premultiplied, [0.5, 0, 0.5])


def test_cut_at_the_edge() -> None:
    """What of a patch lies outside the image is cut, on every side."""
    full = Patch(np.full((4, 4), 255, np.uint8), -2, -3)
    far = Patch(np.full((4, 4), 255, np.uint8), 90, 90)
    flat = flatten_layers([Layer(full, (255, 255, 255)), Layer(far, (9, 9, 9))], (8, 8))
    assert flat.alpha.sum() == 2 * 1
