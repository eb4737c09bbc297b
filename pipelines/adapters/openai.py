"""OpenAI's image edits, and servers of that shape: `openai:https://api.openai.com/v1`.

`POST /v1/images/edits` takes a form: the image, a mask whose alpha is 0 where it is to be edited,
and a prompt; it answers with `data[].b64_json`. OpenAI takes no seed; vLLM-Omni and others do.
https://platform.openai.com/docs/api-reference/images/createEdit
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec

from editproof.pipelines.adapters.answer_parts import find_optional, find_part
from editproof.pipelines.adapters.answers import Answer
from editproof.pipelines.adapters.base import Service, write_form
from editproof.pipelines.adapters.errors import ServiceError
from editproof.pipelines.adapters.fields import ServerFields, read_table
from editproof.pipelines.adapters.pictures import decode_data, encode_image, encode_mask
from editproof.pipelines.adapters.secrets import check_no_secrets
from editproof.pipelines.contract import EditRequest, EditResult, Param

EDITS = "images/edits"

KEY = "OPENAI_API_KEY"

REFUSALS = frozenset({"moderation_blocked", "content_policy_violation"})
"""Codes of errors with which an edit is refused for what it shows."""

KEY_HEADERS = frozenset({"authorization", "api-key", "x-api-key"})


class Fields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told. What is empty is not sent."""

    PASSED_ON: ClassVar[str] = "extra"

    url: str
    """The base, `https://api.openai.com/v1`, or the whole, `…/images/edits`."""
    model: str = ""
    size: str = ""
    """Of the output, `1024x1024`; `same`: that of the input, times the scale."""
    quality: str = ""
    background: str = ""
    input_fidelity: str = ""
    output_format: Literal["", "png", "webp", "jpeg"] = ""
    response_format: str = ""
    """`b64_json` where the service would answer with a URL otherwise."""
    default_prompt: str = "Remove what the mask covers and continue what is around it."
    """Sent for cases that have no prompt, since the service needs one."""
    seed: bool = False
    """Whether `seed` is sent: OpenAI takes none."""
    extra: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    """Further fields of the form, e.g. num_inference_steps, guidance_scale."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_no_secrets(self.extra, "extra")
        taken = sorted({"image", "mask", "prompt", "seed", "n"} & set(self.extra))
        if taken:
            raise ValueError(f"extra must not hold {taken[0]}: that comes from the case")

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`openai:URL`"""
        return {"url": target}

    @property
    def address(self) -> str:
        """The URL of edits."""
        base = self.url.rstrip("/")
        if base.endswith(EDITS):
            return base
        return f"{base}/{EDITS}" if urlsplit(base).path else f"{base}/v1/{EDITS}"

    @property
    def sent_header(self) -> Mapping[str, str]:
        """With OPENAI_API_KEY where that is set and no other key is named."""
        if not os.environ.get(KEY) or KEY_HEADERS & {name.lower() for name in self.header}:
            return self.header
        return {**self.header, "Authorization": f"Bearer ${{{KEY}}}"}

    @property
    def how_to_send_key(self) -> str:
        """What to write where none is sent."""
        return f"Set the environment variable {KEY}, or header.Authorization"


class OpenAI(Service[Fields]):
    """An endpoint of that shape."""

    def make_edit(self, request: EditRequest) -> EditResult:
        """Ask for one edit."""
        pictures = {"image": encode_image(request.image, self.fields.image_format)}
        if request.mask is not None:
            pictures["mask"] = encode_mask(request.mask, "alpha", request.image)
        try:
            answer = self.client.ask(
                "POST",
                self.fields.address,
                fields=self._make_form(request),
                files={name: picture.part for name, picture in pictures.items()},
            )
        except ServiceError as error:
            if reason := find_refusal(error.body):
                return self.refuse(reason)
            raise
        config: dict[str, Param] = {"model": self.fields.model} if self.fields.model else {}
        return self._read(answer, request, config)

    def _make_form(self, request: EditRequest) -> dict[str, str]:
        fields = self.fields
        height, width = (edge * request.scale for edge in request.image.shape[:2])
        form: dict[str, object] = {
            "prompt": request.prompt or fields.default_prompt,
            "model": fields.model,
            "n": 1,
            "size": f"{width}x{height}" if fields.size == "same" else fields.size,
            "quality": fields.quality,
            "background": fields.background,
            "input_fidelity": fields.input_fidelity,
            "output_format": fields.output_format,
            "response_format": fields.response_format,
            "seed": request.seed if fields.seed else "",
            **self.client.secrets.fill(fields.extra),
        }
        return write_form({name: value for name, value in form.items() if value != ""})

    def _read(
        self, answer: Answer, request: EditRequest, config: Mapping[str, Param]
    ) -> EditResult:
        first = find_part(answer, "data.0", "the answer")
        url = find_optional(first, "url")
        if isinstance(url, str) and not find_optional(first, "b64_json"):
            return self.read_answer(self.client.ask("GET", url), request, config)
        picture = find_part(answer, "data.0.b64_json", "the answer")
        return self.read_result(decode_data(str(picture)), request, config)


def find_refusal(body: bytes) -> str:
    """Why an error says that the edit will not be made; empty: it is another error."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    if find_optional(said, "error.code") not in REFUSALS:
        return ""
    return str(find_optional(said, "error.message") or find_optional(said, "error.code"))


def build(table: str) -> OpenAI:
    """The pipeline that the fields describe."""
    return OpenAI(read_table(table, Fields))
