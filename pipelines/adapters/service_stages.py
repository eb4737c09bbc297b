"""An edit between two stages, sent to our own server and taken back, so that `blame` can swap the
stages of a server as it swaps those of a pipeline in this process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from editproof.pipelines.adapters.answer_parts import find_optional
from editproof.pipelines.adapters.client import Client
from editproof.pipelines.adapters.errors import AnswerError, ServiceError
from editproof.pipelines.array_file import Array, decode_array, encode_array
from editproof.pipelines.contract import EditRequest, Param, Status
from editproof.pipelines.edit import Edit, RefusedError, Step, TextRegion
from editproof.pipelines.files import UnreadablePictureError, decode_image

GIVEN = ("mask", "strokes_add", "strokes_subtract")
"""Planes of a request."""

STATE = {
    "picture": "image",
    "mask": "mask",
    "fill": "fill",
    "blended": "blended",
    "enlarged_from": "enlarged_from",
    "filled": "filled",
}
"""Pictures of a state on the server, and the fields of an edit that they are."""


def path_of(stage: str) -> str:
    """Where the server offers a stage: `check_mask` at `mask/check`."""
    verb, _, noun = stage.partition("_")
    return f"{noun}/{verb}" if verb in {"check", "refine"} and noun else stage.replace("_", "-")


class Pictures:
    """The server's pictures, each sent and fetched once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, Array] = {}

    def put_file(self, data: bytes) -> str:
        """Send a file; gives its hash."""
        digest = hashlib.sha256(data).hexdigest()
        self._client.ask("PUT", f"v1/pictures/{digest}", content=data)
        return digest

    def put(self, array: Array) -> str:
        """Send an array; gives its hash."""
        data = encode_array(array)
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._known:
            self.put_file(data)
            self._known[digest] = array
        return digest

    def get(self, digest: str) -> Array:
        """Fetch an array. Raises AnswerError where it is none."""
        if digest not in self._known:
            answer = self._client.ask("GET", f"v1/pictures/{digest}")
            try:
                self._known[digest] = decode_array(answer.body)
            except UnreadablePictureError as error:
                raise AnswerError(
                    f"{answer.url} gave something that is not a picture: {error}"
                ) from error
        return self._known[digest]


def bind_stage(client: Client, name: str, settings: Mapping[str, Param]) -> Callable[[Edit], Step]:
    """A stage of the server, which works by these settings and by the server's own."""

    def stage(edit: Edit) -> Step:
        pictures = Pictures(client)
        body = {
            **pack_request(edit.request, _put_image(edit.request, pictures), pictures),
            "settings": {**settings, **edit.request.config},
            "state": _pack_state(edit, pictures),
        }
        try:
            made = client.ask("POST", f"v1/{path_of(name)}", json=body).json()
        except ServiceError as error:
            if why := find_refusal(error.body):
                raise RefusedError(why) from error
            raise
        artefact = made["artefact"]
        return Step(
            _unpack_edit(edit, body, made["next"], pictures),
            None if artefact is None else pictures.get(artefact),
            made["decision"],
            found=made["found"],
        )

    return stage


def pack_request(request: EditRequest, image: str, pictures: Pictures) -> dict[str, Any]:
    """A request as the server takes it, its planes sent; without its settings. `image`: the hash
    of its image.
    """
    return {
        "image": image,
        "prompt": request.prompt,
        "seed": request.seed,
        "scale": request.scale,
        "metadata": dict(request.metadata),
        "protect": {name: pictures.put(plane) for name, plane in request.protect.items()},
        **{
            name: pictures.put(plane)
            for name in GIVEN
            if (plane := getattr(request, name)) is not None
        },
    }


def find_refusal(body: bytes) -> str:
    """Why a stage refuses an edit; empty: it is another error."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    refused = find_optional(told, "code") == "edit_refused"
    return str(find_optional(told, "detail")) if refused else ""


def _put_image(request: EditRequest, pictures: Pictures) -> str:
    """Send the file that came in, or the image where it is another one by now."""
    file = request.file
    is_file = bool(file) and np.array_equal(decode_image(file)[0], request.image)
    return pictures.put_file(file) if is_file else pictures.put(request.image)


def _pack_state(edit: Edit, pictures: Pictures) -> dict[str, Any]:
    arrays = {name: getattr(edit, field) for name, field in STATE.items()}
    sent = {
        name: pictures.put(np.asarray(array, np.float32))
        for name, array in arrays.items()
        if array is not None
    }
    return {
        **sent,
        "status": edit.status.value,
        "reason": edit.reason,
        "needs_text_removal": edit.needs_text_removal,
        "needs_inpainting": edit.needs_inpainting,
        "lines": [
            {"corners": line.corners, "confidence": line.confidence, "text": line.text}
            for line in edit.regions
        ],
        "artefact_score": edit.artefact_score,
    }


def _unpack_edit(
    edit: Edit, asked: Mapping[str, Any], answer: Mapping[str, Any], pictures: Pictures
) -> Edit:
    """The edit after a stage. What the stage left as it was is not fetched."""
    state = answer["state"]
    arrays: dict[str, Any] = {
        field: None if state[name] is None else pictures.get(state[name])
        for name, field in STATE.items()
    }
    filled = arrays.pop("filled")
    return replace(
        edit,
        **arrays,
        filled=None if filled is None else filled > 0.5,
        request=_unpack_request(edit.request, asked, answer, pictures),
        status=Status(state["status"]),
        reason=state["reason"],
        needs_text_removal=state["needs_text_removal"],
        needs_inpainting=state["needs_inpainting"],
        regions=tuple(
            TextRegion(
                tuple((float(x), float(y)) for x, y in line["corners"]),
                line["confidence"],
                line["text"],
            )
            for line in state["lines"]
        ),
        artefact_score=state["artefact_score"],
    )


def _unpack_request(
    request: EditRequest, asked: Mapping[str, Any], answer: Mapping[str, Any], pictures: Pictures
) -> EditRequest:
    """The request after a stage: one that enlarges first makes all of it larger."""
    changes: dict[str, Any] = {
        name: pictures.get(answer[name])
        for name in ("image", *GIVEN)
        if answer[name] is not None and answer[name] != asked.get(name)
    }
    protect = {
        name: request.protect[name] if digest == asked["protect"][name] else pictures.get(digest)
        for name, digest in answer["protect"].items()
    }
    return replace(request, **changes, protect=protect, scale=answer["scale"])
