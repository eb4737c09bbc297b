"""What a service answered, and how it is put into words."""

from __future__ import annotations

import email.utils
import errno
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from editproof.pipelines.adapters.errors import AnswerError

LONGEST_QUOTE = 300
"""Characters of an answer that an error quotes."""

MOST_READ = 16 * LONGEST_QUOTE
"""Bytes of an answer that are looked at for a quote."""


_TRIED = re.compile(r"\[Errno (\d+)\] Connect call failed")

CHECK_ADDRESS = "Is the address right, and is it a server of the kind that the adapter asks?"
"""What to look at where an answer is not of the adapter's shape."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    url: str
    """Without its query, which may hold a secret."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    hide: Callable[[str], str] = field(default=str, repr=False)
    """Takes secrets out of a text that is quoted."""

    def json(self) -> Any:
        """The body as JSON. Raises AnswerError where it is something else."""
        if not self.body.strip():
            raise AnswerError(
                f"{self.url} answered with an empty body, where JSON was expected. {CHECK_ADDRESS}"
            )
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            kind = "HTML" if self.is_html else "text that is not JSON"
            expected = ", not with JSON" if self.is_html else ""
            raise AnswerError(
                f"{self.url} answered with {kind}{expected}: {describe_answer(self)}."
                f" {CHECK_ADDRESS}"
            ) from error

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        start = self.body.lstrip()[:15].lower()
        return start.startswith((b"<!doctype html", b"<html"))


def describe_answer(answer: Answer) -> str:
    """What an answer holds, short and in one line: its text, or its kind and size. Secrets are
    hidden before anything is cut, since half a secret would not be found.
    """
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not answer.body:
        return "an empty body"
    text = answer.body[:MOST_READ].decode("utf-8", "replace")
    if "text" not in kind and "json" not in kind and "\ufffd" in text:
        return f"{len(answer.body)} bytes of {answer.hide(kind) or 'an unknown kind'}"
    return cut_line(answer.hide(text))


def cut_line(text: str) -> str:
    """A text in one line without control characters, cut."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line[:LONGEST_QUOTE] + ("…" if len(line) > LONGEST_QUOTE else "")


def root_cause(error: BaseException) -> str:
    """Why a request failed, in the words of what failed first."""
    while (first := error.__cause__ or error.__context__) is not None:
        error = first.exceptions[0] if isinstance(first, BaseExceptionGroup) else first
    return _name_system_error(error) or cut_line(str(error)) or type(error).__name__


def _name_system_error(error: BaseException) -> str:
    """What the system refused, without its numbers; empty: it is another error."""
    tried = {int(number) for number in _TRIED.findall(str(error))}  # a name may have two addresses
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ECONNREFUSED or tried == {errno.ECONNREFUSED}:
        return "it refused the connection"
    if number == errno.ECONNRESET:
        return "it reset the connection"
    if isinstance(error, socket.gaierror) and number == socket.EAI_NONAME:
        return "no host of that name is known"
    if number and "Connect call failed" in str(error):
        return os.strerror(number)
    return cut_line(error.strerror) if isinstance(error, OSError) and error.strerror else ""


def read_retry_after_s(value: str) -> float | None:
    """Seconds that `Retry-After` asks for, a number or a date; None: it says neither."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
