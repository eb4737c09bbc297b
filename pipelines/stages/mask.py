"""Refine the mask (grow it, soften its edge) and refuse one that covers too much."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipelines.contract import ContractError, Mask
from pipelines.edit import Edit, Step

HOLE_ALPHA = 0.02
"""A pixel of the mask at or above this alpha is replaced; below it the picture shows through unchanged."""


class MaskTooLargeError(ContractError):
    """The mask covers more of the image than `mask.max_coverage` allows."""


def refine_mask(edit: Edit) -> Step:
    """Grow the mask by `mask.dilate_px` and let its edge fall off as a Gaussian of `mask.soft_sigma_px`.

    Whatever was masked stays fully masked, so softening never lets the old content through.
    """
    config = edit.config.mask
    core = edit.mask >= HOLE_ALPHA
    refined = soften(core, radius_px=config.dilate_px, sigma_px=config.soft_sigma_px)
    decision = f"grown by {config.dilate_px} px, edge σ {config.soft_sigma_px:g} px: {refined.mean():.2%} of the image"
    return Step(replace(edit, mask=refined), refined, decision)


def soften(core: np.ndarray[tuple[int, int], np.dtype[np.bool_]], *, radius_px: float, sigma_px: float) -> Mask:
    """1 up to `radius_px` from the core, then a Gaussian fall-off; below HOLE_ALPHA it is 0. float32 H×W."""
    if not core.any():
        return np.zeros(core.shape, np.float32)
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = np.maximum(distance - np.float32(radius_px), 0.0)
    if sigma_px == 0:
        return np.asarray(beyond == 0, np.float32)
    alpha = np.exp(-0.5 * np.square(beyond / np.float32(sigma_px)))
    return np.asarray(np.where(alpha < HOLE_ALPHA, 0.0, alpha), np.float32)


def check_mask(edit: Edit) -> Step:
    """Raise MaskTooLargeError where the mask covers more than `mask.max_coverage`."""
    coverage, limit = float(edit.mask.mean()), edit.config.mask.max_coverage
    if coverage > limit:
        raise MaskTooLargeError(
            f"coverage {coverage:.3f} > {limit:.3f}: the mask covers too much to be filled well. "
            "Give a smaller mask, or raise mask.max_coverage"
        )
    decision = f"coverage {coverage:.3f} ≤ {limit:.3f}" if coverage else "nothing to replace"
    return Step(edit, edit.mask, decision)
