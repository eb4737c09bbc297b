"""Refine the mask (shrink or grow it, soften its edge), and refuse one that covers too much."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from editproof.pipelines.config import MaskConfig
from editproof.pipelines.contract import EditRequest, Image, Mask, Status
from editproof.pipelines.edit import Edit, Pixels, RefusedError, Step
from editproof.pipelines.stages.structure import structure_strength

HOLE_ALPHA = 0.02
"""A pixel of the mask at or above this alpha is replaced; below it the picture shows through
unchanged.
"""

ANCHOR_STRENGTH = 0.06
"""Luma change a pixel, 0 to 1, from which on local structure is an anchor for the eye: fine print,
hairlines.
"""

ANCHOR_REACH_PX = 1.0
"""Gaussian σ of the neighbourhood in which structure is looked for."""

RIM_PX = 1.5
"""So far from the masked content its own anti-aliased rim may reach, where growth is never held
back.
"""


class MaskTooLargeError(RefusedError):
    """The mask covers more of the image than `mask.max_coverage` allows."""


def refine_mask(edit: Edit) -> Step:
    """Shrink the mask by `mask.erode_px`, grow it by `mask.dilate_px`, and soften its edge by a
    Gaussian.

    Whatever is masked then stays fully masked, so softening never lets the old content through.
    Growth and edge stop before protected features, what a person brushed away, and
    (`mask.spare_anchors`) strong local structure.
    """
    config, request = edit.config.mask, edit.request
    core = erode_mask(edit.mask >= HOLE_ALPHA, radius_px=config.erode_px)
    refined = soften_mask(core, radius_px=config.dilate_px, sigma_px=config.soft_sigma_px)
    spared = (refined > 0) & ~core & _find_spared(core, refined > 0, edit.image, request, config)
    refined = np.where(spared, np.float32(0), refined)
    decision = (
        f"{f'shrunk by {config.erode_px} px, ' if config.erode_px else ''}grown by"
        f" {config.dilate_px} px, edge σ {config.soft_sigma_px:g} px, {int(spared.sum())} px"
        f" spared: {refined.mean():.2%} of the image"
    )
    return Step(replace(edit, mask=refined), refined, decision)


def erode_mask(core: Pixels, *, radius_px: int) -> Pixels:
    """The pixels farther than `radius_px` from any that is not masked; the image's border counts as
    masked.
    """
    if not radius_px or core.all():
        return core
    return np.asarray(
        cv2.distanceTransform(core.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius_px
    )


def soften_mask(core: Pixels, *, radius_px: float, sigma_px: float) -> Mask:
    """1 up to `radius_px` from the core, then a Gaussian fall-off; below HOLE_ALPHA it is 0.
    float32 H×W.
    """
    if not core.any():
        return np.zeros(core.shape, np.float32)
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = np.maximum(distance - np.float32(radius_px), 0.0)
    if sigma_px == 0:
        return np.asarray(beyond == 0, np.float32)
    alpha = np.exp(-0.5 * np.square(beyond / np.float32(sigma_px)))
    return np.asarray(np.where(alpha < HOLE_ALPHA, 0.0, alpha), np.float32)


def find_anchors(image: Image, core: Pixels) -> Pixels:
    """Strong local structure beside a core, beyond its rim: microprint, hairlines, lattices."""
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = np.asarray(distance > RIM_PX)
    return beyond & (structure_strength(image, beyond, sigma_px=ANCHOR_REACH_PX) >= ANCHOR_STRENGTH)


def _find_spared(
    core: Pixels, grown: Pixels, image: Image, request: EditRequest, config: MaskConfig
) -> Pixels:
    """Where the mask must not grow to."""
    kept = np.zeros(core.shape, bool)
    for feature in request.protect.values():
        kept |= feature > 0
    if request.strokes_subtract is not None:
        kept |= request.strokes_subtract > 0
    if config.spare_anchors and core.any():
        around = crop_around(grown, margin_px=8)  # anchors farther away are in nobody's way
        kept[around] |= find_anchors(image[around], core[around])
    return kept


def crop_around(pixels: Pixels, *, margin_px: int) -> tuple[slice, slice]:
    """The smallest crop that holds these pixels and a margin."""
    spans = [np.nonzero(pixels.any(axis=axis))[0] for axis in (1, 0)]
    rows, columns = (
        slice(max(int(span[0]) - margin_px, 0), int(span[-1]) + margin_px + 1) for span in spans
    )
    return rows, columns


def check_mask(edit: Edit) -> Step:
    """Raise MaskTooLargeError if the mask covers more than `mask.max_coverage`. Say what it
    covers of protected features.

    An edit that covers more than `mask.max_protected` of a protected feature needs review.
    """
    coverage, config = float(edit.mask.mean()), edit.config.mask
    if coverage > config.max_coverage:
        raise MaskTooLargeError(
            f"coverage {coverage:.3f} > {config.max_coverage:.3f}: the mask covers too much to be"
            f" filled well. Give a smaller mask, or raise mask.max_coverage"
            f"{_hint_at_inversion(edit)}"
        )
    covered = _measure_coverage(edit.mask, edit.request)
    decision = "; ".join(
        [
            (
                f"coverage {coverage:.3f} ≤ {config.max_coverage:.3f}"
                if coverage
                else "nothing to replace"
            )
        ]
        + [f"{share:.1%} of {name} covered" for name, share in covered.items()]
    )
    too_much = [name for name, share in covered.items() if share > config.max_protected]
    if too_much:
        reason = f"the mask covers more than {config.max_protected:.0%} of {', '.join(too_much)}"
        edit = replace(
            edit, status=Status.NEEDS_REVIEW, reason="; ".join(filter(None, [edit.reason, reason]))
        )
    return Step(edit, edit.mask, decision)


def _measure_coverage(mask: Mask, request: EditRequest) -> dict[str, float]:
    """Of each protected feature, the share that is masked at all, 0 to 1."""
    return {
        name: float((mask[plane > 0] > 0).mean())
        for name, plane in request.protect.items()
        if plane.any()
    }


def _hint_at_inversion(edit: Edit) -> str:
    """A hint where the caller's mask would be of a usual size the other way round."""
    mask = edit.request.mask
    inverse_fits = mask is not None and 0 < float(1 - mask.mean()) <= edit.config.mask.max_coverage
    return ". 1 is what is replaced: is the mask inverted?" if inverse_fits else ""
