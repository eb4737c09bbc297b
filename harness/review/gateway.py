"""Who may use the desk: whoever opened it by its link, in the browser that opened it.

The link holds a token that works once. It becomes a cookie that the browser sends from the desk's
own pages only, and no script can read. A request must name this machine as its host, so that no
other name leads here, and come from the desk's own origin.
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from editproof.harness.serving.gateway import LimitedBody, body_too_large
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.settings import Limits

OPENING = "/open"
"""The path of the link."""

LIMITS = Limits(max_body_mib=8)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_GO_ON = (
    '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0;url=/">'
    '<title>The desk</title><link rel="icon" href="data:,"><a href="/">Open the desk</a></html>'
)
"""A page, since a cookie that is SameSite=Strict does not go with a redirect from another site."""


class DeskKeys:
    """The token of the link, and what it becomes."""

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"editproof_desk_{port}"
        """Its name: cookies of one host are shared by all ports."""
        self._session = secrets.token_urlsafe(32)
        self._used = False

    @property
    def link(self) -> str:
        """Path and query of the link."""
        return f"{OPENING}?token={self.token}"

    def spend(self, token: str) -> str | None:
        """The cookie's value for the token, once; None: the token is wrong or was used."""
        if self._used or not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        self._used = True
        return self._session

    def knows(self, cookies: str) -> bool:
        """Whether a Cookie header holds the session."""
        try:
            found = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return False
        value = found.value if found else ""
        return secrets.compare_digest(value.encode(), self._session.encode())


class DeskGate:
    """Turns away every request that is not the reviewer's own."""

    def __init__(self, app: ASGIApp, keys: DeskKeys, port: int) -> None:
        self._app = app
        self._keys = keys
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._answer(scope, headers)
        if answer is not None:
            await answer(scope, receive, send_guarded)
            return
        await self._app(scope, LimitedBody(receive, LIMITS).read, send_guarded)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """What is answered without asking the application; None: the request may pass."""
        known = self._keys.knows(headers.get("cookie", ""))
        length = headers.get("content-length", "0")
        foreign = self._find_foreign(scope, headers)
        if foreign is not None:
            return foreign
        if scope["path"] == OPENING:
            return self._open(scope, known=known)
        if not known:
            return _refuse(
                scope,
                401,
                "link_needed",
                "This browser has not opened the desk by its link.",
                "Open the link that `editproof review` printed. It works once: start the desk again"
                " for another browser.",
            )
        if length.isdecimal() and int(length[:20]) > LIMITS.max_body_mib << 20:
            return body_too_large(LIMITS).as_response(scope["path"], "")
        return None

    def _open(self, scope: Scope, *, known: bool) -> Response:
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        session = self._keys.spend(token)
        if session is None and not known:
            return _refuse(
                scope,
                403,
                "link_used",
                "This link was used already, or is not whole.",
                "Go back to the browser that used it, or start `editproof review` again.",
            )
        page = HTMLResponse(_GO_ON)
        if session:
            page.set_cookie(self._keys.cookie, session, httponly=True, samesite="strict", path="/")
        return page

    def _find_foreign(self, scope: Scope, headers: Headers) -> Response | None:
        """Any name may lead to this machine, and a page of any origin may send it forms."""
        host = headers.get("host", "")
        if host not in self._hosts:
            return _refuse_foreign(scope, f"The request was sent to {host[:100]!r}.")
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        changes = scope["method"] not in {"GET", "HEAD"}
        if (origin is not None or changes) and origin != f"http://{host}":
            return _refuse_foreign(
                scope, f"The request comes from a page of {(origin or 'nowhere')[:100]!r}."
            )
        if site not in {"same-origin", "none"} and scope["path"] != OPENING:
            return _refuse_foreign(scope, "The request comes from a page of another site.")
        return None


def _refuse_foreign(scope: Scope, detail: str) -> Response:
    return _refuse(
        scope,
        403,
        "foreign_origin",
        detail,
        "Use the desk by its own address. Pages of other origins may not.",
    )


def _refuse(scope: Scope, status: int, code: str, detail: str, remedy: str) -> Response:
    answer = Problem(status, code, detail, remedy=remedy).as_response(scope["path"], "")
    answer.headers["Connection"] = "close"  # what follows is a body that nobody reads
    return answer
