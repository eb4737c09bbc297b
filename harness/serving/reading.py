"""What a request asks, from JSON with hashes of pictures or from a form with the pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, NoReturn, TypeVar, get_origin

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from editproof.harness.serving.bodies import EditQuestion
from editproof.harness.serving.keys import Caller
from editproof.harness.serving.problems import Problem, explain_picture, explain_validation
from editproof.harness.serving.service import Service
from editproof.pipelines.files import UnreadablePictureError

Q = TypeVar("Q", bound=EditQuestion)
B = TypeVar("B", bound=BaseModel)

HASH = r"[0-9a-f]{64}"

PNG: dict[str, Any] = {"content": {"image/png": {}}}
"""The OpenAPI words for an answer that may be a picture."""

FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""The OpenAPI words for a body that is a file."""

MOST_FILES = 120
MOST_FIELDS = 120


@dataclass(frozen=True, slots=True)
class ReadQuestion(Generic[Q]):
    """What was asked."""

    question: Q
    sent: frozenset[str]
    """Pictures that came with the request, by their fields' names."""


async def read_question(
    request: Request, service: Service, caller: Caller, kind: type[Q]
) -> ReadQuestion[Q]:
    """The question. Pictures that came as files of a form are kept as if they had been put.

    A field of a form is JSON where its value is not text; `protect.NAME` is one of `protect`.
    Raises Problem where the body is not what was asked for.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        table, sent = await _read_form(request, service, caller, kind)
    elif media_type == "application/json":
        table, sent = parse_json(await request.body(), "the body"), frozenset()
    else:
        raise Problem(
            415,
            "media_type",
            f"The body is {media_type or 'of no stated type'}.",
            field="Content-Type",
            remedy="Send multipart/form-data with the pictures, or application/json with hashes.",
        )
    return ReadQuestion(check_body(table, kind), sent)


def check_body(table: Any, kind: type[B]) -> B:
    """The body as that model. Raises Problem where it is not."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise explain_validation(error.errors()) from error


async def _read_form(
    request: Request, service: Service, caller: Caller, kind: type[BaseModel]
) -> tuple[dict[str, Any], frozenset[str]]:
    most = service.settings.limits.max_body_mib << 20
    table: dict[str, Any] = {}
    sent = set()
    limits = {"max_files": MOST_FILES, "max_fields": MOST_FIELDS, "max_part_size": most}
    async with request.form(**limits) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                digest = await run_in_threadpool(_keep, service, caller, name, await value.read())
                _put(table, name, digest)
                sent.add(name)
            else:
                _put(table, name, _read_field(name, value, kind))
    return table, frozenset(sent)


def _keep(service: Service, caller: Caller, field: str, data: bytes) -> str:
    try:
        digest = service.pictures.put(data)
    except UnreadablePictureError as error:
        raise explain_picture(error, field) from error
    service.hold(caller.owner, [digest])
    return digest


def _read_field(name: str, text: str, kind: type[BaseModel]) -> Any:
    field = kind.model_fields.get(name)
    is_text = (
        field is None
        or field.annotation is str
        or get_origin(field.annotation) is Literal
        or re.fullmatch(HASH, text)
    )
    return text if is_text else parse_json(text.encode(), name)


def _put(table: dict[str, Any], name: str, value: Any) -> None:
    group, dot, inner = name.partition(".")
    if not dot:
        table[name] = value
    elif isinstance(parts := table.setdefault(group, {}), dict):
        parts[inner] = value


def parse_json(data: bytes, where: str) -> Any:
    """JSON as RFC 8259 has it, which knows no NaN. Raises Problem where it is none."""

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        return json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Problem(
            400,
            "bad_json",
            f"{where} is not JSON: {error}",
            field="" if where == "the body" else where,
            remedy="Send valid JSON, in UTF-8.",
        ) from error


def wants_png(request: Request) -> bool:
    """Whether the answer is to be a picture."""
    return "image/png" in request.headers.get("accept", "")


def describe_body(kind: type[BaseModel]) -> Mapping[str, Any]:
    """The OpenAPI words for an endpoint that `read_question` serves."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    form = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    form.pop("$defs", None)
    for name in ("image", "mask", "strokes_add", "strokes_subtract"):
        form["properties"][name] = {"type": "string", "format": "binary"}
    content = {"application/json": {"schema": schema}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}
