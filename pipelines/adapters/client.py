"""Ask a service, within limits: of time, of size, of attempts, of where it may lead.

`httpx2` makes the requests: it honours the environment's proxies and certificate authorities, its
releases go on where httpx's ended, and unlike niquests it leaves urllib3 as it is. `stamina`
repeats them: it takes the delay that a service asks for. A request runs in an event loop, since
only that ends at its deadline whatever the service does: `asyncio.timeout` bounds the whole of it,
where timeouts of sockets bound each read.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx2
import stamina

from editproof.pipelines.adapters.answers import (
    CHECK_ADDRESS,
    Answer,
    describe_answer,
    read_retry_after_s,
    root_cause,
)
from editproof.pipelines.adapters.circuit import Circuit
from editproof.pipelines.adapters.errors import (
    AdapterError,
    AnswerError,
    EditTimeoutError,
    ServiceError,
    ServiceGoneError,
)
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.hosts import is_one_of, origin_of
from editproof.pipelines.adapters.secrets import Secrets
from editproof.pipelines.adapters.turns import take_turn

BUSY = frozenset({429, 502, 503, 504})
"""Answers after which a request is made again. Never after another 4xx: it would fail again."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5

CONNECT_S = 10.0
"""Longest that a connection may take: a host that is not there does not refuse it."""

LONGEST_PAUSE_S = 10.0
"""Between two attempts, where the service does not say how long to wait."""

PUT_OFF_S = 1.0
"""A service that asks for so long a pause knows when it has room: that is no failed attempt."""

REQUEST_ID = "X-Request-ID"

Ends = Callable[[bytes], bool]
"""Whether a body is complete so far, though its service keeps the connection open."""


class Busy(Exception):  # noqa: N818 - not an error yet: the request is made again
    """The service may answer later."""

    def __init__(self, error: Exception, after_s: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s
        """How long it asks to wait; None: it does not say."""


class Patience:
    """Whether a request is made again after an error, and how long after."""

    def __init__(self, attempts: int, deadline: float) -> None:
        self._left = attempts
        self._deadline = deadline

    def __call__(self, error: Exception) -> bool | float:
        """Seconds to wait; True: as the pauses grow; False: it is final. An attempt that the
        service put off to a later time does not count.
        """
        if not isinstance(error, Busy) or time.monotonic() >= self._deadline:
            return False
        if error.after_s is not None and error.after_s >= PUT_OFF_S:
            return error.after_s
        self._left -= 1
        return self._left > 0 and (True if error.after_s is None else error.after_s)


class Client:
    """A service, as an adapter asks it."""

    def __init__(self, fields: ServerFields) -> None:
        """Raises ContractError where a secret is not set."""
        address = fields.address
        self.secrets = Secrets(fields.variables, f"the pipeline at {address}")
        self._fields = fields
        self._circuit = Circuit(address, fields.refused_limit)
        self._deadline = float("inf")
        runner = asyncio.Runner()
        self._http = httpx2.AsyncClient(headers={"Accept-Encoding": "gzip, deflate"})
        self._runner = runner
        self._end = weakref.finalize(self, _end, runner, self._http)

    def close(self) -> None:
        """Close its connections. A client that is not used any more does so itself."""
        self._end()

    @contextmanager
    def edit(self) -> Iterator[float]:
        """One edit: waits for its turn, and gives how long that took. What is asked inside the
        block has `edit_timeout_s` altogether.
        """
        turn = take_turn(origin_of(self._fields.address), self._fields.concurrency)
        with turn as waited_s:
            self._deadline = time.monotonic() + self._fields.edit_timeout_s
            try:
                with self._circuit.watching_edit():
                    yield waited_s
            finally:
                self._deadline = float("inf")

    @contextmanager
    def last_words(self, seconds: float) -> Iterator[None]:
        """What is asked inside the block has so long altogether, although the edit's time may be
        over: to take back what was asked for.
        """
        deadline, self._deadline = self._deadline, time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = deadline

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        fields: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        ends: Ends | None = None,
        accepts: Collection[int] = (),
    ) -> Answer:
        """Make a request, and make it again where the service is busy. Relative URLs start at the
        service's.

        `json` is the body; or `fields` and `files` (name -> (file name, bytes, media type)) are
        sent as a form; or `content` is it. The user's headers go to the service's host and to
        `header_hosts` only. `accepts`: statuses that are answers, not errors. Raises ServiceError,
        ServiceGoneError and AnswerError, with what was asked and what came back.
        """
        where = _Where(method, urljoin(self._fields.address, url), uuid.uuid4().hex, accepts)
        body = {"json": json, "data": fields, "files": files, "content": content}
        sent = {name: part for name, part in body.items() if part is not None}
        asked = {"params": params, "headers": dict(headers or {}), **sent}
        try:
            return self._ask_until_answered(where, asked, ends)
        except AdapterError as error:  # its cause may quote what was sent
            error.args = (self.secrets.hide(str(error)),)
            raise error from None

    def wait(self, seconds: float) -> None:
        """Wait within an edit. Raises ServiceError where its time is over."""
        if self._deadline - time.monotonic() <= seconds:
            raise EditTimeoutError(
                f"{self._fields.address} has not finished the edit within"
                f" {self._fields.edit_timeout_s:g} s (edit_timeout_s)"
            )
        time.sleep(seconds)

    def _ask_until_answered(
        self, where: _Where, asked: Mapping[str, Any], ends: Ends | None
    ) -> Answer:
        deadline = min(self._deadline, time.monotonic() + self._fields.edit_timeout_s)
        try:
            for attempt in self._attempts(deadline):
                with attempt:
                    return self._ask_once(where, asked, deadline, ends)
        except Busy as busy:
            raise busy.error from busy.__cause__
        raise RuntimeError("a request is made at least once")

    def _attempts(self, deadline: float) -> Iterator[stamina.Attempt]:
        """Attempts whose pauses take half of the time that is left at most."""
        left_s = max(0.001, deadline - time.monotonic())
        pause_s = min(LONGEST_PAUSE_S, left_s / (4 * self._fields.attempts))
        return iter(
            stamina.retry_context(
                on=Patience(self._fields.attempts, deadline),
                attempts=None,
                timeout=left_s,
                wait_initial=min(0.5, pause_s),
                wait_max=pause_s,
                wait_jitter=min(1.0, pause_s),
            )
        )

    def _ask_once(
        self, where: _Where, asked: Mapping[str, Any], deadline: float, ends: Ends | None
    ) -> Answer:
        self._circuit.check()
        left_s = deadline - time.monotonic()
        timeout_s = min(self._fields.request_timeout_s, left_s)
        if timeout_s <= 0:
            raise EditTimeoutError(
                f"{where} was not asked: the edit's {self._fields.edit_timeout_s:g} s are over"
                " (edit_timeout_s)"
            )
        try:
            answer = self._runner.run(self._within(timeout_s, where, asked, ends))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            self._circuit.note_refusal()
            raise Busy(self._gone(error), None) from error
        except TimeoutError as error:
            limit = (
                f"within {timeout_s:g} s (request_timeout_s)"
                if timeout_s < left_s
                else f"before the edit's {self._fields.edit_timeout_s:g} s were over"
                " (edit_timeout_s)"
            )
            raise EditTimeoutError(f"{where} did not answer {limit}") from error
        except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
            raise Busy(ServiceError(f"{where} broke off: {root_cause(error)}"), None) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ServiceError(f"{where} could not be asked: {root_cause(error)}") from error
        self._circuit.note_answer()
        return self._check_status(where, answer, left_s)

    async def _within(
        self, timeout_s: float, where: _Where, asked: Mapping[str, Any], ends: Ends | None
    ) -> Answer:
        async with asyncio.timeout(timeout_s):
            return await self._follow(where, asked, ends)

    def _check_status(self, where: _Where, answer: Answer, left_s: float) -> Answer:
        """The answer where it is one. Raises ServiceError, or Busy where it may come later."""
        if answer.status < 400 or answer.status in where.accepts:
            return answer
        theirs = answer.headers.get(REQUEST_ID.lower(), where.request_id)
        said = f"{where} answered {answer.status} (request {theirs}): {describe_answer(answer)}"
        if answer.status not in BUSY:
            raise ServiceError(f"{said}{self._advise(answer)}", answer.body)
        after_s = read_retry_after_s(answer.headers.get("retry-after", ""))
        if after_s is not None and after_s >= left_s:
            raise EditTimeoutError(
                f"{said}. It asks to wait {after_s:.0f} s, and {max(0.0, left_s):.0f} s are left of"
                f" the {self._fields.edit_timeout_s:g} s that the edit may take (edit_timeout_s)"
            )
        raise Busy(ServiceError(said), after_s)

    def _advise(self, answer: Answer) -> str:
        """`. What to look at`, after a status that says it; else empty."""
        if answer.status in {404, 405}:
            return f". {CHECK_ADDRESS}"
        if answer.status not in {401, 403}:
            return ""
        if not self._gets_headers(answer.url):
            return ". No header is sent to this host: header_hosts lets it have them"
        if headers := self._fields.secret_headers:
            sent = " and ".join(f"{name} as {header}" for name, header in headers.items())
            return f". Is the key right? It is sent from the environment variable {sent}"
        return f". No key was sent. {self._fields.how_to_send_key}"

    async def _follow(self, where: _Where, asked: Mapping[str, Any], ends: Ends | None) -> Answer:
        """The answer, and where it leads elsewhere the one from there."""
        method, url, sent = where.method, where.url, dict(asked)
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._send(method, url, sent, where.request_id, ends)
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or not target:
                return answer
            following = urljoin(url, target)
            self._check_redirect(where, url, following)
            if answer.status == 303 or (answer.status in {301, 302} and method == "POST"):
                method, sent = "GET", {"headers": sent["headers"]}
            sent.pop("params", None)  # they belong to the first URL
            url = following
        raise AnswerError(
            f"{where} leads to too many addresses: more than {MOST_REDIRECTS} redirects"
        )

    def _check_redirect(self, where: _Where, url: str, following: str) -> None:
        allowed = self._fields.redirects
        elsewhere = origin_of(following) != origin_of(url)
        if allowed == "none" or (allowed == "same host" and elsewhere):
            raise AnswerError(
                f"{where} leads to {following}, which is not allowed: redirects"
                f" is {allowed!r}. Point the pipeline there, or set redirects"
            )

    async def _send(
        self,
        method: str,
        url: str,
        asked: Mapping[str, Any],
        request_id: str,
        ends: Ends | None,
    ) -> Answer:
        """One request and its answer, which must fit the limit."""
        sent = {**asked, "headers": self._headers_for(url, asked["headers"], request_id)}
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        most = self._fields.max_answer_mib << 20
        body = bytearray()
        async with (
            self._http.stream(method, url, timeout=timeout, **sent) as response,
            aclosing(response.aiter_bytes()) as chunks,
        ):
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    raise AnswerError(
                        f"{method} {_without_query(url)} answered with more than"
                        f" {self._fields.max_answer_mib} MiB (max_answer_mib)"
                    )
                if ends is not None and ends(bytes(body)):
                    break
        headers = {name.lower(): value for name, value in response.headers.items()}
        where = _without_query(url)
        return Answer(where, response.status_code, headers, bytes(body), self.secrets.hide)

    def _headers_for(
        self, url: str, headers: Mapping[str, str], request_id: str
    ) -> Mapping[str, str]:
        """What is sent there: the user's own headers to the service alone."""
        sent = {REQUEST_ID: request_id}
        if self._gets_headers(url):
            sent |= self.secrets.fill({**self._fields.sent_header, **headers})
        return sent

    def _gets_headers(self, url: str) -> bool:
        same = origin_of(url) == origin_of(self._fields.address)
        return same or is_one_of(url, self._fields.header_hosts)

    def _gone(self, error: Exception) -> ServiceGoneError:
        is_late = isinstance(error, httpx2.ConnectTimeout)
        reason = f"no connection within {CONNECT_S:g} s" if is_late else root_cause(error)
        advice = (
            "Name the certificate authority that it is signed by: SSL_CERT_FILE"
            if "CERTIFICATE" in reason
            else "Start the service, or correct the address"
        )
        return ServiceGoneError(f"{self._fields.address} can't be reached: {reason}. {advice}")


@dataclass(frozen=True, slots=True)
class _Where:
    """A request: what messages say of it, and which answers it takes."""

    method: str
    url: str
    request_id: str
    accepts: Collection[int]
    """Statuses that are answers, not errors."""

    def __str__(self) -> str:
        return f"{self.method} {_without_query(self.url)}"


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _end(runner: asyncio.Runner, http: httpx2.AsyncClient) -> None:
    """Close a client's connections, in a thread of its own where this one is in the event loop of
    another: a client may be collected at any time.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _close(runner, http)
    else:
        thread = threading.Thread(target=_close, args=(runner, http))
        thread.start()
        thread.join()


def _close(runner: asyncio.Runner, http: httpx2.AsyncClient) -> None:
    runner.run(http.aclose())
    runner.close()
