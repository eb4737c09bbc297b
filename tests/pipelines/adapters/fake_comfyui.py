"""A ComfyUI server as its contract says (release 0.3.64), with the failures that it can have.

It runs a few node classes for real, keeps what nodes made, and answers an identical prompt with the
old pictures, as ComfyUI does.
"""

from __future__ import annotations

import email.parser
import email.policy
import io
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.float32]

OUTPUTS = {
    "CLIPTextEncode": ["CONDITIONING"],
    "ImageBatch": ["IMAGE"],
    "ImageToMask": ["MASK"],
    "InvertMask": ["MASK"],
    "KSampler": ["LATENT"],
    "LoadImage": ["IMAGE", "MASK"],
    "LoadImageMask": ["MASK"],
    "MaskToImage": ["IMAGE"],
    "Paint": ["IMAGE"],
    "PrimitiveInt": ["INT"],
    "PrimitiveString": ["STRING"],
}
SAVERS = {"SaveImage": "output", "PreviewImage": "temp"}


@dataclass
class FakeComfyUI:
    """What the server holds, what it was asked, and how it fails."""

    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """By type, subfolder and name."""
    history: dict[str, Any] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    """Prompts that never end."""
    prompts: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of POST /prompt."""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """Other POSTs, with their bodies."""
    cache: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, Any] = field(
        default_factory=lambda: {
            "system": {"comfyui_version": "0.3.64", "ram_free": 1, "argv": ["main.py"]},
            "devices": [{"name": "cpu", "type": "cpu", "vram_free": 1}],
        }
    )

    refusal: dict[str, Any] | None = None
    """POST /prompt answers 400 with it."""
    node_errors: dict[str, Any] = field(default_factory=dict)
    """POST /prompt queues the rest, and names these."""
    ending: list[Any] = field(default_factory=list)
    """Messages with which a prompt ends badly."""
    is_endless: bool = False
    forgets: bool = False
    """It restarts while a prompt runs."""
    looks_before_history: int = 0
    """How often a prompt that has ended is missing in the history."""
    is_empty: bool = False
    """Nodes give no pictures."""
    ignores_names: bool = False
    """It answers from its cache whatever the uploads are called."""
    renames: bool = False
    """Uploads get another name than was asked for."""
    lacks_files: bool = False
    """/view answers 404."""
    upgrades: bool = False
    """After a prompt it is of another release."""

    def submit(self, body: dict[str, Any]) -> tuple[int, Any]:
        """POST /prompt."""
        self.prompts.append(body)
        if self.refusal:
            return 400, self.refusal
        prompt_id = str(uuid.uuid4())
        if self.is_endless:
            self.running.append(prompt_id)
        elif not self.forgets:
            self.history[prompt_id] = self._run(body["prompt"])
        if self.upgrades:
            self.stats["system"] = {**self.stats["system"], "comfyui_version": "0.3.65"}
        return 200, {"prompt_id": prompt_id, "number": 1, "node_errors": self.node_errors}

    def look(self, prompt_id: str) -> Any:
        """GET /history/{prompt_id}."""
        if self.looks_before_history:
            self.looks_before_history -= 1
            return {}
        entry = self.history.get(prompt_id)
        return {prompt_id: entry} if entry else {}

    def upload(self, form: dict[str, Any]) -> Any:
        """POST /upload/image."""
        name = form["image"][0]
        assert form["overwrite"] == "true"
        place = (form.get("type", "input"), form.get("subfolder", ""))
        name = f"renamed {name}" if self.renames else name
        self.files[*place, name] = form["image"][1]
        return {"name": name, "subfolder": place[1], "type": place[0]}

    def _run(self, prompt: dict[str, Any]) -> Any:
        if self.ending:
            return {
                "outputs": {},
                "status": {"status_str": "error", "completed": False, "messages": self.ending},
            }
        nodes = {key: {**node, "_meta": None} for key, node in prompt.items()}
        if self.ignores_names:
            for node in nodes.values():
                node["inputs"] = {**node["inputs"], "image": ""}
        signature = json.dumps(nodes, sort_keys=True)
        cached = list(prompt) if signature in self.cache else []
        if not cached:
            self.cache[signature] = self._save_all(prompt)
        messages = [["execution_start", {}], ["execution_cached", {"nodes": cached}]]
        return {
            "outputs": {} if self.is_empty else self.cache[signature],
            "status": {"status_str": "success", "completed": True, "messages": messages},
        }

    def _save_all(self, prompt: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, node in prompt.items():
            if kind := SAVERS.get(node["class_type"]):
                images = self._evaluate(prompt, node["inputs"]["images"])
                made[key] = {"images": [self._save(kind, image) for image in images]}
        return made

    def _save(self, kind: str, image: Array) -> dict[str, str]:
        name = f"über & co+_{len(self.files):05}_.png"
        self.files[kind, "sub folder", name] = _encode(image)
        return {"filename": name, "subfolder": "sub folder", "type": kind}

    def _evaluate(self, prompt: dict[str, Any], value: Any) -> Any:
        """A value, or the output that a link means."""
        if not isinstance(value, list):
            return value
        node = prompt[value[0]]
        inputs = {name: self._evaluate(prompt, one) for name, one in node["inputs"].items()}
        return self._compute(node["class_type"], inputs)[value[1]]

    def _compute(self, kind: str, inputs: dict[str, Any]) -> tuple[Any, ...]:
        if kind in {"LoadImage", "LoadImageMask"}:
            return self._load(kind, inputs)
        return (COMPUTE[kind](inputs),)

    def _load(self, kind: str, inputs: dict[str, Any]) -> tuple[Any, ...]:
        path, _, folder = inputs["image"].removesuffix("]").partition(" [")
        subfolder, _, name = path.rpartition("/")
        picture = Image.open(io.BytesIO(self.files[folder or "input", subfolder, name]))
        has_alpha = "A" in picture.getbands()
        levels = np.asarray(picture.convert("RGBA"), np.float32) / 255
        unmasked = 1 - levels[..., 3] if has_alpha else np.zeros((64, 64), np.float32)
        if kind == "LoadImage":
            return [levels[..., :3]], unmasked
        channel = ("red", "green", "blue", "alpha").index(inputs["channel"])
        return (unmasked if channel == 3 else levels[..., channel],)

    def view(self, query: dict[str, str]) -> bytes | None:
        """GET /view."""
        return self.files.get((query["type"], query["subfolder"], query["filename"]))


def _paint(inputs: dict[str, Any]) -> list[Array]:
    """A colour by the seed, where the mask is; its blue is full."""
    mask = inputs["mask"][..., None]
    colour = np.array([inputs.get("seed", 0) % 256, 0, 255], np.float32) / 255
    return [image * (1 - mask) + mask * colour for image in inputs["image"]]


COMPUTE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ImageBatch": lambda inputs: inputs["image1"] + inputs["image2"],
    "ImageToMask": lambda inputs: inputs["image"][0][..., 0],
    "InvertMask": lambda inputs: 1 - inputs["mask"],
    "MaskToImage": lambda inputs: [np.repeat(inputs["mask"][..., None], 3, axis=2)],
    "Paint": _paint,
}
"""What a node makes; an image is a list, since it may be a batch."""


def _encode(image: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


class FakeServer(ThreadingHTTPServer):
    """Serves it on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comfyui = FakeComfyUI()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Print nothing."""

    def do_GET(self) -> None:
        fake, parts = self.server.comfyui, urlsplit(self.path)
        path = unquote(parts.path)
        if path == "/system_stats":
            return self._answer(200, fake.stats)
        if path == "/queue":
            return self._answer(
                200, {"queue_running": [[1, one] for one in fake.running], "queue_pending": []}
            )
        if path.startswith("/history/"):
            return self._answer(200, fake.look(path.rpartition("/")[2]))
        if path.startswith("/object_info/"):
            return self._answer(200, _describe(path.removeprefix("/object_info/")))
        if path == "/view" and not fake.lacks_files:
            data = fake.view({key: value[0] for key, value in parse_qs(parts.query).items()})
            if data is not None:
                return self._send(200, "image/png", data)
        return self._send(404, "text/plain", b"404: Not Found")

    def do_POST(self) -> None:
        fake = self.server.comfyui
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/upload/image":
            return self._answer(200, fake.upload(_read_form(self.headers["Content-Type"], body)))
        table = json.loads(body)
        if self.path == "/prompt":
            return self._answer(*fake.submit(table))
        fake.asked.append((self.path, table))
        if self.path == "/interrupt":
            fake.running.remove(table["prompt_id"])
        return self._send(200, "text/plain", b"")

    def _answer(self, status: int, table: Any) -> None:
        self._send(status, "application/json", json.dumps(table).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _describe(kind: str) -> Any:
    """GET /object_info/{kind}: empty where the class is unknown."""
    if kind in SAVERS:
        return {kind: {"output": [], "output_node": True, "python_module": "nodes"}}
    if kind in OUTPUTS:
        return {kind: {"output": OUTPUTS[kind], "output_node": False, "python_module": "nodes"}}
    return {}


def _read_form(kind: str, body: bytes) -> dict[str, Any]:
    """Fields of a multipart form; a file is its name and its bytes."""
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    form: dict[str, Any] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data: Any = part.get_payload(decode=True)
        file = part.get_filename()
        form[name] = (file, data) if file else data.decode()
    return form
