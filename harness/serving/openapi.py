"""The OpenAPI document: the bodies that are read as forms or as JSON, and every error."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from editproof.harness.serving.bodies import EditQuestion, StageQuestion
from editproof.harness.serving.problems import MEDIA_TYPE

PUBLIC = ("/healthz", "/readyz")
"""They need no key."""

ALWAYS = (400, 403, 413, 415, 422, 500, 503)
WITH_BODY = (408,)
WITH_KEY = (401, 404)
BY_PATH: dict[str, tuple[int, ...]] = {
    "/v1/masks/": (412, 428),
    "/v1/jobs": (409, 429),
    "/v1/bulk": (409, 429),
}
MAKING = (409, 429, 504)
"""Of endpoints that edit: all that are posted."""

PROBLEM = {
    "type": "object",
    "description": "A problem as RFC 9457 says.",
    "required": ["type", "title", "status", "detail", "instance", "code", "field", "remedy"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong."},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "A word that programs can rely on."},
        "field": {"type": "string", "description": "Which part of the request is meant."},
        "remedy": {"type": "string", "description": "What to do."},
        "request_id": {"type": "string"},
    },
}


def describe_app(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        _, bodies = models_json_schema(
            [(EditQuestion, "validation"), (StageQuestion, "validation")],
            ref_template="#/components/schemas/{model}",
        )
        document["components"]["schemas"] |= {**bodies["$defs"], "Problem": PROBLEM}
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _describe_errors(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _describe_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    if path not in PUBLIC:
        operation["security"] = [{}, {"key": []}]  # on this machine alone none is needed
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status in _statuses(path, method):
        phrase = HTTPStatus(status).phrase
        described = {"description": phrase, "content": {MEDIA_TYPE: schema}}
        operation["responses"][str(status)] = described


def _statuses(path: str, method: str) -> Iterator[int]:
    yield from ALWAYS
    if path not in PUBLIC:
        yield from WITH_KEY
    if method in {"post", "put"}:
        yield from WITH_BODY
    if method == "post":
        yield from MAKING
    for start, statuses in BY_PATH.items():
        if path.startswith(start):
            yield from statuses
