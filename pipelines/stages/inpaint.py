"""Fill the hole: models by name, each on the smallest crop that shows it enough of its surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from pipelines.config import InpaintConfig
from pipelines.contract import Image
from pipelines.edit import Edit, Step

Hole = np.ndarray[Any, np.dtype[np.bool_]]

STOCHASTIC_MODELS = frozenset({"patch"})
"""Models whose result depends on the seed."""


def inpaint(edit: Edit) -> Step:
    """Fill every pixel whose mask is above 0 with the model `inpaint.model`; all other pixels stay bit-equal."""
    config = edit.config.inpaint
    hole = edit.mask > 0
    crops = context_crops(hole, context_px=config.context_px)
    fill = edit.image.copy()
    for crop in crops:
        if hole[crop].all():
            raise ValueError("the whole picture is masked: there is nothing to fill it from")
        proposal = MODELS[config.model](edit.image[crop], hole[crop], config, edit.request.seed)
        fill[crop][hole[crop]] = proposal[hole[crop]]
    decision = f"{config.model}: {int(hole.sum())} px in {len(crops)} crop{'s' * (len(crops) != 1)}"
    return Step(replace(edit, fill=fill), fill, decision)


def context_crops(hole: Hole, *, context_px: int) -> list[tuple[slice, slice]]:
    """The hole's parts, each with `context_px` around it; parts whose context touches share a crop."""
    reach = cv2.dilate(hole.astype(np.uint8), np.ones((2 * context_px + 1, 2 * context_px + 1), np.uint8))
    count, _, boxes, _ = cv2.connectedComponentsWithStats(reach, connectivity=8)
    return [(slice(y, y + h), slice(x, x + w)) for x, y, w, h, _ in boxes[1:count].tolist()]


def _opencv(flag: int) -> Callable[[Image, Hole, InpaintConfig, int], Image]:
    def fill(image: Image, hole: Hole, config: InpaintConfig, seed: int) -> Image:
        pixels = np.round(image * 255).astype(np.uint8)
        filled: Any = cv2.inpaint(pixels, hole.astype(np.uint8), config.radius_px, flag)
        return np.asarray(filled / np.float32(255), np.float32)

    return fill


def _biharmonic(image: Image, hole: Hole, config: InpaintConfig, seed: int) -> Image:
    """Damelin & Hoang 2018, by scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(image, hole, split_into_regions=True, channel_axis=-1)
    return np.asarray(np.clip(filled, 0, 1), np.float32)


def _patch(image: Image, hole: Hole, config: InpaintConfig, seed: int) -> Image:
    """PatchMatch (Barnes et al. 2009), by pypatchmatch."""
    import patchmatch

    patchmatch.set_random_seed(seed)  # process-wide, so set before every call
    pixels = np.ascontiguousarray(np.round(image * 255).astype(np.uint8))
    filled = patchmatch.inpaint(pixels, hole.astype(np.uint8) * 255, patch_size=config.patch_radius_px)
    return np.asarray(filled, np.float32) / np.float32(255)


MODELS: dict[str, Callable[[Image, Hole, InpaintConfig, int], Image]] = {
    "ns": _opencv(cv2.INPAINT_NS),
    "telea": _opencv(cv2.INPAINT_TELEA),
    "biharmonic": _biharmonic,
    "patch": _patch,
}
"""`model(image, hole, config, seed) -> image`: H×W×3 in, the same out; only pixels in the hole are used."""
