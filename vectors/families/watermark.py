"""Family `watermark`: a slanted pattern of faint lettering over the whole picture, its mask
given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from editproof.vectors.drawing.composition import Brief, compose, luminance
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import (
    CAPITAL_EM,
    FONTS,
    Layer,
    Lettering,
    Levels,
    Patch,
    Rgb,
    Weight,
    patch_box,
    text_width,
)
from editproof.vectors.scene import Param, Scene, Vector

NAMES = ("stockroom", "pixelhaus", "Hanami Press", "imagedepot", "Studio Nord", "photo vault")
WHITE, BLACK = (252, 252, 252), (10, 10, 12)
LIGHT = 178
"""Luma above which white lettering is lost and black is used."""
MARGIN_PX = 3
"""Free border, input pixels: the pattern is cut there."""
SLANT_DEG = (22.0, 38.0)
MAX_HEIGHT = 0.12
"""Largest height of a capital, as a share of the image's edge."""
MAX_SPACING = 0.43
"""Largest distance between rows, as a share of the image's edge."""
DOTS_PX = 8
"""Samples per input pixel, at least, before the mark is averaged down."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    alpha: float,
    spacing_px: int,
    height_px: int,
    weight: Weight,
    ground: str,
) -> Scene:
    """Repeat one mark, a ring and a name, on a slanted lattice over the whole picture."""
    rng = np.random.default_rng((seed, 15))
    clean = draw_ground(ground, seed, size * scale, scale)
    slant_deg = float(rng.uniform(*SLANT_DEG))
    name = NAMES[rng.integers(len(NAMES))]
    lettering = Lettering(weight, min(float(height_px), MAX_HEIGHT * size))
    mark = _mark(name, lettering, slant_deg=slant_deg, scale=scale)
    row_px = min(float(spacing_px), MAX_SPACING * size)
    pitch_px = text_width(name, lettering) + 1.5 * lettering.height_px + 0.8 * row_px
    marks = _repeat_mark(
        rng,
        mark,
        spacing=(row_px * scale, pitch_px * scale),
        slant_deg=slant_deg,
        size_px=size * scale,
    )
    patches = [
        patch
        for patch in (_cut_patch(mark, size * scale, MARGIN_PX * scale) for mark in marks)
        if patch is not None
    ]
    facts: dict[str, Param] = {
        "alpha": alpha,
        "spacing_px": spacing_px,
        "height_px": height_px,
        "weight": weight,
    }
    return compose(
        clean,
        [Layer(_sheet(patches, size * scale), _ink(clean))],
        scale=scale,
        brief=Brief(
            "remove the watermark",
            mask_given=True,
            metadata={"family": "watermark", "ground": ground, **facts},
        ),
        truth=tuple(patch_box("watermark", name, patch, scale) for patch in patches),
        opacity=alpha,
    )


def _ink(clean: Levels) -> Rgb:
    """White, or black on a light picture."""
    sparse = clean[::4, ::4]
    return BLACK if luminance(sparse, Patch(sparse[..., 0], 0, 0)) > LIGHT else WHITE


def _mark(name: str, lettering: Lettering, *, slant_deg: float, scale: int) -> Patch:
    """A ring with a dot and the name beside it, turned; it lies around the origin."""
    fine = max(2, math.ceil(DOTS_PX / scale))
    height = lettering.height_px * scale * fine
    path = FONTS / f"Roboto-{lettering.weight.capitalize()}.ttf"
    font = ImageFont.truetype(path, height / CAPITAL_EM, layout_engine=ImageFont.Layout.BASIC)
    wide, high = math.ceil(font.getlength(name) + 2.2 * height), math.ceil(2 * height)
    canvas = Pil.new("L", (wide, high))
    pen = ImageDraw.Draw(canvas)
    line = max(round(height / (10 if lettering.weight == "light" else 24)), 1)
    top, left = 0.5 * height, 0.1 * height
    pen.ellipse((left, top, left + height, top + height), outline=255, width=line)
    pen.ellipse(
        (left + 0.36 * height, top + 0.36 * height, left + 0.64 * height, top + 0.64 * height),
        fill=255,
    )
    pen.text((left + 1.5 * height, 1.5 * height), name, fill=255, font=font, anchor="ls")
    turned = canvas.rotate(slant_deg, Pil.Resampling.BILINEAR, expand=True)
    coverage = np.asarray(turned.reduce(fine))
    return Patch(coverage, -coverage.shape[0] // 2, -coverage.shape[1] // 2)


def _repeat_mark(
    rng: np.random.Generator,
    mark: Patch,
    *,
    spacing: tuple[float, float],
    slant_deg: float,
    size_px: int,
) -> list[Patch]:
    """Copies of a mark in rows along the slant, every second row shifted by half, one of them near
    the middle.

    `spacing` is the pitch of rows and of marks in a row, output pixels.
    """
    angle = math.radians(slant_deg)
    row_pitch, mark_pitch = spacing
    shift_row, shift_mark = rng.uniform(-0.2, 0.2, 2) * size_px
    rows, marks = (math.ceil(size_px * 0.75 / pitch) + 1 for pitch in spacing)
    copies = []
    for row in range(-rows, rows + 1):
        for column in range(-marks, marks + 1):
            across = row * row_pitch + shift_row
            along = (column + 0.5 * (row % 2)) * mark_pitch + shift_mark
            y = size_px / 2 + across * math.cos(angle) - along * math.sin(angle)
            x = size_px / 2 + across * math.sin(angle) + along * math.cos(angle)
            copies.append(Patch(mark.coverage, mark.y + round(y), mark.x + round(x)))
    return copies


def _cut_patch(patch: Patch, size_px: int, margin: int) -> Patch | None:
    """What of a patch lies inside the margin, or None where that is next to nothing."""
    height, width = patch.coverage.shape
    y0, x0 = max(patch.y, margin), max(patch.x, margin)
    y1, x1 = min(patch.y + height, size_px - margin), min(patch.x + width, size_px - margin)
    if y0 >= y1 or x0 >= x1:
        return None
    inside = patch.coverage[y0 - patch.y : y1 - patch.y, x0 - patch.x : x1 - patch.x]
    return Patch(inside, y0, x0) if inside.any() else None


def _sheet(patches: Sequence[Patch], size_px: int) -> Patch:
    """All copies as one patch; marks do not overlap, so one layer is as good as many and far
    quicker to lay.
    """
    coverage = np.zeros((size_px, size_px), np.uint8)
    for patch in patches:
        height, width = patch.coverage.shape
        here = coverage[patch.y : patch.y + height, patch.x : patch.x + width]
        np.maximum(here, patch.coverage, out=here)
    return Patch(coverage, 0, 0)


VECTOR = Vector(
    family="watermark",
    about=(
        "A stock library's slanted watermark repeats over the whole picture. Its mask is given."
        " Thousands of thin, faint strokes leave no quiet corner to copy from. A fill that pads"
        " them repaints the picture. A fill that trims them leaves the pattern, which the eye"
        " finds by its regularity."
    ),
    damage=(
        "the pattern still legible as a ghost grid, or fine texture smoothed away in a grid of"
        " smears"
    ),
    units={
        "alpha": "opacity of the lettering, 0 to 1",
        "spacing_px": (
            "distance between rows of marks, input pixels; at most 0.43 of the image's edge."
            " The gap between marks of a row is 0.8 times as large"
        ),
        "height_px": "height of a capital letter, input pixels; at most 0.12 of the image's edge",
        "weight": (
            "font weight of Roboto: thin (a stroke is 1/27 of a capital's height) or light (1/12)"
        ),
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"alpha": 0.6, "spacing_px": 108, "height_px": 20, "weight": "light", "ground": "gradient"},
        {"alpha": 0.45, "spacing_px": 98, "height_px": 18, "weight": "light", "ground": "coffee"},
        {"alpha": 0.3, "spacing_px": 86, "height_px": 16, "weight": "thin", "ground": "astronaut"},
        {"alpha": 0.2, "spacing_px": 78, "height_px": 13, "weight": "thin", "ground": "brick"},
        {"alpha": 0.12, "spacing_px": 68, "height_px": 10, "weight": "thin", "ground": "grass"},
    ),
    draw=draw,
)
