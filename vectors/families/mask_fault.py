"""Family `mask_fault`: the mask that the caller gives is wrong.

`Scene.mask` is NOT the coverage of the overlay here, but that coverage after the step's fault.
`edit`, `ring`, `keep`, `overlay` and the boxes stay those of the real overlay. So a pipeline is
measured by what a customer sees: is the sticker gone, and was anything else touched? A pipeline
that notices the fault may refuse or ask for review. The last step asks for just that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import patch_box
from editproof.vectors.drawing.stickers import sticker, sticker_place, sticker_px
from editproof.vectors.scene import Mask, Param, Scene, Vector

DIAMETER_PX = 44
"""Diameter of the sticker, input pixels; less where the image is too small."""
MAX_AMOUNT = 0.04
"""Largest amount of a fault as a share of the image's edge."""
SALT = 0.004
"""Share of the pixels that salt covers."""
CORNERS = 2
"""Corners of the image that a noisy mask has inverted."""


def draw(seed: int, size: int, scale: int, *, fault: str, amount_px: float, ground: str) -> Scene:
    """Draw a sticker, and give a mask that has the fault asked for."""
    if fault not in FAULTS:
        raise ValueError(f"no mask fault is called {fault!r}; there are: {', '.join(FAULTS)}")
    rng = np.random.default_rng((seed, 45))
    clean = draw_ground(ground, seed, size * scale, scale)
    wide_px = sticker_px(min(DIAMETER_PX, 0.17 * size), size)
    y_px, x_px = sticker_place(rng, wide_px, size)
    layers = sticker(rng, wide_px, y_px=y_px, x_px=x_px, scale=scale)
    facts: dict[str, Param] = {"fault": fault, "amount_px": amount_px}
    scene = compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the sticker",
            mask_given=False,
            metadata={"family": "mask_fault", "ground": ground, **facts},
        ),
        truth=(patch_box("sticker", "sticker", layers[0].patch, scale),),
    )
    return replace(scene, mask=FAULTS[fault](rng, scene.overlay, min(amount_px, MAX_AMOUNT * size)))


def _grow_mask(rng: np.random.Generator, mask: Mask, amount_px: float) -> Mask:
    """Too large by `amount_px` on every side."""
    del rng
    from scipy import ndimage  # half a second to import, and listing vectors does not need it

    reach = math.ceil(amount_px) + 1
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    here = np.s_[
        max(rows[0] - reach, 0) : rows[-1] + reach + 1,
        max(columns[0] - reach, 0) : columns[-1] + reach + 1,
    ]
    grown = np.zeros_like(mask)
    grown[here] = np.clip(amount_px + 1 - ndimage.distance_transform_edt(mask[here] == 0), 0, 1)
    return grown


def _add_noise(rng: np.random.Generator, mask: Mask, amount_px: float) -> Mask:
    """Salt all over the image, and corners of the image inverted, squares of 3 × `amount_px`."""
    noisy = np.maximum(mask, rng.random(mask.shape, np.float32) < SALT).astype(np.float32)
    edge = max(1, round(3 * amount_px))
    for corner in rng.choice(4, CORNERS, replace=False).tolist():
        rows = slice(None, edge) if corner < 2 else slice(-edge, None)
        columns = slice(None, edge) if corner % 2 else slice(-edge, None)
        noisy[rows, columns] = 1 - noisy[rows, columns]
    return noisy


def _shift_mask(rng: np.random.Generator, mask: Mask, amount_px: float) -> Mask:
    """Off by `amount_px`, rounded to whole pixels, along both axes; what leaves the image is
    lost.
    """
    shift = max(1, round(amount_px))
    return _move_mask(mask, *(int(sign) * shift for sign in rng.choice([-1, 1], 2)))


def _misplace_mask(rng: np.random.Generator, mask: Mask, amount_px: float) -> Mask:
    """That of an earlier version of the asset, where the sticker stood elsewhere: the two do not
    meet.
    """
    del rng, amount_px
    size = mask.shape[0]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    middle_y, middle_x = (rows[0] + rows[-1]) // 2, (columns[0] + columns[-1]) // 2
    down, right = (
        size // 3 if middle < size // 2 else -(size // 3) for middle in (middle_y, middle_x)
    )
    return _move_mask(mask, down, right)


def _invert_mask(rng: np.random.Generator, mask: Mask, amount_px: float) -> Mask:
    """Everything but the sticker."""
    del rng, amount_px
    return 1 - mask


FAULTS: Mapping[str, Callable[[np.random.Generator, Mask, float], Mask]] = {
    "grown": _grow_mask,
    "noisy": _add_noise,
    "shifted": _shift_mask,
    "stale": _misplace_mask,
    "inverted": _invert_mask,
}


def _move_mask(mask: Mask, down: int, right: int) -> Mask:
    """The mask moved by whole pixels; zeros enter from outside."""
    size = mask.shape[0]
    moved = np.zeros_like(mask)
    moved[max(down, 0) : size + min(down, 0), max(right, 0) : size + min(right, 0)] = mask[
        max(-down, 0) : size - max(down, 0), max(-right, 0) : size - max(right, 0)
    ]
    return moved


VECTOR = Vector(
    family="mask_fault",
    about=(
        "A sticker comes with a wrong mask: too large, noisy, shifted, stale or inverted. A"
        " pipeline that trusts the mask leaves part of the sticker, or copies it into the fill."
        " Or it repaints what nobody asked it to touch, and reports success."
    ),
    damage=(
        "a crescent or all of the sticker left, specks of repainted background, or a sound part"
        " of the image replaced"
    ),
    units={
        "fault": (
            "what is wrong with the mask: grown (too large), noisy (salt, and inverted"
            " corners), shifted, stale (of another position) or inverted"
        ),
        "amount_px": (
            "size of the fault, input pixels; at most 0.04 of the image's edge. A grown mask is"
            " this much too large, and a shifted mask is this far off along each axis. An"
            " inverted corner is 3 times as large. stale and inverted have no size"
        ),
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"fault": "grown", "amount_px": 8.0, "ground": "gradient"},
        {"fault": "noisy", "amount_px": 4.0, "ground": "wood"},
        {"fault": "shifted", "amount_px": 5.0, "ground": "coffee"},
        {"fault": "stale", "amount_px": 0.0, "ground": "foliage"},
        {"fault": "inverted", "amount_px": 0.0, "ground": "fabric"},
    ),
    draw=draw,
)
