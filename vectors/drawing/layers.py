"""Text and shapes as antialiased coverage, and layers laid over one another.

Geometry is given in input pixels and drawn at `scale` output pixels per input pixel. So a drawing
at another scale is the same drawing, only finer. A sample is the share of the pixel's area that is
covered. So the area average of a drawing equals the drawing at the lower resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageChops, ImageDraw, ImageFont

from editproof.vectors.scene import Box, Mask

Plane = npt.NDArray[np.float64]
"""H×W: coordinates or distances in input pixels."""

Levels = npt.NDArray[np.uint8]
"""H×W or H×W×3 in 0 to 255: what an 8-bit file holds."""

Rgb = tuple[int, int, int]
"""sRGB-encoded, 0 to 255."""

Distance = Callable[[Plane, Plane], Plane]
"""Signed distance in input pixels, negative inside, at offsets (y, x) in input pixels from the
shape's centre.
"""

Weight = Literal["thin", "light", "regular", "bold"]
Face = Literal["roboto", "han"]

FONTS = Path(__file__).parents[1] / "fonts"
CAPITAL_EM = 1456 / 2048
"""Height of a capital letter in ems: the sCapHeight of all Roboto weights."""
DESCENT_EM = 0.25
"""Room below the baseline in ems; Roboto's lowest letter reaches 0.21."""
LARGE_DOTS = 160
"""Font size above which drawn words are not kept; a kept one takes 0.1 MB or so."""
CAPITAL_SAMPLES = 48
"""Samples across a capital from which on hinting no longer moves a stroke visibly."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """A family of fonts, one file a weight. What is said of capitals holds for Chinese characters,
    too.
    """

    file: str
    """Name of its files, with a place for the weight."""
    capital_em: float
    """Height of a capital in ems."""
    foot_em: float
    """How far a capital reaches below the baseline, in ems."""


TYPEFACES: Mapping[Face, Typeface] = {
    "roboto": Typeface("Roboto-{}.ttf", capital_em=CAPITAL_EM, foot_em=0.0),
    "han": Typeface(
        "NotoSansCJKtc-{}.otf", capital_em=0.9, foot_em=0.08
    ),  # means of the characters in the files
}
"""Roboto writes Latin, Greek and Cyrillic; the other file holds the Chinese characters of
`thin_text`, no more.
"""


@dataclass(frozen=True, slots=True)
class Lettering:
    """How a text is set."""

    weight: Weight
    height_px: float
    """Height of a capital letter, input pixels."""
    face: Face = "roboto"

    @property
    def em_px(self) -> float:
        """Size of the font, input pixels."""
        return self.height_px / TYPEFACES[self.face].capital_em


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation of what is drawn."""

    angle_deg: float
    """Counter-clockwise, -90 to 90."""
    y_px: float
    x_px: float
    """The point that stays, input pixels."""


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
    foot_rgb: Rgb | None = None
    """Colour at the patch's lower edge, where that is another: the layer then shades evenly from
    `rgb` down to it.
    """


@dataclass(frozen=True, slots=True)
class FlattenedLayers:
    """Layers flattened into one picture with alpha. Output."""

    alpha: Mask
    premultiplied: npt.NDArray[np.float32]
    """H×W×3 in [0, 1]: colour times alpha."""


def text_width(text: str, lettering: Lettering) -> float:
    """Advance width of `text` in input pixels."""
    return _advance_em(text, lettering.face, lettering.weight) * lettering.em_px


def text_patch(
    text: str,
    lettering: Lettering,
    *,
    y_px: float,
    x_px: float,
    scale: int,
    turn: Rotation | None = None,
) -> Patch:
    """Draw one line of text; (`y_px`, `x_px`) is the upper left corner of its first capital, in
    input pixels.

    A `turn` is made before the drawing is averaged down to output pixels, so that thin strokes stay
    thin.
    """
    fine = _oversampling(lettering.height_px * scale)
    dots = scale * fine
    em_dots = lettering.em_px * dots
    font = _font(lettering.face, lettering.weight, em_dots)
    foot_px = TYPEFACES[lettering.face].foot_em * lettering.em_px
    baseline, left = round((y_px + lettering.height_px - foot_px) * dots), round(x_px * dots)
    y0 = math.floor((baseline - em_dots) / fine)
    y1 = math.ceil((baseline + DESCENT_EM * em_dots) / fine)
    x0 = math.floor((left - 0.1 * em_dots) / fine)
    x1 = math.ceil((left + _length(text, font) + 0.1 * em_dots) / fine)
    canvas = Pil.new("L", ((x1 - x0) * fine, (y1 - y0) * fine))
    _write_line(canvas, text, font, x=left - x0 * fine, baseline=baseline - y0 * fine)
    if turn is not None:
        canvas, y0, x0 = _turn_canvas(canvas, y0, x0, turn, scale=scale, fine=fine)
    return Patch(np.asarray(canvas.reduce(fine)), y0, x0)


def shape_patch(
    distance: Distance,
    *,
    y_px: float,
    x_px: float,
    reach_px: float,
    scale: int,
    softness_px: float = 0.0,
) -> Patch:
    """Draw the inside of a shape centred on (`y_px`, `x_px`) that lies within `reach_px` of its
    centre.

    Coverage falls from 1 to 0 over `softness_px` input pixels, or one output pixel where that is
    more.
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
    """(y0, x0, y1, x1) of what a patch covers, in output pixels, end-exclusive; ValueError where it
    covers nothing.
    """
    rows, columns = (
        np.flatnonzero(patch.coverage.any(axis=1)),
        np.flatnonzero(patch.coverage.any(axis=0)),
    )
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


def flatten_layers(layers: Sequence[Layer], shape: tuple[int, int]) -> FlattenedLayers:
    """Lay `layers` over one another, first below, in an image of height and width `shape`; what
    lies outside is cut.
    """
    alpha = np.zeros(shape, np.float32)
    premultiplied = np.zeros((*shape, 3), np.float32)
    for layer in layers:
        patch = layer.patch
        height, width = patch.coverage.shape
        y0, x0 = max(patch.y, 0), max(patch.x, 0)
        y1, x1 = min(patch.y + height, shape[0]), min(patch.x + width, shape[1])
        if y0 >= y1 or x0 >= x1:
            continue
        here = np.s_[y0:y1, x0:x1]
        over = patch.coverage[
            y0 - patch.y : y1 - patch.y, x0 - patch.x : x1 - patch.x
        ] * np.float32(layer.opacity / 255)
        colour = _colour(layer)[y0 - patch.y : y1 - patch.y]
        free = 1 - over
        alpha[here] += over * (1 - alpha[here])
        for channel in range(3):  # several times quicker than to broadcast over the channels
            plane = premultiplied[..., channel][here]
            plane *= free
            plane += over * colour[..., channel]
    return FlattenedLayers(alpha, premultiplied)


def _colour(layer: Layer) -> npt.NDArray[np.float32]:
    """Colour of each of the layer's rows, H×1×3 in [0, 1]."""
    height = layer.patch.coverage.shape[0]
    head, foot = (
        np.array(rgb, np.float32) / np.float32(255)
        for rgb in (layer.rgb, layer.foot_rgb or layer.rgb)
    )
    share = (np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(height)
    return (head + share[:, None] * (foot - head))[:, None]


def _turn_canvas(
    canvas: Pil.Image, y0: int, x0: int, turn: Rotation, *, scale: int, fine: int
) -> tuple[Pil.Image, int, int]:
    """Turn a canvas of `fine` dots per output pixel whose corner is (`y0`, `x0`); give it with its
    new corner.
    """
    angle = math.radians(turn.angle_deg)
    cosine, sine = math.cos(angle), math.sin(angle)
    pivot_y, pivot_x = turn.y_px * scale, turn.x_px * scale
    across = np.array([x0, x0 + canvas.width / fine])[None, :] - pivot_x
    down = np.array([y0, y0 + canvas.height / fine])[:, None] - pivot_y
    columns, rows = pivot_x + cosine * across + sine * down, pivot_y - sine * across + cosine * down
    left, top = math.floor(columns.min()), math.floor(rows.min())
    right, bottom = math.ceil(columns.max()), math.ceil(rows.max())
    from_x = pivot_x + cosine * (left - pivot_x) - sine * (top - pivot_y) - x0
    from_y = pivot_y + sine * (left - pivot_x) + cosine * (top - pivot_y) - y0
    matrix = (cosine, -sine, from_x * fine, sine, cosine, from_y * fine)
    size = (right - left) * fine, (bottom - top) * fine
    return canvas.transform(size, Pil.Transform.AFFINE, matrix, Pil.Resampling.BILINEAR), top, left


@lru_cache(maxsize=2048)
def _advance_em(text: str, face: Face, weight: Weight) -> float:
    return _length(text, _font(face, weight, 256.0)) / 256


def _write_line(
    canvas: Pil.Image, text: str, font: ImageFont.FreeTypeFont, *, x: int, baseline: int
) -> None:
    """Write a line of text; its words are drawn once and kept, unless they are large.

    That gives the pixels of the line drawn at once: every letter starts at a whole dot, and where
    two meet the more opaque one counts.
    """
    if font.size > LARGE_DOTS:
        ImageDraw.Draw(canvas).text((x, baseline), text, fill=255, font=font, anchor="ls")
        return
    margin = math.ceil(font.size)
    for word in text.split(" "):
        piece = _word(word, font)
        box = (
            x - margin,
            baseline - margin,
            x - margin + piece.width,
            baseline - margin + piece.height,
        )
        canvas.paste(ImageChops.lighter(canvas.crop(box), piece), box)
        x += int(_length(f"{word} ", font))


@lru_cache(maxsize=256)
def _word(word: str, font: ImageFont.FreeTypeFont) -> Pil.Image:
    """A word that starts on its baseline one em from the left and the top of its canvas."""
    margin = math.ceil(font.size)
    canvas = Pil.new("L", (math.ceil(_length(word, font)) + 2 * margin, 2 * margin))
    ImageDraw.Draw(canvas).text((margin, margin), word, fill=255, font=font, anchor="ls")
    return canvas


def _length(text: str, font: ImageFont.FreeTypeFont) -> float:
    """Advance width of a text in dots. Nothing is kerned, so it is the sum of its letters', which
    are kept.
    """
    return sum(_advance(letter, font) for letter in text)


@lru_cache(maxsize=8192)
def _advance(letter: str, font: ImageFont.FreeTypeFont) -> float:
    return font.getlength(letter)


@lru_cache(maxsize=256)
def _font(face: Face, weight: Weight, em_px: float) -> ImageFont.FreeTypeFont:
    path = FONTS / TYPEFACES[face].file.format(weight.capitalize())
    return ImageFont.truetype(path, em_px, layout_engine=ImageFont.Layout.BASIC)


def _oversampling(height_px: float) -> int:
    """Samples per output pixel, a power of two, for capitals `height_px` output pixels high."""
    return next((fine for fine in (4, 8) if height_px * fine >= CAPITAL_SAMPLES), 16)
