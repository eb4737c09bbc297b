"""Single stages: run on an edit as it is between two stages, and handed on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from editproof.harness.serving.bodies import EditState, Line, StageAnswer, StageQuestion
from editproof.harness.serving.making import Timing, naming_failures
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.service import Service, pictures_of, pipeline_of
from editproof.harness.serving.store import PictureStore
from editproof.pipelines.contract import Status
from editproof.pipelines.edit import Edit, RefusedError, TextRegion
from editproof.pipelines.reference import ReferencePipeline, Stage

PLANES = ("mask", "filled")
PICTURES = ("fill", "blended", "enlarged_from")


def run_stage(
    service: Service, owner: str, name: str, question: StageQuestion, timing: Timing
) -> StageAnswer:
    """Run one stage on an edit as it is between two stages. Raises Problem 422 where the stage
    refuses the edit.
    """
    stage: Stage = dict(service.program)[name]
    with timing.part("load"):
        service.check_holds(owner, _pictures_of_state(question.state))
        config = service.config_for(question.settings)
        edit = load_edit(service, question, pipeline_of(config))
    start = time.perf_counter()
    try:
        with naming_failures():
            step = stage(edit)
    except RefusedError as error:
        raise Problem(
            422,
            "edit_refused",
            str(error),
            remedy="Change what the reason names, or keep the picture as it is.",
            stage=name,
        ) from error
    seconds = time.perf_counter() - start
    timing.parts[name] = seconds
    service.metrics.count_stage(name, seconds, config)
    with timing.part("keep"):
        artefact = None if step.artefact is None else service.pictures.put_array(step.artefact)
        following = keep_edit(service, question, edit, step.edit)
        made = [*pictures_of(following), *_pictures_of_state(following.state)]
        service.hold(owner, [artefact, *made])
    return StageAnswer(
        stage=name,
        decision=step.decision,
        ms=round(seconds * 1000, 3),
        artefact=artefact,
        found=dict(step.found),
        next=following,
    )


def load_edit(service: Service, question: StageQuestion, pipeline: ReferencePipeline) -> Edit:
    """The edit that a state describes. What the state leaves out is as before the first stage, but
    for the mask: that is the given one, so that a stage can be tried alone.
    """
    state, pictures = question.state, service.pictures
    request = service.load_request(question)
    edit = pipeline.start(request)
    given: dict[str, Any] = {} if request.mask is None else {"mask": request.mask}
    if state.picture:
        given["image"] = pictures.load_image(state.picture)
    for name in PICTURES:
        if digest := getattr(state, name):
            given[name] = pictures.load_image(digest)
    for name in PLANES:
        if digest := getattr(state, name):
            given[name] = pictures.load_plane(digest)
    if "filled" in given:
        given["filled"] = given["filled"] > 0.5
    _check_sizes(edit, given)
    return replace(
        edit,
        status=Status(state.status),
        reason=state.reason,
        needs_text_removal=state.needs_text_removal,
        needs_inpainting=state.needs_inpainting,
        regions=tuple(
            TextRegion(tuple(line.corners), line.confidence, line.text) for line in state.lines
        ),
        artefact_score=state.artefact_score,
        **given,
    )


def _check_sizes(edit: Edit, given: Mapping[str, Any]) -> None:
    """Raise Problem unless the state's pictures are of sizes that they can have."""
    height, width = edit.request.image.shape[:2]
    for name, array in given.items():
        rows, columns = array.shape[:2]
        times = {"image": {1, edit.request.scale}}.get(name, {1})
        fits = any((height * scale, width * scale) == (rows, columns) for scale in times)
        if name == "enlarged_from":  # with `order.upscale_first` the image is what it became
            fits = (height % rows, width % columns) == (0, 0) and height // rows == width // columns
        if not fits:
            field = f"state.{'picture' if name == 'image' else name}"
            raise Problem(
                422,
                "sizes_differ",
                f"{field} is {columns}×{rows}, and the image is {width}×{height}.",
                field=field,
                remedy="Send the body that the stage before gave as `next`.",
            )


def keep_edit(
    service: Service, question: StageQuestion, before: Edit, after: Edit
) -> StageQuestion:
    """What to ask the next stage, after a stage made one edit of another. Pictures are kept to the
    bit.
    """
    keep = _Keeper(service.pictures)
    asked, given = after.request, before.request
    changes = {
        name: keep.changed(getattr(asked, name), getattr(given, name), getattr(question, name))
        for name in ("image", "mask", "strokes_add", "strokes_subtract")
    }
    protect = {
        name: keep.changed(plane, given.protect[name], question.protect[name])
        for name, plane in asked.protect.items()
    }
    state = EditState(
        picture=keep(after.image),
        status=after.status.value,
        reason=after.reason,
        needs_text_removal=after.needs_text_removal,
        needs_inpainting=after.needs_inpainting,
        lines=[
            Line(
                corners=[(float(x), float(y)) for x, y in region.corners],
                confidence=float(region.confidence),
                text=region.text,
            )
            for region in after.regions
        ],
        artefact_score=float(after.artefact_score),
        **{name: keep(getattr(after, name)) for name in (*PLANES, *PICTURES)},
    )
    scale = {"scale": asked.scale, "protect": protect, "state": state}
    return question.model_copy(update={**changes, **scale})


class _Keeper:
    """Keeps arrays, each once: most stages hand on most pictures as they are."""

    def __init__(self, pictures: PictureStore) -> None:
        self._pictures = pictures
        self._kept: dict[int, str] = {}

    def __call__(self, array: Any) -> str | None:
        """The array's hash."""
        if array is None:
            return None
        if id(array) not in self._kept:
            self._kept[id(array)] = self._pictures.put_array(np.asarray(array, np.float32))
        return self._kept[id(array)]

    def changed(self, array: Any, before: Any, digest: str | None) -> str | None:
        """The hash that the array had before, which may be a file's, where it is the same still."""
        if before is not None and np.array_equal(array, before):
            return digest
        return self(array)


def _pictures_of_state(state: EditState) -> list[str | None]:
    return [state.picture, *(getattr(state, name) for name in (*PLANES, *PICTURES))]
