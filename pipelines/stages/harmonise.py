"""Match the fill to its surroundings: its colour statistics, and the strength of its grain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import convolve

from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.edit import Edit, Pixels, Step
from editproof.pipelines.stages.blend import poisson
from editproof.pipelines.stages.inpaint import context_crops

MOST_UNKNOWNS = 20_000
"""Pixels of a hole up to which a membrane is solved at full size."""

_RIM_SIGMA_PX = 2.0
"""How far on either side of a fill's rim its step is looked for, in input pixels."""

_NO_WEIGHT = 1e-4

_UNSEEN = 2 / 255
"""A step that exceeds its surroundings' by no more than this is left as it is."""

Matcher = Callable[["Image", "Region", int], "Image"]

_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def harmonise(edit: Edit) -> Step:
    """Adjust colour and grain of the filled pixels, region by region. Pixels outside the enlarged
    mask stay bit-equal.
    """
    config, hole = edit.config.harmonise, edit.mask > 0
    if not hole.any() or hole.all():
        return Step(edit, edit.image, "nothing was filled")
    if config.colour == "none" and not config.grain:
        return Step(edit, edit.image, "left as it is")
    scale = edit.image.shape[0] // hole.shape[0]
    ring_px = config.ring_px * edit.request.scale
    noise = np.random.default_rng(edit.request.seed)
    image = edit.image
    steps: list[tuple[float, float]] = []
    grains: list[str] = []
    for crop in context_crops(hole, context_px=-(-ring_px // scale) + 4):
        place = (
            slice(crop[0].start * scale, crop[0].stop * scale),
            slice(crop[1].start * scale, crop[1].stop * scale),
        )
        before = patch = image[place]
        region = _region(patch, edit.mask[crop], ring_px=ring_px)
        if config.colour != "none":
            patch, step = _match_colour(patch, region, COLOURS[config.colour], scale)
            steps.append(step)
        if config.grain:
            patch, grain = _match_grain(patch, region, noise)
            grains.append(grain)
        if patch is not before:
            image = image.copy() if image is edit.image else image
            image[place] = patch
    decision = "; ".join([*([_describe_match(steps)] if steps else []), *grains])
    return Step(replace(edit, image=image), image, decision)


class Region(NamedTuple):
    """One filled part of the picture, at output size."""

    mask: Mask
    hole: Pixels
    ring: Pixels
    """Its surroundings."""


def _region(image: Image, mask: Mask, *, ring_px: int) -> Region:
    height, width = image.shape[:2]
    enlarged = np.asarray(
        cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR).clip(0, 1), np.float32
    )
    hole = enlarged > 0
    return Region(enlarged, hole, _around(hole, radius_px=ring_px))


def _match_colour(
    image: Image, region: Region, match: Matcher, scale: int
) -> tuple[Image, tuple[float, float]]:
    """The image with its fill matched, and the step along the fill's rim before and after.

    The image as it is where there is no step beyond what its surroundings have, or where it would
    not get smaller.
    """
    before = rim_step(image, region.mask, scale)
    beyond = (region.hole | region.ring).astype(np.float32)
    if not region.ring.any() or before <= rim_step(image, beyond, scale) + _UNSEEN:
        return image, (before, before)
    candidate = _mix(image, match(image, region, scale), region.mask)
    after = rim_step(candidate, region.mask, scale)
    return (image, (before, before)) if after >= before else (candidate, (before, after))


def _describe_match(steps: list[tuple[float, float]]) -> str:
    """What became of the regions' colours."""
    moved = [(before, after) for before, after in steps if after < before]
    if not moved:
        return "colour kept: there is no step along the edge that matching would make smaller"
    before, after = np.mean(moved, axis=0)
    return (
        f"colour matched in {len(moved)} of {len(steps)} regions: step along the rim {before:.4f}"
        f" -> {after:.4f}"
    )


def _match_mean_and_deviation(image: Image, region: Region, _scale: int) -> Image:
    """The fill's Lab mean and deviation moved to its surroundings' (Reinhard et al. 2001)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    fill, around = lab[region.hole], lab[region.ring]
    gain = np.clip(around.std(axis=0) / np.maximum(fill.std(axis=0), 1e-3), 0.5, 2.0)
    lab[region.hole] = (fill - fill.mean(axis=0)) * gain + around.mean(axis=0)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB).clip(0, 1), np.float32)


def _match_gradient(image: Image, region: Region, scale: int) -> Image:
    """Add a membrane to the fill that lifts its rim to its surroundings and fades inwards.

    Farbman et al. 2009. The membrane carries the difference of the local means on either side of
    the rim. That difference is smooth, so a large hole is solved at a smaller size.
    """
    hole = region.hole
    step_px = max(1, int(np.ceil(np.sqrt(hole.sum() / MOST_UNKNOWNS))))
    sigma_px = max(_RIM_SIGMA_PX * scale, float(step_px))
    step = _step(image, region.mask, sigma_px)
    coarse = np.clip(0.5 + step[::step_px, ::step_px] / 2, 0, 1).astype(np.float32)
    membrane = poisson(coarse, np.zeros_like(coarse), hole[::step_px, ::step_px]) * 2 - 1
    height, width = hole.shape
    offset = cv2.resize(membrane, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray((image + offset).clip(0, 1), np.float32)


def rim_step(image: Image, mask: Mask, scale: int) -> float:
    """Mean step, 0 to 1, between what lies on either side of a mask's rim, however soft. 0 where it
    has no rim.
    """
    rim = (
        cv2.morphologyEx(
            (mask > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
        )
        > 0
    )
    return (
        float(np.abs(_step(image, mask, _RIM_SIGMA_PX * scale))[rim].mean()) if rim.any() else 0.0
    )


def _step(image: Image, mask: Mask, sigma_px: float) -> Image:
    """Mean of what is near outside a mask, less that of what is near inside, H×W×3; 0 where one of
    them is far.
    """
    outer, has_outer = _local_mean(image, 1 - mask, sigma_px)
    inner, has_inner = _local_mean(image, mask, sigma_px)
    return np.asarray((outer - inner) * (has_outer & has_inner)[..., None], np.float32)


def _local_mean(image: Image, weight: Mask, sigma_px: float) -> tuple[Image, Pixels]:
    """Weighted mean around each pixel, in a Gaussian neighbourhood, and where there is any
    weight.
    """
    total = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma_px)
    share = cv2.GaussianBlur(weight, (0, 0), sigma_px)
    return (
        np.asarray(total / np.maximum(share, _NO_WEIGHT)[..., None], np.float32),
        share > _NO_WEIGHT,
    )


COLOURS: dict[str, Matcher] = {"gradient": _match_gradient, "mean_std": _match_mean_and_deviation}
"""`match(image, region, scale) -> image`: only pixels in the region's hole are used."""


def _match_grain(image: Image, region: Region, generator: np.random.Generator) -> tuple[Image, str]:
    """Add Gaussian noise so that the fill's noise reaches the ring's."""
    if not region.ring.any():
        return image, "grain kept: nothing is around the fill"
    there, here = noise_sigma(image, region.ring), noise_sigma(image, region.hole)
    lacking = float(np.sqrt(max(there**2 - here**2, 0.0)))
    if lacking == 0.0:
        return image, f"grain kept: σ {here:.4f} in the fill, {there:.4f} around it"
    noise = generator.standard_normal(image.shape[:2], dtype=np.float32) * np.float32(lacking)
    grained = _mix(image, np.clip(image + noise[..., None], 0, 1), region.mask)
    return grained, f"grain added: σ {here:.4f} -> {there:.4f}"


def noise_sigma(image: Image, where: Pixels) -> float:
    """Standard deviation of the noise among some pixels of the luma, by Immerkær 1996; 0 to 1."""
    luma = image @ np.array([0.299, 0.587, 0.114], np.float32)
    response = np.abs(convolve(luma, _IMMERKAER, mode="reflect"))[where]
    return float(np.sqrt(np.pi / 2) / 6 * response.mean())


def edge_step(image: Image, hole: Pixels) -> float:
    """Mean step between neighbouring pixels across the hole's edge, over all channels; 0 to 1. 0
    where it has no edge.
    """
    steps = [
        np.abs(np.diff(image, axis=axis)).mean(axis=-1)[np.diff(hole, axis=axis)] for axis in (0, 1)
    ]
    across = np.concatenate(steps)
    return float(across.mean()) if across.size else 0.0


def _around(hole: Pixels, *, radius_px: int) -> Pixels:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return cv2.dilate(hole.astype(np.uint8), kernel).astype(bool) & ~hole


def _mix(image: Image, other: Image, mask: Mask) -> Image:
    alpha = mask[..., None]
    return np.where(alpha > 0, alpha * other + (1 - alpha) * image, image).astype(np.float32)
