"""Anybody's endpoint, by a template: `http:URL`, or a table that says what is sent, and where the
picture comes back.

    [pipelines.mine]
    adapter = "http"
    url = "https://api.example.com/edit"
    json = { image = "{image}", mask = "{mask}", prompt = "{prompt}", seed = "{seed}" }
    result = "images.0"

docs/how-to/services.md has such tables for the shapes of known services.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import msgspec

from editproof.pipelines.adapters.answer_parts import Event, find_optional, find_part, read_events
from editproof.pipelines.adapters.answers import Answer, cut_line
from editproof.pipelines.adapters.base import Service, write_form
from editproof.pipelines.adapters.errors import AnswerError, ServiceError
from editproof.pipelines.adapters.fields import MaskKind, ServerFields, read_table
from editproof.pipelines.adapters.pictures import (
    PictureFile,
    decode_data,
    encode_image,
    encode_mask,
)
from editproof.pipelines.adapters.secrets import check_address, check_no_secrets
from editproof.pipelines.adapters.templates import (
    check_template,
    fill_template,
    find_placeholders,
)
from editproof.pipelines.contract import Capabilities, ContractError, EditRequest, EditResult
from editproof.pipelines.field_errors import suggest

METHODS = ("POST", "PUT", "PATCH", "GET")

PLACEHOLDERS = ("image", "mask", "prompt", "seed", "scale", "width", "height", "case")
"""Of a request. `width` and `height` are those of the picture that is asked for."""

DEFAULT_FORM = {"image": "{image}", "mask": "{mask}", "prompt": "{prompt}", "seed": "{seed}"}

DONE = ("succeeded", "completed", "complete", "success", "finished", "done", "ready", "ok")
FAILED = (
    *("failed", "failure", "error", "errored", "canceled", "cancelled", "aborted", "expired"),
    *("timeout", "task not found"),
)
REFUSED = ("request moderated", "content moderated", "moderated", "rejected", "nsfw")


class Upload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`upload`: the request that uploads a picture, whose answer names it."""

    url: str
    method: str = "POST"
    file: str = "file"
    """Name of the form's part that holds the file."""
    form: dict[str, str] = msgspec.field(default_factory=dict)
    """Further parts."""
    result: str = "url"
    """JSON path of the name, which `{image}` and `{mask}` then stand for."""


class Poll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`poll`: where the answer is asked for until it is there."""

    url: str
    """A template with parts of the first answer: `{urls.get}`, or `/call/edit/{event_id}`."""
    events: bool = False
    """Whether that URL gives a stream of server-sent events, whose names are the states."""
    state: str = "status"
    """JSON path of the state."""
    done: tuple[str, ...] = DONE
    """States, in any case of letters, in which the picture is there."""
    failed: tuple[str, ...] = FAILED
    """States in which it will never be there."""
    refused: tuple[str, ...] = REFUSED
    """States in which the service will not make the edit: an outcome, not an error."""
    error: str = "error"
    """JSON path of what went wrong."""
    every_s: float = 1.0
    """Pause between two questions."""
    then: str = ""
    """A template of the URL that has the result, where the one that has the state does not."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.every_s <= 600:
            raise ValueError("poll.every_s must be 0.01 to 600")
        if not self.done:
            raise ValueError("poll.done must name at least one state")


class Fields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    url: str
    method: str = "POST"
    json: dict[str, Any] = msgspec.field(default_factory=dict)
    """The body, with placeholders."""
    form: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    """Instead of it a form, with placeholders. Neither: a form of image, mask, prompt and seed."""
    pictures_as: Literal["", "file", "base64", "data URL", "upload"] = ""
    """What `{image}` and `{mask}` stand for; empty: a file in a form, base64 in JSON."""
    upload: Upload | None = None
    mask: MaskKind = "white"
    mask_channels: Literal[1, 3] = 1
    """Of a mask that is white or black: grey, or RGB."""
    poll: Poll | None = None
    result: str = ""
    """JSON path of the picture; empty: it is the body."""
    result_as: Literal["auto", "base64", "url"] = "auto"
    """What stands there: base64 or a data URL, or a URL to fetch; auto: as it looks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_method(self.method, "method")
        if self.json and self.form:
            raise ValueError("json and form are two ways to send the same: set one of them")
        check_no_secrets(self.json, "json")
        check_no_secrets(self.form, "form")
        check_template(self.body, PLACEHOLDERS, "json" if self.json else "form")
        holds_picture = {"image", "mask"} if self.mask.endswith("alpha") else {"image"}
        if not holds_picture & {*find_placeholders(self.body)}:
            raise ValueError(
                f"{'json' if self.json else 'form'} must hold {{image}} somewhere: the picture to"
                " edit"
            )
        if self.pictures_as == "file" and self.json:
            raise ValueError("pictures_as can't be 'file' in json: set form, or 'base64'")
        if (self.pictures_as == "upload") != (self.upload is not None):
            raise ValueError('upload and pictures_as = "upload" need each other')
        if self.upload:
            _check_method(self.upload.method, "upload.method")
            check_no_secrets(self.upload.form, "upload.form")
            if "://" in self.upload.url:
                check_address(self.upload.url, "upload.url")
        if self.poll and self.poll.events and not self.result:
            raise ValueError("result must say where in an event's data the picture is")

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`http:URL`"""
        return {"url": target}

    @property
    def address(self) -> str:
        """The endpoint's URL."""
        return self.url

    @property
    def body(self) -> Mapping[str, Any]:
        """The template of what is sent."""
        return self.json or self.form or DEFAULT_FORM

    @property
    def shape(self) -> str:
        """What the pictures are sent as."""
        return self.pictures_as or ("base64" if self.json else "file")

    @property
    def capabilities(self) -> Capabilities:
        """What the suite must know: what is not sent can't be asked for."""
        sent = find_placeholders(self.body)
        return replace(
            super().capabilities,
            takes_seed=self.seed and "seed" in sent,
            needs_mask=self.needs_mask and "mask" in sent,
        )


class Http(Service[Fields]):
    """An endpoint."""

    def make_edit(self, request: EditRequest) -> EditResult:
        """Send the request, wait for the picture, and read it."""
        answer = self._send(request)
        poll = self.fields.poll
        if poll is None:
            return self._read(answer, request)
        url = self._fill_url(poll.url, answer.json(), "poll.url")
        final = self._follow_events(poll, url) if poll.events else self._poll(poll, url)
        if isinstance(final, str):
            return self.refuse(final)
        return self._read(final, request)

    def _send(self, request: EditRequest) -> Answer:
        height, width = (edge * request.scale for edge in request.image.shape[:2])
        values: dict[str, Any] = {
            "prompt": request.prompt,
            "seed": request.seed,
            "scale": request.scale,
            "width": width,
            "height": height,
            "case": str(request.case),
        }
        template, variables = self.fields.body, self.client.secrets.values
        files = {}
        for name, picture in self._encode(request).items():
            values[name] = self._hand_over(picture)
            files[f"{{{name}}}"] = picture.part
        url = self.client.secrets.fill(self.fields.url)
        if self.fields.json:
            return self.client.ask(
                self.fields.method, url, json=fill_template(template, values, variables)
            )
        parts = {name: files[text] for name, text in template.items() if self._is_file(text, files)}
        rest = {name: text for name, text in template.items() if name not in parts}
        return self.client.ask(
            self.fields.method,
            url,
            fields=write_form(fill_template(rest, values, variables)),
            files=parts or None,
        )

    def _is_file(self, text: object, files: Mapping[str, object]) -> bool:
        return self.fields.shape == "file" and text in files

    def _encode(self, request: EditRequest) -> dict[str, PictureFile]:
        """The pictures that the template asks for."""
        fields, sent = self.fields, find_placeholders(self.fields.body)
        pictures = {}
        if "image" in sent:
            pictures["image"] = encode_image(request.image, fields.image_format)
        if "mask" in sent:
            if request.mask is None:
                raise ContractError("the case has no mask, and the request sends one: {mask}")
            pictures["mask"] = encode_mask(
                request.mask, fields.mask, request.image, channels=fields.mask_channels
            )
        return pictures

    def _hand_over(self, picture: PictureFile) -> str:
        """What `{image}` or `{mask}` stands for in a text."""
        shape = self.fields.shape
        if shape == "upload" and self.fields.upload is not None:
            return self._upload(self.fields.upload, picture)
        if shape == "data URL":
            return picture.data_url
        return picture.base64 if shape == "base64" else ""

    def _upload(self, upload: Upload, picture: PictureFile) -> str:
        secrets = self.client.secrets
        answer = self.client.ask(
            upload.method,
            secrets.fill(upload.url),
            fields=secrets.fill(upload.form),
            files={upload.file: picture.part},
        )
        return str(find_part(answer, upload.result, "upload.result"))

    def _poll(self, poll: Poll, url: str) -> Answer | str:
        """The answer once it is done; or why it was refused."""
        while True:
            answer = self.client.ask("GET", url)
            state = str(find_part(answer, poll.state, "poll.state"))
            if ended := self._judge_state(poll, state, answer.json()):
                return ended
            if _is_in(state, poll.done):
                break
            self.client.wait(poll.every_s)
        if not poll.then:
            return answer
        return self.client.ask("GET", self._fill_url(poll.then, answer.json(), "poll.then"))

    def _follow_events(self, poll: Poll, url: str) -> Answer | str:
        """What the event that ends a stream holds; or why it was refused."""
        ends = (*poll.done, *poll.failed, *poll.refused)

        def find_last(body: bytes) -> Event | None:
            found = (event for event in read_events(body) if _is_in(event.name, ends))
            return next(found, None)

        answer = self.client.ask("GET", url, ends=lambda body: find_last(body) is not None)
        last = find_last(answer.body)
        if last is None:
            raise AnswerError(
                f"{answer.url} ended its events without one of {', '.join(poll.done)}"
            )
        if ended := self._judge_state(poll, last.name, last.json):
            return ended
        return replace(answer, body=last.data.encode())

    def _judge_state(self, poll: Poll, state: str, said: Any) -> str:
        """Why an edit was refused; empty: it was not. Raises ServiceError where it failed."""
        reason = find_optional(said, poll.error) or said
        words = cut_line(self.client.secrets.hide(f"{state}: {reason}"))
        if _is_in(state, poll.refused):
            return words
        if _is_in(state, poll.failed):
            raise ServiceError(f"{self.fields.address} did not make the edit: {words}")
        return ""

    def _fill_url(self, template: str, said: Any, field: str) -> str:
        """A URL with parts of an answer."""
        values = {}
        for path in find_placeholders(template):
            values[path] = find_optional(said, path)
            if values[path] is None:
                raise AnswerError(
                    f"{self.fields.address} answered without {path!r} ({field}):"
                    f" {cut_line(self.client.secrets.hide(str(said)))}"
                )
        return str(fill_template(template, values))

    def _read(self, answer: Answer, request: EditRequest) -> EditResult:
        fields = self.fields
        if not fields.result:
            return self.read_answer(answer, request, {})
        part = find_part(answer, fields.result, "result")
        if not isinstance(part, str):
            raise AnswerError(
                f"{answer.url} has no text at {fields.result!r} (result), but"
                f" {cut_line(self.client.secrets.hide(str(part)))}"
            )
        is_url = part.startswith(("http://", "https://")) and fields.result_as == "auto"
        if is_url or fields.result_as == "url":
            return self.read_answer(self.client.ask("GET", part), request, {})
        return self.read_result(decode_data(part), request, {})


def build(table: str) -> Http:
    """The pipeline that the fields describe."""
    return Http(read_table(table, Fields))


def _check_method(method: str, where: str) -> None:
    if method not in METHODS:
        raise ValueError(
            f"{where} must be one of {', '.join(METHODS)}; it is {method!r}"
            + suggest(method.upper(), METHODS)
        )


def _is_in(state: str, states: Iterable[str]) -> bool:
    return state.lower() in {one.lower() for one in states}
