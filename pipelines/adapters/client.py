"""Ask a service, within limits: of time, of size, of attempts, of where it may lead.

`httpx2` makes the requests: it honours the environment's proxies and certificate authorities, its
releases go on where httpx's ended, and unlike niquests it leaves urllib3 as it is. `stamina`
repeats them: it takes the delay that a service asks for.
"""

from __future__ import annotations

import email.utils
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec
import stamina

from editproof.pipelines.adapters.errors import AnswerError, ServiceError, ServiceGoneError
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.secrets import Secrets, find_variables
from editproof.pipelines.adapters.turns import take_turn

BUSY = frozenset({429, 502, 503, 504})
"""Answers after which a request is made again. Never after another 4xx: it would fail again."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5

COOLING_S = 30.0
"""How long a service that refused too many connections is left alone."""

LONGEST_QUOTE = 300
"""Characters of an answer that an error quotes."""

REQUEST_ID = "X-Request-ID"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    url: str
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises AnswerError where it is something else."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AnswerError(
                f"{self.url} answered with {describe_body(self)}, not with JSON: {error}"
            ) from error


class Busy(Exception):  # noqa: N818 - not an error yet: the request is made again
    """The service may answer later."""

    def __init__(self, error: Exception, after_s: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s
        """How long it asks to wait; None: it does not say."""


class Client:
    """A service, as an adapter asks it."""

    def __init__(self, fields: ServerFields) -> None:
        """Raises ContractError where a secret is not set."""
        address = fields.address
        variables = find_variables(msgspec.to_builtins(fields))
        self.secrets = Secrets(variables, f"the pipeline at {address}")
        self._fields = fields
        self._http = httpx2.Client()
        self._circuit = _Circuit(address, fields.refused_limit)
        self._deadline = float("inf")

    @contextmanager
    def edit(self) -> Iterator[float]:
        """One edit: waits for its turn, and gives how long that took. What is asked inside the
        block has `edit_timeout_s` altogether.
        """
        with take_turn(self._fields.address, self._fields.concurrency) as waited_s:
            self._deadline = time.monotonic() + self._fields.edit_timeout_s
            try:
                yield waited_s
            finally:
                self._deadline = float("inf")

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        fields: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request, and make it again where the service is busy. Relative URLs start at the
        service's.

        `json` is the body; or `fields` and `files` (name -> (file name, bytes, media type)) are
        sent as a form. Raises ServiceError, ServiceGoneError and AnswerError, with what was asked
        and what came back.
        """
        request_id = uuid.uuid4().hex
        body = {"json": json} if json is not None else {"data": fields, "files": files}
        sent_headers = {REQUEST_ID: request_id, **self._fields.header, **(headers or {})}
        sent = {"params": params, "headers": sent_headers, **body}
        where = _Where(method, urljoin(self._fields.address, url), request_id)
        attempts = stamina.retry_context(
            on=lambda error: _delay(error, self._time_left_s()),
            attempts=self._fields.attempts,
            timeout=min(self._time_left_s(), self._fields.edit_timeout_s),
            wait_initial=0.5,
            wait_max=10.0,
        )
        try:
            for attempt in attempts:
                with attempt:
                    return self._ask_once(where, sent)
        except Busy as busy:
            raise busy.error from busy
        raise RuntimeError("a request is made at least once")

    def wait(self, seconds: float) -> None:
        """Wait within an edit. Raises ServiceError where its time is over."""
        left_s = self._time_left_s()
        if left_s <= seconds:
            raise ServiceError(
                f"{self._fields.address} has not finished the edit within"
                f" {self._fields.edit_timeout_s:g} s (edit_timeout_s)"
            )
        time.sleep(seconds)

    def _time_left_s(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _ask_once(self, where: _Where, sent: Mapping[str, Any]) -> Answer:
        self._circuit.check()
        timeout_s = min(self._fields.request_timeout_s, self._time_left_s())
        if timeout_s <= 0:
            raise ServiceError(
                f"{where} was not asked: the edit's {self._fields.edit_timeout_s:g} s are over"
                " (edit_timeout_s)"
            )
        try:
            answer = self._follow(where, sent, time.monotonic() + timeout_s)
        except httpx2.ConnectError as error:
            self._circuit.note_refusal()
            raise Busy(self._gone(error), None) from error
        except httpx2.TimeoutException as error:
            raise ServiceError(
                f"{where} did not answer within {timeout_s:.3g} s (request_timeout_s)"
            ) from error
        except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
            raise Busy(ServiceError(f"{where} broke off: {self._plain(error)}"), None) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ServiceError(f"{where} could not be asked: {self._plain(error)}") from error
        self._circuit.note_answer()
        if answer.status < 400:
            return answer
        failure = ServiceError(self._describe_error(where, answer))
        if answer.status in BUSY:
            raise Busy(failure, _retry_after_s(answer.headers.get("retry-after", "")))
        raise failure

    def _follow(self, where: _Where, sent: Mapping[str, Any], deadline: float) -> Answer:
        """The answer, and where it leads elsewhere the one from there."""
        method, url, asked = where.method, where.url, dict(sent)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._send(method, url, asked, deadline)
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or not target:
                return answer
            following = urljoin(url, target)
            self._check_redirect(url, following)
            if _host(following) != _host(url):
                asked["headers"] = {REQUEST_ID: where.request_id}  # none of the user's own
            if answer.status == 303 or (answer.status in {301, 302} and method == "POST"):
                method, asked = "GET", {"headers": asked["headers"]}
            url = following
        raise AnswerError(f"{where} leads on and on: more than {MOST_REDIRECTS} redirects")

    def _check_redirect(self, url: str, following: str) -> None:
        allowed = self._fields.redirects
        if allowed == "none" or (allowed == "same host" and _host(following) != _host(url)):
            raise AnswerError(
                f"{url} leads to {self.secrets.hide(following)}, which is not allowed: redirects is"
                f" {allowed!r}. Point the pipeline there, or set redirects"
            )

    def _send(self, method: str, url: str, asked: Mapping[str, Any], deadline: float) -> Answer:
        """One request and its answer, which must end before the deadline and fit the limit."""
        most = self._fields.max_answer_mib << 20
        left_s = max(0.001, deadline - time.monotonic())
        chunks, size = [], 0
        filled = {**asked, "headers": self.secrets.fill(asked["headers"])}
        with self._http.stream(method, url, timeout=left_s, **filled) as response:
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > most:
                    raise AnswerError(
                        f"{url} answered with more than {self._fields.max_answer_mib} MiB"
                        " (max_answer_mib)"
                    )
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the answer takes too long")
                chunks.append(chunk)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(url, response.status_code, headers, b"".join(chunks))

    def _gone(self, error: Exception) -> ServiceGoneError:
        return ServiceGoneError(
            f"{self._fields.address} can't be reached: {self._plain(error)}. Start the service, or"
            " correct the address"
        )

    def _describe_error(self, where: _Where, answer: Answer) -> str:
        theirs = answer.headers.get(REQUEST_ID.lower(), where.request_id)
        body = self.secrets.hide(describe_body(answer))
        return f"{where} answered {answer.status} (request {theirs}): {body}"

    def _plain(self, error: Exception) -> str:
        return self.secrets.hide(str(error) or type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Where:
    """A request, for messages."""

    method: str
    url: str
    request_id: str

    def __str__(self) -> str:
        return f"{self.method} {self.url.partition('?')[0]}"


class _Circuit:
    """Opens after so many refused connections in a row: no more are tried until it has cooled."""

    def __init__(self, address: str, limit: int) -> None:
        self._address = address
        self._limit = limit
        self._refused = 0
        self._closed_from = 0.0

    def check(self) -> None:
        """Raise ServiceGoneError while it is open."""
        if self._refused >= self._limit and time.monotonic() < self._closed_from:
            raise ServiceGoneError(
                f"{self._address} refused the last {self._refused} connections. Start the service,"
                " then continue: `editproof run --resume`"
            )

    def note_refusal(self) -> None:
        """A connection was refused."""
        self._refused += 1
        self._closed_from = time.monotonic() + COOLING_S

    def note_answer(self) -> None:
        """The service answered, whatever it said."""
        self._refused = 0


def describe_body(answer: Answer) -> str:
    """What an answer holds, short and in one line: its text, or its kind and size."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not answer.body:
        return "nothing"
    text = answer.body[: 16 * LONGEST_QUOTE].decode("utf-8", "replace")
    if "text" not in kind and "json" not in kind and "\ufffd" in text:
        return f"{len(answer.body)} bytes of {kind or 'an unknown kind'}"
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line[:LONGEST_QUOTE] + ("…" if len(line) > LONGEST_QUOTE else "")


def _delay(error: Exception, left_s: float) -> bool | float:
    """Whether to ask again after that, and how long after. What can't be waited for fails now."""
    if not isinstance(error, Busy):
        return False
    if error.after_s is None:
        return True
    return error.after_s if error.after_s < left_s else False


def _retry_after_s(value: str) -> float | None:
    """Seconds that `Retry-After` asks for, a number or a date; None: it says neither."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
