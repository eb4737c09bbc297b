"""A quick look at what an edit would give: a small copy of the picture, by the quickest model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from editproof.pipelines.contract import EditRequest, Mask, Param

EDGE_PX = 512
"""Longest edge of a preview."""

SETTINGS: Mapping[str, Param] = {
    "inpaint.model": "ns",
    "inpaint.two_tier": False,
    "inpaint.refine_texture": False,
    "route.tiers": "",
    "text.mode": "off",
}
"""What a preview does otherwise than the final edit."""


def shrink_request(request: EditRequest) -> EditRequest:
    """The request for a preview: all its pictures made smaller together, where they are larger than
    a preview, and nothing is enlarged.
    """
    height, width = request.image.shape[:2]
    factor = min(1.0, EDGE_PX / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))

    def shrink(plane: Mask | None) -> Mask | None:
        return None if plane is None else _resize(plane, size)

    return replace(
        request,
        image=_resize(request.image, size),
        mask=shrink(request.mask),
        strokes_add=shrink(request.strokes_add),
        strokes_subtract=shrink(request.strokes_subtract),
        protect={name: _resize(plane, size) for name, plane in request.protect.items()},
        scale=1,
        file=b"",
    )


def _resize(array: Mask, size: tuple[int, int]) -> Mask:
    if array.shape[1::-1] == size:
        return array
    return np.clip(cv2.resize(array, size, interpolation=cv2.INTER_AREA), 0, 1)
