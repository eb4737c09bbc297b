"""Family `thin_text`: a thin line of text to find and remove."""

from __future__ import annotations

import numpy as np

from vectors.composition import Brief, compose, luminance
from vectors.drawing import Layer, Lettering, Patch, Weight, patch_box, text_patch, text_width
from vectors.grounds import draw_ground
from vectors.scene import Param, Scene, Vector

PHRASES = (
    "Sample copy", "Not for sale", "Proof only", "Do not print", "Draft 2 of 3", "Preview", "Specimen", "Studio Nord",
    "Archive", "Evaluation", "For review", "Picture desk", "Unlicensed", "Hanami Press", "Confidential", "Test image",
)  # fmt: skip
MARGIN = 0.07
"""Free border, as a share of the image's edge."""
LINE = 1.75
"""Line pitch in capital heights."""
WHITE, BLACK = (250, 250, 250), (16, 16, 18)
MIDDLE = 118
"""Luma of an 18 % grey card: above it black stands out better, below it white."""


def draw(
    seed: int, size: int, scale: int, *, height_px: int, weight: Weight, alpha: float, lines: int, ground: str
) -> Scene:
    """Draw `lines` lines of text, as many as fit, over a ground; the pipeline is not told where they are."""
    rng = np.random.default_rng((seed, 11))
    clean = draw_ground(ground, seed, size * scale, scale)
    lettering = Lettering(weight, height_px)
    texts = _texts(rng, lettering, room_px=size * (1 - 2 * MARGIN), lines=_lines(size, height_px, lines))
    patches = _place(rng, texts, lettering, size=size, scale=scale)
    ink = [Layer(patch, BLACK if luminance(clean, patch) > MIDDLE else WHITE) for patch in patches]
    facts: dict[str, Param] = {"height_px": height_px, "weight": weight, "alpha": alpha, "lines": lines}
    return compose(
        clean,
        ink,
        scale=scale,
        brief=Brief("remove the text", mask_given=False, metadata={"family": "thin_text", "ground": ground, **facts}),
        truth=tuple(patch_box("text", text, patch, scale) for text, patch in zip(texts, patches, strict=True)),
        opacity=alpha,
    )


def _lines(size: int, height_px: int, lines: int) -> int:
    """How many lines fit on half of the image: at least one."""
    return max(1, min(lines, int(size / 2 / (LINE * height_px))))


def _texts(rng: np.random.Generator, lettering: Lettering, *, room_px: float, lines: int) -> list[str]:
    """Different phrases that fit into `room_px`; a phrase is cut short where none fits."""
    phrases = [PHRASES[index] for index in rng.permutation(len(PHRASES))]
    fitting = [phrase for phrase in phrases if text_width(phrase, lettering) <= room_px]
    chosen = (fitting + phrases)[:lines]
    return [_cut(phrase, lettering, room_px) for phrase in chosen]


def _cut(phrase: str, lettering: Lettering, room_px: float) -> str:
    while len(phrase) > 1 and text_width(phrase, lettering) > room_px:
        phrase = phrase[:-1].rstrip()
    return phrase


def _place(rng: np.random.Generator, texts: list[str], lettering: Lettering, *, size: int, scale: int) -> list[Patch]:
    """Set the lines as one block, each line shifted on its own, all within the margins."""
    low, high = MARGIN * size, (1 - MARGIN) * size
    block_px = lettering.height_px * (LINE * (len(texts) - 1) + 1.35)
    top = rng.uniform(low, max(high - block_px, low))
    patches = []
    for index, text in enumerate(texts):
        left = rng.uniform(low, max(high - text_width(text, lettering), low))
        y_px = top + index * LINE * lettering.height_px
        patches.append(text_patch(text, lettering, y_px=y_px, x_px=left, scale=scale))
    return patches


VECTOR = Vector(
    family="thin_text",
    about=(
        "Hair-thin lettering over flat and then busy grounds, with no mask given: a text detector looks for thick dark "
        "strokes and overlooks thin or faint ones, and a mask that misses or pads a stroke by one pixel leaves ghosts "
        "or smears."
    ),
    damage="letters still readable, ghost outlines along the strokes, or a smeared band where the line stood",
    units={
        "height_px": "height of a capital letter, input pixels",
        "weight": "font weight of Roboto: thin (a stroke is 1/27 of a capital's height), light (1/12), regular (1/8)",
        "alpha": "opacity of the ink, 0 to 1",
        "lines": "lines of text, count; fewer where the image is too small",
        "ground": "picture beneath, a name in vectors.grounds",
    },
    ladder=(
        {"height_px": 28, "weight": "light", "alpha": 1.0, "lines": 1, "ground": "gradient"},
        {"height_px": 18, "weight": "thin", "alpha": 0.95, "lines": 2, "ground": "coffee"},
        {"height_px": 12, "weight": "thin", "alpha": 0.45, "lines": 2, "ground": "chelsea"},
        {"height_px": 14, "weight": "light", "alpha": 0.8, "lines": 2, "ground": "grass"},
        {"height_px": 12, "weight": "thin", "alpha": 0.3, "lines": 2, "ground": "brick"},
    ),
    draw=draw,
)
