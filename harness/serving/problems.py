"""Errors as RFC 9457 says: what is wrong, with which field, and what to do.

A problem is `application/problem+json` with `type`, `title`, `status`, `detail`, `instance`, and
our own `code`, `field`, `remedy` and `request_id`. Some have more, such as `limit_bytes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from editproof.harness.stores.objects import StoreError
from editproof.pipelines.contract import ContractError
from editproof.pipelines.files import UnreadablePictureError

MEDIA_TYPE = "application/problem+json"

OPENAI_PATH = "/v1/images/edits"
"""There, a problem holds OpenAI's `error`, too."""

REMEDIES: Mapping[int, str] = {
    404: "Check the path: GET /openapi.json lists every endpoint.",
    405: "Use a method that the header Allow names.",
}

log = structlog.get_logger()


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """A request can't be answered."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        remedy: str,
        field: str = "",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        """A word that programs can rely on."""
        self.detail = detail
        self.remedy = remedy
        self.field = field
        self.headers = dict(headers or {})
        self.more = more

    def as_json(self, path: str, request_id: str) -> dict[str, Any]:
        """The body."""
        return {
            "type": f"/problems/{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": path,
            "code": self.code,
            "field": self.field,
            "remedy": self.remedy,
            "request_id": request_id,
            **self.more,
            **({"error": self.as_openai()} if path == OPENAI_PATH else {}),
        }

    def as_openai(self) -> dict[str, str]:
        """The error as OpenAI's clients read it; a refused edit is a moderated one there."""
        refused = self.code == "edit_refused"
        return {
            "message": f"{self.detail} {self.remedy}",
            "type": "invalid_request_error" if self.status < 500 else "server_error",
            "param": self.field,
            "code": "moderation_blocked" if refused else self.code,
        }

    def as_response(self, path: str, request_id: str) -> JSONResponse:
        """The answer."""
        body = self.as_json(path, request_id)
        return _PlainAnswer(body, self.status, self.headers, media_type=MEDIA_TYPE)


class _PlainAnswer(JSONResponse):
    """JSON in ASCII: a request may name half a character, which UTF-8 can't say."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


def explain_contract(error: ContractError | UnreadablePictureError) -> Problem:
    """The problem that the pipeline's own error is; its message says what to do."""
    if isinstance(error, UnreadablePictureError):
        return explain_picture(error)
    found = re.match(r"(?:request\.)?([a-z_]+(?:\.[a-z_]+)?)\b", str(error))
    return Problem(
        422,
        "invalid_edit",
        str(error),
        field=found[1] if found and found[0] not in {"the"} else "",
        remedy="Correct the request: GET /v1/schema says what each setting takes.",
    )


def explain_picture(error: UnreadablePictureError, field: str = "") -> Problem:
    """The problem that a file is which can't be read as a picture. `field`: where it was sent."""
    return Problem(
        422,
        "unreadable_picture",
        f"{field or 'The picture'} can't be used: {error}",
        field=field,
        remedy="Send a PNG, JPEG, WebP, TIFF or BMP file, or a .npy file of float32 values.",
    )


def explain_validation(errors: Sequence[Any]) -> Problem:
    """The problem that a body of the wrong shape is: its first error, and all of them."""
    places = [
        {
            "field": ".".join(str(part) for part in error["loc"] if part != "body"),
            "problem": str(error["msg"]),
        }
        for error in errors
    ]
    first = places[0]
    return Problem(
        422,
        "invalid_request",
        f"{first['field'] or 'the body'}: {first['problem']}",
        field=first["field"],
        remedy="Correct the request: GET /openapi.json describes every field.",
        errors=places,
    )


def install_handlers(app: FastAPI) -> None:
    """Let every error that an endpoint raises become a problem."""

    def answer(request: Request, problem: Problem) -> JSONResponse:
        return problem.as_response(request.url.path, request_id_of(request))

    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Problem) -> JSONResponse:
        return answer(request, error)

    @app.exception_handler(ContractError)
    @app.exception_handler(UnreadablePictureError)
    async def on_contract(
        request: Request, error: ContractError | UnreadablePictureError
    ) -> JSONResponse:
        return answer(request, explain_contract(error))

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(request, explain_validation(error.errors()))

    @app.exception_handler(StoreError)
    async def on_store(request: Request, error: StoreError) -> JSONResponse:
        log.error("store failed", path=request.url.path, reason=str(error))
        problem = Problem(
            503,
            "store_unreachable",
            "The store of the pictures does not answer.",
            remedy="Send it again later.",
            headers={"Retry-After": "10"},
        )
        return answer(request, problem)

    @app.exception_handler(ClientDisconnect)
    async def on_leaving(request: Request, _: ClientDisconnect) -> JSONResponse:
        problem = Problem(
            400, "client_left", "The client left before its body ended.", remedy="Send it again."
        )
        return answer(request, problem)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        remedy = REMEDIES.get(error.status_code, "Correct the request, and send it again.")
        code = re.sub(r"\W+", "_", HTTPStatus(error.status_code).phrase.lower())
        problem = Problem(
            error.status_code, code, str(error.detail), remedy=remedy, headers=error.headers
        )
        return answer(request, problem)

    @app.exception_handler(Exception)
    async def on_anything(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, exc_info=error)
        problem = Problem(
            500,
            "internal_error",
            "The server failed at this request; its log has the reason.",
            remedy="Report it with the request id.",
        )
        return answer(request, problem)


def request_id_of(request: Request) -> str:
    """The id that the request goes by in logs and answers."""
    return str(request.scope.get("editproof.request_id", ""))
