"""A printed page: rows of words in paragraphs, skewed, and darker in its corners."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as Pil

from editproof.vectors.drawing.layers import (
    Lettering,
    Levels,
    Patch,
    bounds,
    text_patch,
    text_width,
)
from editproof.vectors.drawing.textures import levels
from editproof.vectors.scene import Mask

WORDS = (
    "the",
    "survey",
    "of",
    "harbour",
    "lights",
    "was",
    "taken",
    "in",
    "spring",
    "and",
    "shows",
    "each",
    "station",
    "by",
    "its",
    "number",
    "with",
    "height",
    "above",
    "mean",
    "sea",
    "level",
    "as",
    "read",
    "on",
    "both",
    "days",
    "records",
    "before",
    "1931",
    "are",
    "kept",
    "at",
    "district",
    "office",
    "no",
    "copy",
    "may",
    "leave",
    "it",
    "unsigned",
)
MARGIN = 0.08
"""Free border of the page, as a share of the image's edge."""
PITCH = 2.1
"""Row pitch in capital heights."""
PARAGRAPH = 5
"""Rows of a paragraph."""
DARKER = 0.2
"""Share of light that the page's corners lack."""


def print_rows(
    rng: np.random.Generator, lettering: Lettering, *, size: int, scale: int
) -> list[tuple[str, Patch]]:
    """Rows of print from margin to margin; the last of a paragraph ends early, and an empty one
    follows it.
    """
    room_px, pitch_px = (1 - 2 * MARGIN) * size, PITCH * lettering.height_px
    wide = {word: text_width(f" {word}", lettering) for word in WORDS}
    rows = []
    for row in range(max(1, int((room_px - lettering.height_px) / pitch_px) + 1)):
        place = row % (PARAGRAPH + 1)
        if place == PARAGRAPH:
            continue
        text = _words(rng, wide, room_px * (0.6 if place == PARAGRAPH - 1 else 1.0))
        y_px = MARGIN * size + row * pitch_px
        rows.append((text, text_patch(text, lettering, y_px=y_px, x_px=MARGIN * size, scale=scale)))
    return rows


def shear_patch(patch: Patch, slope: float, size_px: int) -> Patch:
    """The patch with every column moved down by `slope` times its distance from the middle of the
    image.
    """
    if slope == 0:
        return patch
    height, width = patch.coverage.shape
    left, right = (slope * (x - size_px / 2) for x in (patch.x, patch.x + width))
    top = math.floor(min(left, right)) - 1
    tall = math.ceil(max(left, right)) + 1 - top + height
    matrix = (1.0, 0.0, 0.0, -slope, 1.0, top - left)
    sheared = Pil.fromarray(patch.coverage).transform(
        (width, tall), Pil.Transform.AFFINE, matrix, Pil.Resampling.BICUBIC
    )
    return Patch(np.asarray(sheared), patch.y + top, patch.x)


def mark_rows(rows: Sequence[Patch], slope: float, size_px: int, *, margin: int) -> Mask:
    """1 in the sheared box around the ink of each row, `margin` output pixels larger on every side.
    Output.
    """
    mask = np.zeros((size_px, size_px), np.float32)
    for row in rows:
        y0, x0, y1, x1 = bounds(row)
        columns = slice(max(x0 - margin, 0), x1 + margin)
        falls = slope * (np.arange(size_px)[columns] + 0.5 - size_px / 2)
        top, bottom = math.floor(y0 - margin + falls.min()), math.ceil(y1 + margin + falls.max())
        lines = slice(max(top, 0), bottom)
        level = np.arange(size_px)[lines, None] + 0.5 - falls
        mask[lines, columns][(level > y0 - margin) & (level < y1 + margin)] = 1
    return mask


def darken_corners(page: Levels) -> Levels:
    """Let the light fall off towards the corners with the square of the distance from the
    middle.
    """
    at = np.linspace(-1, 1, page.shape[0], dtype=np.float32) ** 2
    return levels(page * (1 - np.float32(DARKER / 2) * (at[:, None] + at[None, :]))[..., None])


def _words(rng: np.random.Generator, wide: Mapping[str, float], room_px: float) -> str:
    """Words in random order that together are at most `room_px` wide: at least one."""
    names, left_px = list(wide), room_px
    words: list[str] = []
    while not words or left_px > 0:
        words.append(names[rng.integers(len(names))])
        left_px -= wide[words[-1]]
    return " ".join(words if left_px >= 0 or len(words) == 1 else words[:-1])
