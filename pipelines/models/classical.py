"""The classical fills: they continue smooth lines, or copy patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from editproof.pipelines.config import InpaintConfig
from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.models.fill import Hole, StepsCallback, check_crop


def navier_stokes(image: Image, hole: Hole, *, radius_px: int) -> Image:
    """Bertalmio et al. 2001, by OpenCV: isophotes carried into the hole. Computed in 8 bits."""
    return _opencv(image, hole, radius_px, cv2.INPAINT_NS)


def telea(image: Image, hole: Hole, *, radius_px: int) -> Image:
    """Telea 2004, by OpenCV: fast marching from the rim. Computed in 8 bits."""
    return _opencv(image, hole, radius_px, cv2.INPAINT_TELEA)


def biharmonic(image: Image, hole: Hole) -> Image:
    """Damelin & Hoang 2018, by scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(image, hole, split_into_regions=True, channel_axis=-1)
    return np.asarray(np.clip(filled, 0, 1), np.float32)


def patch_match(image: Image, hole: Hole, *, patch_radius_px: int, seed: int) -> Image:
    """PatchMatch (Barnes et al. 2009), by pypatchmatch: known patches copied into the hole.
    Computed in 8 bits.
    """
    import patchmatch

    patchmatch.set_random_seed(seed)  # process-wide, so set before every call
    pixels = np.ascontiguousarray(np.round(image * 255).astype(np.uint8))
    filled = patchmatch.inpaint(pixels, hole.astype(np.uint8) * 255, patch_size=patch_radius_px)
    return np.asarray(filled, np.float32) / np.float32(255)


class ClassicalFill:
    """One of them as a FillModel."""

    note = ""

    def __init__(self, name: str, config: InpaintConfig) -> None:
        self.name = name
        self.config = config
        self.stochastic = name == "patch"

    @property
    def fingerprint(self) -> str:
        """Its name and settings: there are no weights."""
        return (
            f"{self.name} radius_px={self.config.radius_px}"
            f" patch_radius_px={self.config.patch_radius_px}"
        )

    def __call__(
        self,
        image: Image,
        hole: Hole,
        soft: Mask,
        seed: int,
        *,
        prompt: str = "",
        steps_callback: StepsCallback | None = None,
    ) -> Image:
        """Fill the hole; there are no prompts and no steps."""
        check_crop(image, hole, soft)
        return _FILLS[self.name](image, hole, self.config, seed) if hole.any() else image.copy()


_FILLS: Mapping[str, Callable[[Image, Hole, InpaintConfig, int], Image]] = {
    "ns": lambda image, hole, config, _: navier_stokes(image, hole, radius_px=config.radius_px),
    "telea": lambda image, hole, config, _: telea(image, hole, radius_px=config.radius_px),
    "biharmonic": lambda image, hole, _config, _seed: biharmonic(image, hole),
    "patch": lambda image, hole, config, seed: patch_match(
        image, hole, patch_radius_px=config.patch_radius_px, seed=seed
    ),
}


def _opencv(image: Image, hole: Hole, radius_px: int, flag: int) -> Image:
    pixels = np.round(image * 255).astype(np.uint8)
    filled: Any = cv2.inpaint(pixels, hole.astype(np.uint8), radius_px, flag)
    return np.asarray(filled / np.float32(255), np.float32)
