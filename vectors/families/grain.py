"""Family `grain`: a sticker on a grainy photograph. The fill must have the grain of its
surroundings.

Which output is right? The grain is part of the photograph, so it is part of `clean`, drawn at
output size with crystals `grain_px` input pixels wide. `clean_input` is the area average of that
picture. Averaging removes the grain that is finer than an input pixel, and lowers its deviation.
Outside the edit the right answer therefore brings the finer grain back.

Inside the edit nobody can draw the same crystals: `clean` is one draw out of many. A perfect fill
differs from it by √2 times the grain's deviation. The test is whether deviation and spectrum inside
the edit agree with those around it in the same output.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Levels, patch_box
from editproof.vectors.drawing.stickers import sticker, sticker_place, sticker_px
from editproof.vectors.drawing.textures import levels
from editproof.vectors.scene import Param, Scene, Vector

Grain = npt.NDArray[np.float32]
"""H×W, unit deviation."""

TINT = 0.3
"""Deviation of what each colour's grain has of its own, as a share of the grain that all share."""
DEEPEST = 0.55
"""Grain in black and white as a share of that in mid grey, where film shows it most."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    sigma_levels: float,
    grain_px: float,
    diameter_px: int,
    ground: str,
) -> Scene:
    """Draw a ground, film grain on it, and a sticker whose mask is given."""
    rng = np.random.default_rng((seed, 41))
    still = draw_ground(ground, seed, size * scale, scale)
    wide_px = sticker_px(diameter_px, size)
    y_px, x_px = sticker_place(rng, wide_px, size)
    layers = sticker(rng, wide_px, y_px=y_px, x_px=x_px, scale=scale)
    clean = add_grain(rng, still, sigma_levels=sigma_levels, crystal=grain_px * scale)
    facts: dict[str, Param] = {
        "sigma_levels": sigma_levels,
        "grain_px": grain_px,
        "diameter_px": diameter_px,
    }
    return compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the sticker, keep the film grain",
            mask_given=True,
            metadata={"family": "grain", "ground": ground, **facts},
        ),
        truth=(patch_box("sticker", "sticker", layers[0].patch, scale),),
    )


def add_grain(
    rng: np.random.Generator, still: Levels, *, sigma_levels: float, crystal: float
) -> Levels:
    """Grain of deviation `sigma_levels` in mid grey and crystals `crystal` pixels wide, less in
    shadows and highlights.
    """
    size_px = still.shape[0]
    luma = still @ np.array([0.299, 0.587, 0.114], np.float32)
    strength = np.float32(sigma_levels) * (
        DEEPEST + (1 - DEEPEST) * (1 - np.square(luma * np.float32(2 / 255) - 1))
    )
    shared, red, blue = (_crystals(rng, size_px, crystal) for _ in range(3))
    shared *= strength
    tint = strength * np.float32(TINT)
    grainy = still.astype(np.float32)
    grainy += shared[..., None]
    grainy[..., 0] += tint * red
    grainy[..., 2] += tint * blue
    return levels(grainy)


def _crystals(rng: np.random.Generator, size_px: int, crystal: float) -> Grain:
    """White noise blurred by a Gaussian whose full width at half height is `crystal` pixels,
    brought to unit deviation.
    """
    sigma = crystal / 2.355
    reach = math.ceil(2.5 * sigma)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    weights = (weights / math.sqrt(float(np.square(weights).sum()))).astype(np.float32)
    grain = rng.standard_normal((size_px + 2 * reach, size_px + 2 * reach), np.float32)
    rows = sum(weight * grain[k : k + size_px] for k, weight in enumerate(weights))
    return np.asarray(sum(weight * rows[:, k : k + size_px] for k, weight in enumerate(weights)))


VECTOR = Vector(
    family="grain",
    about=(
        "A sticker lies on a picture with film grain. Its mask is given. A fill averages what"
        " it has seen, so it comes out smooth. The hole stays visible as a clean spot, although"
        " every mean colour in it is right."
    ),
    damage=(
        "a smooth or differently grained spot where the sticker stood, or grain smoothed away"
        " everywhere"
    ),
    units={
        "sigma_levels": "standard deviation of the grain in mid grey at output size, levels of 255",
        "grain_px": "width of a crystal (full width at half height), input pixels",
        "diameter_px": (
            "diameter of the sticker, input pixels; at most a quarter of the image's edge"
        ),
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"sigma_levels": 1.0, "grain_px": 1.0, "diameter_px": 24, "ground": "gradient"},
        {"sigma_levels": 2.5, "grain_px": 1.0, "diameter_px": 30, "ground": "plain"},
        {"sigma_levels": 4.5, "grain_px": 1.3, "diameter_px": 36, "ground": "coffee"},
        {"sigma_levels": 7.0, "grain_px": 1.6, "diameter_px": 42, "ground": "gradient"},
        {"sigma_levels": 10.0, "grain_px": 2.0, "diameter_px": 56, "ground": "chelsea"},
    ),
    draw=draw,
)
