"""Overlapping tiles: cut, work on each, and cross-fade them back together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.contract import Image


def tile_starts(length_px: int, *, size_px: int, overlap_px: int) -> list[int]:
    """Where tiles start along one axis: at multiples of size - overlap, until the axis is covered."""
    stride = size_px - overlap_px
    return list(range(0, max(length_px - overlap_px, 1), stride))


def map_tiles(image: Image, work: Callable[[Image], Image], *, size_px: int, overlap_px: int, scale: int) -> Image:
    """`work` applied tile by tile; it turns h×w×3 into (h·scale)×(w·scale)×3.

    Neighbours are cross-faded linearly over their overlap; the border of two tiles is the middle of it. With no overlap
    they meet in a hard seam.
    """
    height, width = image.shape[:2]
    total = np.zeros((height * scale, width * scale, 3), np.float32)
    weight = np.zeros((height * scale, width * scale, 1), np.float32)
    for y in tile_starts(height, size_px=size_px, overlap_px=overlap_px):
        for x in tile_starts(width, size_px=size_px, overlap_px=overlap_px):
            tile = work(np.ascontiguousarray(image[y : y + size_px, x : x + size_px]))
            h, w = tile.shape[:2]
            fade_y = _fade(h, overlap_px * scale, first=y == 0, last=y + size_px >= height)
            fade_x = _fade(w, overlap_px * scale, first=x == 0, last=x + size_px >= width)
            fade = (fade_y[:, None] * fade_x[None, :])[..., None]
            place = (slice(y * scale, y * scale + h), slice(x * scale, x * scale + w))
            total[place] += tile * fade
            weight[place] += fade
    return np.clip(total / weight, 0, 1)


def _fade(length_px: int, overlap_px: int, *, first: bool, last: bool) -> np.ndarray[Any, np.dtype[np.float32]]:
    """1 in the tile's middle, a ramp over each overlap that it shares with a neighbour."""
    fade = np.ones(length_px, np.float32)
    ramp = (np.arange(overlap_px, dtype=np.float32) + 0.5) / max(overlap_px, 1)
    if not first:
        fade[:overlap_px] *= ramp[:length_px]
    if not last:
        fade[length_px - overlap_px :] *= ramp[::-1]
    return fade
