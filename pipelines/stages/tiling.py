"""Cut a picture into overlapping tiles, work on each, and join them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from editproof.pipelines.contract import Image

Join = Literal["pyramid", "fade", "naive"]

Weights = npt.NDArray[np.float32]


def tile_starts(length_px: int, *, size_px: int, overlap_px: int) -> list[int]:
    """Where tiles start along one axis: at multiples of size - overlap, until the axis is
    covered.
    """
    stride = size_px - overlap_px
    return list(range(0, max(length_px - overlap_px, 1), stride))


def map_tiles(
    image: Image,
    work: Callable[[Image], Image],
    *,
    size_px: int,
    overlap_px: int,
    scale: int,
    join: Join = "pyramid",
) -> Image:
    """`work` applied tile by tile; it turns h×w×3 into (h·scale)×(w·scale)×3.

    Held in memory are the result and two rows of tiles. With no overlap tiles meet in a hard seam.
    """
    height, width = image.shape[:2]
    ys = tile_starts(height, size_px=size_px, overlap_px=overlap_px)
    xs = tile_starts(width, size_px=size_px, overlap_px=overlap_px)
    rows = (
        join_tiles(
            (
                (x * scale, work(np.ascontiguousarray(image[y : y + size_px, x : x + size_px])))
                for x in xs
            ),
            width * scale,
            axis=1,
            join=join,
        )
        for y in ys
    )
    starts = (y * scale for y in ys)
    whole = join_tiles(zip(starts, rows, strict=True), height * scale, axis=0, join=join)
    return np.clip(whole, 0, 1, out=whole)


def join_tiles(
    tiles: Iterable[tuple[int, Image]], length_px: int, *, axis: Literal[0, 1], join: Join
) -> Image:
    """Tiles that follow each other along an axis, as one picture of that length; each comes with
    where it starts.

    They come in the order of their starts and leave no gap. Where tiles agree on what they share,
    the result is exactly that.
    """
    whole: Image | None = None
    done_px = 0
    for start_px, tile in tiles:
        along = np.moveaxis(tile, axis, 0)
        if whole is None:
            whole = np.empty((length_px, *along.shape[1:]), np.float32)
        shared_px = done_px - start_px
        if shared_px > 0:
            zone = slice(start_px, done_px)
            whole[zone] = cross_fade(whole[zone], along[:shared_px], join=join)
        end_px = start_px + len(along)
        whole[done_px:end_px] = along[max(shared_px, 0) :]
        done_px = end_px
    if whole is None:
        raise ValueError("there are no tiles to join")
    return np.ascontiguousarray(np.moveaxis(whole, 0, axis))


def cross_fade(before: Image, after: Image, *, join: Join) -> Image:
    """From one picture of a zone to another of it, along its first axis. n×m×3 each.

    `naive` cuts in the middle, `fade` goes over linearly. `pyramid` does so octave by octave (Burt
    & Adelson 1983): the finest detail over a few pixels, so that it is not doubled, the coarsest
    over the whole zone, so that no step shows.
    """
    length_px = len(before)
    if join == "naive":
        return np.where(ramp(length_px, 0.0)[:, None, None] > 0.5, after, before)
    difference = np.ascontiguousarray(after - before)
    mixed = before.copy()
    if join == "pyramid":
        sigma_px = 1.0
        while 8 * sigma_px <= length_px:
            coarse = cv2.GaussianBlur(difference, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
            coarse = coarse.reshape(difference.shape)
            mixed += ramp(length_px, 4 * sigma_px)[:, None, None] * (difference - coarse)
            difference, sigma_px = coarse, 2 * sigma_px
    mixed += ramp(length_px, float(length_px))[:, None, None] * difference
    return mixed


def ramp(length_px: int, width_px: float) -> Weights:
    """From 0 to 1 over the middle `width_px` of a zone; a step where the width is 0."""
    from_middle = np.arange(length_px, dtype=np.float32) + 0.5 - length_px / 2
    return np.asarray(np.clip(from_middle / max(width_px, 1e-6) + 0.5, 0, 1), np.float32)
