"""Family `shadow_edge`: a sticker across the edge of a shadow, which must run on through the fill;
its mask is given.
"""

from __future__ import annotations

import math

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Layer, Levels, Plane, Rgb, patch_box, shape_patch
from editproof.vectors.drawing.shapes import blob
from editproof.vectors.scene import Scene, Vector

STICKERS: tuple[Rgb, ...] = ((240, 196, 40), (214, 60, 92), (52, 152, 118), (70, 110, 210))
ROUGHNESS = 0.12
MAX_RADIUS = 0.14
"""Largest radius of the sticker, as a share of the image's edge: it covers 6 % of the image."""
MARGIN_PX = 6
"""Free border, input pixels: room for the ring around the edit."""
TINT = (1.0, 0.94, 0.82)
"""How deep a shadow is by channel: it is lit by the sky alone and so turns blue."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    penumbra_px: float,
    contrast: float,
    sway_px: float,
    radius_px: int,
    ground: str,
) -> Scene:
    """Cast a shadow over half of a ground, its edge swaying by `sway_px`, and stick a blob on the
    edge.
    """
    rng = np.random.default_rng((seed, 18))
    lit = draw_ground(ground, seed, size * scale, scale)
    mean_px = min(float(radius_px), MAX_RADIUS * size)
    reach_px = mean_px * (1 + ROUGHNESS) + 1
    centre = rng.uniform(0.38, 0.62, 2) * size
    distance = _edge(
        rng, tuple(centre.tolist()), size=size, scale=scale, sway_px=min(sway_px, 0.05 * size)
    )
    sticker = shape_patch(
        blob(mean_px, seed=seed, roughness=ROUGHNESS),
        y_px=centre[0],
        x_px=centre[1],
        reach_px=reach_px,
        scale=scale,
    )
    facts = {
        "penumbra_px": penumbra_px,
        "contrast": contrast,
        "sway_px": sway_px,
        "radius_px": radius_px,
    }
    return compose(
        cast_shadow(lit, distance, penumbra_px=penumbra_px, contrast=contrast),
        [Layer(sticker, STICKERS[rng.integers(len(STICKERS))])],
        scale=scale,
        brief=Brief(
            "remove the sticker, keep the shadow",
            mask_given=True,
            metadata={"family": "shadow_edge", "ground": ground, **facts},
        ),
        truth=(patch_box("sticker", "sticker", sticker, scale),),
    )


def cast_shadow(lit: Levels, distance: Plane, *, penumbra_px: float, contrast: float) -> Levels:
    """Darken a picture where the signed distance from the shadow's edge, input pixels, is negative.

    `contrast` is the share of the encoded level that the umbra loses in red; across the penumbra it
    falls off smoothly.
    """
    ramp = np.clip(0.5 - distance / penumbra_px, 0.0, 1.0)
    loss = contrast * (ramp * ramp * (3 - 2 * ramp))
    channels = (np.rint(lit[..., channel] * (1 - loss * tint)) for channel, tint in enumerate(TINT))
    return np.stack([channel.astype(np.uint8) for channel in channels], axis=-1)


def _edge(
    rng: np.random.Generator, centre: tuple[float, ...], *, size: int, scale: int, sway_px: float
) -> Plane:
    """Signed distance, input pixels, from a line through `centre` that sways to both sides;
    negative in the shadow.
    """
    angle = rng.uniform(0, 2 * math.pi)
    at = (np.arange(size * scale) + 0.5) / scale
    y, x = (at - centre[0])[:, None], (at - centre[1])[None, :]
    distance, steep = x * math.cos(angle) + y * math.sin(angle), np.zeros((at.size, at.size))
    for length, share in ((0.55, 0.6), (0.21, 0.4)):
        turn = 2 * math.pi / (length * size)
        down, across = (
            turn * math.cos(angle) * y + rng.uniform(0, 2 * math.pi),
            turn * math.sin(angle) * x,
        )
        # The phase is down - across; by the addition theorems no sine has to be taken of every
        # pixel.
        rows, columns = (
            np.hstack([np.sin(down), np.cos(down)]),
            np.vstack([np.cos(across), np.sin(across)]),
        )
        distance -= share * sway_px * (rows * (1, -1)) @ columns
        steep += share * sway_px * turn * rows[:, ::-1] @ columns
    steep *= steep
    steep += 1
    distance /= np.sqrt(steep, out=steep)
    return distance


VECTOR = Vector(
    family="shadow_edge",
    about=(
        "A sticker lies across the edge of a shadow. Its mask is given. The fill must carry the"
        " edge through the hole at the right place, softness and depth. A smooth fill blurs the"
        " edge, and a patch copier breaks it into steps. A generative model often invents a new"
        " shape."
    ),
    damage=(
        "the shadow's edge bent, broken, blurred or doubled in the hole, or a grey patch between"
        " light and shade"
    ),
    units={
        "penumbra_px": "width of the shadow's edge from full light to full shade, input pixels",
        "contrast": "share of the encoded level that the shadow takes away, 0 to 1",
        "sway_px": (
            "how far the edge sways to either side of a straight line, input pixels; at most"
            " 0.05 of the image's edge"
        ),
        "radius_px": "mean radius of the sticker, input pixels; at most 0.14 of the image's edge",
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"penumbra_px": 40.0, "contrast": 0.2, "sway_px": 0.0, "radius_px": 16, "ground": "plain"},
        {"penumbra_px": 20.0, "contrast": 0.3, "sway_px": 0.0, "radius_px": 22, "ground": "paper"},
        {"penumbra_px": 8.0, "contrast": 0.4, "sway_px": 4.0, "radius_px": 28, "ground": "paper"},
        {"penumbra_px": 3.0, "contrast": 0.5, "sway_px": 8.0, "radius_px": 32, "ground": "brick"},
        {"penumbra_px": 1.0, "contrast": 0.6, "sway_px": 12.0, "radius_px": 35, "ground": "gravel"},
    ),
    draw=draw,
    version=2,
)
