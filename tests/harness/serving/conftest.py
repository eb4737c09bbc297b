"""A server in this process, and pictures to send it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from editproof.harness.pictures.files import encode_png
from editproof.harness.serving.app import make_app, make_service
from editproof.harness.serving.logs import set_up_logs
from editproof.harness.serving.running import address_of, open_server
from editproof.harness.serving.service import Service
from editproof.harness.serving.settings import ServiceSettings
from editproof.pipelines.array_file import encode_array
from editproof.pipelines.contract import Image, Mask

BASE = "http://127.0.0.1"
EDGE = 48


def draw_image(edge: int = EDGE, seed: int = 1) -> Image:
    """A picture with some texture, in 8 bits."""
    levels = np.random.default_rng(seed).integers(80, 160, (edge, edge, 3))
    return (levels / 255).astype(np.float32)


def draw_mask(edge: int = EDGE, at: int = 10) -> Mask:
    """A small square."""
    mask = np.zeros((edge, edge), np.float32)
    mask[at : at + 8, at : at + 8] = 1
    return mask


IMAGE, MASK = draw_image(), draw_mask()
IMAGE_PNG, MASK_PNG = encode_png(IMAGE), encode_png(MASK)
IMAGE_NPY, MASK_NPY = encode_array(IMAGE), encode_array(MASK)


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Server:
    """A server and a client of it."""

    client: TestClient
    service: Service

    def put(self, data: bytes) -> str:
        digest = hash_of(data)
        assert self.client.put(f"/v1/pictures/{digest}", content=data).status_code == 201
        return digest

    def edit(self, **question: Any) -> Any:
        return self.client.post("/v1/edit", json=question)


Start = Callable[..., Server]

set_up_logs()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server with other settings."""
    clients: list[TestClient] = []

    def build(**settings: Any) -> Server:
        given = {"folder": tmp_path / "state", "pipeline": {"detect.text": False}, **settings}
        service = make_service(ServiceSettings(**given))
        client = TestClient(make_app(service), base_url=BASE, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return Server(client, service)

    yield build
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the defaults, for all tests of a module."""
    service = make_service(ServiceSettings(tmp_path_factory.mktemp("server")))
    with TestClient(make_app(service), base_url=BASE, raise_server_exceptions=False) as client:
        yield Server(client, service)


@contextmanager
def serve_in_thread(settings: ServiceSettings) -> Iterator[str]:
    """A real server on a free port; gives its URL."""
    server, listening = open_server(settings)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server."""
    with serve_in_thread(ServiceSettings(tmp_path_factory.mktemp("running"), port=0)) as url:
        yield url


def wait_until_ready(url: str) -> None:
    """Wait for a server that is a process of its own."""
    with httpx2.Client(timeout=5, verify=False) as client:
        for _ in range(600):
            with suppress(httpx2.HTTPError):
                if client.get(f"{url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
    pytest.fail("the server did not become ready")


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    """For servers in processes of their own. One for all tests of a module, since each client loads
    the system's certificates, which takes longer than an edit.
    """
    with httpx2.Client() as client:
        yield client
