"""One picture of a bulk: what is to go is found, unless it is known, and then it is edited."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from editproof.harness.serving.bodies import BulkQuestion, EditQuestion
from editproof.harness.serving.candidates import Finder
from editproof.harness.serving.database import Bulk, Job
from editproof.harness.serving.engine import Watch
from editproof.harness.serving.making import Order, Timing, make_edit
from editproof.harness.serving.masks import find_mask
from editproof.harness.serving.service import Service
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import EditRequest
from editproof.pipelines.reference import ReferencePipeline, set_tier
from editproof.pipelines.routing import parse_tiers
from editproof.pipelines.stages.precheck import precheck


def make_item(service: Service, job: Job, watch: Watch) -> str | None:
    """Find the picture's masks, and edit it. Gives the edit's id; None: only masks were asked for.

    A mask that is in force for the picture is used as it is, and nothing is looked for, unless only
    masks were asked for.
    """
    with service.database.reading() as session:
        asked = BulkQuestion.model_validate(session.get_one(Bulk, job.bulk).question)
    question = EditQuestion.model_validate(job.question)
    config = service.config_for(question.settings)
    finder = Finder(service, job.owner, config, watch)
    in_force = find_mask(service, job.owner, question.image)
    candidates = {} if in_force and asked.edit else finder.find(question, asked.classes)
    mask = in_force or _join_masks(service, question, candidates.values())
    question = question.model_copy(update={"mask": mask})
    request = service.load_request(question)
    found: dict[str, Any] = {
        "candidates": candidates,
        "mask": mask,
        "is_empty": not np.any(request.mask),
        "looked": finder.looked,
        "known": finder.known or int(bool(in_force)),
        "estimates_ms": _estimate_tiers(config, request),
    }
    with service.database.writing() as session:
        session.get_one(Job, job.id).found = found
    if not asked.edit:
        return None
    order = Order(job.owner, f"job-{job.id}", question, edit_id=job.id)
    return make_edit(service, order, watch, Timing()).id


def _join_masks(service: Service, question: EditQuestion, masks: Collection[str]) -> str:
    """Hash of all masks together; of an empty one where there are none."""
    if len(masks) == 1:
        return next(iter(masks))
    joined = np.zeros(service.pictures.load_image(question.image).shape[:2], np.float32)
    for mask in masks:
        joined = np.maximum(joined, service.pictures.load_plane(mask))
    return service.pictures.put_array(joined)


def _estimate_tiers(config: ReferenceConfig, request: EditRequest) -> dict[str, float]:
    """What each model would take for the picture, in milliseconds, as the pre-check guesses."""
    estimates = {}
    for tier in parse_tiers(config.route):
        alone = set_tier(config.with_settings({"route.tiers": ""}), tier)
        start = ReferencePipeline(alone).start(request)
        estimates[tier] = precheck(replace(start, config=alone)).found["estimate_ms"]
    return estimates
