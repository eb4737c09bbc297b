"""Check the result: no change outside the mask, no step along its edge, nothing artificial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np

from editproof.pipelines.config import VerifyConfig
from editproof.pipelines.contract import Image, Status
from editproof.pipelines.edit import Edit, Pixels, Step
from editproof.pipelines.stages.artefacts import ArtefactScore, artefact_score
from editproof.pipelines.stages.harmonise import edge_step
from editproof.pipelines.stages.perceptual import find_weights, lpips_outside

Plane = np.ndarray[Any, np.dtype[np.float32]]

_BAND_PX = 128
_SSIM_WINDOW_PX = 7


class EditChecks(NamedTuple):
    """What was measured."""

    outside: float
    """Largest change of a pixel outside the mask by the fill, 0 to 1."""
    excess: float
    """Mean step across the mask's edge over the mean step just outside it."""
    score: ArtefactScore
    ssim: float | None
    """None: not asked for, or no window is outside the mask; so with `lpips`."""
    lpips: float | None


def verify(edit: Edit) -> Step:
    """Mark the edit `needs_review` if it breaks a limit of `verify`. The picture stays as it is.

    The artefact is the largest change of each pixel's channels by the fill, H×W. Raises
    ContractError where LPIPS is limited and its weights are not AlexNet's.
    """
    config, image = edit.config.verify, edit.request.image
    hole = edit.mask > 0
    change = largest_change(edit.blended, image)
    found = EditChecks(
        outside=float(change.max(where=~hole, initial=0.0)),
        excess=_edge_excess(edit, hole),
        score=artefact_score(edit.image, edit.mask),
        ssim=ssim_outside(edit.image, image, hole) if config.min_ssim > 0 else None,
        lpips=(
            lpips_outside(edit.image, image, hole, find_weights(config.lpips_weights))
            if config.max_lpips < 1
            else None
        ),
    )
    edit = replace(edit, artefact_score=found.score.value)
    problems, summary = _list_problems(config, found), _describe_checks(config, found)
    if problems:
        reason = "; ".join(filter(None, [edit.reason, *problems]))
        return Step(
            replace(edit, status=Status.NEEDS_REVIEW, reason=reason),
            change,
            f"needs review: {reason}; {summary}",
            found=_name_checks(found),
        )
    return Step(edit, change, f"accepted: {summary}", found=_name_checks(found))


def _name_checks(found: EditChecks) -> dict[str, float]:
    """What was measured, by name."""
    numbers = {**found._asdict(), "score": found.score.value}
    return {name: float(number) for name, number in numbers.items() if number is not None}


def _list_problems(config: VerifyConfig, found: EditChecks) -> list[str]:
    """Which limits are broken, in words."""
    problems = []
    if found.outside > config.max_outside_change:
        problems.append(
            f"outside the mask a pixel changed by {found.outside:.4f} >"
            f" {config.max_outside_change:g}"
        )
    if found.excess > config.max_edge_excess:
        problems.append(
            f"the step along the mask's edge is {found.excess:.3f} > {config.max_edge_excess:g}"
            " over its surroundings'"
        )
    if found.score.value > config.max_artefact_score:
        problems.append(
            f"the artefact score is {found.score.value:.2f} > {config.max_artefact_score:g}"
        )
    if found.ssim is not None and found.ssim < config.min_ssim:
        problems.append(f"SSIM outside the mask is {found.ssim:.3f} < {config.min_ssim:g}")
    if found.lpips is not None and found.lpips > config.max_lpips:
        problems.append(f"LPIPS outside the mask is {found.lpips:.4f} > {config.max_lpips:g}")
    return problems


def _describe_checks(config: VerifyConfig, found: EditChecks) -> str:
    """What was measured, and the limits that were asked for."""
    summary = (
        f"outside change {found.outside:.4f}, edge excess {found.excess:.3f}, artefact score"
        f" {found.score}"
    )
    if found.ssim is not None:
        summary += f", SSIM outside {found.ssim:.3f} (least {config.min_ssim:g})"
    if found.lpips is not None:
        summary += f", LPIPS outside {found.lpips:.4f} (most {config.max_lpips:g})"
    return summary


def largest_change(image: Image, other: Image) -> Plane:
    """The largest difference among each pixel's channels, H×W in [0, 1]; without a third picture in
    memory.
    """
    change = np.abs(image[..., 0] - other[..., 0])
    for channel in (1, 2):
        np.maximum(change, np.abs(image[..., channel] - other[..., channel]), out=change)
    return np.asarray(change, np.float32)


def ssim_outside(large: Image, image: Image, hole: Pixels) -> float | None:
    """Mean SSIM of the luma (Wang et al. 2004, 7×7 windows) of the result, made small small by
    area, with the input.

    Over windows that do not touch the hole, band by band; None where there is no such window.
    """
    from skimage.metrics import structural_similarity

    height, width = image.shape[:2]
    scale, reach = large.shape[0] // height, _SSIM_WINDOW_PX // 2
    if min(height, width) < _SSIM_WINDOW_PX:
        return None
    window = np.ones((_SSIM_WINDOW_PX, _SSIM_WINDOW_PX), np.uint8)
    whole = cv2.erode((~hole).astype(np.uint8), window, borderValue=0).astype(bool)
    total = 0.0
    for start in range(0, height, _BAND_PX):
        stop = min(start + _BAND_PX, height)
        top, bottom = (
            max(min(start - reach, height - _SSIM_WINDOW_PX), 0),
            min(stop + reach, height),
        )
        small = cv2.resize(
            large[top * scale : bottom * scale], (width, bottom - top), interpolation=cv2.INTER_AREA
        )
        lumas = [cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) for part in (small, image[top:bottom])]
        _, similarity = structural_similarity(
            *lumas, data_range=1.0, win_size=_SSIM_WINDOW_PX, full=True
        )
        total += float(similarity[start - top : stop - top][whole[start:stop]].sum())
    return total / int(whole.sum()) if whole.any() else None


def _edge_excess(edit: Edit, hole: Pixels) -> float:
    """The mean step across the mask's edge in the blended picture, over the mean step just outside
    it in the input.
    """
    if not hole.any():
        return 0.0
    ring = cv2.dilate(hole.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    rows, columns = (np.flatnonzero(ring.any(axis=axis)) for axis in (1, 0))
    near = tuple(slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2) for found in (rows, columns))
    return edge_step(edit.blended[near], hole[near]) - edge_step(
        edit.request.image[near], ring[near]
    )
