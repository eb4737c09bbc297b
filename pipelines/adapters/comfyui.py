"""A workflow on a ComfyUI server: `comfyui:graph.json?server=http://127.0.0.1:8188`.

Pictures are uploaded, the workflow is queued by `POST /prompt`, its end is seen in
`/history/{prompt_id}`, and its pictures are read from `/view`. The history holds all that the
websocket sends about an edit's end and its errors. Asking for it needs no second connection through
proxies, and misses nothing where one breaks off.

The server keeps what nodes made, and does not run those again whose inputs are the same. Uploads
have a new name each time, so whatever depends on the picture is run, while loaders and prompts stay
loaded, as for any other user of the server. https://github.com/comfyanonymous/ComfyUI (contract of
release 0.3.64)
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import numpy as np

from editproof.pipelines.adapters.base import Service
from editproof.pipelines.adapters.comfyui_graph import Node, read_graph
from editproof.pipelines.adapters.comfyui_history import History, explain_refusal, name_node
from editproof.pipelines.adapters.comfyui_roles import NodeFields, find_roles
from editproof.pipelines.adapters.errors import AdapterError, AnswerError, ServiceError
from editproof.pipelines.adapters.fields import read_table
from editproof.pipelines.adapters.pictures import PictureFile, encode_image, encode_mask
from editproof.pipelines.contract import ContractError, EditRequest, EditResult, Image, StageTrace
from editproof.pipelines.files import UnreadablePictureError, decode_image, read_size

SUBFOLDER = "editproof"
"""Of the server's folder for uploads."""

FIRST_POLL_S = 0.02
LONGEST_POLL_S = 0.25
MOST_ABSENT = 8
"""Polls in a row that find an edit neither in the history nor in the queue before it is lost."""

CANCEL_S = 5.0
"""Longest that taking an edit back may take."""

VERSIONS = ("os", "comfyui_version", "python_version", "pytorch_version", "argv")
"""What of the server's statistics can change a picture; of each device, its name and type."""


class Fields(NodeFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    FILES: ClassVar[tuple[str, ...]] = ("workflow",)

    workflow: str
    """The workflow's file, in the API format."""
    server: str = "http://127.0.0.1:8188"
    concurrency: int = 1
    mask: Literal["white", "black"] = "white"
    """What means "edit here" to the workflow; black: it inverts the mask itself."""

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`comfyui:WORKFLOW.json`"""
        return {"workflow": target}

    @property
    def address(self) -> str:
        """The server's URL."""
        return self.server.rstrip("/") + "/"

    @property
    def label(self) -> str:
        """The workflow's name."""
        return Path(self.workflow).stem

    @property
    def reaches(self) -> str:
        """What is read, and where pictures would be sent."""
        return f"read the workflow {self.workflow} and {super().reaches}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the picture of a node is found after an edit."""

    id: str
    """The node whose pictures the history lists."""
    added: Mapping[str, Mapping[str, Any]]
    """Nodes that are added to the workflow for it."""


class ComfyUI(Service[Fields]):
    """A workflow on a running server."""

    def __init__(self, fields: Fields) -> None:
        """Raises ContractError where the workflow can't be used, or the server lacks a node of it;
        AdapterError where the server does not answer.
        """
        self._graph = read_graph(Path(fields.workflow))
        self._roles = find_roles(self._graph, fields)
        super().__init__(fields)
        try:
            self._classes = self._ask_classes()
            self._server = self._ask_versions()
            self._shown = {
                node.id: self._show(node)
                for node in (self._roles.output, *(node for _, node in self._roles.stages))
            }
        except Exception:
            self.close()
            raise
        self.fingerprint = self.identify(
            {"workflow": self._graph.hash, "server": self._server, "classes": self._classes}
        )
        self.stochastic = fields.stochastic and bool(self._roles.seeds)
        self.capabilities = replace(
            self.capabilities,
            needs_mask=fields.needs_mask and self._roles.mask is not None,
            takes_seed=fields.seed and bool(self._roles.seeds),
        )

    def make_edit(self, request: EditRequest) -> EditResult:
        """Ask for one edit."""
        prompt_id = self._queue(self._write_prompt(request))
        try:
            history = self._await_end(prompt_id)
        except AdapterError:
            self._cancel(prompt_id)
            raise
        output = self._shown[self._roles.output.id].id
        history.check(output)
        images = history.list_images(output)
        if not images:
            raise AnswerError(
                f"{name_node(self._graph, self._roles.output.id)} gave no picture. Pictures came"
                f" from: {', '.join(history.makers) or 'nowhere'}. Name the right node:"
                ' output_node = "…"'
            )
        data = self._download(images[0])
        stages = tuple(self._trace(name, node, history) for name, node in self._roles.stages)
        self._check_server()
        config = {"workflow": self._graph.hash, "comfyui": self._server["comfyui_version"]}
        return _finish(self.read_result(data, request, config), stages, len(images))

    def _write_prompt(self, request: EditRequest) -> dict[str, Any]:
        """The workflow as it is queued for this request, its pictures uploaded."""
        image, mask = self._encode(request)
        filled = self._roles.fill(
            self._graph,
            self._upload(image),
            self._upload(mask) if mask else "",
            request.prompt,
            request.seed,
        )
        shown = itertools.chain.from_iterable(one.added.items() for one in self._shown.values())
        return {**filled, **dict(shown)}

    def _encode(self, request: EditRequest) -> tuple[PictureFile, PictureFile | None]:
        """The files of image and mask; None: the image's file holds the mask, or none is taken."""
        if self._roles.mask is None:
            return encode_image(request.image, self.fields.image_format), None
        if request.mask is None:
            raise ContractError(f"{self._graph.where} needs a mask: it does not find one itself")
        mask = request.mask if self.fields.mask == "white" else 1 - request.mask
        if self._roles.mask == self._roles.image:
            return encode_mask(mask, "soft_alpha", request.image), None
        # The mask in every channel: in colour as it is, in alpha as ComfyUI reads it, 1 - alpha.
        painted = np.repeat(mask[..., None], 3, axis=2)
        return (
            encode_image(request.image, self.fields.image_format),
            encode_mask(mask, "soft_alpha", painted),
        )

    def _upload(self, picture: PictureFile) -> str:
        """Send a file under a new name; gives the name by which a node loads it."""
        name = f"{uuid.uuid4().hex}-{picture.name}"
        answer = self._ask_table(
            "POST",
            "upload/image",
            fields={"overwrite": "true", "subfolder": SUBFOLDER, "type": "temp"},
            files={"image": (name, picture.data, picture.media_type)},
        )
        given, folder, kind = (answer.get(key) or "" for key in ("name", "subfolder", "type"))
        if not given:
            raise AnswerError(f"{self.fields.address}upload/image names no file in its answer")
        path = f"{folder}/{given}" if folder else given
        return f"{path} [{kind}]" if kind and kind != "input" else path

    def _queue(self, prompt: Mapping[str, Any]) -> str:
        """Queue the workflow; gives its id."""
        body = {"prompt": prompt, "client_id": uuid.uuid4().hex}
        answer = self._ask_table("POST", "prompt", json=body, accepts={400})
        prompt_id = answer.get("prompt_id")
        if refused := explain_refusal(answer, self._graph):
            if prompt_id:
                self._cancel(str(prompt_id))
            raise ServiceError(f"ComfyUI refuses {self._graph.where}: {refused}")
        if not prompt_id:
            raise AnswerError(f"{self.fields.address}prompt gave no prompt_id: {answer}")
        return str(prompt_id)

    def _await_end(self, prompt_id: str) -> History:
        absent = 0
        for pause_s in _list_pauses():
            self.client.wait(pause_s)
            entry = self._ask_table("GET", f"history/{quote(prompt_id)}").get(prompt_id)
            if entry and (history := History(entry, self._graph)).is_over:
                return history
            if pause_s == LONGEST_POLL_S:
                absent = 0 if entry or self._find_in_queue(prompt_id) else absent + 1
            if absent == MOST_ABSENT:
                break
        raise ServiceError(
            f"{self.fields.address} no longer knows the edit: the server was restarted meanwhile,"
            " or its queue was cleared. `editproof run --resume` makes it again"
        )

    def _cancel(self, prompt_id: str) -> None:
        """Take an edit back, as far as the server can be asked."""
        try:
            with self.client.last_words(CANCEL_S):
                self.client.ask("POST", "queue", json={"delete": [prompt_id]})
                if self._find_in_queue(prompt_id) == "queue_running":
                    self.client.ask("POST", "interrupt", json={"prompt_id": prompt_id})
        except AdapterError:
            return  # what went wrong before is what is reported

    def _find_in_queue(self, prompt_id: str) -> str:
        """`queue_running` or `queue_pending`; empty: it is in neither."""
        queue = self._ask_table("GET", "queue")
        for part in ("queue_running", "queue_pending"):
            if any(prompt_id in item[:2] for item in queue.get(part) or []):
                return part
        return ""

    def _download(self, image: Mapping[str, str]) -> bytes:
        place = {key: image.get(key, "") for key in ("filename", "subfolder", "type")}
        return self.client.ask("GET", "view", params=place).body

    def _trace(self, name: str, node: Node, history: History) -> StageTrace:
        """A stage: its picture, as large as it is."""
        images = history.list_images(self._shown[node.id].id)
        if not images:
            return StageTrace(name, 0.0, f"node {node} gave no picture")
        artefact = self._read_artefact(self._download(images[0]), node)
        return StageTrace(name, 0.0, _count(len(images)), artefact)

    def _read_artefact(self, data: bytes, node: Node) -> Image:
        try:
            height, width = read_size(data)
            if height * width > self.fields.max_pixels:
                raise AnswerError(f"node {node} gave {width}×{height}, more than max_pixels")
            return decode_image(data)[0]
        except UnreadablePictureError as error:
            raise AnswerError(f"node {node} gave what can't be read: {error}") from error

    def _show(self, node: Node) -> Shown:
        """How the node's picture is had: it saves one itself, or nodes that do are added to it."""
        about = self._classes[node.kind]
        if about["output_node"]:
            return Shown(node.id, {})
        for slot, kind in enumerate(about["output"]):
            if kind in {"IMAGE", "MASK"}:
                return _add_preview(node, slot, kind)
        raise ContractError(
            f"{self._graph.where}: node {node} gives no image or mask, but"
            f" {', '.join(map(str, about['output'])) or 'nothing'}. Name one that does, such as the"
            " decoder behind it"
        )

    def _ask_classes(self) -> dict[str, Mapping[str, Any]]:
        """What the server says of each node class of the workflow, as far as it can matter. Raises
        ContractError where it does not know one.
        """
        kinds = sorted({node.kind for node in self._graph})
        known = {
            kind: self._ask_table("GET", f"object_info/{quote(kind, safe='')}").get(kind)
            for kind in kinds
        }
        unknown = [node for node in self._graph if not known[node.kind]]
        if unknown:
            raise ContractError(
                f"{self._graph.where}: the server at {self.fields.address} does not know"
                f" {', '.join(map(str, unknown))}. Install the custom nodes that bring them"
            )
        return {kind: _keep_relevant(about) for kind, about in known.items() if about}

    def _ask_versions(self) -> dict[str, Any]:
        """What the server says of itself, as far as it can matter."""
        stats = self._ask_table("GET", "system_stats")
        system = stats.get("system") or {}
        if "comfyui_version" not in system:
            raise AdapterError(
                f"{self.fields.address} is not a ComfyUI server: its system_stats name no version"
            )
        devices = [
            {"name": device.get("name"), "type": device.get("type")}
            for device in stats.get("devices") or []
        ]
        return {**{key: system.get(key) for key in VERSIONS}, "devices": devices}

    def _check_server(self) -> None:
        """Raise ServiceError where it is another than when the run began."""
        now = self._ask_versions()
        if now == self._server:
            return
        changed = [
            f"{key} was {self._server[key]}, is {now[key]}"
            for key in now
            if now[key] != self._server[key]
        ]
        raise ServiceError(
            f"the server at {self.fields.address} changed during the run:"
            f" {'; '.join(changed)}. Start another run"
        )

    def _ask_table(self, method: str, url: str, **asked: Any) -> Mapping[str, Any]:
        """An answer that must be a JSON object."""
        answer = self.client.ask(method, url, **asked)
        table = answer.json()
        if not isinstance(table, dict):
            raise AnswerError(f"{answer.url} answered with {type(table).__name__}, not an object")
        return table


def build(table: str) -> ComfyUI:
    """The pipeline that the fields describe."""
    return ComfyUI(read_table(table, Fields))


def _add_preview(node: Node, slot: int, kind: str) -> Shown:
    """Nodes that save what comes out of a node's slot."""
    source: list[Any] = [node.id, slot]
    added: dict[str, Mapping[str, Any]] = {}
    if kind == "MASK":
        converter = f"editproof-mask-{node.id}"
        added[converter] = {"class_type": "MaskToImage", "inputs": {"mask": source}}
        source = [converter, 0]
    preview = f"editproof-preview-{node.id}"
    added[preview] = {"class_type": "PreviewImage", "inputs": {"images": source}}
    return Shown(preview, added)


def _finish(result: EditResult, stages: tuple[StageTrace, ...], images: int) -> EditResult:
    """The result with the workflow's stages before the whole. Where there are stages, the whole
    shows its picture, so that it is named where they are all as before.
    """
    whole = result.stages[-1]
    said = ", ".join(part for part in (whole.decision, _count(images)) if part)
    artefact = result.image if stages else None
    return replace(result, stages=(*stages, replace(whole, decision=said, artefact=artefact)))


def _count(images: int) -> str:
    return f"the first of {images} pictures" if images > 1 else ""


def _list_pauses() -> Iterator[float]:
    """How long to wait before each look: short edits are timed well, long ones looked at rarely."""
    pause_s = FIRST_POLL_S
    while True:
        yield pause_s
        pause_s = min(LONGEST_POLL_S, 1.2 * pause_s)


def _keep_relevant(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what the server says of a class: no lists of files, which grow with each upload."""
    kept = {key: about.get(key) for key in ("python_module", "input_order")}
    return {
        **kept,
        "output": about.get("output") or [],
        "output_node": bool(about.get("output_node")),
    }
