"""What goes wrong inside a stage: in its mask, fill, blend, enlargement or grain.

The functions follow the order of the pipeline. `stages.py` says at which strength each is a fault.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from editproof.harness.faults import effects
from editproof.harness.faults.effects import Plane, clip_to_float32
from editproof.harness.faults.planting import Stage
from editproof.pipelines.contract import Image, Mask, Status
from editproof.pipelines.edit import Edit, Step

TILE_PX = 64
"""Edge of a tile in tiled faults, in pixels of the picture that the stage works on."""
PATCH_PX = 8
"""Edge of the patch that changes outside the mask, in input pixels."""
GRAIN_TILE_PX = 32
"""Edge of the tile of noise that is repeated, in output pixels."""


# Masks


def drop_last_letters(mask: Mask, _: Edit, strength: float) -> Mask:
    """Remove the last columns of the mask."""
    columns = np.flatnonzero(mask.max(axis=0) > 0)
    left = mask.copy()
    if len(columns):
        left[:, columns[-max(round(strength * len(columns)), 1) :]] = 0
    return left


def grow(mask: Mask, _: Edit, strength: float) -> Mask:
    """Grow the mask by `strength` pixels."""
    size = 2 * round(strength) + 1
    return np.asarray(
        cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))), np.float32
    )


def leave_rim(_: Mask, edit: Edit, strength: float) -> Mask:
    """Shrink the unrefined mask by `strength` pixels, so that a rim of what must go stays."""
    inside = (edit.mask >= 0.5).astype(np.uint8)
    if inside.all() or not inside.any():
        return edit.mask
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(depth > strength, np.float32(1), np.float32(0))


def harden(mask: Mask, _: Edit, strength: float) -> Mask:
    """Fill a share of the mask's soft edge, as where any masked pixel counts as masked in full."""
    return mask + np.float32(strength) * ((mask > 0).astype(np.float32) - mask)


# Fills


def leave_ghost(fill: Image, edit: Edit, strength: float) -> Image:
    """Leave a share of what had to go."""
    return fill + np.float32(strength) * (edit.request.image - fill)


def brighten_every_second_tile(fill: Image, _: Edit, strength: float) -> Image:
    """Brighten and darken tiles in turn, in 8-bit levels from peak to peak."""
    return clip_to_float32(
        fill + (effects.chessboard(fill.shape, TILE_PX) * strength / 255)[..., None]
    )


def amplify_every_second_tile(fill: Image, _: Edit, strength: float) -> Image:
    """Multiply tiles in turn by 1 plus and 1 minus `strength`."""
    return clip_to_float32(
        fill * (1 + 2 * strength * effects.chessboard(fill.shape, TILE_PX))[..., None]
    )


def overflow_to_black(fill: Image, edit: Edit, strength: float) -> Image:
    """Blacken a box in the middle of the hole, as an overflow of half precision does."""
    rows, columns = np.nonzero(edit.mask > 0)
    if not len(rows):
        return fill
    middle = len(rows) // 2
    half = max(strength / 2, 0.5)
    near = (np.abs(np.arange(fill.shape[0]) - rows[middle]) < half)[:, None] & (
        np.abs(np.arange(fill.shape[1]) - columns[middle]) < half
    )
    return np.where(near[..., None], np.float32(0), fill)


def draw_letters(fill: Image, edit: Edit, strength: float) -> Image:
    """Draw letters that nobody asked for into the hole."""
    drawn = np.zeros(fill.shape[:2], np.uint8)
    rows, columns = np.nonzero(edit.mask > 0)
    if not len(rows):
        return fill
    for y in range(int(rows.min()), int(rows.max()) + 20, 20):
        cv2.putText(
            drawn,
            "LOREM" * 20,
            (int(columns.min()), y + 14),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5,
            255,
            1,
            cv2.LINE_AA,
        )
    return clip_to_float32(fill - (drawn / np.float32(255) * strength / 255)[..., None])


def ignore_seed(stage: Stage, edit: Edit, _: float) -> Step:
    """Run the stage with seed 0."""
    return stage(replace(edit, request=replace(edit.request, seed=0)))


def blur_text(stage: Stage, edit: Edit, strength: float) -> Step:
    """Blur the first columns of what had to go, and mark them as filled."""
    step = stage(edit)
    hole = step.edit.mask > 0
    columns = np.flatnonzero(hole.any(axis=0))
    part = np.zeros(hole.shape, bool)
    part[:, columns[: round(strength * len(columns))]] = True
    done = part & hole
    fill = np.where(done[..., None], effects.blur(edit.image, 3.0), step.edit.fill)
    before = np.zeros(hole.shape, bool) if step.edit.filled is None else step.edit.filled
    return replace(step, edit=replace(step.edit, fill=fill, filled=before | done), artefact=fill)


# Blending


def add_halo(image: Image, edit: Edit, strength: float) -> Image:
    """Add a bright rim along the mask's edge."""
    return effects.add_rim(image, edit.mask > 0, strength)


def apply_alpha_twice(image: Image, edit: Edit, strength: float) -> Image:
    """Apply alpha to the fill twice, which darkens the soft edge."""
    alpha = edit.mask[..., None]
    return np.where(
        alpha > 0, clip_to_float32(image - strength * (alpha - alpha**2) * edit.fill), image
    )


def paste_beside(stage: Stage, edit: Edit, strength: float) -> Step:
    """Paste the filled crop `strength` pixels to the right, its mask with it."""
    fill, mask = (effects.shift_right(one, strength) for one in (edit.fill, edit.mask))
    step = stage(replace(edit, fill=fill, mask=mask))
    return replace(step, edit=replace(step.edit, fill=edit.fill, mask=edit.mask))


def brighten_outside(image: Image, edit: Edit, strength: float) -> Image:
    """Brighten one patch, as far from the mask as possible."""
    free = (edit.mask == 0).astype(np.uint8)
    free[[0, -1]], free[:, [0, -1]] = 0, 0
    distance: np.ndarray[Any, Any] = cv2.distanceTransform(free, cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(distance.argmax()), free.shape)
    half = PATCH_PX // 2
    changed = image.copy()
    changed[max(y - half, 0) : y + half, max(x - half, 0) : x + half] += np.float32(strength / 255)
    return clip_to_float32(changed)


# Enlarging


def enlarge_bicubically(stage: Stage, edit: Edit, strength: float) -> Step:
    """Blend the enlarged picture with a bicubic enlargement."""
    step = stage(edit)
    size = (step.edit.image.shape[1], step.edit.image.shape[0])
    other = cv2.resize(edit.image, size, interpolation=cv2.INTER_CUBIC)
    image = clip_to_float32(step.edit.image + np.float32(strength) * (other - step.edit.image))
    return replace(step, edit=replace(step.edit, image=image), artefact=image)


def redo_some_tiles(image: Image, edit: Edit, strength: float) -> Image:
    """Replace a share of the good tiles by a plain bilinear enlargement."""
    tile = effects.chessboard(image.shape, TILE_PX)
    rows, columns = (np.arange(edge) // TILE_PX for edge in image.shape[:2])
    number = rows[:, None] * len(np.unique(columns)) + columns
    chosen = (number * 0.618034) % 1 < strength
    small = edit.enlarged_from if edit.enlarged_from is not None else image
    plain = cv2.resize(small, tile.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(chosen[..., None], np.asarray(plain, np.float32), image)


# Harmonising


def _enlarged_mask(image: Image, edit: Edit) -> Plane:
    """The mask at the picture's size, H×W×1."""
    height, width = image.shape[:2]
    return np.asarray(
        cv2.resize(edit.mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )[..., None]


def remove_grain(image: Image, edit: Edit, strength: float) -> Image:
    """Remove a share of the fill's grain."""
    return np.where(_enlarged_mask(image, edit) > 0, effects.denoise(image, strength), image)


def add_grain(image: Image, edit: Edit, strength: float) -> Image:
    """Add grain to the fill that its surroundings do not have."""
    noise = np.random.default_rng(edit.request.seed + 1).standard_normal(
        image.shape[:2], dtype=np.float32
    )
    return clip_to_float32(
        image + _enlarged_mask(image, edit) * (noise * strength / 255)[..., None]
    )


def repeat_grain(image: Image, edit: Edit, strength: float) -> Image:
    """Add the same noise to every tile."""
    tile = np.random.default_rng(edit.request.seed + 1).standard_normal(
        (GRAIN_TILE_PX, GRAIN_TILE_PX)
    )
    times = [-(-edge // GRAIN_TILE_PX) for edge in image.shape[:2]]
    noise = np.tile(tile, times)[: image.shape[0], : image.shape[1]].astype(np.float32)
    return clip_to_float32(image + (noise * strength / 255)[..., None])


# Verifying


def ask_for_review(stage: Stage, edit: Edit, _: float) -> Step:
    """Send a good result to review."""
    step = stage(edit)
    spoiled = replace(step.edit, status=Status.NEEDS_REVIEW, reason="needs a look")
    return replace(step, edit=spoiled, decision="needs review: needs a look")
