"""IOPaint's server: `iopaint:http://127.0.0.1:8080`.

`POST /api/v1/inpaint` takes image and mask in base64, white meaning "edit here", and answers with
the picture in the input's format. The model is the server's, the same for everybody; it does one
edit at a time. https://github.com/Sanster/IOPaint (contract of release 1.6.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from editproof.pipelines.adapters.base import Service
from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.fields import ServerFields, read_table
from editproof.pipelines.adapters.pictures import encode_image, encode_mask
from editproof.pipelines.adapters.secrets import check_no_secrets
from editproof.pipelines.contract import ContractError, EditRequest, EditResult

DETERMINISTIC = frozenset({"cv2", "lama", "anime-lama", "zits", "mat", "fcf", "manga", "migan"})
"""Models that give the same picture for every seed."""

UNSEEDED = frozenset({"ldm"})
"""Models whose noise goes on from edit to edit, whatever the seed."""

OF_THE_CASE = ("image", "mask", "prompt", "sd_seed")
"""Fields of a request that come from the case."""


class Fields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    PASSED_ON: ClassVar[str] = "config"

    url: str
    concurrency: int = 1
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further fields of the request, e.g. hd_strategy, sd_steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_no_secrets(self.config, "config")
        for name in OF_THE_CASE:
            if name in self.config:
                raise ValueError(f"config must not hold {name}: that comes from the case")

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`iopaint:URL`"""
        return {"url": target}

    @property
    def address(self) -> str:
        """The server's URL."""
        return self.url.rstrip("/") + "/"


class IOPaint(Service[Fields]):
    """A running server."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._model = self._find_model()
        name = self._model["name"]
        self.fingerprint = self.identify({**self._model, "config": fields.config})
        self.stochastic = fields.stochastic and name not in DETERMINISTIC
        self.capabilities = replace(
            self.capabilities,
            takes_seed=fields.seed and name not in UNSEEDED,
            keeps_outside=True if self._keeps_outside() else None,
        )

    def make_edit(self, request: EditRequest) -> EditResult:
        """Ask for one edit."""
        if request.mask is None:
            raise ContractError("IOPaint needs a mask: it does not find out what to replace")
        picture = encode_image(request.image, self.fields.image_format)
        mask = encode_mask(request.mask, "white", request.image)
        body = {
            "image": picture.base64,
            "mask": mask.base64,
            "prompt": request.prompt,
            "sd_seed": request.seed,
            **self.fields.config,
        }
        answer = self.client.ask("POST", "api/v1/inpaint", json=body)
        return self.read_answer(answer, request, {"model": str(self._model["name"])})

    def _keeps_outside(self) -> bool:
        """Whether the server pastes the edit into the picture that it was sent. Diffusion models
        widen the mask by a blur first.
        """
        keeps = self.fields.config.get("sd_keep_unmasked_area", True)
        is_eraser = self._model.get("model_type") == "inpaint"
        return bool(keeps) and is_eraser and self.fields.image_format != "jpeg"

    def _find_model(self) -> Mapping[str, Any]:
        """The model that the server has loaded."""
        answer = self.client.ask("GET", "api/v1/model").json()
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise AnswerError(
                f"{self.fields.address} is not an IOPaint server: it names no model."
                " Correct the address"
            )
        return answer


def build(table: str) -> IOPaint:
    """The pipeline that the fields describe."""
    return IOPaint(read_table(table, Fields))
