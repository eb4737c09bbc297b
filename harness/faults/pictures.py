"""Faults to plant in a finished edit without damage. Place and size of the damage are then known
exactly.

Metrics are explained and tested with these. Each imitates a stage of a real pipeline that goes
wrong. The nominal strength is just worth an engineer's time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.faults import effects
from editproof.harness.faults.effects import clip_to_float32
from editproof.harness.metrics.core.metric import Area, Image, Reference, require_part
from editproof.harness.metrics.seams.steps import find_borders, find_tiling
from editproof.harness.records.errors import unknown_name_error

TILE_PX = 64
"""Edge of a tile where the scene declares no tiling, in output pixels."""
PATCH_PX = 8
"""Edge of the patch that changes outside the mask, in output pixels."""

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an edit goes wrong."""

    name: str
    stage: str
    """The stage of the reference pipeline that would cause it."""
    about: str
    """What happens, in one clause."""
    unit: str
    """The unit of the strength."""
    nominal: float
    """The strength at which a metric must notice it."""
    plant: Callable[[Image, Reference, float], Image]
    """`plant(image, reference, strength)` returns the picture with the fault, H×W×3 in [0, 1]. It
    is a pure function.
    """


def get_fault(name: str) -> Fault:
    """Return the fault of that name. Raises UsageError with the nearest known name."""
    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise unknown_name_error("fault", name, [fault.name for fault in FAULTS])


def _leave_ghost(image: Image, reference: Reference, strength: float) -> Image:
    """Leave a share of the overlay."""
    alpha = strength * _enlarge(require_part(reference.overlay), reference.scale)
    colour = _enlarge(require_part(reference.overlay_rgb), reference.scale)
    return clip_to_float32(image + alpha[..., None] * (colour - image))


def _leave_letters(image: Image, reference: Reference, strength: float) -> Image:
    """Leave the first columns of the overlay whole."""
    alpha = _enlarge(require_part(reference.overlay), reference.scale)
    columns = np.flatnonzero(alpha.max(axis=0) > 0)
    alpha[:, columns[max(round(strength * len(columns)), 1) :]] = 0
    colour = _enlarge(require_part(reference.overlay_rgb), reference.scale)
    return clip_to_float32(image + alpha[..., None] * (colour - image))


def _blur_fill(image: Image, reference: Reference, strength: float) -> Image:
    return np.where(reference.areas["edit"][..., None], effects.blur(image, strength), image)


def _remove_grain(image: Image, reference: Reference, strength: float) -> Image:
    return np.where(reference.areas["edit"][..., None], effects.denoise(image, strength), image)


def _add_halo(image: Image, reference: Reference, strength: float) -> Image:
    return effects.add_rim(image, reference.areas["edit"], strength)


def _blur_microprint(image: Image, reference: Reference, strength: float) -> Image:
    return np.where(reference.areas["protect"][..., None], effects.blur(image, strength), image)


def _brighten_outside(image: Image, reference: Reference, strength: float) -> Image:
    """Brighten one patch in `keep`, as far from the edit as possible."""
    keep = reference.areas["keep"].astype(np.uint8)
    keep[[0, -1]], keep[:, [0, -1]] = 0, 0
    y, x = np.unravel_index(int(cv2.distanceTransform(keep, cv2.DIST_L2, 5).argmax()), keep.shape)
    changed = image.copy()
    half = PATCH_PX // 2
    changed[max(y - half, 0) : y + half, max(x - half, 0) : x + half] += np.float32(strength / 255)
    return clip_to_float32(changed)


def _add_seams(image: Image, reference: Reference, strength: float) -> Image:
    """Brighten and darken tiles in turn, as when tiles are normalised one by one and not
    blended.
    """
    rows, columns = (_tile_numbers(reference.areas["seams"], axis) for axis in (0, 1))
    step = np.where((rows[:, None] + columns) % 2, 0.5, -0.5) * strength / 255
    return clip_to_float32(image + step[..., None])


def _shade_tiles(image: Image, reference: Reference, strength: float) -> Image:
    """Lighten every tile in its middle, as when a network's padding darkens its border."""
    rows, columns = (_tile_phases(reference.areas["seams"], axis) for axis in (0, 1))
    waves = [-0.5 * np.cos(2 * np.pi * phases) for phases in (rows, columns)]
    shade = (waves[0][:, None] + waves[1]) / 2 * strength / 255
    return clip_to_float32(image + shade[..., None].astype(np.float32))


def _tile_phases(seams: Area, axis: int) -> npt.NDArray[np.float64]:
    """Position of every row (axis 0) or column (axis 1) within its tile, in tiles."""
    first, period = find_tiling(seams, axis) or (0.0, float(TILE_PX))
    return np.asarray((np.arange(seams.shape[axis]) - first) / period)


def _tile_numbers(seams: Area, axis: int) -> npt.NDArray[np.intp]:
    """Number of the tile that holds each row (axis 0) or column (axis 1): by the scene's seams,
    else by TILE_PX.
    """
    if not seams.any():
        return np.arange(seams.shape[axis]) // TILE_PX
    middles = [(start + stop) // 2 for start, stop in find_borders(seams, axis)]
    return np.searchsorted(middles, np.arange(seams.shape[axis]), side="right")


def _apply_everywhere(
    effect: Callable[[Image, float], Image],
) -> Callable[[Image, Reference, float], Image]:
    """Apply an effect to the whole picture."""
    return lambda image, _, strength: effect(image, strength)


FAULTS: tuple[Fault, ...] = (
    Fault(
        "ghost",
        "inpaint",
        "a trace of the overlay stays",
        "share of the overlay",
        0.02,
        _leave_ghost,
    ),
    Fault(
        "text_left",
        "detect",
        "the first letters stay",
        "share of the overlay's width",
        0.1,
        _leave_letters,
    ),
    Fault("soft_fill", "inpaint", "the fill is blurred", "σ, px", 1.0, _blur_fill),
    Fault(
        "grain_lost", "harmonise", "the fill has no grain", "share of the grain", 0.5, _remove_grain
    ),
    Fault(
        "denoised",
        "upscale",
        "grain is gone everywhere",
        "share of the grain",
        0.5,
        _apply_everywhere(effects.denoise),
    ),
    Fault("halo", "blend", "a bright rim around the edit", "8-bit levels", 4.0, _add_halo),
    Fault(
        "microprint_lost", "mask", "what must survive is blurred", "σ, px", 1.5, _blur_microprint
    ),
    Fault(
        "outside_changed",
        "blend",
        "a patch far from the edit is brighter",
        "8-bit levels",
        4.0,
        _brighten_outside,
    ),
    Fault("hard_seams", "inpaint", "tiles differ in brightness", "8-bit levels", 2.0, _add_seams),
    Fault(
        "tile_shading",
        "inpaint",
        "every tile is lighter in its middle",
        "8-bit levels",
        4.0,
        _shade_tiles,
    ),
    Fault(
        "hue_drift",
        "harmonise",
        "all hues turn",
        "degrees",
        2.0,
        _apply_everywhere(effects.turn_hue),
    ),
    Fault(
        "lightness_drift",
        "harmonise",
        "everything gets lighter",
        "L*",
        1.0,
        _apply_everywhere(effects.lighten),
    ),
    Fault(
        "washed_out",
        "harmonise",
        "colours fade",
        "share of the chroma",
        0.05,
        _apply_everywhere(effects.fade_colours),
    ),
    Fault(
        "gamma_drift",
        "harmonise",
        "the tone curve bends",
        "change of the exponent",
        0.03,
        _apply_everywhere(effects.bend_tone_curve),
    ),
    Fault(
        "blurred", "upscale", "everything is softer", "σ, px", 0.6, _apply_everywhere(effects.blur)
    ),
    Fault(
        "sharpened",
        "upscale",
        "everything is oversharpened",
        "amount of an unsharp mask",
        0.3,
        _apply_everywhere(effects.sharpen),
    ),
    Fault(
        "shifted",
        "upscale",
        "everything moves to the right",
        "px",
        0.5,
        _apply_everywhere(effects.shift_right),
    ),
    Fault(
        "compressed",
        "upscale",
        "the picture is compressed as a JPEG in between",
        "100 - quality",
        10.0,
        _apply_everywhere(effects.compress_as_jpeg),
    ),
    Fault(
        "banded",
        "upscale",
        "the picture has too few levels",
        "8-bit levels a step",
        4.0,
        _apply_everywhere(effects.reduce_levels),
    ),
    Fault(
        "chequered",
        "upscale",
        "a checkerboard of single pixels appears",
        "8-bit levels",
        2.0,
        _apply_everywhere(effects.add_chequers),
    ),
)
"""Every fault, in the order in which they were added."""


def _enlarge(plane: npt.NDArray[np.floating], scale: int) -> Plane:
    height, width = plane.shape[:2]
    large = cv2.resize(
        np.asarray(plane, np.float32),
        (width * scale, height * scale),
        interpolation=cv2.INTER_LINEAR,
    )
    return np.asarray(large, np.float32)
