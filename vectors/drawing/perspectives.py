"""Drawn backgrounds whose lines continue behind an object: a horizon, a railing, a tiled floor.

Their geometry goes with the picture's edge; only line widths and grain are in input pixels.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageDraw

from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Levels, Plane, Rgb

SKIES: tuple[tuple[Rgb, Rgb], ...] = (
    ((96, 148, 206), (226, 234, 240)),
    ((120, 140, 182), (246, 214, 180)),
    ((84, 128, 170), (206, 224, 230)),
)
"""Upper colour and colour at the horizon."""
SEAS: tuple[tuple[Rgb, Rgb], ...] = (
    ((96, 140, 160), (28, 72, 104)),
    ((92, 128, 134), (24, 66, 76)),
)
"""Colour at the horizon and below."""
DECK: tuple[Rgb, Rgb] = ((176, 146, 112), (154, 124, 92))
"""Planks, by turns."""
STEEL: Rgb = (44, 52, 60)
TILES: tuple[tuple[Rgb, Rgb], ...] = (
    ((228, 222, 210), (62, 70, 82)),
    ((232, 224, 206), (150, 78, 58)),
    ((224, 228, 226), (54, 98, 94)),
)
WALLS: tuple[Rgb, ...] = ((214, 200, 176), (190, 202, 206), (206, 190, 186))
POSTS = 26
PLANKS = 22


def horizon(seed: int, size_px: int, scale: int) -> Levels:
    """A calm sea under a clear sky; the horizon is sharp and a little tilted, waves get finer
    towards it.
    """
    rng = np.random.default_rng((seed, 201))
    draw_ground("plain", seed, size_px, scale)  # a scale or a size out of range raises there
    at = (np.arange(size_px) + 0.5) / size_px
    level, tilt = rng.uniform(0.49, 0.53), math.tan(math.radians(rng.uniform(-3, 3)))
    upper, low = np.array(SKIES[rng.integers(len(SKIES))], np.float64)
    far, near = np.array(SEAS[rng.integers(len(SEAS))], np.float64)
    below = at - level
    sky = low + (upper - low) * np.clip(-2 * below, 0, 1)[:, None]
    sea = far + (near - far) * np.clip(2 * below, 0, 1)[:, None]
    depth = np.maximum(below, 0.01)
    visible = np.clip(2 - 3 / depth**2 / (size_px / scale), 0, 1)
    crests, sway = 2.2 / depth, 2.5 * np.sin(7 * at + rng.uniform(0, 6)) + 1.5 * np.sin(17 * at)
    waves = np.outer(visible * np.sin(crests), np.cos(sway)) + np.outer(
        visible * np.cos(crests), np.sin(sway)
    )
    wet = np.clip((below[:, None] - tilt * (at[None, :] - 0.5)) * size_px + 0.5, 0, 1)[..., None]
    rows, deeper, swell, share = (
        part.astype(np.float32) for part in (sky, sea - sky, 8 * waves, wet)
    )
    return _levels(rows[:, None] + (deeper[:, None] + swell[..., None]) * share)


def railing(seed: int, size_px: int, scale: int) -> Levels:
    """A steel railing on a pier that runs from one side into the depth, planks and rails towards
    one vanishing point.
    """
    rng = np.random.default_rng((seed, 202))
    sea = Pil.fromarray(horizon(seed, size_px, scale))
    fine = 2 if 2 * size_px <= 4096 else 1
    canvas = sea.resize((size_px * fine, size_px * fine), Pil.Resampling.NEAREST)
    pen = ImageDraw.Draw(canvas)
    edge = size_px * fine
    side = 1 if rng.random() < 0.5 else -1
    away = np.array([0.5 - side * rng.uniform(0.72, 0.85), rng.uniform(0.4, 0.46)]) * edge
    near_x = 0.5 * edge + side * 0.6 * edge
    foot, top = (
        np.array([near_x, level * edge])
        for level in (rng.uniform(0.92, 0.98), rng.uniform(0.02, 0.08))
    )
    planks = near_x - side * np.linspace(0, 3.4, PLANKS + 1) * edge
    for index in range(PLANKS):
        corners = [(planks[index], foot[1]), (planks[index + 1], foot[1])]
        spread = [tuple(away + 4 * (np.array(corner) - away)) for corner in corners[::-1]]
        pen.polygon([*corners, *spread, *corners[:1]], fill=DECK[index % 2])
        pen.polygon([tuple(away), *corners], fill=DECK[index % 2])
    for share in 1 / (0.62 + 0.13 * np.arange(POSTS))[::-1]:
        ends = [away + share * (end - away) for end in (top, foot)]
        width = 0.011 * edge * share
        pen.line([tuple(end) for end in ends], fill=STEEL, width=max(1, round(width)))
    for level, thick in ((0.0, 0.03), (0.12, 0.012), (0.55, 0.012), (0.97, 0.018)):
        near = away + 1.8 * (top + level * (foot - top) - away)
        half = np.array([0.0, 0.9 * thick * edge])
        pen.polygon([tuple(away), tuple(near - half), tuple(near + half)], fill=STEEL)
    return np.asarray(canvas.reduce(fine))


def tiles(seed: int, size_px: int, scale: int) -> Levels:
    """A chequered floor seen in perspective, turned against the view, in front of a panelled
    wall.
    """
    rng = np.random.default_rng((seed, 203))
    draw_ground("plain", seed, size_px, scale)  # a scale or a size out of range raises there
    at = (np.arange(size_px) + 0.5) / size_px
    light, dark = np.array(TILES[rng.integers(len(TILES))], np.float64)
    wall = np.array(WALLS[rng.integers(len(WALLS))], np.float64)
    eye, foot = 0.26, rng.uniform(0.38, 0.44)
    depth = 0.5 / (at[at >= foot] - eye)
    beside = (at - rng.uniform(0.35, 0.65))[None, :] * depth[:, None]
    angle = math.radians(rng.uniform(8, 38))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) * 2.6
    footprint = 2.6 * (depth * np.maximum(1, depth * 0.9) / size_px)[:, None]
    floor = np.ones_like(beside)
    for row in turn:
        floor *= _stripes(row[0] * beside + row[1] * depth[:, None] + rng.uniform(0, 1), footprint)
    shine = (0.82 + 0.22 * np.linspace(0, 1, len(depth)))[:, None, None]
    ground = (light + dark + floor[..., None] * (light - dark)) / 2 * shine
    panels = np.abs((at * 6 + rng.uniform(0, 1)) % 1 - 0.5) * size_px / 6
    joint = np.clip(1.6 * scale - panels, 0, 1)
    rows = at[at < foot]
    back = wall * (0.84 + 0.4 * rows)[:, None, None] * (1 - 0.3 * joint)[None, :, None]
    back[rows > foot - 0.03] = wall * 0.5
    return np.concatenate([_levels(back), _levels(ground)])


def _stripes(at: Plane, footprint: Plane) -> Plane:
    """A square wave of period 1 from -1 to 1, averaged over a pixel's footprint; flat where that
    spans half a period.
    """
    wave = np.abs(4 * (at - np.floor(at)) - 2) - 1
    soft: Plane = np.clip(wave / (2 * footprint), -1, 1) * np.clip((0.5 - footprint) * 4, 0, 1)
    return soft


def _levels(picture: Plane | npt.NDArray[np.float32]) -> Levels:
    rounded: Levels = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    return rounded
