"""Parts of an answer: what a path names in JSON, and what a stream of events says last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from editproof.pipelines.adapters.answers import CHECK_ADDRESS, Answer, describe_answer
from editproof.pipelines.adapters.errors import AnswerError

_INDEX = re.compile(r"\[(\d+)\]")


def find_part(answer: Answer, path: str, field: str) -> Any:
    """What a path names in an answer's JSON: `data.0.b64_json`, or `data[0].b64_json`.

    `field` says where the user wrote the path. Raises AnswerError where there is nothing.
    """
    part = answer.json()
    for step in split_path(path):
        part = _step(part, step)
        if part is None:
            raise AnswerError(
                f"{answer.url} answered without {path!r} ({field}): {describe_answer(answer)}."
                f" {CHECK_ADDRESS}"
            )
    return part


def find_optional(value: Any, path: str) -> Any:
    """The same in plain data; None where there is nothing."""
    for step in split_path(path):
        value = _step(value, step)
    return value


def split_path(path: str) -> list[str]:
    """The steps of a path."""
    return [step for step in _INDEX.sub(r".\1", path).split(".") if step]


def _step(part: Any, step: str) -> Any:
    if isinstance(part, dict):
        return part.get(step)
    if isinstance(part, list) and step.isdecimal() and int(step) < len(part):
        return part[int(step)]
    return None


@dataclass(frozen=True, slots=True)
class Event:
    """One of a stream of server-sent events."""

    name: str
    data: str

    @property
    def json(self) -> Any:
        """What it holds; None where that is not JSON."""
        try:
            return msgspec.json.decode(self.data)
        except msgspec.DecodeError:
            return None


def read_events(body: bytes) -> list[Event]:
    """The complete events of a stream, in their order."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return [_read_event(block) for block in text.split("\n\n")[:-1] if block.strip()]


def _read_event(block: str) -> Event:
    fields: dict[str, list[str]] = {"event": [], "data": []}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    return Event((fields["event"] or ["message"])[-1], "\n".join(fields["data"]))
