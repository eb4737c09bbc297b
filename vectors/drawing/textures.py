"""Drawn textures to fill (cloth, wood, leaves, fibrous paper), and the noise that they consist of.

All of them have their structure in input pixels, `scale` output pixels each, and are drawn at
output size.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageDraw

from editproof.vectors.drawing.layers import Levels, Plane, Rgb

CLOTHS: tuple[tuple[Rgb, Rgb], ...] = (
    ((96, 118, 158), (206, 208, 204)),
    ((214, 196, 160), (188, 164, 122)),
    ((158, 70, 66), (206, 150, 128)),
    ((104, 128, 104), (190, 194, 160)),
)
"""Warp and weft."""
THREAD_PX = 5.0
WOODS: tuple[tuple[Rgb, Rgb], ...] = (
    ((206, 164, 112), (138, 88, 48)),
    ((172, 122, 82), (96, 58, 36)),
    ((224, 196, 150), (176, 134, 86)),
)
"""Early wood and late wood."""
YEAR_PX = 11.0
"""Width of a growth ring."""
LEAVES: tuple[Rgb, ...] = (
    (62, 104, 44),
    (88, 130, 52),
    (120, 152, 66),
    (48, 84, 52),
    (150, 158, 72),
    (74, 118, 70),
)
SHADE: Rgb = (22, 38, 22)
"""What shows between the leaves."""
LEAF_AREA_PX = 200
"""One leaf for so many input pixels: they overlap about threefold."""
SHEET: Rgb = (240, 235, 222)
FIBRES: tuple[Rgb, ...] = (
    (208, 196, 174),
    (222, 212, 192),
    (252, 249, 242),
    (168, 148, 122),
    (118, 136, 176),
    (190, 112, 110),
)
FIBRE_SHARES = (0.3, 0.3, 0.26, 0.08, 0.03, 0.03)
FIBRE_AREA_PX = 110
"""One fibre for so many input pixels."""
MAX_CANVAS_PX = 4096
"""Widest canvas for drawing twice as fine and averaging; above it lines are drawn at output size.
"""


def fabric(seed: int, size_px: int, scale: int) -> Levels:
    """Plain weave: round threads over and under each other, each of a slightly different shade."""
    rng = np.random.default_rng((seed, 31))
    colours = np.array(CLOTHS[rng.integers(len(CLOTHS))], np.float32)
    across = (np.arange(size_px, dtype=np.float32) + 0.5) / np.float32(scale * THREAD_PX)
    lines = across + rng.uniform(0, 2, (2, 1)).astype(np.float32)
    threads = np.floor(lines).astype(int)
    round_y, round_x = np.sqrt(np.sin(np.pi * (lines - threads)))
    shades = 1 + 0.07 * rng.standard_normal((2, threads.max() + 1)).astype(np.float32)
    tone_y, tone_x = shades[0][threads[0]], shades[1][threads[1]]
    up = (threads[0][:, None] + threads[1][None, :]) % 2 == 0
    warp = (round_x * tone_x)[None, :] * (0.6 + 0.4 * round_y)[:, None]
    weft = (round_y * tone_y)[:, None] * (0.6 + 0.4 * round_x)[None, :]
    light = np.where(up, warp, weft) * (
        1 + np.float32(0.05) * noise(rng, size_px, cell=1.2 * scale).astype(np.float32)
    )
    rgb = np.where(up[..., None], colours[0], colours[1])
    rgb *= (0.34 + 0.66 * light)[..., None]
    return levels(rgb)


def wood(seed: int, size_px: int, scale: int) -> Levels:
    """A board: growth rings cut lengthwise, wavering, and fine pores along them."""
    rng = np.random.default_rng((seed, 32))
    early, late = np.array(WOODS[rng.integers(len(WOODS))], np.float32)
    at = (np.arange(size_px, dtype=np.float32) + 0.5) / np.float32(scale)
    middle_y, middle_x = rng.uniform(0.2, 0.8) * at[-1], rng.uniform(-0.3, 1.3) * at[-1]
    rings = np.hypot((at - middle_x)[None, :], np.float32(0.13) * (at - middle_y)[:, None])
    rings += 9 * noise(rng, size_px, cell=80.0 * scale).astype(np.float32)
    rings += 1.2 * streaks(rng, size_px, cells=(28.0 * scale, 9.0 * scale)).astype(np.float32)
    rings /= np.float32(YEAR_PX)
    rings -= np.floor(rings)
    lateness = rings * rings * np.clip((1 - rings) * 6, 0, 1)
    pores = streaks(rng, size_px, cells=(22.0 * scale, 1.3 * scale)).astype(np.float32)
    return levels(early + (late - early) * lateness[..., None] + (6 * pores)[..., None])


def foliage(seed: int, size_px: int, scale: int) -> Levels:
    """Leaves at all angles lying over one another, those below darker, each with a fold."""
    rng = np.random.default_rng((seed, 33))
    canvas, fine = _canvas(size_px, SHADE)
    edge_px = size_px / scale
    count = math.ceil(edge_px * edge_px / LEAF_AREA_PX)
    centres, angles = rng.uniform(0, edge_px, (count, 2)), rng.uniform(0, 2 * math.pi, count)
    lengths, widths = rng.uniform(14, 26, count), rng.uniform(0.34, 0.5, count)
    depth = 0.5 + 0.55 * np.arange(count) / count
    colours = (
        np.array(LEAVES)[rng.integers(len(LEAVES), size=count)]
        * (depth * rng.uniform(0.88, 1.12, count))[:, None]
    )
    along = np.array([-1.0, -0.45, 0.0, 0.45, 1.0])
    belly = np.array([0.0, 0.8, 1.0, 0.72, 0.0])
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
    sides = np.stack([-steps[:, 1], steps[:, 0]], axis=1) * widths[:, None]
    spine = centres[:, None] + along[None, :, None] * steps[:, None]
    pencil = ImageDraw.Draw(canvas)
    dots = scale * fine
    halves = []
    for side, light in ((1.0, 1.0), (-1.0, 0.8)):
        curves = (
            np.concatenate(
                [spine + side * belly[None, :, None] * sides[:, None], spine[:, :0:-4]], axis=1
            )
            * dots
        )
        fills = np.clip(colours * light, 0, 255).astype(int)
        halves.append(
            zip(curves.reshape(count, -1).tolist(), map(tuple, fills.tolist()), strict=True)
        )
    for leaf in zip(*halves, strict=True):
        for outline, fill in leaf:
            pencil.polygon(outline, fill=fill)
    return np.asarray(canvas.reduce(fine))


def fibres(seed: int, size_px: int, scale: int) -> Levels:
    """Recycled paper: mottle, and short curved fibres, most pale and a few coloured."""
    rng = np.random.default_rng((seed, 34))
    canvas, fine = _canvas(size_px, SHEET)
    edge_px = size_px / scale
    count = math.ceil(edge_px * edge_px / FIBRE_AREA_PX)
    centres, angles = rng.uniform(0, edge_px, (count, 2)), rng.uniform(0, 2 * math.pi, count)
    halves, bends = rng.uniform(3, 11, count), rng.uniform(-0.6, 0.6, count)
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * halves[:, None]
    sides = np.stack([-steps[:, 1], steps[:, 0]], axis=1) * bends[:, None]
    along = np.linspace(-1, 1, 6)
    curves = (
        centres[:, None]
        + along[None, :, None] * steps[:, None]
        + (along**2)[None, :, None] * sides[:, None]
    )
    dots = scale * fine
    kinds = rng.choice(len(FIBRES), size=count, p=FIBRE_SHARES).tolist()
    pencil = ImageDraw.Draw(canvas)
    for curve, kind in zip((curves * dots).reshape(count, -1).tolist(), kinds, strict=True):
        pencil.line(curve, fill=FIBRES[kind], width=max(1, round(0.75 * dots)))
    mottle = 1.5 * noise(rng, size_px, cell=1.5 * scale) + 1.6 * noise(
        rng, size_px, cell=16.0 * scale
    )
    return levels(
        np.asarray(canvas.reduce(fine), np.float32) + mottle.astype(np.float32)[..., None]
    )


def noise(rng: np.random.Generator, size_px: int, *, cell: float) -> Plane:
    """Smooth noise of unit deviation at its knots, which stand `cell` output pixels apart."""
    return streaks(rng, size_px, cells=(cell, cell))


def streaks(rng: np.random.Generator, size_px: int, *, cells: tuple[float, float]) -> Plane:
    """Smooth noise whose knots stand `cells` (down, across) output pixels apart."""
    down, across = (math.ceil(size_px / cell) + 1 for cell in cells)
    lattice = Pil.fromarray(rng.standard_normal((down, across)).astype(np.float32))
    area = (0.0, 0.0, size_px / cells[1], size_px / cells[0])
    return np.asarray(
        lattice.resize((size_px, size_px), Pil.Resampling.BICUBIC, box=area), np.float64
    )


def levels(picture: Plane | npt.NDArray[np.float32]) -> Levels:
    """Round a picture to 8 bits."""
    rounded: Levels = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    return rounded


def _canvas(size_px: int, rgb: Rgb) -> tuple[Pil.Image, int]:
    """A canvas to draw on, and its dots per output pixel."""
    fine = 2 if 2 * size_px <= MAX_CANVAS_PX else 1
    return Pil.new("RGB", (size_px * fine, size_px * fine), rgb), fine
