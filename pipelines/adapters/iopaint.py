"""IOPaint's server: `iopaint:http://127.0.0.1:8080`.

`POST /api/v1/inpaint` takes image and mask in base64, white meaning "edit here", and answers with
the picture in the input's format. The model is the server's, the same for everybody; it does one
edit at a time. https://github.com/Sanster/IOPaint (contract of release 1.6.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from editproof.pipelines.adapters.errors import AdapterError
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.pictures import encode_image, encode_mask
from editproof.pipelines.adapters.service import Service, read_table
from editproof.pipelines.contract import ContractError, EditRequest, EditResult

DETERMINISTIC = frozenset({"cv2", "lama", "ldm", "zits", "mat", "fcf", "manga", "migan"})
"""Models that give the same picture for every seed."""


class Fields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    url: str
    concurrency: int = 1
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further fields of the request, e.g. hd_strategy, sd_steps."""

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
        self._config = fields.config
        self._model = self._find_model()
        self.fingerprint = self.identify(self._model)
        self.stochastic = fields.stochastic and self._model.get("name") not in DETERMINISTIC

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
            **self._config,
        }
        answer = self.client.ask("POST", "api/v1/inpaint", json=body)
        return self.read_answer(answer, request, {"model": str(self._model.get("name", ""))})

    def _find_model(self) -> Mapping[str, Any]:
        """The model that the server has loaded."""
        answer = self.client.ask("GET", "api/v1/model").json()
        if not isinstance(answer, dict):
            raise AdapterError(f"{self.fields.address} is not an IOPaint server: it names no model")
        return answer


def build(table: str) -> IOPaint:
    """The pipeline that the fields describe."""
    return IOPaint(read_table(table, Fields))
