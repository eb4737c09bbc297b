"""A task: what a pipeline is asked, and what is known about the right answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from editproof.harness.metrics.core.metric import Areas, Reference
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.case_folders import find_files
from editproof.harness.suites.case_reading import read_case
from editproof.harness.suites.suite import MAX_SEED, check_size
from editproof.harness.suites.turns import MAX_TURNS
from editproof.pipelines.contract import EditRequest, Mask
from editproof.vectors import Vector
from editproof.vectors.drawing.grounds import use_own_photographs
from editproof.vectors.regions import border
from editproof.vectors.registry import UnknownVectorError, get_vector
from editproof.vectors.scene import Scene


@dataclass(frozen=True, slots=True)
class Task:
    """One edit to ask for. The request's seed is that of the first case; replace it for others."""

    request: EditRequest
    reference: Reference


def make_task(case: Case) -> Task:
    """The case's task. Raises UsageError where the user's own files are not there any more, or
    can't be read, or there is no such scene.
    """
    if case.own:
        return Task(*read_case(find_files(case), case.scale, given_mask=case.given_mask))
    vector = find_vector(case)
    if case.folder:
        vector = use_own_photographs(vector, Path(case.folder))
    scene = vector.render(
        case.scene_seed, case.size, step=case.step, scale=case.scale, turn=case.turn
    )
    return make_scene_task(replace(scene, mask=find_true_mask(scene)) if case.given_mask else scene)


def find_true_mask(scene: Scene) -> Mask:
    """What must go, at input size: 1 wherever the overlay lies, however faintly, else 0."""
    rows, columns = scene.input.shape[:2]
    blocks = scene.edit.reshape(rows, scene.scale, columns, scene.scale)
    return np.ascontiguousarray(blocks.max(axis=(1, 3)))


def find_vector(case: Case) -> Vector:
    """The vector that draws a case's scene. Raises UsageError where there is no such scene: a run
    from elsewhere may say anything of it.
    """
    try:
        vector = get_vector(case.family)
    except UnknownVectorError as error:
        raise UsageError(str(error)) from error
    if not 1 <= case.step <= len(vector.ladder):
        raise UsageError(f"the family {case.family} has no step {case.step} any more")
    check_size(case.size, case.scale)
    if not 0 <= case.scene_seed <= MAX_SEED:
        raise UsageError(f"a scene's seed must be from 0 to {MAX_SEED}; it is {case.scene_seed}")
    if not 1 <= case.turn <= MAX_TURNS:
        raise UsageError(f"a turn must be from 1 to {MAX_TURNS}; it is {case.turn}")
    return vector


def find_drawn_case(case: Case) -> Case:
    """The case whose scene a case is measured by: itself where its vector moves what must go, else
    the first turn, whose mask and right answer hold in every turn. Raises UsageError as
    `make_task`.
    """
    moves = case.turn > 1 and not case.own and find_vector(case).moves
    return case if moves else replace(case, turn=1)


def make_scene_task(scene: Scene) -> Task:
    """What a drawn scene asks, and what it knows about the right answer."""
    request = EditRequest(
        image=scene.input,
        mask=scene.mask,
        prompt=scene.prompt,
        scale=scene.scale,
        config=dict(scene.config),
        metadata=dict(scene.metadata),
        file=scene.file,
    )
    reference = Reference(
        areas=_mark_areas(scene),
        expected=scene.clean,
        input=scene.input,
        overlay=scene.overlay,
        overlay_rgb=scene.overlay_rgb,
        boxes=scene.truth,
        scale=scene.scale,
    )
    return Task(request, reference)


def crop_task(task: Task, box: tuple[int, int, int, int]) -> Task:
    """A part of a task, `box` being y0, x0, y1, x1 in input pixels, end-exclusive. What was drawn
    (`boxes`) is left out, and so is the request's file: neither can be cropped.
    """
    request, reference = task.request, task.reference
    y0, x0, y1, x1 = box
    near = (slice(y0, y1), slice(x0, x1))
    scale = reference.scale
    large = (slice(y0 * scale, y1 * scale), slice(x0 * scale, x1 * scale))

    def cropped(part: Any, where: tuple[slice, slice]) -> Any:
        return None if part is None else np.ascontiguousarray(part[where])

    return Task(
        replace(
            request,
            image=cropped(request.image, near),
            mask=cropped(request.mask, near),
            strokes_add=cropped(request.strokes_add, near),
            strokes_subtract=cropped(request.strokes_subtract, near),
            protect={name: cropped(plane, near) for name, plane in request.protect.items()},
            file=b"",
        ),
        Reference(
            areas={name: cropped(area, large) for name, area in reference.areas.items()},
            expected=cropped(reference.expected, large),
            input=cropped(reference.input, near),
            overlay=cropped(reference.overlay, near),
            overlay_rgb=cropped(reference.overlay_rgb, near),
            scale=scale,
        ),
    )


def _mark_areas(scene: Scene) -> Areas:
    """Every region as a boolean H×W at output size; `protect` joins all protected features."""
    protect = np.zeros(scene.edit.shape, bool)
    for feature in scene.protect.values():
        protect |= feature > 0
    return {
        "all": np.ones(scene.edit.shape, bool),
        "edit": scene.edit > 0,
        "ring": scene.ring > 0,
        "keep": scene.keep > 0,
        "protect": protect,
        "seams": scene.seams > 0,
        "border": border(scene.edit.shape[0], scene.edit.shape[1], scene.scale),
    }
