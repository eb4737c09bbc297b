"""Pre-check: decide on a small copy of picture and mask what to do; estimate how long it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.policy import is_active
from editproof.pipelines.stages.inpaint import context_crops
from editproof.pipelines.stages.ocr import detector_megapixels, find_text, get_corners

DETECT_MS_PER_MEGAPIXEL = 650.0
"""What the text detector takes for each megapixel that it sees."""


class Cost(NamedTuple):
    """What a model takes with all that follows the size of the hole, milliseconds."""

    crop_ms: float
    """For each megapixel of the crops that it is shown."""
    hole_ms: float = 0.0
    """For each megapixel masked."""
    step_ms: float = 0.0
    """For each megapixel of the crops and denoising step."""


FILL = {
    "ns": Cost(2_050, 8_400),
    "telea": Cost(2_150, 7_600),
    "biharmonic": Cost(1_950, 12_600),
    "patch": Cost(10_300),
    "microfill": Cost(10_300, step_ms=3_500),
}
"""Fitted, like OUTPUT_MS_PER_MEGAPIXEL, to processor times of one thread of a 2-core AMD EPYC by
benchmarks/estimates.py: 44 edits of 256 to 1024 px at scale 1 and 2, with 3 to 8 % masked. With the
true crops, the fit is off from these very edits by a factor of 1.09 in the median and 1.23 at most;
of 42 others, of another photograph and size, by 1.19 and 1.67 (the machine was busy). Other
machines, and diffusion steps other than 4, were not measured."""

UNKNOWN_MODEL = Cost(10_300, step_ms=50_000)
"""A guess: what others take depends on the model alone."""

OUTPUT_MS_PER_MEGAPIXEL = 240.0
"""What the other stages take for each megapixel of the result."""

CROP_OF_HOLE = 3.0
"""Where the hole is not known yet, `mask.max_coverage` stands for it, and the crops are so many
times as large.
"""

STRIP_PX = 512
"""Rows that are looked at together: large pictures need no more memory, and mostly end with the
first strip.
"""


def precheck(edit: Edit) -> Step:
    """Set `needs_text_removal` and `needs_inpainting`. Each is false only where there is
    certainly nothing to do.

    The proxy keeps the largest value of what it stands for, so nothing is too small to be seen in
    it. Where the caller gives a mask, text removal is asked whether text dominates the region. A
    person's strokes count as a mask.
    """
    request, config = edit.request, edit.config
    given = [plane for plane in (request.mask, request.strokes_add) if plane is not None]
    wanted = np.maximum.reduce(given) if given else np.zeros(edit.image.shape[:2], np.float32)
    marked = max_pool(wanted, longest_px=config.precheck.proxy_px)
    if request.mask is None:
        needs_text_removal = bool(config.detect.text and _has_contrast(edit.image, config))
        needs_inpainting = bool(marked.any()) or needs_text_removal or _looks_for_overlays(config)
    else:
        needs_inpainting = bool(marked.any())
        needs_text_removal = (
            needs_inpainting
            and _reads_masks(config)
            and _text_dominates(edit.image, marked, config)
        )
    shares = (0.0, 0.0)
    if needs_inpainting:
        shares = _measure_shares(edit, marked if request.mask is not None else None)
    estimate_ms = _estimate_ms(edit, *shares, detects=_detects(edit, needs_text_removal))
    decision = (
        f"needs_text_removal={str(needs_text_removal).lower()},"
        f" needs_inpainting={str(needs_inpainting).lower()}, estimate_ms={estimate_ms:.0f}"
    )
    checked = replace(
        edit, needs_text_removal=needs_text_removal, needs_inpainting=needs_inpainting
    )
    return Step(checked, marked, decision, found={"estimate_ms": estimate_ms})


def max_pool(plane: Mask, *, longest_px: int) -> Mask:
    """A plane made smaller by a whole factor, to at most `longest_px`, by the largest value in each
    block.
    """
    factor = -(-max(plane.shape) // longest_px)
    rows, columns = (np.arange(0, length, factor) for length in plane.shape)
    return np.asarray(
        np.maximum.reduceat(np.maximum.reduceat(plane, rows, axis=0), columns, axis=1), np.float32
    )


def _has_contrast(image: Image, config: ReferenceConfig) -> bool:
    """Whether any 3×3 neighbourhood spans more than `precheck.min_contrast` in any channel; looked
    for strip by strip.
    """
    kernel = np.ones((3, 3), np.uint8)
    for top in range(0, image.shape[0], STRIP_PX):
        strip = image[max(top - 1, 0) : top + STRIP_PX + 1]
        if (
            cv2.dilate(strip, kernel) - cv2.erode(strip, kernel)
        ).max() > config.precheck.min_contrast:
            return True
    return False


def _text_dominates(image: Image, marked: Mask, config: ReferenceConfig) -> bool:
    """Whether boxes of text, found on the proxy, hold at least `precheck.text_share` of what is
    masked.
    """
    height, width = marked.shape
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    boxes = np.zeros(marked.shape, np.uint8)
    for line in find_text(np.round(small * 255).astype(np.uint8), config.detect):
        cv2.fillPoly(boxes, [np.round(get_corners(line)).astype(np.int32)], 1)
    return bool(marked[boxes > 0].sum() >= config.precheck.text_share * marked.sum())


def _looks_for_overlays(config: ReferenceConfig) -> bool:
    return bool(config.detect.template or config.detect.colour)


def _reads_masks(config: ReferenceConfig) -> bool:
    """Whether anything asks for what is written under a caller's mask."""
    return config.text.mode != "off" or is_active(config.policy)


def _detects(edit: Edit, needs_text_removal: bool) -> bool:  # noqa: FBT001 - the flag is what is asked about
    return needs_text_removal and (edit.request.mask is None or _reads_masks(edit.config))


def _measure_shares(edit: Edit, marked: Mask | None) -> tuple[float, float]:
    """Of the picture, the share that is masked and the share that the model is shown; marked: the
    mask's proxy, if known.
    """
    config = edit.config
    if marked is None:
        return config.mask.max_coverage, min(1.0, CROP_OF_HOLE * config.mask.max_coverage)
    factor = max(edit.image.shape) / max(marked.shape)
    crops = context_crops(marked > 0, context_px=max(1, round(config.inpaint.context_px / factor)))
    return float(marked.mean()), float(sum(marked[crop].size for crop in crops) / marked.size)


def _estimate_ms(edit: Edit, hole_share: float, crop_share: float, *, detects: bool) -> float:
    """On one thread of a machine such as the constants were measured on."""
    config, megapixels = edit.config, edit.image.shape[0] * edit.image.shape[1] / 1e6
    cost = FILL.get(config.inpaint.model, UNKNOWN_MODEL)
    seen = detector_megapixels(edit.image.shape, config.detect) if detects else 0.0
    crop_ms = cost.crop_ms + cost.step_ms * config.inpaint.sampling_steps
    fill = (crop_ms * crop_share + cost.hole_ms * hole_share) * megapixels
    rest = OUTPUT_MS_PER_MEGAPIXEL * megapixels * edit.request.scale**2
    return float(DETECT_MS_PER_MEGAPIXEL * seen + fill + rest)
