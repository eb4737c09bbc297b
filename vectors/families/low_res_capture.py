"""Family `low_res_capture`: a sticker on a poor capture whose text must come out readable.

The right answer is the undegraded picture at output size. The capture is degraded before the
sticker is laid on it. So `clean_input` is the DEGRADED picture, not the area average of `clean`.
The equation of `Scene.overlay` holds: the input is a crisp sticker over a poor capture, as an app
puts stickers on photographs.
"""

from __future__ import annotations

import numpy as np

from editproof.vectors.drawing.capture import degrade
from editproof.vectors.drawing.composition import (
    Brief,
    compose,
    luminance,
    mark_boxes,
    print_layers,
)
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import (
    Layer,
    Lettering,
    Patch,
    Rgb,
    patch_box,
    text_patch,
    text_width,
)
from editproof.vectors.drawing.stickers import sticker, sticker_px
from editproof.vectors.scene import Param, Scene, Vector

SIGNS = (
    "Platform 4 to Harbour",
    "Opening hours 9 to 17",
    "Batch 20418 keep dry",
    "Reading room, floor 2",
    "Serial 7C-8819-24",
    "Ferry leaves at 16:45",
    "Lot 63, keep till May",
    "Room 212 knock first",
)
MARGIN = 0.06
"""Free border, as a share of the image's edge."""
PITCH = 1.9
"""Row pitch in capital heights."""
ROWS = 4
"""Most rows of text."""
INKS: tuple[Rgb, Rgb] = ((18, 20, 26), (248, 248, 244))
MIDDLE = 118
"""Luma of an 18 % grey card: above it the text is dark, below it light."""
STICKER_PX = 40
"""Diameter of the sticker, input pixels; at most a quarter of the image's edge."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    blur_px: float,
    noise_levels: float,
    quality: int,
    height_px: int,
    ground: str,
) -> Scene:
    """Draw rows of text on a ground, degrade the input, and put a sticker on it beneath the
    text.
    """
    rng = np.random.default_rng((seed, 43))
    picture = draw_ground(ground, seed, size * scale, scale)
    lettering = Lettering("bold", height_px)
    wide_px = sticker_px(STICKER_PX, size)
    texts, patches, below_px = _text(rng, lettering, size=size, scale=scale, room_px=wide_px)
    clean = print_layers(
        picture, [Layer(patch, INKS[luminance(picture, patch) < MIDDLE]) for patch in patches]
    )
    reach_px = wide_px / 2 + MARGIN * size
    y_px = rng.uniform(below_px + wide_px / 2, max(size - reach_px, below_px + wide_px / 2))
    x_px = rng.uniform(reach_px, size - reach_px)
    layers = sticker(rng, wide_px, y_px=y_px, x_px=x_px, scale=scale)
    facts: dict[str, Param] = {
        "blur_px": blur_px,
        "noise_levels": noise_levels,
        "quality": quality,
        "height_px": height_px,
    }
    return compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the sticker, make the picture sharp and keep its text",
            mask_given=True,
            metadata={"family": "low_res_capture", "ground": ground, **facts},
        ),
        truth=(
            patch_box("sticker", "sticker", layers[0].patch, scale),
            *(
                patch_box("text", text, patch, scale)
                for text, patch in zip(texts, patches, strict=True)
            ),
        ),
        protect={"text": mark_boxes(patches, size * scale, margin=scale)},
        capture=lambda seen: degrade(
            seen, rng, blur_px=blur_px, noise_levels=noise_levels, quality=quality
        ),
    )


def _text(
    rng: np.random.Generator, lettering: Lettering, *, size: int, scale: int, room_px: float
) -> tuple[list[str], list[Patch], float]:
    """Rows of text in the upper part of the image, and where they end; `room_px` stay free beneath
    them.
    """
    low, wide_px = MARGIN * size, (1 - 2 * MARGIN) * size
    pitch_px = PITCH * lettering.height_px
    rows = max(1, min(ROWS, int((size - 2 * low - room_px) / pitch_px)))
    texts = [
        _cut_text(SIGNS[index], lettering, wide_px) for index in rng.permutation(len(SIGNS))[:rows]
    ]
    patches = []
    for row, text in enumerate(texts):
        left = low + rng.uniform() * max(wide_px - text_width(text, lettering), 0.0)
        patches.append(
            text_patch(text, lettering, y_px=low + row * pitch_px, x_px=left, scale=scale)
        )
    return texts, patches, low + rows * pitch_px


def _cut_text(text: str, lettering: Lettering, room_px: float) -> str:
    while len(text) > 1 and text_width(text, lettering) > room_px:
        text = text[:-1].rstrip()
    return text


VECTOR = Vector(
    family="low_res_capture",
    about=(
        "A sticker lies on a blurred, noisy, compressed picture with text to keep. Its mask is"
        " given. An upscaler sharpens blocks and noise together with the letters. A denoiser"
        " takes the letters for noise. A generative model writes other letters than those that"
        " were there."
    ),
    damage=(
        "text illegible or changed, block borders and ringing enlarged, or a fill sharper than what"
        " surrounds it"
    ),
    units={
        "blur_px": "standard deviation of the lens' Gaussian blur, input pixels",
        "noise_levels": "standard deviation of the sensor's noise in each channel, levels of 255",
        "quality": "JPEG quality of the capture as Pillow counts it, 1 to 95",
        "height_px": "height of a capital of the text to keep, input pixels",
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"blur_px": 0.3, "noise_levels": 1.0, "quality": 95, "height_px": 14, "ground": "plain"},
        {"blur_px": 0.6, "noise_levels": 2.5, "quality": 75, "height_px": 11, "ground": "gradient"},
        {"blur_px": 0.9, "noise_levels": 4.0, "quality": 45, "height_px": 9, "ground": "wood"},
        {"blur_px": 1.2, "noise_levels": 6.0, "quality": 25, "height_px": 8, "ground": "fibres"},
        {"blur_px": 2.2, "noise_levels": 10.0, "quality": 10, "height_px": 6, "ground": "coffee"},
    ),
    draw=draw,
    least_scale=2,
    version=2,
)
