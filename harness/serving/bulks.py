"""Bulks: lists of pictures that are edited alike, a job each, by the lightest model that does."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from editproof.harness.serving.bodies import (
    BulkAnswer,
    BulkItem,
    BulkQuestion,
    BulkReport,
    EditQuestion,
    Value,
)
from editproof.harness.serving.candidates import check_classes
from editproof.harness.serving.database import Bulk, EditRecord, Job, hold_pictures
from editproof.harness.serving.forgetting import ENDED
from editproof.harness.serving.jobs import check_room, used_key
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.service import Service
from editproof.pipelines.routing import parse_tiers

DEFAULT_TIERS = ("ns", "patch")

TIER = re.compile(r"\w+\[([^\]]+)\]")
"""A stage of a tier, and not a part within it, as a trace names it."""


def add_bulk(
    service: Service, owner: str, asked: BulkQuestion, idempotency_key: str | None
) -> Bulk:
    """Keep a bulk and its jobs. The same idempotency key gives the same bulk, however often it is
    sent. Raises Problem 404 where the owner does not hold a picture, 409 where the key was used for
    another bulk, 422 where a class can't be found, 429 where too many jobs wait.
    """
    settings = _settings_of(service, asked)
    config = service.config_for(settings)
    images = list(dict.fromkeys(asked.images))
    service.check_holds(owner, images)
    check_classes(service, owner, images, asked.classes, config)
    table = asked.model_dump(mode="json")
    with service.database.writing() as session:
        before = _find_by_key(session, owner, idempotency_key)
        if before is not None:
            if before.question != table:
                raise used_key(str(idempotency_key), before.id)
            return before
        check_room(service, session, owner, len(images))
        bulk = Bulk(
            id=uuid.uuid4().hex, owner=owner, idempotency_key=idempotency_key, question=table
        )
        session.add(bulk)
        for image in images:
            session.add(_make_job(bulk, asked, image, settings))
        hold_pictures(session, owner, images)
    return bulk


def _settings_of(service: Service, asked: BulkQuestion) -> dict[str, Value]:
    """The settings of each edit: those that were asked for, and the tiers."""
    own = parse_tiers(service.config.route)
    tiers = asked.tiers or (own if len(own) > 1 else DEFAULT_TIERS)
    if len(tiers) < 2 or len(set(tiers)) < len(tiers):
        raise Problem(
            422,
            "too_few_tiers",
            f"tiers is {', '.join(tiers)}: there must be two models at least, each once.",
            field="tiers",
            remedy="Name the light model first and the heavy one last, or leave tiers out.",
        )
    return {**asked.settings, "route.tiers": ",".join(tiers)}


def _make_job(bulk: Bulk, asked: BulkQuestion, image: str, settings: Mapping[str, Value]) -> Job:
    question = EditQuestion(
        image=image,
        prompt=asked.prompt,
        seed=asked.seed,
        scale=asked.scale,
        settings=dict(settings),
    )
    return Job(
        id=uuid.uuid4().hex,
        owner=bulk.owner,
        bulk=bulk.id,
        question=question.model_dump(mode="json"),
    )


def find_bulk(service: Service, owner: str, bulk_id: str) -> Bulk:
    """A bulk of that owner. Raises Problem 404 where there is none."""
    with service.database.reading() as session:
        found = session.get(Bulk, bulk_id)
    if found is None or found.owner != owner:
        raise Problem(
            404,
            "unknown_bulk",
            f"There is no bulk {bulk_id}.",
            remedy="Use an id that POST /v1/bulk gave to this key.",
        )
    return found


def cancel_bulk(service: Service, bulk: Bulk) -> None:
    """End its jobs: at once where they wait, before the next stage where they run."""
    left = (Job.bulk == bulk.id) & Job.state.not_in(ENDED)
    with service.database.writing() as session:
        session.execute(update(Job).where(left).values(state="cancelled"))


def describe_bulk(service: Service, bulk: Bulk) -> BulkAnswer:
    """A bulk, for whoever asked for it."""
    of_bulk = select(Job).where(Job.bulk == bulk.id)
    edits_of_bulk = select(EditRecord).join(Job, Job.id == EditRecord.id).where(Job.bulk == bulk.id)
    with service.database.reading() as session:
        jobs = session.scalars(of_bulk).all()
        edits = {edit.id: edit for edit in session.scalars(edits_of_bulk)}
    places = {image: place for place, image in enumerate(bulk.question["images"])}
    jobs = sorted(jobs, key=lambda job: places.get(job.question["image"], 0))
    return BulkAnswer(
        id=bulk.id,
        is_over=all(job.state in ENDED for job in jobs),
        report=_report(jobs, edits),
        items=[_describe_item(job, edits.get(job.id)) for job in jobs],
    )


def _describe_item(job: Job, edit: EditRecord | None) -> BulkItem:
    found = job.found or {}
    return BulkItem(
        image=job.question["image"],
        job=job.id,
        state=job.state,  # type: ignore[arg-type]
        candidates=found.get("candidates", {}),
        mask=found.get("mask"),
        edit=job.edit,
        status=edit.status if edit else None,  # type: ignore[arg-type]
        result=edit.image if edit else None,
        tier=next(reversed(_measure_tiers(edit)), None) if edit else None,
        problem=job.problem,
    )


def _measure_tiers(edit: EditRecord) -> dict[str, float]:
    """Milliseconds that each tier's attempt took, in their order."""
    spent: dict[str, float] = {}
    for stage in edit.stages:
        if tier := TIER.fullmatch(stage["name"]):
            spent[tier[1]] = spent.get(tier[1], 0.0) + stage["ms"]
    return spent


def _report(jobs: Sequence[Job], edits: Mapping[str, EditRecord]) -> BulkReport:
    filled = [
        (job.found["estimates_ms"], _measure_tiers(edits[job.id]))
        for job in jobs
        if job.found and job.id in edits and not job.found["is_empty"]
    ]
    seconds: Counter[str] = Counter()
    for _, spent in filled:
        seconds.update({tier: ms / 1000 for tier, ms in spent.items()})
    alone_s, is_measured = _sum_heavy_alone(filled)
    found = [job.found for job in jobs if job.found]
    return BulkReport(
        states=Counter(job.state for job in jobs),
        statuses=Counter(edit.status for edit in edits.values()),
        nothing_found=sum(one["is_empty"] for one in found),
        detections=sum(one["looked"] for one in found),
        detections_saved=sum(one["known"] for one in found),
        pictures_by_tier=Counter(next(reversed(spent)) for _, spent in filled if spent),
        seconds_by_tier={tier: round(spent, 3) for tier, spent in seconds.items()},
        seconds_heavy_only=round(alone_s, 3),
        seconds_saved=round(alone_s - seconds.total(), 3),
        basis="measured" if is_measured else "estimated",
    )


def _sum_heavy_alone(
    filled: Sequence[tuple[dict[str, float], dict[str, float]]],
) -> tuple[float, bool]:
    """Seconds that the heaviest model alone would take, and whether it ran here at all. Where it
    did not run for a picture, the pre-check's estimate counts, as far off as its estimates were for
    the attempts that were made; those of the heaviest model, where there were any.
    """
    heavy = next((next(reversed(estimates)) for estimates, _ in filled), "")
    tried = [(tier, spent[tier], estimates[tier]) for estimates, spent in filled for tier in spent]
    same = [one for one in tried if one[0] == heavy] or tried
    factor = sum(ms for _, ms, _ in same) / sum(guess for *_, guess in same) if same else 1.0
    alone = [spent.get(heavy, estimates[heavy] * factor) for estimates, spent in filled if spent]
    return sum(alone) / 1000, any(tier == heavy for tier, *_ in tried)


def _find_by_key(session: Session, owner: str, key: str | None) -> Bulk | None:
    if key is None:
        return None
    query: Any = select(Bulk).where(Bulk.owner == owner, Bulk.idempotency_key == key)
    return session.scalars(query).first()
