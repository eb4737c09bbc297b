"""Family `date_stamp`: the date that a compact camera burnt into a corner, in glowing seven-segment
figures.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFilter

from editproof.vectors.drawing.composition import Brief, compose, luminance
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Layer, Levels, Patch, Plane, Rgb, patch_box
from editproof.vectors.scene import Param, Scene, Vector

FIGURES = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
"""Lit segments of 0 to 9: a is the upper bar, then clockwise to f, g is the middle bar."""
WIDTH, PITCH = 0.56, 0.86
"""Width of a figure and distance to the next, in figure heights."""
STROKE = 0.15
"""Thickness of a segment in figure heights."""
LEAN = 0.1
"""How far the upper edge leans to the right, in figure heights."""
GLOW = 0.22
"""Deviation of the glow in figure heights."""
GLOW_ALPHA = 0.6
MARGIN = 0.06
"""Free border, as a share of the image's edge."""
ORANGE: tuple[Rgb, Rgb] = ((255, 176, 72), (240, 84, 16))
WHITE: tuple[Rgb, Rgb] = ((255, 255, 250), (190, 214, 240))
"""Colour of the segments and of their glow."""
DEEP_ORANGE: tuple[Rgb, Rgb] = ((236, 88, 0), (248, 120, 40))
BRIGHT = 150
"""Luma above which white and pale orange are lost and deep orange is used."""
DOTS_PX = 10
"""Samples per input pixel, at least, before the figures are averaged down."""


def draw(
    seed: int, size: int, scale: int, *, height_px: int, alpha: float, mask_given: bool, ground: str
) -> Scene:
    """Burn a date into a corner that the seed chooses."""
    rng = np.random.default_rng((seed, 16))
    clean = draw_ground(ground, seed, size * scale, scale)
    date = _date(rng)
    height = min(float(height_px), (1 - 3 * MARGIN) * size / (PITCH * len(date)))
    wide = height * PITCH * len(date)
    low, high = MARGIN * size, (1 - MARGIN) * size
    y_px = low if rng.random() < 0.25 else high - height
    x_px = low if rng.random() < 0.3 else high - wide
    figures, glow = _figures(date, height, y_px=y_px, x_px=x_px, scale=scale)
    usual = WHITE if rng.random() < 0.35 else ORANGE
    palette = usual if luminance(clean, figures) < BRIGHT else DEEP_ORANGE
    facts: dict[str, Param] = {"height_px": height_px, "alpha": alpha, "mask_given": mask_given}
    return compose(
        clean,
        [Layer(glow, palette[1], GLOW_ALPHA), Layer(figures, palette[0])],
        scale=scale,
        brief=Brief(
            "remove the date stamp",
            mask_given=mask_given,
            metadata={"family": "date_stamp", "ground": ground, **facts},
        ),
        truth=(patch_box("text", date, figures, scale),),
        opacity=alpha,
    )


def _date(rng: np.random.Generator) -> str:
    """Day, month and year as cameras of the nineties wrote them."""
    year, month, day = (
        int(rng.integers(88, 100)),
        int(rng.integers(1, 13)),
        int(rng.integers(1, 29)),
    )
    return f"'{year} {month:2d} {day:2d}"


def _figures(
    date: str, height_px: float, *, y_px: float, x_px: float, scale: int
) -> tuple[Patch, Patch]:
    """The segments and their glow; (`y_px`, `x_px`) is the upper left corner of the first figure,
    input pixels.
    """
    fine = max(2, math.ceil(DOTS_PX / scale))
    dots = scale * fine
    pad_px = 3 * GLOW * height_px + 1
    y0, x0 = math.floor((y_px - pad_px) * scale), math.floor((x_px - pad_px) * scale)
    high = math.ceil((height_px + 2 * pad_px) * scale) + 1
    wide = math.ceil((height_px * (PITCH * len(date) + LEAN) + 2 * pad_px) * scale) + 1
    canvas = Pil.new("L", (wide * fine, high * fine))
    pen = ImageDraw.Draw(canvas)
    for index, sign in enumerate(date):
        for part in _segments(sign):
            at = (part + np.array((0.0, index * PITCH))) * height_px
            at[:, 1] += LEAN * (height_px - at[:, 0])
            rows, columns = (
                (at[:, 0] + y_px) * dots - y0 * fine,
                (at[:, 1] + x_px) * dots - x0 * fine,
            )
            pen.polygon(list(zip(columns.tolist(), rows.tolist(), strict=True)), fill=255)
    sharp = canvas.reduce(fine)
    halo = sharp.filter(ImageFilter.GaussianBlur(GLOW * height_px * scale))
    return Patch(np.asarray(sharp), y0, x0), Patch(_brighten(np.asarray(halo)), y0, x0)


def _segments(sign: str) -> list[Plane]:
    """Corners (y, x) of each lit segment of a figure or an apostrophe, in figure heights."""
    half = STROKE / 2
    if sign == "'":
        return [np.array([(0, 0.42), (0, 0.42 + STROKE), (0.3, 0.42 + half), (0.3, 0.42)])]
    if not sign.isdigit():
        return []
    left, right, gap = half, WIDTH - half, 0.02
    ends = {
        "a": ((half, left), (half, right)),
        "b": ((half, right), (0.5, right)),
        "c": ((0.5, right), (1 - half, right)),
        "d": ((1 - half, left), (1 - half, right)),
        "e": ((0.5, left), (1 - half, left)),
        "f": ((half, left), (0.5, left)),
        "g": ((0.5, left), (0.5, right)),
    }
    return [
        _bar(np.array(ends[name], np.float64), half=half, gap=gap) for name in FIGURES[int(sign)]
    ]


def _bar(ends: Plane, *, half: float, gap: float) -> Plane:
    """A bar with pointed ends between two points, `gap` short of either."""
    along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    across = np.array([along[1], -along[0]]) * half
    first, last = ends[0] + along * gap, ends[1] - along * gap
    inner = along * half
    return np.array(
        [
            first,
            first + inner + across,
            last - inner + across,
            last,
            last - inner - across,
            first + inner - across,
        ]
    )


def _brighten(halo: Levels) -> Levels:
    """The blurred segments, their peak raised to 255 and their faint tail cut."""
    levels = halo.astype(np.float32) - 6
    raised: Levels = np.rint(
        np.clip(levels * (255 / max(float(levels.max()), 1.0)), 0, 255)
    ).astype(np.uint8)
    return raised


VECTOR = Vector(
    family="date_stamp",
    about=(
        "A compact camera burnt an orange or white date with a soft glow into a corner. Its"
        " seven-segment figures are bars and gaps, which text detectors were not trained on. A"
        " mask that takes the bars without the glow leaves a coloured haze."
    ),
    damage=(
        "the date still there because no detector found it, a coloured haze where it glowed, or"
        " a smeared corner"
    ),
    units={
        "height_px": (
            "height of a figure, input pixels; less where the image is too narrow for the date"
        ),
        "alpha": "opacity of the segments, 0 to 1",
        "mask_given": "whether the caller gives a mask; if not, the pipeline must find the date",
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"height_px": 14, "alpha": 1.0, "mask_given": True, "ground": "gradient"},
        {"height_px": 12, "alpha": 1.0, "mask_given": False, "ground": "coffee"},
        {"height_px": 10, "alpha": 0.95, "mask_given": False, "ground": "astronaut"},
        {"height_px": 8, "alpha": 0.9, "mask_given": False, "ground": "brick"},
        {"height_px": 7, "alpha": 0.85, "mask_given": False, "ground": "fabric"},
    ),
    draw=draw,
    version=2,
)
