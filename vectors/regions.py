"""Where to measure: edit, ring, keep, seams and border, all at output size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from editproof.vectors.drawing.layers import Levels
from editproof.vectors.scene import Mask

Marks = npt.NDArray[np.bool_]

RING_PX = 4
"""Width of the ring around the edit in input pixels: a little more than the reach of a Lanczos-3
kernel.
"""
SEAM_PX = 2
"""Width of the band along a tile border in input pixels, half on each side."""
BORDER_PX = 4
"""Width of the picture's outer rim in input pixels. Faults of padding lie inside it: a Lanczos-3
kernel reaches 3 px, and a convolution 1 to 3 px."""
BORDER_SHARE = 8
"""The rim is never wider than the shorter edge divided by this: a small picture is not all rim."""


@dataclass(frozen=True, slots=True)
class Regions:
    """A partition of the output image; each mask is 0 or 1 and the three sum to 1."""

    edit: Mask
    ring: Mask
    keep: Mask


def partition_image(alpha: Levels, scale: int) -> Regions:
    """Partition the output image by the overlay's 8-bit alpha, H×W.

    `edit` is where alpha is at least one level of 255, i.e. the drawn alpha was 1/510 or more: less
    cannot be seen in an 8-bit image. `ring` is within RING_PX × `scale` pixels of it (Euclidean,
    centre to centre), `keep` the rest.
    """
    edit = alpha > 0
    ring = _mark_near(edit, RING_PX * scale) & ~edit
    return Regions(_mask(edit), _mask(ring), _mask(~edit & ~ring))


def tile_borders(size_px: int, *, tile_px: int, overlap_px: int) -> tuple[float, ...]:
    """Border positions along one axis of an image of `size_px`, in the same pixels.

    Tiles start at multiples of `tile_px - overlap_px` until one reaches the end of the image; the
    border between two is the middle of what they share.
    """
    if not 0 <= overlap_px < tile_px:
        raise ValueError(
            f"overlap_px must be 0 to {tile_px - 1}, less than tile_px, not {overlap_px}"
        )
    stride_px = tile_px - overlap_px
    last = math.ceil(max(size_px - tile_px, 0) / stride_px)
    return tuple(k * stride_px + overlap_px / 2 for k in range(1, last + 1))


def seams(size_px: int, scale: int, *, tile_px: int, overlap_px: int) -> Mask:
    """Mark SEAM_PX along every tile border. Sizes are input pixels; the mask is at output size, 0
    or 1.
    """
    out_px = size_px * scale
    mask = np.zeros((out_px, out_px), np.float32)
    for border in tile_borders(size_px, tile_px=tile_px, overlap_px=overlap_px):
        start, stop = (round((border + side * SEAM_PX / 2) * scale) for side in (-1, 1))
        mask[start:stop] = 1
        mask[:, start:stop] = 1
    return mask


def border(height_px: int, width_px: int, scale: int) -> Marks:
    """Mark the outer rim of a picture of that output size, H×W: BORDER_PX × `scale` wide, 1 px at
    least.
    """
    wide_px = max(min(BORDER_PX * scale, min(height_px, width_px) // BORDER_SHARE), 1)
    rim = np.ones((height_px, width_px), bool)
    rim[wide_px:-wide_px, wide_px:-wide_px] = False
    return rim


def _mark_near(marked: Marks, reach_px: int) -> Marks:
    """Pixels at most `reach_px` from a marked one."""
    import cv2  # a tenth of a second to import, and listing vectors does not need it

    near = np.zeros_like(marked)
    if not marked.any():
        return near
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    here = np.s_[
        max(rows[0] - reach_px, 0) : rows[-1] + reach_px + 1,
        max(columns[0] - reach_px, 0) : columns[-1] + reach_px + 1,
    ]
    along = np.arange(-reach_px, reach_px + 1)
    disc = along[:, None] ** 2 + along**2 <= reach_px**2
    near[here] = cv2.dilate(marked[here].view(np.uint8), disc.view(np.uint8)) > 0
    return near


def _mask(marked: Marks) -> Mask:
    return marked.astype(np.float32)
