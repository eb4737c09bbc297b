"""Text and shapes as antialiased coverage, and layers laid over one another.

Geometry is given in input pixels and drawn at `scale` output pixels per input pixel, so the same drawing at another
scale is the same drawing, only finer. A sample is the share of the pixel's area that is covered, which makes the
area average of a drawing equal to the drawing at the lower resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from vectors.scene import Box, Mask

Plane = npt.NDArray[np.float64]
"""H×W: coordinates or distances in input pixels."""

Levels = npt.NDArray[np.uint8]
"""H×W or H×W×3 in 0 to 255: what an 8-bit file holds."""

Rgb = tuple[int, int, int]
"""sRGB-encoded, 0 to 255."""

Distance = Callable[[Plane, Plane], Plane]
"""Signed distance in input pixels, negative inside, at offsets (y, x) in input pixels from the shape's centre."""

Weight = Literal["thin", "light", "regular", "bold"]

FONTS = Path(__file__).parent / "fonts"
CAPITAL_EM = 1456 / 2048
"""Height of a capital letter in ems: the sCapHeight of all Roboto weights."""
DESCENT_EM = 0.25
"""Room below the baseline in ems; Roboto's lowest letter reaches 0.21."""
CAPITAL_SAMPLES = 48
"""Samples across a capital from which on hinting no longer moves a stroke visibly."""


@dataclass(frozen=True, slots=True)
class Lettering:
    """How a text is set."""

    weight: Weight
    height_px: float
    """Height of a capital letter, input pixels."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Coverage of a part of the output image."""

    coverage: Levels
    """H×W: 255 is wholly covered."""
    y: int
    """Output row of its upper edge; may lie outside the image."""
    x: int
    """Output column of its left edge; may lie outside the image."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One colour laid through a patch."""

    patch: Patch
    rgb: Rgb
    opacity: float = 1.0
    """Alpha where the patch is wholly covered, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Flat:
    """Layers flattened into one picture with alpha. Output."""

    alpha: Mask
    premultiplied: npt.NDArray[np.float32]
    """H×W×3 in [0, 1]: colour times alpha."""


def text_width(text: str, lettering: Lettering) -> float:
    """Advance width of `text` in input pixels."""
    return _font(lettering.weight, 256.0).getlength(text) / 256 * lettering.height_px / CAPITAL_EM


def text_patch(text: str, lettering: Lettering, *, y_px: float, x_px: float, scale: int) -> Patch:
    """Draw one line of text; (`y_px`, `x_px`) is the upper left corner of its first capital, in input pixels."""
    fine = _oversampling(lettering.height_px * scale)
    dots = scale * fine
    em_dots = lettering.height_px * dots / CAPITAL_EM
    font = _font(lettering.weight, em_dots)
    baseline, left = round((y_px + lettering.height_px) * dots), round(x_px * dots)
    y0 = math.floor((baseline - em_dots) / fine)
    y1 = math.ceil((baseline + DESCENT_EM * em_dots) / fine)
    x0 = math.floor((left - 0.1 * em_dots) / fine)
    x1 = math.ceil((left + font.getlength(text) + 0.1 * em_dots) / fine)
    canvas = Pil.new("L", ((x1 - x0) * fine, (y1 - y0) * fine))
    ImageDraw.Draw(canvas).text((left - x0 * fine, baseline - y0 * fine), text, fill=255, font=font, anchor="ls")
    return Patch(np.asarray(canvas.reduce(fine)), y0, x0)


def shape_patch(
    distance: Distance, *, y_px: float, x_px: float, reach_px: float, scale: int, softness_px: float = 0.0
) -> Patch:
    """Draw the inside of a shape centred on (`y_px`, `x_px`) that lies within `reach_px` of its centre.

    Coverage falls from 1 to 0 over `softness_px` input pixels, or one output pixel where that is more.
    """
    y0, x0 = math.floor((y_px - reach_px) * scale), math.floor((x_px - reach_px) * scale)
    y1, x1 = math.ceil((y_px + reach_px) * scale), math.ceil((x_px + reach_px) * scale)
    y = ((np.arange(y0, y1) + 0.5) / scale - y_px)[:, None]
    x = ((np.arange(x0, x1) + 0.5) / scale - x_px)[None, :]
    edge_px = max(softness_px, 1 / scale)
    ramp = np.clip(0.5 - distance(y, x) / edge_px, 0.0, 1.0)
    if softness_px > 0:
        ramp = ramp * ramp * (3 - 2 * ramp)
    return Patch(np.rint(ramp * 255).astype(np.uint8), y0, x0)


def bounds(patch: Patch) -> tuple[int, int, int, int]:
    """(y0, x0, y1, x1) of what a patch covers, in output pixels, end-exclusive; ValueError where it covers nothing."""
    rows, columns = np.flatnonzero(patch.coverage.any(axis=1)), np.flatnonzero(patch.coverage.any(axis=0))
    if rows.size == 0:
        raise ValueError("the patch covers no pixel: draw it larger")
    return (
        patch.y + int(rows[0]),
        patch.x + int(columns[0]),
        patch.y + int(rows[-1]) + 1,
        patch.x + int(columns[-1]) + 1,
    )


def patch_box(kind: str, label: str, patch: Patch, scale: int) -> Box:
    """The input pixels that a patch covers, as a Box."""
    y0, x0, y1, x1 = bounds(patch)
    return Box(kind, label, y0 // scale, x0 // scale, -(-y1 // scale), -(-x1 // scale))


def flatten(layers: Sequence[Layer], size_px: int) -> Flat:
    """Lay `layers` over one another, first below, in an image of `size_px` output pixels; what lies outside is cut."""
    alpha = np.zeros((size_px, size_px), np.float32)
    premultiplied = np.zeros((size_px, size_px, 3), np.float32)
    for layer in layers:
        patch = layer.patch
        height, width = patch.coverage.shape
        y0, x0 = max(patch.y, 0), max(patch.x, 0)
        y1, x1 = min(patch.y + height, size_px), min(patch.x + width, size_px)
        if y0 >= y1 or x0 >= x1:
            continue
        here = np.s_[y0:y1, x0:x1]
        over = patch.coverage[y0 - patch.y : y1 - patch.y, x0 - patch.x : x1 - patch.x] * np.float32(
            layer.opacity / 255
        )
        colour = np.array(layer.rgb, np.float32) / np.float32(255)
        alpha[here] += over * (1 - alpha[here])
        premultiplied[here] *= (1 - over)[..., None]
        premultiplied[here] += over[..., None] * colour
    return Flat(alpha, premultiplied)


@lru_cache(maxsize=256)
def _font(weight: Weight, em_px: float) -> ImageFont.FreeTypeFont:
    path = FONTS / f"Roboto-{weight.capitalize()}.ttf"
    return ImageFont.truetype(path, em_px, layout_engine=ImageFont.Layout.BASIC)


def _oversampling(height_px: float) -> int:
    """Samples per output pixel, a power of two, for capitals `height_px` output pixels high."""
    return next((fine for fine in (4, 8) if height_px * fine >= CAPITAL_SAMPLES), 16)
