"""Match the fill to its surroundings: colour statistics, and grain of the strength measured around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from scipy.ndimage import convolve

from pipelines.contract import Image, Mask
from pipelines.edit import Edit, Step

Pixels = np.ndarray[Any, np.dtype[np.bool_]]

_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def harmonise(edit: Edit) -> Step:
    """Adjust the filled pixels' colour and grain; pixels outside the enlarged mask stay bit-equal."""
    config = edit.config.harmonise
    height, width = edit.image.shape[:2]
    enlarged = cv2.resize(edit.mask, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.asarray(np.clip(enlarged, 0, 1), np.float32)
    hole = mask > 0
    ring = _around(hole, radius_px=config.ring_px * edit.request.scale)
    if not hole.any() or not ring.any():
        return Step(edit, edit.image, "nothing was filled")
    image, decisions = edit.image, []
    if config.colour == "mean_std":
        image, decision = _match_colour(image, mask, hole, ring)
        decisions.append(decision)
    if config.grain:
        image, decision = _match_grain(image, mask, hole, ring, edit.request.seed)
        decisions.append(decision)
    return Step(replace(edit, image=image), image, "; ".join(decisions) or "left as it is")


def _match_colour(image: Image, mask: Mask, hole: Pixels, ring: Pixels) -> tuple[Image, str]:
    """Move the fill's Lab mean and deviation to the ring's (Reinhard et al. 2001), unless its edge gets worse."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    fill, around = lab[hole], lab[ring]
    gain = np.clip(around.std(axis=0) / np.maximum(fill.std(axis=0), 1e-3), 0.5, 2.0)
    moved = lab.copy()
    moved[hole] = (fill - fill.mean(axis=0)) * gain + around.mean(axis=0)
    candidate = _mix(image, np.clip(cv2.cvtColor(moved, cv2.COLOR_Lab2RGB), 0, 1), mask)
    before, after = edge_step(image, hole), edge_step(candidate, hole)
    if after > before:
        return image, f"colour kept: matching would raise the edge step from {before:.4f} to {after:.4f}"
    return candidate, f"colour matched: edge step {before:.4f} -> {after:.4f}"


def _match_grain(image: Image, mask: Mask, hole: Pixels, ring: Pixels, seed: int) -> tuple[Image, str]:
    """Add Gaussian noise so that the fill's noise reaches the ring's."""
    there, here = noise_sigma(image, ring), noise_sigma(image, hole)
    lacking = float(np.sqrt(max(there**2 - here**2, 0.0)))
    if lacking == 0.0:
        return image, f"grain kept: σ {here:.4f} in the fill, {there:.4f} around it"
    noise = np.random.default_rng(seed).standard_normal(image.shape[:2], dtype=np.float32) * np.float32(lacking)
    grained = _mix(image, np.clip(image + noise[..., None], 0, 1), mask)
    return grained, f"grain added: σ {here:.4f} -> {there:.4f}"


def noise_sigma(image: Image, where: Pixels) -> float:
    """Standard deviation of the noise among some pixels of the luma, by Immerkær 1996; 0 to 1."""
    luma = image @ np.array([0.299, 0.587, 0.114], np.float32)
    response = np.abs(convolve(luma, _IMMERKAER, mode="reflect"))[where]
    return float(np.sqrt(np.pi / 2) / 6 * response.mean())


def edge_step(image: Image, hole: Pixels) -> float:
    """Mean step between neighbouring pixels across the hole's edge, over all channels; 0 to 1. 0 where it has no edge."""
    steps = [np.abs(np.diff(image, axis=axis)).mean(axis=-1)[np.diff(hole, axis=axis)] for axis in (0, 1)]
    across = np.concatenate(steps)
    return float(across.mean()) if across.size else 0.0


def _around(hole: Pixels, *, radius_px: int) -> Pixels:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return cv2.dilate(hole.astype(np.uint8), kernel).astype(bool) & ~hole


def _mix(image: Image, other: Image, mask: Mask) -> Image:
    alpha = mask[..., None]
    return np.where(alpha > 0, alpha * other + (1 - alpha) * image, image).astype(np.float32)
