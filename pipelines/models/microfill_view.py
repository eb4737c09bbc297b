"""How `microfill` sees a hole: two classical fills, and the scaled residual to their mean.

Pixels are packed two by two: H×W×C becomes 4C×H/2×W/2, so that the network works at half the size.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.models.classical import navier_stokes, patch_match
from editproof.pipelines.models.fill import Hole

PACK = 2
"""Edge of the pixel blocks that make up one position of the network."""
RESIDUAL_CHANNELS = 3 * PACK**2
CONDITION_CHANNELS = (3 + 3 + 1 + 1) * PACK**2
"""Smooth fill, what the patch fill is beyond it, mask, unit of the residual."""

REACH_PX = 8.0
"""Gaussian σ of the neighbourhood whose mean and contrast normalise a pixel."""
FLOOR = 2 / 255
"""Least contrast and least unit: an even ground's grain is not blown up to texture."""
UNIT_REACH_PX = 3.0
"""Gaussian σ of the neighbourhood over which the fills' difference makes the residual's unit."""
UNIT_OF_CONTRAST = 0.1
"""Share of the contrast that is added to the unit: where the fills agree, both may be wrong."""
FAR = 1e-3
"""Weight of the whole crop's statistics, which count where the nearest known pixel is far away."""
SMOOTH_RADIUS_PX = 3
PATCH_RADIUS_PX = 3

Packed = npt.NDArray[np.float32]
"""C×H/2×W/2."""


class View(NamedTuple):
    """What the network is given, and what turns its residual into a picture."""

    condition: Packed
    """CONDITION_CHANNELS×H/2×W/2."""
    base: Image
    """Mean of the two classical fills, H×W×3: what the residual is added to."""
    unit: npt.NDArray[np.float32]
    """H×W×1: the residual's."""


def make_view(image: Image, mask: Mask, seed: int) -> View:
    """Look at a crop whose hole is where the mask, 0 to 1, is above 0; what the network is told of
    it is the mask itself.

    Height and width must be even; at least one pixel must be known. The seed is PatchMatch's.
    """
    hole = mask > 0
    smooth = navier_stokes(image, hole, radius_px=SMOOTH_RADIUS_PX)
    patched = patch_match(image, hole, patch_radius_px=PATCH_RADIUS_PX, seed=seed)
    return make_view_from_fills(image, mask, smooth, patched)


def make_view_from_fills(image: Image, mask: Mask, smooth: Image, patched: Image) -> View:
    """The same, where the two fills are there already."""
    hole = mask > 0
    inside = hole[..., None]
    smooth, patched = (np.where(inside, fill, image) for fill in (smooth, patched))
    mean, contrast = measure_surroundings(image, hole)
    unit = residual_unit(smooth, patched, hole, contrast)
    shapes = [(smooth - mean) / contrast, (patched - smooth) / unit]
    planes = [*shapes, mask[..., None].astype(np.float32), np.log(unit / contrast)]
    return View(pack(np.concatenate(planes, axis=2)), (smooth + patched) / np.float32(2), unit)


def residual_unit(
    smooth: Image, patched: Image, hole: Hole, contrast: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """How wrong a fill may be around each pixel, H×W×1: as far as the two differ, and a little of
    the contrast.
    """
    inside = hole.astype(np.float32)
    difference = np.square(smooth - patched).mean(axis=2) * inside
    near, weight = (
        cv2.GaussianBlur(plane, (0, 0), UNIT_REACH_PX) for plane in (difference, inside)
    )
    far = difference.sum() / max(inside.sum(), 1)
    spread = (near + FAR * far) / (weight + FAR)
    return np.asarray(
        np.sqrt(spread[..., None] + np.square(UNIT_OF_CONTRAST * contrast) + FLOOR**2), np.float32
    )


def measure_surroundings(image: Image, hole: Hole) -> tuple[Image, npt.NDArray[np.float32]]:
    """Mean, H×W×3, and contrast, H×W×1, of the known pixels around each pixel (normalised
    convolution).
    """
    known = (~hole)[..., None].astype(np.float32)
    moments = np.concatenate(
        [known, image * known, np.square(image).sum(axis=2, keepdims=True) * known], axis=2
    )
    far = moments.mean(axis=(0, 1)) / known.mean()
    near = np.dstack([cv2.GaussianBlur(part, (0, 0), REACH_PX) for part in cv2.split(moments)])
    sums = near + np.float32(FAR) * far
    mean, power = sums[..., 1:4] / sums[..., :1], sums[..., 4:] / sums[..., :1]
    variance = np.maximum(power - np.square(mean).sum(axis=2, keepdims=True), 0) / 3
    return mean.astype(np.float32), np.sqrt(variance + FLOOR**2).astype(np.float32)


def pack(planes: Image) -> Packed:
    """H×W×C, both even -> 4C×H/2×W/2, the order of torch's pixel_unshuffle."""
    height, width, channels = planes.shape
    blocks = planes.reshape(height // PACK, PACK, width // PACK, PACK, channels)
    return np.ascontiguousarray(
        blocks.transpose(4, 1, 3, 0, 2).reshape(channels * PACK**2, height // PACK, width // PACK),
        np.float32,
    )


def unpack(packed: Packed) -> Image:
    """The inverse of `pack`."""
    channels, height, width = packed.shape
    blocks = packed.reshape(channels // PACK**2, PACK, PACK, height, width)
    return np.ascontiguousarray(
        blocks.transpose(3, 1, 4, 2, 0).reshape(height * PACK, width * PACK, channels // PACK**2),
        np.float32,
    )
