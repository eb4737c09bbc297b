"""Workflows for tests, edits by them, and what came of these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from editproof.pipelines.adapters.comfyui import ComfyUI, build
from editproof.pipelines.contract import EditRequest, EditResult, Image, Mask, StageTrace

Nodes = dict[str, dict[str, Any]]

LOAD = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}


def make_node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    meta = {"_meta": {"title": title}} if title else {}
    return {"class_type": kind, "inputs": inputs, **meta}


def make_graph(**changed: Any) -> Nodes:
    """Paints where a mask is; nodes can be added, replaced, or removed by None."""
    nodes = {
        "1": LOAD,
        "2": make_node("LoadImageMask", image="example.png", channel="red"),
        "5": make_node("Paint", image=["1", 0], mask=["2", 0], seed=7),
        "9": make_node("SaveImage", images=["5", 0]),
        **{name.removeprefix("n"): node for name, node in changed.items()},
    }
    return {name: node for name, node in nodes.items() if node is not None}


class Maker:
    """Loads a workflow as a pipeline of the fake server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.file = folder / "my graph ü.json"
        self.url = url
        self.made: list[ComfyUI] = []

    def __call__(self, nodes: Any, **fields: Any) -> ComfyUI:
        self.file.write_text(json.dumps(nodes))
        table = {"workflow": str(self.file), "server": self.url, **fields}
        self.made.append(build(json.dumps(table)))
        return self.made[-1]


def _picture() -> tuple[Image, Mask]:
    levels = np.random.default_rng(0).integers(0, 200, (24, 40, 3))
    mask = np.zeros((24, 40), np.float32)
    mask[5:12, 8:30] = 1
    return (levels / 255).astype(np.float32), mask


IMAGE, MASK = _picture()


def edit(pipeline: ComfyUI, **changed: Any) -> EditResult:
    return pipeline(EditRequest(**{"image": IMAGE, "mask": MASK, **changed}))


def image_of(result: EditResult) -> Image:
    """The picture, which must be there."""
    assert result.image is not None
    return result.image


def artefact_of(stage: StageTrace) -> Image:
    """The stage's picture, which must be there."""
    assert stage.artefact is not None
    return stage.artefact


def find_painted(result: EditResult) -> Mask:
    """Where the picture was painted over."""
    return (image_of(result)[..., 2] > 0.9).astype(np.float32)
