"""Family `photobomb`: a person or thing that came into the picture, its mask given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

from editproof.vectors.drawing.composition import Brief, compose, join_edits
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Layer, Levels, Patch, Plane, Rgb, patch_box
from editproof.vectors.drawing.perspectives import horizon, railing, tiles
from editproof.vectors.scene import Scene, Vector

SCENERY: Mapping[str, Callable[[int, int, int], Levels]] = {
    "horizon": horizon,
    "railing": railing,
    "tiles": tiles,
}
MARGIN_PX = 6
"""Free border, input pixels: room for the ring around the edit."""
DOTS_PX = 12
"""Samples per input pixel, at least, before an outline is averaged down."""
MEASURE_PX = 400
"""Height at which an outline's area is counted."""
Palette = tuple[Rgb, ...]
CLOTHES: tuple[Palette, ...] = (
    ((224, 172, 138), (54, 38, 30), (196, 52, 44), (44, 56, 84), (28, 26, 28)),
    ((150, 102, 74), (22, 18, 18), (236, 190, 52), (70, 74, 78), (240, 238, 232)),
    ((236, 196, 170), (150, 104, 56), (40, 120, 112), (150, 132, 108), (60, 40, 32)),
)
"""Skin, hair, jacket, trousers, shoes."""
CONES: tuple[Palette, ...] = (
    ((236, 92, 24), (246, 244, 238), (40, 38, 40)),
    ((222, 62, 30), (250, 248, 240), (196, 54, 26)),
)
"""Body, bands, foot."""
BIRDS: tuple[Palette, ...] = (
    ((236, 236, 232), (150, 156, 164), (232, 150, 30)),
    ((52, 48, 50), (30, 28, 32), (214, 160, 40)),
)
"""Body, wings, beak."""
Part = tuple[int, Plane]
"""Index of its colour, and its outline as points (y, x)."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    subject: str,
    coverage: float,
    ground: str,
    turn: int = 1,
) -> Scene:
    """Put a subject that covers `coverage` of the image before a ground: a bird in the middle,
    others near the bottom. Each turn has another one at another place.
    """
    scene = _draw_turn(seed, size, scale, subject, coverage, ground, turn)
    for earlier in range(1, turn):
        drawn = _draw_turn(seed, size, scale, subject, coverage, ground, earlier)
        scene = join_edits(scene, drawn)
    return scene


def _draw_turn(
    seed: int, size: int, scale: int, subject: str, coverage: float, ground: str, turn: int
) -> Scene:
    if subject not in SUBJECTS:
        raise ValueError(f"no subject is called {subject!r}; there are: {', '.join(SUBJECTS)}")
    rng = np.random.default_rng((seed, 20) if turn == 1 else (seed, 20, turn))
    out_px = size * scale
    clean = (
        SCENERY[ground](seed, out_px, scale)
        if ground in SCENERY
        else draw_ground(ground, seed, out_px, scale)
    )
    parts_of, palettes = SUBJECTS[subject]
    parts = parts_of()
    points = np.concatenate([outline for _, outline in parts])
    room_px = size - 2 * MARGIN_PX
    unit_px = min(
        math.sqrt(coverage / _area(subject)) * size, room_px / float(np.ptp(points, axis=0).max())
    )
    free_y, free_x = room_px - np.ptp(points, axis=0) * unit_px
    flip = -1 if rng.random() < 0.5 else 1
    low = (0.47, 0.53) if subject == "bird" else (0.75, 1.0)
    corner = MARGIN_PX + np.array([free_y * rng.uniform(*low), free_x * rng.uniform(0.1, 0.9)])
    mirrored = [(colour, outline * (1, flip)) for colour, outline in parts]
    start = np.concatenate([outline for _, outline in mirrored]).min(axis=0)
    placed = [(colour, (outline - start) * unit_px + corner) for colour, outline in mirrored]
    palette = palettes[rng.integers(len(palettes))]
    whole = _patch([outline for _, outline in placed], scale)
    return compose(
        clean,
        [
            Layer(whole, palette[placed[0][0]]),
            *(Layer(_patch([at], scale), palette[colour]) for colour, at in placed),
        ],
        scale=scale,
        brief=Brief(
            f"remove the {subject}",
            mask_given=True,
            metadata={
                "family": "photobomb",
                "ground": ground,
                "subject": subject,
                "coverage": coverage,
            },
        ),
        truth=(patch_box("subject", subject, whole, scale),),
    )


def bird() -> list[Part]:
    """A gull in flight, about 1 wide."""
    far = [
        (0.0, 0.06),
        (-0.14, 0.14),
        (-0.25, 0.3),
        (-0.24, 0.5),
        (-0.15, 0.34),
        (-0.04, 0.22),
        (0.05, 0.12),
    ]
    near = [
        (0.0, 0.02),
        (-0.12, -0.1),
        (-0.2, -0.27),
        (-0.12, -0.5),
        (-0.08, -0.3),
        (0.0, -0.16),
        (0.07, -0.06),
    ]
    tail = [(0.02, 0.1), (0.0, 0.27), (0.04, 0.28), (0.08, 0.26), (0.09, 0.08)]
    beak = [(0.03, -0.2), (0.065, -0.27), (0.075, -0.2)]
    body = _oval(0.05, 0.0, 0.062, 0.17)
    return [
        (1, _round_corners(far)),
        (0, _round_corners(tail)),
        (2, np.array(beak)),
        (0, body),
        (0, _oval(0.04, -0.17, 0.045, 0.05)),
        (1, _round_corners(near)),
    ]


def cone() -> list[Part]:
    """A traffic cone, 1 high."""

    def band(top: float, bottom: float) -> Plane:
        half = [0.045 + 0.23 * level / 0.9 for level in (top, bottom)]
        return np.array([(top, -half[0]), (top, half[0]), (bottom, half[1]), (bottom, -half[1])])

    foot = np.array([(0.88, -0.36), (0.88, 0.36), (1.0, 0.4), (1.0, -0.4)])
    return [(2, foot), (0, band(0.0, 0.92)), (1, band(0.26, 0.42)), (1, band(0.56, 0.74))]


def person() -> list[Part]:
    """Somebody waving, 1 high."""
    torso = [
        (0.165, -0.07),
        (0.175, 0.09),
        (0.21, 0.135),
        (0.36, 0.115),
        (0.54, 0.12),
        (0.54, -0.12),
        (0.36, -0.115),
        (0.21, -0.135),
    ]
    return [
        (2, _limb((0.21, 0.11), (0.35, 0.18), 0.036)),
        (2, _limb((0.35, 0.18), (0.48, 0.165), 0.031)),
        (0, _oval(0.51, 0.163, 0.032, 0.026)),
        (3, _limb((0.53, -0.065), (0.93, -0.085), 0.05)),
        (3, _limb((0.53, 0.065), (0.93, 0.1), 0.05)),
        (4, _oval(0.965, -0.1, 0.035, 0.07)),
        (4, _oval(0.965, 0.12, 0.035, 0.07)),
        (0, _limb((0.12, 0.0), (0.18, 0.0), 0.035)),
        (2, np.array(torso)),
        (2, _limb((0.21, -0.11), (0.3, -0.22), 0.036)),
        (2, _limb((0.3, -0.22), (0.17, -0.25), 0.031)),
        (0, _oval(0.12, -0.257, 0.036, 0.028)),
        (1, _oval(0.07, 0.0, 0.074, 0.064)),
        (0, _oval(0.088, 0.0, 0.062, 0.05)),
    ]


SUBJECTS: Mapping[str, tuple[Callable[[], list[Part]], tuple[Palette, ...]]] = {
    "bird": (bird, BIRDS),
    "cone": (cone, CONES),
    "person": (person, CLOTHES),
}


def _oval(y: float, x: float, half_height: float, half_width: float) -> Plane:
    turn = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    return np.stack([y + half_height * np.sin(turn), x + half_width * np.cos(turn)], axis=1)


def _limb(start: tuple[float, float], end: tuple[float, float], radius: float) -> Plane:
    """A straight bar with round ends."""
    first, last = np.array(start), np.array(end)
    angle = math.atan2(*(last - first))
    turn = np.linspace(-math.pi / 2, math.pi / 2, 14) + angle
    cap = radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    return np.concatenate([last + cap, first - cap])


def _round_corners(corners: list[tuple[float, float]]) -> Plane:
    """A closed outline with its corners cut off three times over (Chaikin)."""
    points = np.array(corners)
    for _ in range(3):
        after = np.roll(points, -1, axis=0)
        points = np.stack(
            [0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1
        ).reshape(-1, 2)
    return points


def _patch(outlines: list[Plane], scale: int) -> Patch:
    """The union of outlines given in input pixels."""
    fine = max(2, math.ceil(DOTS_PX / scale))
    points = np.concatenate(outlines)
    y0, x0 = (np.floor(points.min(axis=0) * scale).astype(int) - 1).tolist()
    y1, x1 = (np.ceil(points.max(axis=0) * scale).astype(int) + 1).tolist()
    canvas = Pil.new("L", ((x1 - x0) * fine, (y1 - y0) * fine))
    pen = ImageDraw.Draw(canvas)
    for outline in outlines:
        dots = (outline * scale - (y0, x0)) * fine - 0.5
        pen.polygon(dots[:, ::-1].ravel().tolist(), fill=255)
    return Patch(np.asarray(canvas.reduce(fine)), y0, x0)


@lru_cache(maxsize=len(SUBJECTS))
def _area(subject: str) -> float:
    """Area of a subject in square units."""
    parts = SUBJECTS[subject][0]()
    coverage = _patch([(outline + 1) * MEASURE_PX for _, outline in parts], 1).coverage
    return float(coverage.sum()) / 255 / MEASURE_PX**2


VECTOR = Vector(
    family="photobomb",
    about=(
        "A bird, a traffic cone or a passer-by stands before a horizon, a railing, brickwork or"
        " a tiled floor. Its mask is given. The hole is large. Lines that enter it on one side"
        " must leave it on the other in the right place. Neither a smooth fill nor a copy of"
        " nearby patches knows that place."
    ),
    damage=(
        "lines that end, bend or miss each other in the hole, the subject's shape as a"
        " ghost, or a new object there"
    ),
    units={
        "subject": "what must go: bird, cone or person",
        "coverage": "share of the image that the subject covers, 0 to 1",
        "ground": (
            "background: horizon, railing, tiles (a floor in perspective), or a name in"
            " vectors/drawing/grounds.py"
        ),
    },
    ladder=(
        {"subject": "bird", "coverage": 0.02, "ground": "gradient"},
        {"subject": "cone", "coverage": 0.03, "ground": "horizon"},
        {"subject": "bird", "coverage": 0.04, "ground": "horizon"},
        {"subject": "cone", "coverage": 0.06, "ground": "railing"},
        {"subject": "person", "coverage": 0.07, "ground": "brick"},
        {"subject": "person", "coverage": 0.09, "ground": "tiles"},
    ),
    draw=draw,
    moves=True,
    version=2,
)
