"""Edits: made, timed and recorded."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2

from editproof.harness.serving.bodies import EditQuestion
from editproof.harness.serving.database import EditRecord, add_edit, hold_pictures
from editproof.harness.serving.engine import Watch, watch_stages
from editproof.harness.serving.previews import SETTINGS as PREVIEW
from editproof.harness.serving.previews import shrink_request
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.service import Service, pictures_of, pipeline_of
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import ContractError, EditRequest, EditResult
from editproof.pipelines.files import UnreadablePictureError
from editproof.pipelines.reference import ReferencePipeline


@dataclass(slots=True)
class Timing:
    """How long each part of an answer took."""

    parts: dict[str, float] = field(default_factory=dict)
    """Seconds by name."""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        yield
        self.parts[name] = time.perf_counter() - start

    @property
    def header(self) -> str:
        """As `Server-Timing` says it, in milliseconds."""
        return ", ".join(
            f"{''.join(c if c.isalnum() else '_' for c in name)};dur={seconds * 1000:.1f}"
            for name, seconds in self.parts.items()
        )


@dataclass(frozen=True, slots=True)
class Order:
    """An edit that somebody asks for."""

    owner: str
    request_id: str
    question: EditQuestion
    edit_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def make_edit(service: Service, order: Order, watch: Watch, timing: Timing) -> EditRecord:
    """Make the edit, keep its result, and record it. A final picture is to the bit what the
    reference pipeline gives for the same request and settings.
    """
    question = order.question
    with timing.part("load"):
        config = service.config_for(question.settings)
        request = service.load_request(question)
        if question.tier == "preview":
            config, request = config.with_settings(PREVIEW), shrink_request(request)
    start = time.perf_counter()
    with naming_failures():
        result = ReferencePipeline(config, watch_stages(service.program, watch))(request)
    made = _Made(request, config, result, time.perf_counter() - start)
    for trace in result.stages:
        timing.parts[trace.name] = trace.seconds
        service.metrics.count_stage(trace.name, trace.seconds, config)
    service.metrics.edits.labels(result.status.value).inc()
    with timing.part("keep"):
        return _record(service, order, made)


class _Made(NamedTuple):
    """An edit, and what it was made of."""

    request: EditRequest
    config: ReferenceConfig
    result: EditResult
    seconds: float


def _record(service: Service, order: Order, made: _Made) -> EditRecord:
    result, pictures = made.result, service.pictures
    image = None if result.image is None else pictures.put_array(result.image)
    found_mask = _keep_found_mask(service, order.question, made)
    asked = order.question.model_dump(mode="json", include=set(EditQuestion.model_fields))
    record = EditRecord(
        id=order.edit_id,
        owner=order.owner,
        made_at=time.time(),
        request_id=order.request_id,
        question={**asked, "settings": dict(result.config)},
        fingerprint=pipeline_of(made.config).fingerprint,
        status=result.status.value,
        reason=result.reason,
        image=image,
        found_mask=found_mask,
        stages=[
            {"name": one.name, "ms": round(one.seconds * 1000, 3), "decision": one.decision}
            for one in result.stages
        ],
        seconds=made.seconds,
    )
    with service.database.writing() as session:
        hold_pictures(session, order.owner, [image, found_mask, *pictures_of(order.question)])
        return add_edit(session, record)  # another process may have made the same job


def _keep_found_mask(service: Service, question: EditQuestion, made: _Made) -> str | None:
    """Hash of what was to be replaced, unrefined; None: the edit did not come so far."""
    masks = (trace.artefact for trace in made.result.stages if trace.name == "detect")
    mask = next(masks, None)
    if mask is None or mask is made.request.mask:  # the given one is kept already
        return None if mask is None else question.mask
    return service.pictures.put_array(mask)


@contextmanager
def naming_failures() -> Iterator[None]:
    """What the pipeline raises where it can't make an edit becomes a problem."""
    try:
        yield
    except (ContractError, UnreadablePictureError):
        raise
    except (ValueError, cv2.error) as error:
        raise Problem(
            422,
            "edit_failed",
            f"The pipeline can't make this edit: {error}",
            remedy="Look at the mask, at the settings, and at the state where one was sent.",
        ) from error
