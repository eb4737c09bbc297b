"""Family `high_frequency`: a sticker on a pattern as fine as the pixels can hold, its mask
given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Levels, Plane, Rgb, patch_box
from editproof.vectors.drawing.stickers import sticker, sticker_place, sticker_px
from editproof.vectors.scene import Param, Scene, Vector

INKS: tuple[tuple[Rgb, Rgb], ...] = (
    ((32, 44, 70), (232, 228, 216)),
    ((92, 34, 40), (236, 218, 200)),
    ((24, 66, 60), (226, 232, 214)),
    ((60, 54, 50), (238, 236, 232)),
)
"""Dark and light lines."""
LEAVES: tuple[Rgb, ...] = (
    (70, 112, 48),
    (96, 138, 58),
    (128, 160, 72),
    (54, 92, 56),
    (158, 166, 84),
)
SHADE: Rgb = (18, 32, 20)
"""What shows between the leaves."""
TILE_PX = 256
"""Leaves are drawn on a square of so many input pixels, mirrored where the picture is larger."""
BAND = 0.45
"""Highest frequency of a harmonic, cycles per input pixel: a little below what the input can hold.
"""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    period_px: float,
    contrast: float,
    diameter_px: int,
    ground: str,
) -> Scene:
    """Fill the picture with a fine pattern, and put a sticker on it."""
    if ground not in PATTERNS:
        raise ValueError(f"no pattern is called {ground!r}; there are: {', '.join(PATTERNS)}")
    draw_ground(
        "plain", seed, size * scale, scale
    )  # a scale or an output size out of range raises there
    rng = np.random.default_rng((seed, 19))
    clean = _fade_contrast(PATTERNS[ground](rng, size * scale, scale, period_px), contrast)
    across_px = sticker_px(diameter_px, size)
    y_px, x_px = sticker_place(rng, across_px, size)
    layers = sticker(rng, across_px, y_px=y_px, x_px=x_px, scale=scale)
    facts: dict[str, Param] = {
        "period_px": period_px,
        "contrast": contrast,
        "diameter_px": diameter_px,
    }
    return compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the sticker, continue the pattern",
            mask_given=True,
            metadata={"family": "high_frequency", "ground": ground, **facts},
        ),
        truth=(patch_box("sticker", "sticker", layers[0].patch, scale),),
    )


def grating(rng: np.random.Generator, size_px: int, scale: int, period_px: float) -> Levels:
    """Straight lines at any angle that is not close to an axis."""
    across, _ = _rotate_axes(
        size_px, scale, math.radians(rng.uniform(20, 70) + 90 * rng.integers(2))
    )
    return _tint_wave(rng, _wave(across, period_px))


def rings(rng: np.random.Generator, size_px: int, scale: int, period_px: float) -> Levels:
    """Circles around a point in the picture: every direction, and so every way to alias, at
    once.
    """
    at = (np.arange(size_px) + 0.5) / scale
    y_px, x_px = rng.uniform(0.25, 0.75, 2) * size_px / scale
    return _tint_wave(rng, _wave(np.hypot((at - y_px)[:, None], (at - x_px)[None, :]), period_px))


def halftone(rng: np.random.Generator, size_px: int, scale: int, period_px: float) -> Levels:
    """The dots of a printed picture: a turned screen whose dots grow from light to shade."""
    across, along = _rotate_axes(size_px, scale, math.radians(rng.uniform(12, 33)))
    dots = (_wave(across, period_px) + _wave(along, period_px)) / 2
    tone = np.sin(across * (5 / size_px * scale) + rng.uniform(0, 6)) * np.cos(
        along * (4 / size_px * scale)
    )
    return _tint_wave(rng, 0.62 * dots + 0.38 * tone)


def weave(rng: np.random.Generator, size_px: int, scale: int, period_px: float) -> Levels:
    """Cloth in plain weave, laid a little askew: warp and weft of two colours, one thread a
    period.
    """
    dark, light = _inks(rng)
    across, along = _rotate_axes(size_px, scale, math.radians(rng.uniform(6, 20)))
    half_x, half_y = (np.cos(plane * (math.pi / period_px)) for plane in (across, along))
    above = np.clip(0.5 + 4 * half_x * half_y, 0, 1)
    warp, weft = (0.4 + 0.6 * half * half for half in (half_x, half_y))
    warp *= 0.72 + 0.28 * half_y * half_y
    weft *= 0.72 + 0.28 * half_x * half_x
    warp *= above
    weft *= 1 - above
    return _picture(
        warp * bright + weft * middle
        for bright, middle in zip(light, (dark + light) / 2, strict=True)
    )


def leaves(rng: np.random.Generator, size_px: int, scale: int, period_px: float) -> Levels:
    """A hedge: pointed leaves about a period wide, one over the other, those below in the shade."""
    tile_px = min(size_px, TILE_PX * scale)
    fine = 2 if tile_px <= 1024 else 1
    dots, edge_px = scale * fine, tile_px / scale
    count = math.ceil(2.4 * (edge_px / period_px) ** 2)
    middle, angle = rng.uniform(0, edge_px, (count, 1, 2)), rng.uniform(0, 2 * math.pi, count)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None]
    side = along[..., ::-1] * np.array([-1.0, 1.0])
    outline = np.array([(-1.0, 0.0), (-0.2, 0.5), (1.0, 0.0), (-0.2, -0.5)]) * period_px
    corners = (middle + outline[:, :1] * along + outline[:, 1:] * side) * dots
    light = np.linspace(0.45, 1.1, count) * rng.uniform(0.85, 1.15, count)
    colours = np.clip(
        np.array(LEAVES)[rng.integers(len(LEAVES), size=count)] * light[:, None], 0, 255
    ).astype(int)
    canvas = Pil.new("RGB", (tile_px * fine, tile_px * fine), SHADE)
    pen = ImageDraw.Draw(canvas)
    for leaf, colour in zip(corners.reshape(count, -1).tolist(), colours.tolist(), strict=True):
        pen.polygon(leaf, fill=tuple(colour))
    tile = np.asarray(canvas.reduce(fine))
    return np.pad(tile, ((0, size_px - tile_px), (0, size_px - tile_px), (0, 0)), mode="symmetric")


PATTERNS: Mapping[str, Callable[[np.random.Generator, int, int, float], Levels]] = {
    "grating": grating,
    "weave": weave,
    "leaves": leaves,
    "halftone": halftone,
    "rings": rings,
}


def _fade_contrast(picture: Levels, contrast: float) -> Levels:
    """The picture with every level moved towards its mean colour; at contrast 1 it stays as it
    is.
    """
    if contrast == 1:
        return picture
    sample = picture[::4, ::4].reshape(-1, 3)
    means = sample.sum(axis=0, dtype=np.int64) / len(sample)
    tables = [_levels(mean + contrast * (np.arange(256) - mean)) for mean in means]
    return np.stack([table[picture[..., channel]] for channel, table in enumerate(tables)], axis=-1)


def _rotate_axes(size_px: int, scale: int, angle: float) -> tuple[Plane, Plane]:
    """Coordinates in input pixels along two axes at right angles, turned by `angle`."""
    at = (np.arange(size_px) + 0.5) / scale
    y, x = at[:, None], at[None, :]
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _wave(distance: Plane, period_px: float) -> Plane:
    """A wave between about -1 and 1, as close to lines with sharp edges as the input can hold
    without aliasing.
    """
    phase = distance * (2 * math.pi / period_px)
    wave = np.cos(phase)
    for order, sign in ((3, -1), (5, 1)):
        if order / period_px < BAND:
            wave += sign / order * np.cos(order * phase)
    return wave


def _tint_wave(rng: np.random.Generator, wave: Plane) -> Levels:
    """From -1 to 1, from the dark ink to the light one."""
    dark, light = _inks(rng)
    share = 0.5 + 0.5 * np.clip(wave, -1, 1)
    return _picture(low + share * (high - low) for low, high in zip(dark, light, strict=True))


def _inks(rng: np.random.Generator) -> tuple[Plane, Plane]:
    dark, light = np.array(INKS[rng.integers(len(INKS))], np.float64)
    return dark, light


def _picture(channels: Iterable[Plane]) -> Levels:
    return np.stack([_levels(channel) for channel in channels], axis=-1)


def _levels(picture: Plane) -> Levels:
    rounded: Levels = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    return rounded


VECTOR = Vector(
    family="high_frequency",
    about=(
        "A sticker lies on lines, cloth, leaves or print dots, close to the finest that the"
        " input can hold. Its mask is given. The fill must continue the pattern in step. An"
        " upscaler or a resampling that aliases the fine lines shows moiré all over the picture."
    ),
    damage=(
        "lines out of step or smeared where the sticker was, or moiré, waves and jagged lines over"
        " the whole picture"
    ),
    units={
        "period_px": (
            "period of the pattern (line to line, thread to thread, dot to dot, or a leaf's"
            " width), input pixels; 2 is Nyquist"
        ),
        "contrast": "share of the pattern's full contrast, 0 to 1",
        "diameter_px": "diameter of the sticker, input pixels; at most 0.25 of the image's edge",
        "ground": (
            "pattern in the background: grating (straight lines), weave, leaves, halftone"
            " (print dots) or rings"
        ),
    },
    ladder=(
        {"period_px": 64.0, "contrast": 0.15, "diameter_px": 16, "ground": "grating"},
        {"period_px": 16.0, "contrast": 0.5, "diameter_px": 24, "ground": "weave"},
        {"period_px": 12.0, "contrast": 0.4, "diameter_px": 32, "ground": "leaves"},
        {"period_px": 3.2, "contrast": 1.0, "diameter_px": 46, "ground": "halftone"},
        {"period_px": 2.6, "contrast": 1.0, "diameter_px": 48, "ground": "grating"},
        {"period_px": 2.2, "contrast": 1.0, "diameter_px": 60, "ground": "rings"},
    ),
    draw=draw,
    version=2,
)
