"""What every adapter of a service does around its own requests."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from editproof.pipelines.adapters.answers import CHECK_ADDRESS, Answer, cut_line, describe_answer
from editproof.pipelines.adapters.client import Client
from editproof.pipelines.adapters.errors import AdapterError, AnswerError
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.pictures import read_picture
from editproof.pipelines.contract import EditRequest, EditResult, Param, StageTrace, Status
from editproof.pipelines.versions import code_hash

S = TypeVar("S", bound=ServerFields)

STAGE = "service"
"""The stage that the service itself is, in a result."""


def write_form(fields: Mapping[str, Any]) -> dict[str, str]:
    """A form's fields as texts: `true`, not `True`."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
    }


class Service(ABC, Generic[S]):
    """A pipeline that asks a service."""

    fingerprint = ""
    """Empty: the service says nothing of itself that would tell one release from another."""

    def __init__(self, fields: S) -> None:
        """Raises ContractError where a secret is not set."""
        self.fields = fields
        self.client = Client(fields)
        self.capabilities = fields.capabilities
        self.stochastic = fields.stochastic

    def __call__(self, request: EditRequest) -> EditResult:
        """Make one edit, when it is this process's turn."""
        try:
            with self.client.edit() as waited_s:
                start = time.perf_counter()
                result = self.make_edit(request)
        except AdapterError as error:  # it may quote what the service repeats
            error.args = (self.client.secrets.hide(str(error)),)
            raise error from None
        made = replace(result.stages[-1], seconds=time.perf_counter() - start)
        result = replace(result, stages=(*result.stages[:-1], made), waited_s=waited_s)
        return self._without_secrets(result)

    def close(self) -> None:
        """Close its connections."""
        self.client.close()

    @abstractmethod
    def make_edit(self, request: EditRequest) -> EditResult:
        """Ask for one edit."""

    def read_result(
        self, data: bytes, request: EditRequest, config: Mapping[str, Param]
    ) -> EditResult:
        """The result that holds the picture of an answer. `config`: what is known of how it was
        made.
        """
        picture = read_picture(data, request, self.fields, self.fields.address)
        stage = StageTrace(STAGE, 0.0, picture.changes)
        resized = {"resize": "back"} if picture.was_resized else {}
        return EditResult(picture.image, stages=(stage,), config={**config, **resized})

    def read_answer(
        self, answer: Answer, request: EditRequest, config: Mapping[str, Param]
    ) -> EditResult:
        """The same where the picture is the answer's body."""
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if not answer.body or kind.startswith("text/") or kind.endswith("json"):
            html = "HTML: " if answer.is_html else ""
            raise AnswerError(
                f"{answer.url} answered with {html}{describe_answer(answer)}, where a picture was"
                f" expected. {CHECK_ADDRESS}"
            )
        return self.read_result(answer.body, request, config)

    def refuse(self, reason: str) -> EditResult:
        """The result where the service will not make the edit: an outcome, not an error."""
        line = cut_line(self.client.secrets.hide(reason))
        return EditResult(None, Status.REFUSED, line, (StageTrace(STAGE, 0.0, line),))

    def _without_secrets(self, result: EditResult) -> EditResult:
        hide = self.client.secrets.hide
        stages = tuple(
            replace(stage, name=hide(stage.name), decision=hide(stage.decision))
            for stage in result.stages
        )
        config = {
            hide(name): hide(value) if isinstance(value, str) else value
            for name, value in result.config.items()
        }
        return replace(result, stages=stages, config=config, reason=hide(result.reason))

    def identify(self, stated: Mapping[str, Any]) -> str:
        """A fingerprint from what the service says of itself: it, the fields that change pictures,
        and our code.
        """
        text = json.dumps(stated, sort_keys=True, default=str)
        return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {code_hash()}"
