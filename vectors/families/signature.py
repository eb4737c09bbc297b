"""Family `signature`: a name signed across the picture with a pen, its mask given."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

from editproof.vectors.drawing.composition import Brief, compose, luminance
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Layer, Levels, Patch, Plane, Rgb, patch_box
from editproof.vectors.scene import Scene, Vector

INKS: tuple[Rgb, ...] = ((18, 26, 84), (14, 14, 18), (24, 58, 140), (92, 20, 30))
PAINTS: tuple[Rgb, ...] = ((248, 246, 238), (236, 206, 120))
"""White and gold, for dark grounds."""
DARK = 96
"""Luma below which ink is lost and paint is used."""
SPAN, MAX_SPAN_PX = 0.62, 260.0
"""Width of a signature as a share of the image's edge, and at most in input pixels."""
MARGIN = 0.07
"""Free border, as a share of the image's edge."""
DOTS_PX = 16
"""Samples per input pixel, at least, before the stroke is averaged down."""
PRESSURE = (0.45, 1.0)
"""Thinnest and thickest stroke, as shares of the width asked for."""
STROKE_PX, STROKE_LONG_PX = 5, 17
"""Width and length of a brush stroke of the painting, input pixels."""


def draw(
    seed: int, size: int, scale: int, *, width_px: float, opacity: float, ground: str
) -> Scene:
    """Sign a picture somewhere in its lower half; on the ground `painting` the picture is one in
    oil.
    """
    rng = np.random.default_rng((seed, 17))
    out_px = size * scale
    clean = (
        paint_over(seed, out_px, scale)
        if ground == "painting"
        else draw_ground(ground, seed, out_px, scale)
    )
    curve, pressure = _curve(rng)
    curve *= min(SPAN * size, MAX_SPAN_PX)
    free_y, free_x = np.maximum((1 - 2 * MARGIN) * size - np.ptp(curve, axis=0), 0)
    curve -= curve.min(axis=0)
    curve += np.array(
        [MARGIN * size + rng.uniform(0.5, 1) * free_y, MARGIN * size + rng.uniform(0, 1) * free_x]
    )
    stroke = _stroke(curve, pressure * width_px, scale=scale)
    inks = PAINTS if luminance(clean, stroke) < DARK else INKS
    return compose(
        clean,
        [Layer(stroke, inks[rng.integers(len(inks))])],
        scale=scale,
        brief=Brief(
            "remove the signature",
            mask_given=True,
            metadata={
                "family": "signature",
                "ground": ground,
                "width_px": width_px,
                "opacity": opacity,
            },
        ),
        truth=(patch_box("signature", "signature", stroke, scale),),
        opacity=opacity,
    )


def _curve(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Points (y, x) along a signature about 1 wide, y downwards, and the pen's pressure at each.

    A tall capital, loops that get lower towards the end, and a flourish that runs back under them:
    knots with seeded jitter, joined by a Catmull-Rom spline.
    """
    capital = [
        (-0.02, 0.02),
        (-0.2, 0.06),
        (-0.3, 0.14),
        (-0.16, 0.15),
        (0.06, 0.07),
        (0.05, 0.01),
        (-0.06, 0.08),
    ]
    loops = int(rng.integers(4, 7))
    letters = []
    for index in range(loops):
        left, step = 0.17 + 0.62 * index / loops, 0.62 / loops
        tall = (
            rng.uniform(0.06, 0.1)
            * (1 - 0.4 * index / loops)
            * (2.1 if rng.random() < 0.3 else 1.0)
        )
        letters += [
            (0.0, left),
            (-tall, left + 0.75 * step),
            (-0.9 * tall, left + 0.45 * step),
            (0.01, left + 0.6 * step),
        ]
    flourish = [
        (-0.03, 0.86),
        (-0.05, 0.98),
        (0.05, 0.92),
        (0.1, 0.6),
        (0.09, 0.25),
        (0.12, 0.4),
        (0.1, 0.8),
    ]
    knots = np.array(capital + letters + flourish, np.float64)
    knots += rng.normal(0, 0.009, knots.shape)
    knots[:, 0] -= rng.uniform(0.0, 0.12) * knots[:, 1]
    knots[:, 1] -= rng.uniform(0.15, 0.4) * knots[:, 0]
    curve = _spline(knots, per_knot=40)
    speed = np.gradient(curve, axis=0)
    down = speed[:, 0] / np.maximum(np.hypot(*speed.T), 1e-9)
    tremor = np.interp(
        np.arange(len(curve)),
        np.arange(0, len(curve), 30),
        rng.normal(0, 0.1, -(-len(curve) // 30)),
    )
    ends = np.minimum(np.arange(len(curve)), np.arange(len(curve))[::-1]) / 60
    thin, thick = PRESSURE
    pressure = np.clip((thin + thick) / 2 + (thick - thin) / 2 * down + tremor, thin, thick)
    return curve, pressure * np.clip(ends, 0.35, 1.0)


def _spline(knots: Plane, *, per_knot: int) -> Plane:
    """A Catmull-Rom spline through the knots, N×2."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    before, start, stop, after = (
        padded[shift : len(padded) - 3 + shift, None] for shift in range(4)
    )
    at = (np.arange(per_knot) / per_knot)[None, :, None]
    spline: Plane = 0.5 * (
        2 * start
        + (stop - before) * at
        + (2 * before - 5 * start + 4 * stop - after) * at**2
        + (3 * start - before - 3 * stop + after) * at**3
    )
    return spline.reshape(-1, 2)


def _stroke(curve: Plane, width_px: Plane, *, scale: int) -> Patch:
    """The curve drawn as discs whose diameter is the width at each point, joined; all in input
    pixels.
    """
    fine = max(2, math.ceil(DOTS_PX / scale))
    dots = scale * fine
    pad_px = float(width_px.max()) + 1
    y0, x0 = np.floor((curve.min(axis=0) - pad_px) * scale).astype(int).tolist()
    y1, x1 = np.ceil((curve.max(axis=0) + pad_px) * scale).astype(int).tolist()
    canvas = Pil.new("L", ((x1 - x0) * fine, (y1 - y0) * fine))
    pen = ImageDraw.Draw(canvas)
    points = (curve * dots - np.array([y0, x0]) * fine)[:, ::-1]
    half = width_px[:, None] * dots / 2
    along = np.gradient(points, axis=0)
    normal = (
        np.stack([-along[:, 1], along[:, 0]], axis=1)
        / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
        * half
    )
    left, right = points + normal, points - normal
    quads = np.concatenate([left[:-1], left[1:], right[1:], right[:-1]], axis=1)
    for quad in np.rint(quads).tolist():
        pen.polygon(quad, fill=255)
    for disc in np.rint(np.concatenate([points - half, points + half], axis=1))[::2].tolist():
        pen.ellipse(disc, fill=255)
    return Patch(np.asarray(canvas.reduce(fine)), y0, x0)


def paint_over(seed: int, size_px: int, scale: int) -> Levels:
    """A photograph painted over with short brush strokes that follow a slow swirl: H×W×3, 0 to
    255.
    """
    import cv2  # a tenth of a second to import, and listing vectors does not need it

    rng = np.random.default_rng((seed, 170))
    picture = draw_ground("coffee", seed, size_px, scale)
    blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 2 * scale), np.uint8)
    canvas = Pil.fromarray(blurred)
    pen = ImageDraw.Draw(canvas)
    strokes = math.ceil(1.6 * (size_px / scale) ** 2 / (STROKE_PX * STROKE_LONG_PX))
    middle = rng.uniform(0, size_px, (strokes, 2))
    swirl = 2.2 * np.sin(middle[:, 0] / size_px * 4 + rng.uniform(0, 6)) + np.cos(
        middle[:, 1] / size_px * 5
    )
    angle = swirl + rng.normal(0, 0.25, strokes)
    reach = np.stack([np.cos(angle), np.sin(angle)], axis=1) * STROKE_LONG_PX / 2 * scale
    ends = np.rint(np.concatenate([middle - reach, middle + reach], axis=1)).tolist()
    rows, columns = middle.astype(int).T
    colours = (
        np.clip(blurred[columns, rows] + rng.normal(0, 9, (strokes, 1)), 0, 255)
        .astype(int)
        .tolist()
    )
    for end, colour in zip(ends, colours, strict=True):
        pen.line(end, fill=tuple(colour), width=STROKE_PX * scale)
    return np.asarray(cv2.GaussianBlur(np.asarray(canvas), (0, 0), 0.35 * scale), np.uint8)


VECTOR = Vector(
    family="signature",
    about=(
        "A name is signed with a pen across paper, a painting or a photograph. Its mask is"
        " given. The stroke is one long hair that swells, thins out and crosses itself. A mask"
        " that is grown to be safe eats the picture between the loops. A tight mask leaves a"
        " grey trace of the thin parts."
    ),
    damage=(
        "a legible grey trace of the name, beads where the stroke was thick, or brushwork smoothed"
        " between the loops"
    ),
    units={
        "width_px": (
            "width of the stroke at full pressure, input pixels; upstrokes go down to 0.45 of it"
        ),
        "opacity": "alpha of the ink, 0 to 1",
        "ground": "background: painting (brush strokes), or a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"width_px": 3.0, "opacity": 1.0, "ground": "gradient"},
        {"width_px": 2.2, "opacity": 0.9, "ground": "paper"},
        {"width_px": 1.6, "opacity": 0.7, "ground": "painting"},
        {"width_px": 1.1, "opacity": 0.5, "ground": "chelsea"},
        {"width_px": 0.7, "opacity": 0.35, "ground": "grass"},
    ),
    draw=draw,
    version=2,
)
