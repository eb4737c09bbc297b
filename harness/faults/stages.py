"""Faults in the stages of the reference pipeline: what a stage does when its code, its settings or
its model go wrong.

Each takes the stage's place: it is given what the stage is given, and mostly runs it and spoils
what comes out. Strengths are such that at `nominal` an engineer would want to know. A fault that is
there or is not, such as an inverted mask, has the share of pictures that it happens to for its
strength.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from editproof.harness.faults import effects
from editproof.harness.faults.effects import Plane, clip_to_float32
from editproof.harness.records.errors import unknown
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import Image, Mask, Param, Status
from editproof.pipelines.edit import Edit, Step

TILE_PX = 64
"""Edge of the tiles of tiled faults, px of the picture that the stage works on."""
PATCH_PX = 8
"""Edge of the patch that changes outside the mask, input px."""
GRAIN_TILE_PX = 32
"""Edge of the tile of noise that is laid again and again, output px."""

Stage = Callable[[Edit], Step]
Plant = Callable[[Stage, Edit, float], Step]
"""`plant(stage, edit, strength)`: what is done in place of `stage(edit)`."""


@dataclass(frozen=True, slots=True)
class StageFault:
    """One way in which a stage goes wrong."""

    name: str
    stage: str
    """The stage of the reference pipeline in which it happens."""
    about: str
    """What happens, in one clause."""
    unit: str
    """Of the strength."""
    nominal: float
    """The strength that must never pass unseen."""
    plant: Plant
    settings: tuple[tuple[str, Param], ...] = ()
    """Settings of the pipeline that the fault consists in, where it is none of a stage's code."""


def get_fault(name: str) -> StageFault:
    """The fault of that name. Raises UsageError with the nearest known name."""
    for fault in STAGE_FAULTS:
        if fault.name == name:
            return fault
    raise unknown_name_error("fault", name, [fault.name for fault in STAGE_FAULTS])


# What a stage hands on, spoiled.

Spoil = Callable[[Image, Edit, float], Image]
"""`spoil(picture, edit, strength)`: what the stage made, with the fault; `edit` is the stage's."""
SpoilMask = Callable[[Mask, Edit, float], Mask]


def _picture(spoil: Spoil) -> Plant:
    """Spoils the picture that goes on from a stage."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        image = spoil(step.edit.image, step.edit, strength)
        return replace(step, edit=replace(step.edit, image=image), artefact=image)

    return plant


def _decoded(spoil: Spoil) -> Plant:
    """Spoils the picture that comes in."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        image = spoil(step.edit.image, step.edit, strength)
        request = replace(step.edit.request, image=image)
        return replace(
            step,
            edit=replace(step.edit, request=request, image=image, fill=image, blended=image),
            artefact=image,
        )

    return plant


def _mask(spoil: SpoilMask) -> Plant:
    """Spoils the mask."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        mask = np.asarray(spoil(step.edit.mask, edit, strength), np.float32)
        return replace(step, edit=replace(step.edit, mask=mask), artefact=mask)

    return plant


def _fill(spoil: Spoil) -> Plant:
    """Spoils the fill where something is filled."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        spoiled = spoil(step.edit.fill, step.edit, strength)
        fill = np.where((step.edit.mask > 0)[..., None], spoiled, step.edit.fill)
        return replace(step, edit=replace(step.edit, fill=fill), artefact=fill)

    return plant


def _blended(spoil: Spoil) -> Plant:
    """Spoils the picture with the fill in it."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        image = spoil(step.edit.image, edit, strength)
        return replace(step, edit=replace(step.edit, image=image, blended=image), artefact=image)

    return plant


def _apply_everywhere(effect: Callable[[Image, float], Image]) -> Spoil:
    return lambda image, _, strength: effect(image, strength)


def _with_settings(change: Callable[[ReferenceConfig, float], dict[str, Param]]) -> Plant:
    """Runs the stage on other settings."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        other = edit.config.with_settings(change(edit.config, strength))
        step = stage(replace(edit, config=other))
        return replace(step, edit=replace(step.edit, config=edit.config))

    return plant


def _plant_in_share(plant: Plant) -> Plant:
    """Happens to a share of the pictures, always to the same ones."""

    def planted(stage: Stage, edit: Edit, strength: float) -> Step:
        digest = hashlib.sha256(np.ascontiguousarray(edit.request.image).tobytes()).digest()
        hit = int.from_bytes(digest[:4], "big") < strength * 2**32
        return plant(stage, edit, strength) if hit else stage(edit)

    return planted


def _skip_stage(stage: Stage, edit: Edit, strength: float) -> Step:
    """A share of what the stage does to the picture is not done."""
    step = stage(edit)
    image = clip_to_float32(step.edit.image + np.float32(strength) * (edit.image - step.edit.image))
    return replace(step, edit=replace(step.edit, image=image), artefact=image)


# Masks


def _drop_last_letters(mask: Mask, _: Edit, strength: float) -> Mask:
    columns = np.flatnonzero(mask.max(axis=0) > 0)
    left = mask.copy()
    if len(columns):
        left[:, columns[-max(round(strength * len(columns)), 1) :]] = 0
    return left


def _grow(mask: Mask, _: Edit, strength: float) -> Mask:
    size = 2 * round(strength) + 1
    return np.asarray(
        cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))), np.float32
    )


def _shrink(mask: Mask, _: Edit, strength: float) -> Mask:
    inside = (mask == 1).astype(np.uint8)
    if not inside.any():
        return mask
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(depth > strength, np.float32(1), np.float32(0))


def _harden(mask: Mask, _: Edit, strength: float) -> Mask:
    return mask + np.float32(strength) * ((mask >= 0.5).astype(np.float32) - mask)


# Fills


def _leave_ghost(fill: Image, edit: Edit, strength: float) -> Image:
    return fill + np.float32(strength) * (edit.request.image - fill)


def _brighten_every_second_tile(fill: Image, _: Edit, strength: float) -> Image:
    return clip_to_float32(
        fill + (effects.chessboard(fill.shape, TILE_PX) * strength / 255)[..., None]
    )


def _amplify_every_second_tile(fill: Image, _: Edit, strength: float) -> Image:
    return clip_to_float32(
        fill * (1 + 2 * strength * effects.chessboard(fill.shape, TILE_PX))[..., None]
    )


def _overflow_to_black(fill: Image, edit: Edit, strength: float) -> Image:
    """Black where half precision has overflown: a box in the middle of the hole."""
    rows, columns = np.nonzero(edit.mask > 0)
    if not len(rows):
        return fill
    middle = len(rows) // 2
    half = max(strength / 2, 0.5)
    near = (np.abs(np.arange(fill.shape[0]) - rows[middle]) < half)[:, None] & (
        np.abs(np.arange(fill.shape[1]) - columns[middle]) < half
    )
    return np.where(near[..., None], np.float32(0), fill)


def _draw_letters(fill: Image, edit: Edit, strength: float) -> Image:
    """Letters that nobody asked for."""
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


def _ignore_seed(stage: Stage, edit: Edit, _: float) -> Step:
    return stage(replace(edit, request=replace(edit.request, seed=0)))


def _blur_text(stage: Stage, edit: Edit, strength: float) -> Step:
    """The first columns of what must go are blurred and counted as done."""
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


def _add_halo(image: Image, edit: Edit, strength: float) -> Image:
    return effects.add_rim(image, edit.mask > 0, strength)


def _apply_alpha_twice(image: Image, edit: Edit, strength: float) -> Image:
    """Alpha is applied twice to the fill, so that the soft edge gets dark."""
    alpha = edit.mask[..., None]
    return np.where(
        alpha > 0, clip_to_float32(image - strength * (alpha - alpha**2) * edit.fill), image
    )


def _paste_beside(stage: Stage, edit: Edit, strength: float) -> Step:
    step = stage(replace(edit, fill=effects.shift_right(edit.fill, strength)))
    return replace(step, edit=replace(step.edit, fill=edit.fill))


def _brighten_outside(image: Image, edit: Edit, strength: float) -> Image:
    """One patch, as far from the mask as it gets."""
    free = (edit.mask == 0).astype(np.uint8)
    free[[0, -1]], free[:, [0, -1]] = 0, 0
    distance: np.ndarray[Any, Any] = cv2.distanceTransform(free, cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(distance.argmax()), free.shape)
    half = PATCH_PX // 2
    changed = image.copy()
    changed[max(y - half, 0) : y + half, max(x - half, 0) : x + half] += np.float32(strength / 255)
    return clip_to_float32(changed)


# Enlarging


def _enlarge_bicubically(stage: Stage, edit: Edit, strength: float) -> Step:
    step = stage(edit)
    size = (step.edit.image.shape[1], step.edit.image.shape[0])
    other = cv2.resize(edit.image, size, interpolation=cv2.INTER_CUBIC)
    image = clip_to_float32(step.edit.image + np.float32(strength) * (other - step.edit.image))
    return replace(step, edit=replace(step.edit, image=image), artefact=image)


def _redo_some_tiles(image: Image, edit: Edit, strength: float) -> Image:
    """Every so many tiles, what was good is made again by a model that is not."""
    tile = effects.chessboard(image.shape, TILE_PX)
    rows, columns = (np.arange(edge) // TILE_PX for edge in image.shape[:2])
    number = rows[:, None] * len(np.unique(columns)) + columns
    chosen = (number * 0.618034) % 1 < strength
    small = edit.enlarged_from if edit.enlarged_from is not None else image
    plain = cv2.resize(small, tile.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(chosen[..., None], np.asarray(plain, np.float32), image)


# Harmonising


def _enlarged_mask(image: Image, edit: Edit) -> Plane:
    height, width = image.shape[:2]
    return np.asarray(
        cv2.resize(edit.mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )[..., None]


def _remove_grain(image: Image, edit: Edit, strength: float) -> Image:
    return np.where(_enlarged_mask(image, edit) > 0, effects.denoise(image, strength), image)


def _add_grain(image: Image, edit: Edit, strength: float) -> Image:
    noise = np.random.default_rng(edit.request.seed + 1).standard_normal(
        image.shape[:2], dtype=np.float32
    )
    return clip_to_float32(
        image + _enlarged_mask(image, edit) * (noise * strength / 255)[..., None]
    )


def _repeat_grain(image: Image, edit: Edit, strength: float) -> Image:
    """Each tile gets the same noise."""
    tile = np.random.default_rng(edit.request.seed + 1).standard_normal(
        (GRAIN_TILE_PX, GRAIN_TILE_PX)
    )
    times = [-(-edge // GRAIN_TILE_PX) for edge in image.shape[:2]]
    noise = np.tile(tile, times)[: image.shape[0], : image.shape[1]].astype(np.float32)
    return clip_to_float32(image + (noise * strength / 255)[..., None])


# Verifying


def _ask_for_review(stage: Stage, edit: Edit, _: float) -> Step:
    step = stage(edit)
    spoiled = replace(step.edit, status=Status.NEEDS_REVIEW, reason="needs a look")
    return replace(step, edit=spoiled, decision="needs review: needs a look")


def _run_unchanged(stage: Stage, edit: Edit, _: float) -> Step:
    return stage(edit)


_PICTURES = "share of the pictures"
_LEVELS = "8-bit levels"

STAGE_FAULTS: tuple[StageFault, ...] = (
    StageFault(
        "channels_swapped",
        "decode",
        "red and blue change places",
        _PICTURES,
        1.0,
        _plant_in_share(_decoded(lambda image, _, __: np.ascontiguousarray(image[..., ::-1]))),
    ),
    StageFault(
        "rotation_ignored",
        "decode",
        "a picture is read upside down, and its mask is not",
        _PICTURES,
        1.0,
        _plant_in_share(_decoded(lambda image, _, __: np.ascontiguousarray(image[::-1, ::-1]))),
    ),
    StageFault(
        "profile_ignored",
        "decode",
        "a picture's tone curve is taken for another",
        "change of the exponent",
        0.03,
        _decoded(_apply_everywhere(effects.bend_tone_curve)),
    ),
    StageFault(
        "jpeg_before",
        "decode",
        "a JPEG in front of it all",
        "100 - quality",
        10.0,
        _decoded(_apply_everywhere(effects.compress_as_jpeg)),
    ),
    StageFault(
        "letters_left",
        "detect",
        "the last letters are not found",
        "share of the mask's width",
        0.1,
        _mask(_drop_last_letters),
    ),
    StageFault(
        "stale_mask",
        "detect",
        "the mask of another picture, mirrored",
        _PICTURES,
        1.0,
        _plant_in_share(_mask(lambda mask, _, __: np.ascontiguousarray(mask[:, ::-1]))),
    ),
    StageFault(
        "mask_inverted",
        "detect",
        "what must go and what must stay change places",
        _PICTURES,
        1.0,
        _plant_in_share(_mask(lambda mask, _, __: 1 - mask)),
    ),
    StageFault(
        "mask_dilated",
        "refine_mask",
        "the mask grows too far, over fine print too",
        "px",
        4.0,
        _mask(_grow),
    ),
    StageFault(
        "mask_eroded",
        "refine_mask",
        "the mask leaves a rim of what must go",
        "px",
        1.0,
        _mask(_shrink),
    ),
    StageFault(
        "mask_shifted",
        "refine_mask",
        "the mask lies beside what must go",
        "px",
        2.0,
        _mask(lambda mask, _, strength: effects.shift_right(mask, strength)),
    ),
    StageFault(
        "mask_hardened",
        "refine_mask",
        "the soft edge is cut",
        "share of the softness",
        1.0,
        _mask(_harden),
    ),
    StageFault(
        "mask_unrefined",
        "check_mask",
        "the mask from before its refinement is handed on",
        _PICTURES,
        1.0,
        _plant_in_share(
            _mask(lambda mask, edit, __: mask if edit.request.mask is None else edit.request.mask)
        ),
    ),
    StageFault(
        "text_blurred",
        "remove_text",
        "text is blurred that could be removed",
        "share of its width",
        0.2,
        _blur_text,
    ),
    StageFault(
        "ghost",
        "inpaint",
        "a trace of what must go stays",
        "share of it",
        0.02,
        _fill(_leave_ghost),
    ),
    StageFault(
        "soft_fill",
        "inpaint",
        "the fill is blurred",
        "σ, px",
        1.0,
        _fill(_apply_everywhere(effects.blur)),
    ),
    StageFault(
        "tile_steps",
        "inpaint",
        "the fill's tiles differ in brightness",
        _LEVELS,
        4.0,
        _fill(_brighten_every_second_tile),
    ),
    StageFault(
        "tile_gain",
        "inpaint",
        "the fill's tiles differ in gain",
        "share",
        0.03,
        _fill(_amplify_every_second_tile),
    ),
    StageFault(
        "context_lost",
        "inpaint",
        "the model sees less of the surroundings",
        "share of the context",
        0.875,
        _with_settings(
            lambda config, s: {
                "inpaint.context_px": max(round(config.inpaint.context_px * (1 - s)), 4)
            }
        ),
    ),
    StageFault(
        "overflow",
        "inpaint",
        "half precision overflows to black",
        "px",
        8.0,
        _fill(_overflow_to_black),
    ),
    StageFault(
        "faded_fill",
        "inpaint",
        "the fill loses its colour, as in a poor encoder",
        "share of the chroma",
        0.15,
        _fill(_apply_everywhere(effects.fade_colours)),
    ),
    StageFault(
        "dark_fill",
        "inpaint",
        "the fill is darker",
        "L*",
        1.5,
        _fill(lambda fill, _, strength: effects.lighten(fill, -strength)),
    ),
    StageFault(
        "hallucinated", "inpaint", "letters appear in the fill", _LEVELS, 12.0, _fill(_draw_letters)
    ),
    StageFault(
        "banded_fill",
        "inpaint",
        "the fill has few levels",
        "8-bit levels a step",
        6.0,
        _fill(_apply_everywhere(effects.reduce_levels)),
    ),
    StageFault(
        "seed_ignored",
        "inpaint",
        "every seed gives the same picture",
        _PICTURES,
        1.0,
        _plant_in_share(_ignore_seed),
    ),
    StageFault("halo", "blend", "a bright rim around the fill", _LEVELS, 4.0, _blended(_add_halo)),
    StageFault(
        "premultiplied",
        "blend",
        "alpha is applied twice: a dark edge",
        "share",
        1.0,
        _blended(_apply_alpha_twice),
    ),
    StageFault(
        "pasted_beside", "blend", "the fill is pasted beside its place", "px", 2.0, _paste_beside
    ),
    StageFault(
        "outside_changed",
        "blend",
        "a patch far from the mask changes",
        _LEVELS,
        4.0,
        _blended(_brighten_outside),
    ),
    StageFault(
        "model_round_trip",
        "blend",
        "the whole picture has been through the model",
        "σ of a blur, px",
        0.5,
        _blended(_apply_everywhere(effects.blur)),
    ),
    StageFault(
        "bicubic", "upscale", "bicubic in place of Lanczos", "share", 1.0, _enlarge_bicubically
    ),
    StageFault(
        "sharpened",
        "upscale",
        "everything is harsher",
        "amount of an unsharp mask",
        0.3,
        _picture(_apply_everywhere(effects.sharpen)),
    ),
    StageFault(
        "blurred",
        "upscale",
        "everything is softer",
        "σ, px",
        0.6,
        _picture(_apply_everywhere(effects.blur)),
    ),
    StageFault(
        "shifted",
        "upscale",
        "everything moves to the right",
        "px",
        0.5,
        _picture(_apply_everywhere(effects.shift_right)),
    ),
    StageFault(
        "compressed",
        "upscale",
        "a JPEG in between",
        "100 - quality",
        10.0,
        _picture(_apply_everywhere(effects.compress_as_jpeg)),
    ),
    StageFault(
        "tile_seams",
        "upscale",
        "tiles differ in brightness",
        _LEVELS,
        2.0,
        _picture(_brighten_every_second_tile),
    ),
    StageFault(
        "chequered",
        "upscale",
        "a pattern of single pixels",
        _LEVELS,
        2.0,
        _picture(_apply_everywhere(effects.add_chequers)),
    ),
    StageFault(
        "banded",
        "upscale",
        "fewer levels",
        "8-bit levels a step",
        4.0,
        _picture(_apply_everywhere(effects.reduce_levels)),
    ),
    StageFault(
        "denoised",
        "upscale",
        "grain is gone everywhere",
        "share of the grain",
        0.5,
        _picture(_apply_everywhere(effects.denoise)),
    ),
    StageFault(
        "wrong_order",
        "upscale",
        "enlarged first, filled then",
        "is set",
        1.0,
        _run_unchanged,
        (("order.upscale_first", True),),
    ),
    StageFault(
        "redone",
        "check_upscale",
        "what was good is made again, worse",
        "share of the tiles",
        0.25,
        _picture(_redo_some_tiles),
    ),
    StageFault(
        "hue_drift",
        "harmonise",
        "all hues turn",
        "degrees",
        2.0,
        _picture(_apply_everywhere(effects.turn_hue)),
    ),
    StageFault(
        "lightness_drift",
        "harmonise",
        "everything gets lighter",
        "L*",
        1.0,
        _picture(_apply_everywhere(effects.lighten)),
    ),
    StageFault(
        "washed_out",
        "harmonise",
        "colours fade",
        "share of the chroma",
        0.05,
        _picture(_apply_everywhere(effects.fade_colours)),
    ),
    StageFault(
        "gamma_drift",
        "harmonise",
        "the tone curve bends",
        "change of the exponent",
        0.03,
        _picture(_apply_everywhere(effects.bend_tone_curve)),
    ),
    StageFault(
        "grain_lost",
        "harmonise",
        "the fill loses its grain",
        "share of the grain",
        0.5,
        _picture(_remove_grain),
    ),
    StageFault(
        "grain_added",
        "harmonise",
        "the fill gets grain that nothing around it has",
        _LEVELS + " (σ)",
        1.5,
        _picture(_add_grain),
    ),
    StageFault(
        "grain_repeated",
        "harmonise",
        "every tile gets the same noise",
        _LEVELS + " (σ)",
        1.0,
        _picture(_repeat_grain),
    ),
    StageFault("not_harmonised", "harmonise", "the stage is dropped", "share", 1.0, _skip_stage),
    StageFault(
        "distrustful",
        "verify",
        "good results are sent to review",
        _PICTURES,
        1.0,
        _plant_in_share(_ask_for_review),
    ),
)
"""Every fault, by the stage's place in the pipeline."""
