"""Faults in the stages of the reference pipeline. The gate is calibrated with them.

A fault takes the place of its stage (`planting.py`) and spoils what comes out (`stage_damage.py`).
At its nominal strength, an engineer would want to know about it. Some faults are there or not, such
as an inverted mask: their strength is the share of pictures that they happen to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from editproof.harness.faults import effects
from editproof.harness.faults import stage_damage as damage
from editproof.harness.faults.planting import (
    Plant,
    apply_everywhere,
    change_settings,
    plant_in_share,
    run_unchanged,
    skip_stage,
    spoil_blend,
    spoil_fill,
    spoil_image,
    spoil_input,
    spoil_mask,
)
from editproof.harness.records.errors import unknown_name_error
from editproof.pipelines.contract import Param


@dataclass(frozen=True, slots=True)
class StageFault:
    """One way in which a stage goes wrong."""

    name: str
    stage: str
    """The stage of the reference pipeline that goes wrong."""
    about: str
    """What happens, in one clause."""
    unit: str
    """The unit of the strength."""
    nominal: float
    """The strength at which the gate must notice it."""
    plant: Plant
    settings: tuple[tuple[str, Param], ...] = ()
    """Settings of the pipeline, for a fault that is a wrong setting and not wrong code."""


def get_fault(name: str) -> StageFault:
    """Return the fault of that name. Raises UsageError with the nearest known name."""
    for fault in STAGE_FAULTS:
        if fault.name == name:
            return fault
    raise unknown_name_error("fault", name, [fault.name for fault in STAGE_FAULTS])


_PICTURES = "share of the pictures"
_LEVELS = "8-bit levels"

STAGE_FAULTS: tuple[StageFault, ...] = (
    StageFault(
        "channels_swapped",
        "decode",
        "red and blue change places",
        _PICTURES,
        1.0,
        plant_in_share(spoil_input(lambda image, _, __: np.ascontiguousarray(image[..., ::-1]))),
    ),
    StageFault(
        "rotation_ignored",
        "decode",
        "a picture is read upside down, and its mask is not",
        _PICTURES,
        1.0,
        plant_in_share(spoil_input(lambda image, _, __: np.ascontiguousarray(image[::-1, ::-1]))),
    ),
    StageFault(
        "profile_ignored",
        "decode",
        "the wrong tone curve is assumed for a picture",
        "change of the exponent",
        0.03,
        spoil_input(apply_everywhere(effects.bend_tone_curve)),
    ),
    StageFault(
        "jpeg_before",
        "decode",
        "the input was compressed as a JPEG",
        "100 - quality",
        10.0,
        spoil_input(apply_everywhere(effects.compress_as_jpeg)),
    ),
    StageFault(
        "letters_left",
        "detect",
        "the last letters are not found",
        "share of the mask's width",
        0.1,
        spoil_mask(damage.drop_last_letters),
    ),
    StageFault(
        "stale_mask",
        "detect",
        "the mask is mirrored, as if from another picture",
        _PICTURES,
        1.0,
        plant_in_share(spoil_mask(lambda mask, _, __: np.ascontiguousarray(mask[:, ::-1]))),
    ),
    StageFault(
        "mask_inverted",
        "detect",
        "what must go and what must stay change places",
        _PICTURES,
        1.0,
        plant_in_share(spoil_mask(lambda mask, _, __: 1 - mask)),
    ),
    StageFault(
        "mask_dilated",
        "refine_mask",
        "the mask is too large and covers fine print",
        "px",
        4.0,
        spoil_mask(damage.grow),
    ),
    StageFault(
        "mask_eroded",
        "refine_mask",
        "the mask leaves a rim of what must go",
        "px",
        2.0,
        spoil_mask(damage.leave_rim),
    ),
    StageFault(
        "mask_shifted",
        "refine_mask",
        "the mask is shifted",
        "px",
        2.0,
        spoil_mask(lambda mask, _, strength: effects.shift_right(mask, strength)),
    ),
    StageFault(
        "mask_hardened",
        "refine_mask",
        "the mask's soft edge is gone, and what it covers is filled in full",
        "share of the softness",
        1.0,
        spoil_mask(damage.harden),
    ),
    StageFault(
        "mask_unrefined",
        "check_mask",
        "the unrefined mask is used",
        _PICTURES,
        1.0,
        plant_in_share(
            spoil_mask(
                lambda mask, edit, __: mask if edit.request.mask is None else edit.request.mask
            )
        ),
    ),
    StageFault(
        "text_blurred",
        "remove_text",
        "removable text is only blurred",
        "share of its width",
        0.2,
        damage.blur_text,
    ),
    StageFault(
        "ghost",
        "inpaint",
        "a trace of what must go stays",
        "share of it",
        0.02,
        spoil_fill(damage.leave_ghost),
    ),
    StageFault(
        "soft_fill",
        "inpaint",
        "the fill is blurred",
        "σ, px",
        1.0,
        spoil_fill(apply_everywhere(effects.blur)),
    ),
    StageFault(
        "tile_steps",
        "inpaint",
        "the fill's tiles differ in brightness",
        _LEVELS,
        4.0,
        spoil_fill(damage.brighten_every_second_tile),
    ),
    StageFault(
        "tile_gain",
        "inpaint",
        "the fill's tiles differ in gain",
        "share",
        0.03,
        spoil_fill(damage.amplify_every_second_tile),
    ),
    StageFault(
        "context_lost",
        "inpaint",
        "the model sees less of the surroundings",
        "share of the context",
        0.875,
        change_settings(
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
        spoil_fill(damage.overflow_to_black),
    ),
    StageFault(
        "faded_fill",
        "inpaint",
        "the fill loses its colour, as in a poor encoder",
        "share of the chroma",
        0.15,
        spoil_fill(apply_everywhere(effects.fade_colours)),
    ),
    StageFault(
        "dark_fill",
        "inpaint",
        "the fill is darker",
        "L*",
        1.5,
        spoil_fill(lambda fill, _, strength: effects.lighten(fill, -strength)),
    ),
    StageFault(
        "hallucinated",
        "inpaint",
        "letters appear in the fill",
        _LEVELS,
        12.0,
        spoil_fill(damage.draw_letters),
    ),
    StageFault(
        "banded_fill",
        "inpaint",
        "the fill has too few levels",
        "8-bit levels a step",
        6.0,
        spoil_fill(apply_everywhere(effects.reduce_levels)),
    ),
    StageFault(
        "seed_ignored",
        "inpaint",
        "every seed gives the same picture",
        _PICTURES,
        1.0,
        plant_in_share(damage.ignore_seed),
    ),
    StageFault(
        "halo", "blend", "a bright rim around the fill", _LEVELS, 4.0, spoil_blend(damage.add_halo)
    ),
    StageFault(
        "premultiplied",
        "blend",
        "alpha is applied twice: a dark edge",
        "share",
        1.0,
        spoil_blend(damage.apply_alpha_twice),
    ),
    StageFault(
        "pasted_beside",
        "blend",
        "the filled crop is pasted a few pixels off",
        "px",
        4.0,
        damage.paste_beside,
    ),
    StageFault(
        "outside_changed",
        "blend",
        "a patch far from the mask changes",
        _LEVELS,
        4.0,
        spoil_blend(damage.brighten_outside),
    ),
    StageFault(
        "model_round_trip",
        "blend",
        "the model re-encodes the whole picture",
        "σ of a blur, px",
        0.5,
        spoil_blend(apply_everywhere(effects.blur)),
    ),
    StageFault(
        "bicubic",
        "upscale",
        "bicubic in place of Lanczos",
        "share",
        1.0,
        damage.enlarge_bicubically,
    ),
    StageFault(
        "sharpened",
        "upscale",
        "everything is oversharpened",
        "amount of an unsharp mask of σ 3 px",
        1.0,
        spoil_image(apply_everywhere(effects.sharpen_widely)),
    ),
    StageFault(
        "blurred",
        "upscale",
        "everything is softer",
        "σ, px",
        0.6,
        spoil_image(apply_everywhere(effects.blur)),
    ),
    StageFault(
        "shifted",
        "upscale",
        "everything moves to the right",
        "px",
        0.5,
        spoil_image(apply_everywhere(effects.shift_right)),
    ),
    StageFault(
        "compressed",
        "upscale",
        "the picture is compressed as a JPEG in between",
        "100 - quality",
        10.0,
        spoil_image(apply_everywhere(effects.compress_as_jpeg)),
    ),
    StageFault(
        "tile_seams",
        "upscale",
        "tiles differ in brightness",
        _LEVELS,
        2.0,
        spoil_image(damage.brighten_every_second_tile),
    ),
    StageFault(
        "chequered",
        "upscale",
        "a checkerboard of single pixels appears",
        _LEVELS,
        2.0,
        spoil_image(apply_everywhere(effects.add_chequers)),
    ),
    StageFault(
        "banded",
        "upscale",
        "the picture has too few levels",
        "8-bit levels a step",
        4.0,
        spoil_image(apply_everywhere(effects.reduce_levels)),
    ),
    StageFault(
        "denoised",
        "upscale",
        "grain is gone everywhere",
        "share of the grain",
        0.5,
        spoil_image(apply_everywhere(effects.denoise)),
    ),
    StageFault(
        "wrong_order",
        "upscale",
        "the picture is enlarged before it is filled",
        "is set",
        1.0,
        run_unchanged,
        (("order.upscale_first", True),),
    ),
    StageFault(
        "redone",
        "check_upscale",
        "good tiles are replaced by worse ones",
        "share of the tiles",
        0.25,
        spoil_image(damage.redo_some_tiles),
    ),
    StageFault(
        "hue_drift",
        "harmonise",
        "all hues turn",
        "degrees",
        2.0,
        spoil_image(apply_everywhere(effects.turn_hue)),
    ),
    StageFault(
        "lightness_drift",
        "harmonise",
        "everything gets lighter",
        "L*",
        1.0,
        spoil_image(apply_everywhere(effects.lighten)),
    ),
    StageFault(
        "washed_out",
        "harmonise",
        "colours fade",
        "share of the chroma",
        0.05,
        spoil_image(apply_everywhere(effects.fade_colours)),
    ),
    StageFault(
        "gamma_drift",
        "harmonise",
        "the tone curve bends",
        "change of the exponent",
        0.03,
        spoil_image(apply_everywhere(effects.bend_tone_curve)),
    ),
    StageFault(
        "grain_lost",
        "harmonise",
        "the fill loses its grain",
        "share of the grain",
        0.5,
        spoil_image(damage.remove_grain),
    ),
    StageFault(
        "grain_added",
        "harmonise",
        "the fill gets grain that its surroundings do not have",
        _LEVELS + " (σ)",
        1.5,
        spoil_image(damage.add_grain),
    ),
    StageFault(
        "grain_repeated",
        "harmonise",
        "every tile gets the same noise",
        _LEVELS + " (σ)",
        1.0,
        spoil_image(damage.repeat_grain),
    ),
    StageFault("not_harmonised", "harmonise", "the stage is skipped", "share", 1.0, skip_stage),
    StageFault(
        "distrustful",
        "verify",
        "good results are sent to review",
        _PICTURES,
        1.0,
        plant_in_share(damage.ask_for_review),
    ),
)
"""Every fault, in the order of the pipeline's stages."""
