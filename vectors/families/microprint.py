"""Family `microprint`: a stamp to remove from a security print whose rows of tiny text must
survive.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose, mark_boxes, print_layers
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import (
    Layer,
    Lettering,
    Patch,
    Rgb,
    patch_box,
    shape_patch,
    text_patch,
    text_width,
)
from editproof.vectors.drawing.shapes import frame
from editproof.vectors.scene import Param, Scene, Vector

STAMPS = ("VOID", "COPY", "PAID", "SPECIMEN", "DRAFT")
MICROTEXTS = (
    "GENUINE DOCUMENT ",
    "NORDIC REGISTRY 2481 ",
    "VALID ONLY WITH SEAL ",
    "SERIES B 77031 ",
)
STAMP_RGB: Rgb = (186, 28, 40)
INK_RGB: Rgb = (22, 34, 66)
STAMP_PX = 30
"""Height of the stamp's capitals, input pixels; less where the image is too small."""
STAMP_ALPHA = 0.9
ROWS = 3
"""Rows of microprint above and below the stamp, as many as fit."""
PITCH = 1.8
"""Row pitch in capital heights."""
MARGIN = 0.05
"""Free border, as a share of the image's edge."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    height_px: float,
    gap_px: float,
    contrast: float,
    ground: str,
) -> Scene:
    """Draw a security print with rows of microprint, and a stamp that keeps `gap_px` away from the
    nearest row.
    """
    rng = np.random.default_rng((seed, 13))
    sheet = draw_ground(ground, seed, size * scale, scale)
    stamp, word, edges_px = _stamp(rng, size=size, scale=scale, below_px=gap_px + height_px)
    tops = _tops(edges_px, height_px=height_px, gap_px=gap_px, size=size)
    lettering = Lettering("regular", height_px)
    rows = [_row(rng, lettering, top, size=size, scale=scale) for top in tops]
    printed = [patch for _, patch in rows]
    clean = print_layers(sheet, [Layer(patch, INK_RGB, contrast) for patch in printed])
    facts: dict[str, Param] = {"height_px": height_px, "gap_px": gap_px, "contrast": contrast}
    return compose(
        clean,
        [Layer(patch, STAMP_RGB) for patch in stamp],
        scale=scale,
        brief=Brief(
            "remove the red stamp, keep the print",
            mask_given=True,
            metadata={"family": "microprint", "ground": ground, **facts},
        ),
        truth=(
            patch_box("text", word, stamp[1], scale),
            *(patch_box("microprint", text, patch, scale) for text, patch in rows),
        ),
        opacity=STAMP_ALPHA,
        protect={"microprint": mark_boxes(printed, size * scale, margin=scale)},
    )


def _stamp(
    rng: np.random.Generator, *, size: int, scale: int, below_px: float
) -> tuple[tuple[Patch, Patch], str, tuple[float, float]]:
    """The stamp's frame and letters, its word, and its upper and lower edge in input pixels.

    It stands near the middle, but leaves room for `below_px` under it.
    """
    word = STAMPS[rng.integers(len(STAMPS))]
    per_height = text_width(word, Lettering("bold", 1.0))
    height_px = min(STAMP_PX, 0.12 * size, 0.84 * size / (per_height + 1.2))
    line_px = 0.1 * height_px
    half_px = height_px * 0.95
    reach_px = half_px + line_px / 2
    low = MARGIN * size + reach_px
    high = max((1 - MARGIN) * size - below_px - reach_px, low)
    y_px = min(max(rng.uniform(0.45, 0.55) * size, low), high)
    half_wide_px = (per_height / 2 + 0.5) * height_px
    room_px = (0.5 - MARGIN) * size - half_wide_px - line_px
    x_px = size / 2 + rng.uniform(-0.5, 0.5) * max(room_px, 0.0)
    border = shape_patch(
        frame(half_px, half_wide_px, corner_px=0.25 * height_px, width_px=line_px),
        y_px=y_px,
        x_px=x_px,
        reach_px=half_wide_px + line_px,
        scale=scale,
    )
    letters = text_patch(
        word,
        Lettering("bold", height_px),
        y_px=y_px - height_px / 2,
        x_px=x_px - per_height * height_px / 2,
        scale=scale,
    )
    return (border, letters), word, (y_px - reach_px, y_px + reach_px)


def _tops(
    edges_px: tuple[float, float], *, height_px: float, gap_px: float, size: int
) -> list[float]:
    """Upper edges of the rows of microprint, from the stamp outwards, above and below."""
    above = [edges_px[0] - gap_px - height_px - k * PITCH * height_px for k in range(ROWS)]
    below = [edges_px[1] + gap_px + k * PITCH * height_px for k in range(ROWS)]
    low, high = MARGIN * size, (1 - MARGIN) * size - height_px
    return [top for top in (*above, *below) if low <= top <= high + 0.5]


def _row(
    rng: np.random.Generator, lettering: Lettering, top_px: float, *, size: int, scale: int
) -> tuple[str, Patch]:
    """One row from margin to margin, its text starting anywhere."""
    room_px = (1 - 2 * MARGIN) * size
    text = MICROTEXTS[rng.integers(len(MICROTEXTS))]
    start = int(rng.integers(len(text)))
    turned = text[start:] + text[:start]
    turns, rest = divmod(room_px, text_width(turned, lettering))
    end = (
        bisect_right(
            range(len(text) + 1), rest, key=lambda end: text_width(turned[:end], lettering)
        )
        - 1
    )
    row = (turned * int(turns) + turned[:end]).strip()
    return row, text_patch(row, lettering, y_px=top_px, x_px=MARGIN * size, scale=scale)


VECTOR = Vector(
    family="microprint",
    about=(
        "A bold stamp lies on a security print, beside rows of tiny text. Its mask is given. A"
        " denoiser, an upscaler or a generous mask treats that text as noise. Yet the text is"
        " what proves the document genuine."
    ),
    damage="microprint blurred, rewritten or gone, or the fine lines under the stamp broken",
    units={
        "height_px": "height of a microprint capital, input pixels",
        "gap_px": "distance from the stamp's frame to the nearest row, input pixels",
        "contrast": "opacity of the microprint's ink, 0 to 1",
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"height_px": 9.0, "gap_px": 24.0, "contrast": 0.95, "ground": "paper"},
        {"height_px": 6.0, "gap_px": 12.0, "contrast": 0.8, "ground": "paper"},
        {"height_px": 4.5, "gap_px": 6.0, "contrast": 0.8, "ground": "fibres"},
        {"height_px": 3.0, "gap_px": 3.0, "contrast": 0.9, "ground": "guilloche"},
        {"height_px": 2.5, "gap_px": 2.0, "contrast": 0.9, "ground": "guilloche"},
    ),
    draw=draw,
    version=2,
)
