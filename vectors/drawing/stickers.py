"""A plain round sticker: the overlay of families whose difficulty lies elsewhere."""

from __future__ import annotations

import numpy as np

from editproof.vectors.drawing.layers import Layer, Rgb, shape_patch
from editproof.vectors.drawing.shapes import disc, star

STICKERS: tuple[Rgb, ...] = (
    (206, 40, 48),
    (26, 84, 168),
    (20, 122, 82),
    (196, 96, 16),
    (112, 44, 130),
)
RIM_RGB: Rgb = (250, 250, 246)
MARGIN_PX = 6
"""Free border, input pixels: room for the ring around the edit."""
MAX_SHARE = 0.25
"""Largest diameter as a share of the image's edge."""


def sticker_px(diameter_px: float, size: int) -> float:
    """The diameter to draw in an image of `size` input pixels: at most MAX_SHARE of its edge."""
    return min(diameter_px, MAX_SHARE * size)


def sticker_place(rng: np.random.Generator, diameter_px: float, size: int) -> tuple[float, float]:
    """A centre (y, x) in input pixels, anywhere that leaves the border free."""
    reach_px = diameter_px / 2 + MARGIN_PX
    y_px, x_px = rng.uniform(reach_px, size - reach_px, 2)
    return float(y_px), float(x_px)


def sticker(
    rng: np.random.Generator, diameter_px: float, *, y_px: float, x_px: float, scale: int
) -> list[Layer]:
    """A white disc, a coloured one on it, and a white star; the first layer is the whole
    outline.
    """
    radius_px = diameter_px / 2
    parts = (
        (disc(radius_px), RIM_RGB),
        (disc(0.86 * radius_px), STICKERS[rng.integers(len(STICKERS))]),
        (star(0.58 * radius_px, points=5, inner=0.42), RIM_RGB),
    )
    return [
        Layer(
            shape_patch(
                distance, y_px=y_px, x_px=x_px, reach_px=radius_px + 1 / scale, scale=scale
            ),
            rgb,
        )
        for distance, rgb in parts
    ]
