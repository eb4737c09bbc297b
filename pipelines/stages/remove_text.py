"""Apply the policy, then remove text ahead of the inpainter, each line by its own method."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import Image, Mask, Status
from editproof.pipelines.edit import Edit, Pixels, Step, TextRegion
from editproof.pipelines.policy import apply_policy
from editproof.pipelines.stages.inpaint import Job, fill_hole
from editproof.pipelines.stages.mask import crop_around
from editproof.pipelines.stages.ocr import crop_box, height_px
from editproof.pipelines.stages.structure import structure_strength

GROUND_REACH_PX = 4.0
"""Gaussian σ of the neighbourhood in which a line's ground is judged."""

Method = Literal["flat", "complex", "blurred"]


def remove_text(edit: Edit) -> Step:
    """Apply the policy. Then fill each line of text under the mask, where `text.mode` is `auto`.

    A line that was read with less than `text.min_confidence` is blurred; others are filled by
    `text.flat_model` from what is beside them, or, on structured grounds, by `text.complex_model`
    with the whole picture in view. What is filled here `inpaint` leaves alone. Raises PolicyError
    where a rule refuses the edit.
    """
    edit, flagged = _apply_policy(edit)
    if edit.config.text.mode == "off":
        return Step(edit, edit.fill, "; ".join([*flagged, "off: the inpainter does it all"]))
    hole = edit.mask > 0
    if not edit.regions or not hole.any() or hole.all():
        return Step(edit, edit.fill, "; ".join([*flagged, "no text under the mask"]))
    lines = tuple(
        _enlarge_line(line, hole.shape[0] / edit.request.image.shape[0]) for line in edit.regions
    )
    places = find_places(lines, edit.mask, reach_px=_reach_px(edit))
    strength = structure_strength(edit.image, ~hole, sigma_px=GROUND_REACH_PX)
    ways = [
        choose_method(line, place, strength, edit.config)
        for line, place in zip(lines, places, strict=True)
    ]
    fill = _fill_lines(edit, lines, ways, places)
    filled = np.logical_or.reduce(places)
    counts = ", ".join(f"{count} {way}" for way, count in sorted(Counter(ways).items()))
    return Step(
        replace(edit, fill=fill, filled=filled), fill, "; ".join([*flagged, f"lines: {counts}"])
    )


def find_places(lines: tuple[TextRegion, ...], mask: Mask, *, reach_px: int) -> list[Pixels]:
    """Each line's part of the mask: what of it lies in the line's box or near it, and in no line
    before.
    """
    claimed = np.zeros(mask.shape, bool)
    places = []
    for line in lines:
        around, near = crop_box(line, mask.shape, margin_px=reach_px)
        place = np.zeros(mask.shape, bool)
        place[around] = near & (mask[around] > 0) & ~claimed[around]
        claimed[around] |= near
        places.append(place)
    return places


def choose_method(
    line: TextRegion, place: Pixels, strength: Mask, config: ReferenceConfig
) -> Method:
    """How a line is removed. `strength`: of the ground's structure, H×W, seen without what is
    masked.
    """
    if line.confidence < config.text.min_confidence:
        return "blurred"
    flat = not place.any() or float(np.median(strength[place])) < config.text.flat_strength
    return "flat" if flat else "complex"


def blur_surroundings(image: Image, hole: Pixels, *, sigma_px: float) -> Image:
    """A Gaussian blur of what is not masked, which goes on into what is: no detail is invented,
    nothing shines through.
    """
    known = np.asarray(~hole, np.float32)
    colour = cv2.GaussianBlur(image * known[..., None], (0, 0), sigma_px)
    weight = cv2.GaussianBlur(known, (0, 0), sigma_px)
    plain = cv2.GaussianBlur(image, (0, 0), sigma_px)
    return np.where(
        weight[..., None] > 1e-3, colour / np.maximum(weight, 1e-3)[..., None], plain
    ).astype(np.float32)


def _fill_lines(
    edit: Edit, lines: tuple[TextRegion, ...], ways: list[Method], places: list[Pixels]
) -> Image:
    config, request = edit.config, edit.request
    job = Job(edit.image, edit.mask > 0, edit.mask, config, request.seed, request.prompt)
    fill = edit.fill.copy()
    of = {way: _join_places(way, ways, places) for way in set(ways)}
    if "flat" in of:
        beside = fill_hole(replace(job, model=config.text.flat_model)).image
        fill[of["flat"]] = beside[of["flat"]]
    if "complex" in of:
        whole = replace(job, model=config.text.complex_model, context_px=max(job.hole.shape))
        seen = fill_hole(whole).image
        fill[of["complex"]] = seen[of["complex"]]
    for line, way, place in zip(lines, ways, places, strict=True):
        if way == "blurred" and place.any():
            around = crop_around(place, margin_px=int(2 * height_px(line)) + 1)
            soft = blur_surroundings(
                edit.image[around], job.hole[around], sigma_px=max(1.0, height_px(line) / 2)
            )
            fill[around][place[around]] = soft[place[around]]
    return fill


def _join_places(way: Method, ways: list[Method], places: list[Pixels]) -> Pixels:
    return np.asarray(
        np.logical_or.reduce(
            [place for each, place in zip(ways, places, strict=True) if each == way]
        )
    )


def _enlarge_line(line: TextRegion, factor: float) -> TextRegion:
    """The line where it lies in a picture made larger."""
    return replace(line, corners=tuple((x * factor, y * factor) for x, y in line.corners))


def _reach_px(edit: Edit) -> int:
    """How far beyond a line's box its softened mask may reach, in pixels of the picture as it is by
    now.
    """
    config, factor = edit.config, edit.mask.shape[0] / edit.request.image.shape[0]
    reach_px = config.detect.box_margin_px + config.mask.dilate_px + 3 * config.mask.soft_sigma_px
    return int(np.ceil(factor * reach_px))


def _apply_policy(edit: Edit) -> tuple[Edit, list[str]]:
    findings = apply_policy(edit.request, edit.regions, edit.config.policy)
    reasons = [f"policy {finding.rule}: {finding.why}" for finding in findings]
    if not reasons:
        return edit, []
    reason = "; ".join(filter(None, [edit.reason, *reasons]))
    return replace(edit, status=Status.NEEDS_REVIEW, reason=reason), reasons
