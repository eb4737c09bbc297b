"""Family `colour_chart`: a sticker among colour patches, none of which may change.

The chart is our own. It has hues along its columns, tones along its rows, and a row of greys. The
patches are then shuffled, so that neighbours differ. The outermost input pixel of a patch is not
protected. So the region measures drift of hue and tone, not the blur that enlarging lays over any
border.
"""

from __future__ import annotations

import colorsys

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Rgb, patch_box
from editproof.vectors.drawing.stickers import sticker
from editproof.vectors.scene import Box, Mask, Param, Scene, Vector

STICKER_PX = 24
"""Diameter of the sticker, input pixels; less where the image is too small."""
GAP = 0.25
"""Gap between patches, as a share of their edge; at least 2 input pixels."""
MAX_ACROSS = 12
"""Most patches along an edge of the chart."""
SMALLEST = 6
"""A patch is at most one in so many parts of the image's edge, so that several fit."""
MARGIN_PX = 4
"""Free border of the image, input pixels."""
GREYS = 6
"""One patch in so many is grey."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    patch_px: int,
    free_px: float,
    saturation: float,
    tone: float,
    ground: str,
) -> Scene:
    """Draw a chart around a sticker in the middle of a card; the patches are the features to
    protect.
    """
    rng = np.random.default_rng((seed, 42))
    clean = draw_ground(ground, seed, size * scale, scale)
    wide_px = min(STICKER_PX, 0.22 * size)
    y_px, x_px = (float(at) for at in size / 2 + rng.uniform(-0.06, 0.06, 2) * size)
    layers = sticker(rng, wide_px, y_px=y_px, x_px=x_px, scale=scale)
    edge_px = min(patch_px, size // SMALLEST)
    corners = _corners(
        size, edge_px, centre=(y_px, x_px), free_px=wide_px / 2 + min(free_px, 0.07 * size)
    )
    colours = _colours(rng, len(corners), saturation=saturation, tone=tone)
    protect: Mask = np.zeros(clean.shape[:2], np.float32)
    for (y0, x0), rgb in zip(corners, colours, strict=True):
        clean[y0 * scale : (y0 + edge_px) * scale, x0 * scale : (x0 + edge_px) * scale] = rgb
        protect[
            (y0 + 1) * scale : (y0 + edge_px - 1) * scale,
            (x0 + 1) * scale : (x0 + edge_px - 1) * scale,
        ] = 1
    facts: dict[str, Param] = {
        "patch_px": patch_px,
        "free_px": free_px,
        "saturation": saturation,
        "tone": tone,
    }
    return compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the sticker, keep every colour",
            mask_given=True,
            metadata={"family": "colour_chart", "ground": ground, **facts},
        ),
        truth=(
            patch_box("sticker", "sticker", layers[0].patch, scale),
            *(
                Box(
                    "colour", "#{:02x}{:02x}{:02x}".format(*rgb), y0, x0, y0 + edge_px, x0 + edge_px
                )
                for (y0, x0), rgb in zip(corners, colours, strict=True)
            ),
        ),
        protect={"patches": protect},
    )


def _corners(
    size: int, patch_px: int, *, centre: tuple[float, float], free_px: float
) -> list[tuple[int, int]]:
    """Upper left corners of the patches in input pixels: those of a square chart that keep
    `free_px` from `centre`.
    """
    pitch_px = patch_px + max(2, round(GAP * patch_px))
    gap_px = pitch_px - patch_px
    across = min(MAX_ACROSS, (size - 2 * MARGIN_PX + gap_px) // pitch_px)
    edge_px = across * pitch_px - gap_px
    tops, lefts = (
        [
            min(max(round(at - edge_px / 2), MARGIN_PX), size - MARGIN_PX - edge_px) + k * pitch_px
            for k in range(across)
        ]
        for at in centre
    )
    near_y, near_x = (
        {edge for edge in edges if edge - free_px < at < edge + patch_px + free_px}
        for edges, at in ((tops, centre[0]), (lefts, centre[1]))
    )
    return [(y0, x0) for y0 in tops for x0 in lefts if y0 not in near_y or x0 not in near_x]


def _colours(rng: np.random.Generator, count: int, *, saturation: float, tone: float) -> list[Rgb]:
    """`count` colours in random order: every hue in every tone, and greys from dark to light."""
    greys = -(-count // GREYS)
    hued = count - greys
    hues = (np.arange(hued) * 0.618034 + rng.uniform()) % 1
    tones = 0.5 + tone * (np.linspace(0, 1, max(hued, 2))[:hued] - 0.5)
    ramp = 0.5 + tone * (np.linspace(0, 1, max(greys, 2))[:greys] - 0.5)
    colours = [
        colorsys.hls_to_rgb(hue, light, saturation) for hue, light in zip(hues, tones, strict=True)
    ]
    colours += [(light, light, light) for light in ramp]
    table = np.rint(np.array(colours) * 255).astype(int)[rng.permutation(count)]
    return [(int(red), int(green), int(blue)) for red, green, blue in table]


VECTOR = Vector(
    family="colour_chart",
    about=(
        "A sticker lies among patches of known hue and tone. Its mask is given. Some pipelines"
        " change the whole frame: by a latent space, a colour match or a second colour space."
        " Such a change shifts the most saturated, darkest and lightest patches first. A"
        " photograph would hide it."
    ),
    damage="patches that changed hue or tone, most at the edge of the gamut",
    units={
        "patch_px": "edge of a colour patch, input pixels; at most a sixth of the image's edge",
        "free_px": (
            "least distance from the sticker to a patch, input pixels; at most 0.07 of the image's"
            " edge"
        ),
        "saturation": "HSL saturation of the hued patches, 0 to 1; 1 is the edge of the sRGB gamut",
        "tone": "range of HSL lightness that the patches span, 0 to 1; 1 is from black to white",
        "ground": "background card, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"patch_px": 28, "free_px": 16.0, "saturation": 0.4, "tone": 0.3, "ground": "plain"},
        {"patch_px": 21, "free_px": 12.0, "saturation": 0.6, "tone": 0.5, "ground": "gradient"},
        {"patch_px": 15, "free_px": 8.0, "saturation": 0.8, "tone": 0.7, "ground": "paper"},
        {"patch_px": 9, "free_px": 4.0, "saturation": 0.95, "tone": 0.85, "ground": "fibres"},
        {"patch_px": 6, "free_px": 2.0, "saturation": 1.0, "tone": 0.96, "ground": "fabric"},
    ),
    draw=draw,
    version=2,
)
