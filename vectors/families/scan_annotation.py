"""Family `scan_annotation`: a scanned page with a mark of a pen, a stamp or a highlighter to
remove, its mask given.

The page is part of `clean`: its skew and its darker corners must stay. JPEG artefacts are not: they
belong to the scan, so `clean_input` is the page after JPEG, not the area average of `clean`, and
the mark is laid over that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from editproof.vectors.drawing.capture import degrade
from editproof.vectors.drawing.composition import Brief, compose, print_layers
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import (
    Distance,
    Layer,
    Lettering,
    Patch,
    Plane,
    Rgb,
    bounds,
    patch_box,
    shape_patch,
    text_patch,
    text_width,
)
from editproof.vectors.drawing.pages import (
    MARGIN,
    PITCH,
    darken_corners,
    mark_rows,
    print_rows,
    shear_patch,
)
from editproof.vectors.drawing.shapes import frame
from editproof.vectors.drawing.textures import levels, noise
from editproof.vectors.scene import Param, Scene, Vector

INK_RGB: Rgb = (34, 33, 36)
PEN_RGB: Rgb = (24, 58, 156)
HIGHLIGHTER_RGB: Rgb = (250, 226, 30)
STAMP_RGB: Rgb = (176, 30, 52)
STAMPS = ("PAID", "COPY", "VOID", "FILED")


@dataclass(frozen=True, slots=True)
class MarkPlacement:
    """Where a mark goes: its centre lies in the middle of a row of print. Input pixels."""

    y_px: float
    x_px: float
    half_px: float
    """Half the width of the mark."""
    height_px: float
    """Height of a capital of the print."""
    slope: float
    """Of the row: how far it falls for each pixel to the right."""
    margin_px: float
    """Width of the page's empty margin."""
    scale: int


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    mark: str,
    opacity: float,
    height_px: float,
    skew_deg: float,
    quality: int,
    ground: str,
) -> Scene:
    """Draw a page of print, slightly skewed, and one mark over it."""
    if mark not in MARKS:
        raise ValueError(f"no mark is called {mark!r}; there are: {', '.join(MARKS)}")
    rng = np.random.default_rng((seed, 46))
    sheet = draw_ground(ground, seed, size * scale, scale)
    slope = math.tan(math.radians(skew_deg)) * float(rng.choice([-1, 1]))
    rows = print_rows(rng, Lettering("regular", height_px), size=size, scale=scale)
    lines = [shear_patch(patch, slope, size * scale) for _, patch in rows]
    clean = darken_corners(print_layers(sheet, [Layer(line, INK_RGB, 0.92) for line in lines]))
    layers = MARKS[mark](
        rng, _place_mark(rng, rows, height_px=height_px, slope=slope, size=size, scale=scale)
    )
    facts: dict[str, Param] = {
        "mark": mark,
        "opacity": opacity,
        "height_px": height_px,
        "skew_deg": skew_deg,
    }
    return compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            f"remove the {mark}, keep the print",
            mask_given=True,
            metadata={"family": "scan_annotation", "ground": ground, "quality": quality, **facts},
        ),
        truth=(
            patch_box("annotation", mark, layers[0].patch, scale),
            *(
                patch_box("text", text, line, scale)
                for (text, _), line in zip(rows, lines, strict=True)
            ),
        ),
        opacity=opacity,
        protect={
            "print": mark_rows([patch for _, patch in rows], slope, size * scale, margin=scale)
        },
        capture=lambda seen: degrade(seen, rng, quality=quality),
    )


def _place_mark(
    rng: np.random.Generator,
    rows: list[tuple[str, Patch]],
    *,
    height_px: float,
    slope: float,
    size: int,
    scale: int,
) -> MarkPlacement:
    """The middle of a row in the middle of the page."""
    y0, _, y1, _ = bounds(_middle_row(rng, rows))
    x_px = float(rng.uniform(0.36, 0.6) * size)
    y_px = (y0 + y1) / 2 / scale + slope * (x_px - size / 2)
    return MarkPlacement(y_px, x_px, 0.2 * size, height_px, slope, MARGIN * size, scale)


def _middle_row(rng: np.random.Generator, rows: list[tuple[str, Patch]]) -> Patch:
    """One of the rows in the middle third of the page, the longer of two."""
    low = len(rows) // 3
    high = max(len(rows) - low, low + 1)
    first, second = (rows[int(rng.integers(low, high))][1] for _ in range(2))
    return first if first.coverage.shape[1] >= second.coverage.shape[1] else second


def _bar(rng: np.random.Generator, placement: MarkPlacement) -> list[Layer]:
    """A line of a pen down the left margin, beside a few rows and clear of them."""
    tall, wide_px = 0.6 * placement.half_px, min(rng.uniform(1.6, 2.2), 0.3 * placement.margin_px)
    sway_px, phase = 0.06 * placement.margin_px, rng.uniform(0, 2 * math.pi)

    def outline(y: Plane, x: Plane) -> Plane:
        away = np.abs(x - sway_px * np.sin(4 * y / tall + phase)) - wide_px / 2
        distance: Plane = np.maximum(away, np.abs(y) - tall)
        return distance

    return [
        _layer(outline, replace(placement, x_px=0.66 * placement.margin_px, half_px=tall), PEN_RGB)
    ]


def _circle(rng: np.random.Generator, placement: MarkPlacement) -> list[Layer]:
    """An ellipse of a pen around a few words."""
    wide, high = placement.half_px, min(1.5 * placement.height_px, 0.5 * placement.half_px)
    width_px = rng.uniform(1.6, 2.2)

    def outline(y: Plane, x: Plane) -> Plane:
        radius = np.maximum(np.hypot(y / high, x / wide), 1e-6)
        slope = np.maximum(np.hypot(y / high**2, x / wide**2), 1e-9)
        distance: Plane = np.abs(radius - 1) * radius / slope - width_px / 2
        return distance

    return [_layer(outline, placement, PEN_RGB)]


def _highlighter(rng: np.random.Generator, placement: MarkPlacement) -> list[Layer]:
    """A straight band over part of a row."""
    half_px = placement.height_px * rng.uniform(0.75, 0.95)
    return [
        _layer(
            lambda y, x: np.maximum(np.abs(y) - half_px, np.abs(x) - placement.half_px),
            placement,
            HIGHLIGHTER_RGB,
        )
    ]


def _stamp(rng: np.random.Generator, placement: MarkPlacement) -> list[Layer]:
    """A rubber stamp: a word in a frame, its ink uneven."""
    word = STAMPS[rng.integers(len(STAMPS))]
    per_height = text_width(word, Lettering("bold", 1.0))
    height_px = 1.7 * placement.half_px / (per_height + 0.8)
    border = frame(
        0.9 * height_px,
        placement.half_px - height_px * 0.1,
        corner_px=0.2 * height_px,
        width_px=0.12 * height_px,
    )
    left = placement.x_px - per_height * height_px / 2
    lettering = Lettering("bold", height_px)
    letters = text_patch(
        word, lettering, y_px=placement.y_px - height_px / 2, x_px=left, scale=placement.scale
    )
    layers = [_layer(border, placement, STAMP_RGB), Layer(letters, STAMP_RGB)]
    return [Layer(_wear_ink(rng, layer.patch, placement.scale), layer.rgb) for layer in layers]


def _scribble(rng: np.random.Generator, placement: MarkPlacement) -> list[Layer]:
    """A thick pen to and fro over three rows, so densely that nothing is left to be read
    beneath.
    """
    swing_px, turn = (
        min(1.5 * PITCH * placement.height_px, 0.6 * placement.half_px),
        2 * math.pi / (0.22 * placement.half_px),
    )
    phase, width_px = rng.uniform(0, 2 * math.pi), 0.07 * placement.half_px

    def outline(y: Plane, x: Plane) -> Plane:
        angle = turn * x + phase
        away = np.abs(y - swing_px * np.sin(angle)) / np.hypot(1.0, swing_px * turn * np.cos(angle))
        distance: Plane = np.maximum(away - width_px / 2, np.abs(x) - placement.half_px)
        return distance

    return [_layer(outline, placement, PEN_RGB)]


MARKS: Mapping[str, Callable[[np.random.Generator, MarkPlacement], list[Layer]]] = {
    "bar": _bar,
    "circle": _circle,
    "highlighter": _highlighter,
    "stamp": _stamp,
    "scribble": _scribble,
}


def _layer(distance: Distance, placement: MarkPlacement, rgb: Rgb) -> Layer:
    """A shape that follows the slope of the row."""
    return Layer(
        shape_patch(
            lambda y, x: distance(y - placement.slope * x, x),
            y_px=placement.y_px,
            x_px=placement.x_px,
            reach_px=placement.half_px + 3,
            scale=placement.scale,
        ),
        rgb,
    )


def _wear_ink(rng: np.random.Generator, patch: Patch, scale: int) -> Patch:
    """The patch with its ink thinned in spots."""
    height, width = patch.coverage.shape
    spots = noise(rng, max(height, width), cell=2.5 * scale)[:height, :width]
    ink = patch.coverage.astype(np.float64) * np.clip(0.9 + 0.35 * spots, 0.25, 1.0)
    return Patch(levels(ink), patch.y, patch.x)


VECTOR = Vector(
    family="scan_annotation",
    about=(
        "A scanned page is a little skewed, dark in its corners and compressed. A pen circle, a"
        " highlighter, a stamp or a scribble marks its print. The mask is given. Print beneath a"
        " translucent mark must be freed of it, not filled in. Print beside the mark is just as"
        " thin and dark as the mark itself."
    ),
    damage=(
        "print beside the mark gone or rewritten, a pale band or rim where the mark was, rows"
        " straightened or bent"
    ),
    units={
        "mark": (
            "what is drawn: bar (in the margin), circle (of a pen), highlighter (a band), stamp"
            " (worn, in a frame) or scribble (dense)"
        ),
        "opacity": "alpha of the mark, 0 to 1",
        "height_px": "height of a capital of the print, input pixels",
        "skew_deg": "slope of the rows, degrees, up or down",
        "quality": "JPEG quality of the scan as Pillow counts it, 1 to 95",
        "ground": "background paper, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {
            "mark": "bar",
            "opacity": 0.9,
            "height_px": 10.0,
            "skew_deg": 0.0,
            "quality": 92,
            "ground": "paper",
        },
        {
            "mark": "circle",
            "opacity": 0.9,
            "height_px": 8.0,
            "skew_deg": 0.4,
            "quality": 85,
            "ground": "paper",
        },
        {
            "mark": "stamp",
            "opacity": 0.6,
            "height_px": 7.5,
            "skew_deg": 0.8,
            "quality": 75,
            "ground": "fibres",
        },
        {
            "mark": "highlighter",
            "opacity": 0.4,
            "height_px": 7.0,
            "skew_deg": 1.2,
            "quality": 55,
            "ground": "fibres",
        },
        {
            "mark": "scribble",
            "opacity": 1.0,
            "height_px": 6.0,
            "skew_deg": 1.6,
            "quality": 30,
            "ground": "guilloche",
        },
    ),
    draw=draw,
    version=2,
)
