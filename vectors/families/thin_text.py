"""Family `thin_text`: a thin line of text to find and remove."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose, luminance
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import (
    Layer,
    Lettering,
    Patch,
    Rotation,
    Weight,
    patch_box,
    text_patch,
    text_width,
)
from editproof.vectors.scene import Param, Scene, Vector

Script = Literal["latin", "cyrillic", "greek", "han"]

PHRASES: Mapping[Script, tuple[str, ...]] = {
    "latin": (
        "Sample copy",
        "Not for sale",
        "Proof only",
        "Do not print",
        "Draft 2 of 3",
        "Preview",
        "Specimen",
        "Studio Nord",
        "Archive",
        "Evaluation",
        "For review",
        "Picture desk",
        "Unlicensed",
        "Hanami Press",
        "Confidential",
        "Test image",
    ),
    "cyrillic": (
        "Образец",
        "Не для продажи",
        "Черновик",
        "Пробный лист",
        "Не печатать",
        "Архив",
        "Для просмотра",
        "Без лицензии",
    ),
    "greek": (
        "Δείγμα",
        "Δοκίμιο",
        "Μόνο για έλεγχο",
        "Μη εκτυπώσετε",
        "Προσχέδιο",
        "Αρχείο",
        "Χωρίς άδεια",
        "Εμπιστευτικό",
    ),
    "han": (
        "樣張範本",
        "請勿列印",
        "僅供審閱",
        "草稿第二版",
        "未經授權",
        "測試圖片",
        "機密文件",
        "檔案副本",
        "非賣品",
    ),
}
"""All of them say about the same: specimen, not for sale, proof, do not print. The last script is
traditional Chinese.
"""
MARGIN = 0.07
"""Free border, as a share of the image's edge."""
LINE = 1.75
"""Line pitch in capital heights."""
LETTER = 1.35
"""Height of a line with its descenders, in capital heights."""
WHITE, BLACK = (250, 250, 250), (16, 16, 18)
MIDDLE = 118
"""Luma of an 18 % grey card: above it black stands out better, below it white."""


@dataclass(frozen=True, slots=True)
class Block:
    """A column of lines, as it lies before it is turned around its centre. Input pixels."""

    texts: tuple[str, ...]
    lettering: Lettering
    angle_deg: float
    width_px: float
    height_px: float

    @property
    def extent_px(self) -> tuple[float, float]:
        """Height and width of the upright box around the turned column."""
        cosine, sine = _cosine_sine(self.angle_deg)
        return (
            self.width_px * sine + self.height_px * cosine,
            self.width_px * cosine + self.height_px * sine,
        )


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    script: Script,
    height_px: int,
    weight: Weight,
    alpha: float,
    lines: int,
    angle_deg: float,
    ground: str,
) -> Scene:
    """Draw `lines` lines of text, as many as fit, over a ground; the pipeline is not told where
    they are.
    """
    if script not in PHRASES:
        raise ValueError(f"no script is called {script!r}; there are: {', '.join(PHRASES)}")
    rng = np.random.default_rng((seed, 11))
    clean = draw_ground(ground, seed, size * scale, scale)
    lettering = Lettering(weight, height_px, "han" if script == "han" else "roboto")
    block = _block(rng, PHRASES[script], lettering, size=size, lines=lines, angle_deg=angle_deg)
    patches = _place_block(rng, block, size=size, scale=scale)
    ink = [Layer(patch, BLACK if luminance(clean, patch) > MIDDLE else WHITE) for patch in patches]
    facts: dict[str, Param] = {
        "script": script,
        "height_px": height_px,
        "weight": weight,
        "alpha": alpha,
    }
    return compose(
        clean,
        ink,
        scale=scale,
        brief=Brief(
            "remove the text",
            mask_given=False,
            metadata={
                "family": "thin_text",
                "ground": ground,
                "lines": lines,
                "angle_deg": angle_deg,
                **facts,
            },
        ),
        truth=tuple(
            patch_box("text", text, patch, scale)
            for text, patch in zip(block.texts, patches, strict=True)
        ),
        opacity=alpha,
    )


def _block(
    rng: np.random.Generator,
    phrases: tuple[str, ...],
    lettering: Lettering,
    *,
    size: int,
    lines: int,
    angle_deg: float,
) -> Block:
    """Choose phrases, and a column for them that may be wider than they are, so that it fits within
    the margins.
    """
    room_px = (1 - 2 * MARGIN) * size
    fitting = max(
        1, min(lines, int(size / 2 / (LINE * lettering.height_px)))
    )  # on half of the image: at least one
    height_px = lettering.height_px * (LINE * (fitting - 1) + LETTER)
    cosine, sine = _cosine_sine(angle_deg)
    wide_px = min(
        (room_px - height_px * sine) / cosine, (room_px - height_px * cosine) / max(sine, 1e-9)
    )
    texts = _texts(rng, phrases, lettering, room_px=wide_px, lines=fitting)
    longest_px = max(text_width(text, lettering) for text in texts)
    return Block(
        tuple(texts),
        lettering,
        angle_deg,
        rng.uniform(longest_px, max(wide_px, longest_px)),
        height_px,
    )


def _texts(
    rng: np.random.Generator,
    phrases: tuple[str, ...],
    lettering: Lettering,
    *,
    room_px: float,
    lines: int,
) -> list[str]:
    """Different phrases that fit into `room_px`; a phrase is cut short where none fits."""
    shuffled = [phrases[index] for index in rng.permutation(len(phrases))]
    fitting = [phrase for phrase in shuffled if text_width(phrase, lettering) <= room_px]
    chosen = (fitting + shuffled)[:lines]
    return [_cut_phrase(phrase, lettering, room_px) for phrase in chosen]


def _cut_phrase(phrase: str, lettering: Lettering, room_px: float) -> str:
    while len(phrase) > 1 and text_width(phrase, lettering) > room_px:
        phrase = phrase[:-1].rstrip()
    return phrase


def _place_block(rng: np.random.Generator, block: Block, *, size: int, scale: int) -> list[Patch]:
    """Set the block within the margins, each line shifted on its own within the column, all turned
    together.
    """
    low, high = MARGIN * size, (1 - MARGIN) * size
    y_px, x_px = (
        rng.uniform(low + px / 2, max(high - px / 2, low + px / 2)) for px in block.extent_px
    )
    top, left = y_px - block.height_px / 2, x_px - block.width_px / 2
    turn = Rotation(block.angle_deg, y_px, x_px) if block.angle_deg else None
    patches = []
    for index, text in enumerate(block.texts):
        shift = rng.uniform(0, max(block.width_px - text_width(text, block.lettering), 0))
        line_px = top + index * LINE * block.lettering.height_px
        patches.append(
            text_patch(
                text, block.lettering, y_px=line_px, x_px=left + shift, scale=scale, turn=turn
            )
        )
    return patches


def _cosine_sine(angle_deg: float) -> tuple[float, float]:
    """Of the angle's size, so both are at least 0."""
    angle = math.radians(abs(angle_deg))
    return math.cos(angle), math.sin(angle)


UNITS = {
    "script": "latin, cyrillic, greek or han (traditional Chinese characters)",
    "height_px": "height of a capital letter or a Chinese character, input pixels",
    "weight": (
        "font weight: thin (a stroke is 1/27 of a capital's height), light (1/12) or regular (1/8)"
    ),
    "alpha": "opacity of the ink, 0 to 1",
    "lines": "number of lines; fewer where the image is too small",
    "angle_deg": "slope of the lines, counter-clockwise, degrees",
    "ground": "background, a name in vectors/drawing/grounds.py",
}
RUNGS: tuple[tuple[Param, ...], ...] = (
    ("latin", 28, "light", 1.0, 1, 0.0, "gradient"),
    ("cyrillic", 18, "thin", 0.95, 2, 15.0, "paper"),
    ("latin", 18, "light", 0.95, 2, 0.0, "wood"),
    ("greek", 14, "thin", 0.95, 2, 0.0, "coffee"),
    ("cyrillic", 14, "light", 0.8, 2, -10.0, "grass"),
    ("latin", 12, "thin", 0.55, 2, 0.0, "chelsea"),
    ("latin", 12, "thin", 0.9, 2, 0.0, "brick"),
    ("han", 20, "thin", 0.95, 2, 20.0, "fabric"),
)
"""Easiest first; the columns are the parameters in the order of UNITS."""

VECTOR = Vector(
    family="thin_text",
    about=(
        "Hair-thin lettering in several scripts lies over flat, then busy backgrounds. No mask"
        " is given. A text detector looks for thick dark strokes. It overlooks thin or faint"
        " ones, or takes the background for text. A mask that misses or pads a stroke by one"
        " pixel leaves ghosts or smears."
    ),
    damage=(
        "letters still readable, ghost outlines along the strokes, or a smeared band where the line"
        " stood"
    ),
    units=UNITS,
    ladder=tuple(dict(zip(UNITS, rung, strict=True)) for rung in RUNGS),
    draw=draw,
    version=2,
)
