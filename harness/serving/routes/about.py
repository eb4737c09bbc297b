"""What the server is, and how it is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text

from editproof.harness.serving.bodies import PipelineQuestion
from editproof.harness.serving.keys import Reader, Scraper
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.service import ServiceOf, pipeline_of
from editproof.pipelines.config import RANGES
from editproof.pipelines.manual import Setting, sections
from editproof.pipelines.reach import FILLS
from editproof.pipelines.reference import STAGES
from editproof.pipelines.stages.upscalers import UPSCALERS

router = APIRouter(tags=["about"])

MOST_MS = 1e9
"""Of a `budget_ms`."""


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(service: ServiceOf) -> dict[str, str]:
    """Whether it can edit: its models are loaded, and its database and folder can be used."""
    if not service.warm.is_set():
        raise Problem(
            503,
            "not_ready",
            "The models are not loaded yet.",
            remedy="Ask again in a few seconds.",
            headers={"Retry-After": "2"},
        )
    with service.database.reading() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ready"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}},
)
def metrics(service: ServiceOf, _: Scraper) -> Response:
    """What Prometheus reads."""
    return Response(service.metrics.write(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/models")
def models(service: ServiceOf, _: Reader) -> dict[str, Any]:
    """The models that a request may name, those in force, and the fingerprint of the whole."""
    config = service.config
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 0, "owned_by": "editproof"}
            for name in sorted(FILLS | {config.inpaint.model})
        ],
        "inpaint": sorted(FILLS),
        "upscale": sorted(UPSCALERS),
        "in_force": {"inpaint": config.inpaint.model, "upscale": config.upscale.model},
        "fingerprint": pipeline_of(config).fingerprint,
    }


@router.get("/v1/schema")
def schema(service: ServiceOf, _: Reader) -> dict[str, Any]:
    """Every setting with its range and what it is here, every stage, and the limits."""
    values = service.config.as_settings()
    limits = service.settings.limits
    return {
        "stages": [name for name, _ in STAGES],
        "settings": {
            setting.name: _describe_setting(setting) | {"value": values[setting.name]}
            for section in sections()
            for setting in section.settings
        },
        "limits": {name: getattr(limits, name) for name in limits.__slots__},
    }


@router.post("/v1/pipeline")
def pipeline(question: PipelineQuestion, service: ServiceOf, _: Reader) -> dict[str, Any]:
    """What an edit with these settings would be: all its settings, and their fingerprint."""
    config = service.config_for(question.settings)
    found = pipeline_of(config)
    limits = service.settings.limits
    return {
        "fingerprint": found.fingerprint,
        "stochastic": found.stochastic,
        "settings": config.as_settings(),
        "limits": {name: getattr(limits, name) for name in limits.__slots__},
    }


def _describe_setting(setting: Setting) -> dict[str, Any]:
    kind = type(setting.default).__name__
    described = {
        "type": {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}[kind],
        "default": setting.default,
        "allowed": setting.allowed,
        "about": setting.about,
    }
    low, high = RANGES.get(setting.name, (0.0, MOST_MS))
    return {**described, "minimum": low, "maximum": high} if kind in {"int", "float"} else described
