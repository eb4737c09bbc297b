"""Enlarge to the requested scale, tile by tile."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipelines.contract import Image
from pipelines.edit import Edit, Step
from pipelines.stages.tiling import map_tiles

_INTERPOLATION = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


def upscale(edit: Edit) -> Step:
    """Enlarge by the request's scale with `upscale.model`, in tiles of `tile.size_px` that share `tile.overlap_px`."""
    scale, tile = edit.request.scale, edit.config.tile
    if scale == 1:
        return Step(edit, edit.image, "scale 1: nothing to do")
    flag = _INTERPOLATION[edit.config.upscale.model]

    def enlarge(crop: Image) -> Image:
        large = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=flag)
        return np.asarray(large, np.float32)

    image = map_tiles(edit.image, enlarge, size_px=tile.size_px, overlap_px=tile.overlap_px, scale=scale)
    decision = f"{edit.config.upscale.model} ×{scale}, tiles of {tile.size_px} px, overlap {tile.overlap_px} px"
    return Step(replace(edit, image=image), image, decision)
