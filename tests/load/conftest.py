"""A server that is killed and started again, and questions whose answers are known."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from benchmarks.sections import write_section
from editproof.harness.pictures.files import encode_png
from editproof.pipelines import reference
from editproof.pipelines.array_file import encode_array
from editproof.pipelines.contract import EditRequest, Param
from tests.harness.serving.conftest import draw_image, hash_of

REQUESTS = int(os.environ.get("EDITPROOF_LOAD", "200"))
"""Of each test."""

EDGE = 24
HOLE = slice(10, 13)
"""So small that an edit costs little, and what is tried is the server."""

QUESTIONS = 40
SETTINGS: dict[str, Param] = {"harmonise.grain": True, "harmonise.colour": "none"}
"""Another picture for each seed."""


@dataclass(frozen=True)
class Question:
    """What is asked, and the hash of the right answer."""

    files: dict[str, tuple[str, bytes]]
    data: dict[str, str]
    answer: str


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    """Each has a picture and a seed of its own."""
    pipeline = reference.build(**SETTINGS)
    mask = np.zeros((EDGE, EDGE), np.float32)
    mask[HOLE, HOLE] = 1
    asked = []
    for seed in range(QUESTIONS):
        image = draw_image(EDGE, seed)
        made = pipeline(EditRequest(image, mask=mask, seed=seed)).image
        assert made is not None
        files = {"image": ("i.png", encode_png(image)), "mask": ("m.png", encode_png(mask))}
        data = {"seed": str(seed), "settings": json.dumps(SETTINGS)}
        asked.append(Question(files, data, hash_of(encode_array(made))))
    assert len({one.answer for one in asked}) == QUESTIONS
    return asked


class Killable:
    """A server process, at one address through all its deaths."""

    def __init__(self, folder: Path, *words: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "log.txt"
        self._command = [sys.executable, "-m", "editproof", "serve", "--port", str(port)]
        self._command += ["--folder", str(folder / "state"), "--set", "detect.text=false", *words]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(self._command, stderr=log)
        while process.poll() is None:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return process
            time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-2000:])

    def kill(self) -> None:
        """SIGKILL, then start again."""
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def kill_worker(self) -> None:
        """SIGKILL for one of its processes; the server starts it again."""
        before = self._count_ready()
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for child in children.split():
            with suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)
                    break
        while self._count_ready() == before and self.process.poll() is None:
            time.sleep(0.2)

    def _count_ready(self) -> int:
        """How many processes have begun to serve, ever."""
        return self.log.read_text().count('"event": "ready"')

    def stop(self) -> None:
        """As an administrator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    @property
    def resident_kib(self) -> int:
        """Memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


def ask_until_answered(client: httpx2.Client, path: str, question: Question, **more: Any) -> Any:
    """Ask as a careful client does: again where the server has died or is full."""
    while True:
        try:
            answer = client.post(
                path, files=question.files, data=question.data, timeout=120, **more
            )
        except httpx2.TransportError:
            time.sleep(0.3)
            continue
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
            time.sleep(0.3)
        elif answer.status_code != 503:
            return answer


def write_figures(title: str, *lines: str) -> None:
    """Print what was found, and put it into the page that EDITPROOF_LOAD_PAGE names."""
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    if page := os.environ.get("EDITPROOF_LOAD_PAGE"):
        write_section(Path(page), title, lines)


def median_of(values: list[float]) -> float:
    """The middle one."""
    return float(np.median(values))
