"""A fake ComfyUI server, and workflows loaded as its pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.adapters.comfyui.edits import Maker
from tests.pipelines.adapters.fake_comfyui import FakeComfyUI, FakeServer


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running
        running.shutdown()


@pytest.fixture
def fake(server: FakeServer) -> FakeComfyUI:
    """A server without failures, just started."""
    server.comfyui = FakeComfyUI()
    return server.comfyui


@pytest.fixture
def make(tmp_path: Path, server: FakeServer, fake: FakeComfyUI) -> Iterator[Maker]:
    maker = Maker(tmp_path, server.url)
    yield maker
    for pipeline in maker.made:
        pipeline.close()
