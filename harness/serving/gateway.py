"""What every request passes before it reaches an endpoint: who may ask, how much, and a name."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from editproof.harness.serving.metrics import Metrics
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.settings import Limits, ServiceSettings, is_loopback
from editproof.harness.serving.store import describe_split

REQUEST_ID = "X-Request-ID"

SAFE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

log = structlog.get_logger()


class RequestLog:
    """Gives each request an id, and writes one line and its numbers when it is over."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        scope["editproof.request_id"] = request_id
        status, start = 500, time.perf_counter()

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_named)
            finally:
                self._note(scope, status, time.perf_counter() - start)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = getattr(route, "path", "other")  # never a path of a stranger's choice
        method = scope["method"] if route is not None else "other"
        self._metrics.requests.labels(method, path, str(status)).inc()
        self._metrics.latency.labels(method, path).observe(seconds)
        log.info("request", method=method, path=path, status=status, ms=round(seconds * 1000, 1))


class Gate:
    """Turns away requests that a page of another origin makes, and bodies beyond the limits."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._find_foreign(headers) or self._find_too_large(headers)
        if problem is not None:
            request_id = scope.get("editproof.request_id", "")
            answer = problem.as_response(scope["path"], request_id)
            answer.headers["Connection"] = "close"  # what follows is a body that nobody reads
            await answer(scope, receive, send)
            return
        await self._app(scope, LimitedBody(receive, self._settings.limits).read, send)

    def _find_foreign(self, headers: Headers) -> Problem | None:
        """A browser sends forms of any page to this machine, too, and any name may lead here. A key
        is something that a page does not have.
        """
        host = headers.get("host", "")
        origin = headers.get("origin")
        if not self._settings.checks_keys and not is_loopback(_name_in(host)):
            return _foreign("Host", f"The request was sent to {host[:100]!r}.")
        if origin is not None and urlsplit(origin).netloc != host:
            return _foreign("Origin", f"The request comes from a page of {origin[:100]!r}.")
        return None

    def _find_too_large(self, headers: Headers) -> Problem | None:
        limits = self._settings.limits
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > limits.max_body_mib << 20:
            return body_too_large(limits)
        if headers.get("content-encoding", "identity") != "identity":
            return Problem(
                415,
                "content_encoding",
                "The body is compressed, and might be of any size.",
                field="Content-Encoding",
                remedy="Send it uncompressed.",
            )
        return None


class LimitedBody:
    """The messages of a request, while it keeps to the limits."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._bytes = 0
        self._ends: float | None = None

    async def read(self) -> dict[str, Any]:
        """The next message. Raises Problem 413 or 408 beyond a limit."""
        if self._ends == float("inf"):  # what comes now says only that the client has left
            return dict(await self._receive())
        now = asyncio.get_running_loop().time()
        self._ends = self._ends or now + self._limits.body_timeout_s
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError:
            raise Problem(
                408,
                "body_too_slow",
                f"The body did not arrive within {self._limits.body_timeout_s:g} s.",
                remedy="Send it faster, or in smaller parts.",
                limit_s=self._limits.body_timeout_s,
            ) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limits.max_body_mib << 20:
            raise body_too_large(self._limits)
        if not message.get("more_body", False):
            self._ends = float("inf")
        return dict(message)


def body_too_large(limits: Limits) -> Problem:
    """413 with the limit, and how to stay below it."""
    return Problem(
        413,
        "body_too_large",
        f"The body is larger than {limits.max_body_mib} MiB.",
        remedy=describe_split(limits),
        limit_bytes=limits.max_body_mib << 20,
    )


def _name_in(host: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _foreign(field: str, detail: str) -> Problem:
    return Problem(
        403,
        "foreign_origin",
        detail,
        field=field,
        remedy="Ask the server by its own address. Pages of other origins may not.",
    )
