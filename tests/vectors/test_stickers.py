"""Stickers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from editproof.vectors.drawing.layers import flatten_layers, patch_box
from editproof.vectors.drawing.stickers import MARGIN_PX, sticker, sticker_place, sticker_px


@pytest.mark.parametrize("scale", [1, 2])
def test_outline(scale: int) -> None:
    """All of a sticker lies in its first layer, a disc of the diameter asked for."""
    layers = sticker(np.random.default_rng(0), 30.0, y_px=40.0, x_px=32.5, scale=scale)
    whole, first = (
        flatten_layers(part, (80 * scale, 80 * scale)).alpha.sum() / scale**2
        for part in (layers, layers[:1])
    )
    assert whole == pytest.approx(first, rel=1e-3)
    assert first == pytest.approx(math.pi * 15**2, rel=0.01)


@pytest.mark.parametrize("size", [64, 256])
def test_place(size: int) -> None:
    """At every place the border stays free, however large a sticker is asked for."""
    rng = np.random.default_rng(0)
    wide_px = sticker_px(1000.0, size)
    for _ in range(50):
        y_px, x_px = sticker_place(rng, wide_px, size)
        box = patch_box(
            "sticker", "", sticker(rng, wide_px, y_px=y_px, x_px=x_px, scale=1)[0].patch, 1
        )
        assert min(box.y0, box.x0) >= MARGIN_PX - 1
        assert max(box.y1, box.x1) <= size - MARGIN_PX + 1
