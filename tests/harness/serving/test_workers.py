"""Several processes as one server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from editproof.harness.records.json_files import is_alive
from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, wait_until_ready

pytestmark = pytest.mark.slow

WORKERS = 2


class Workers:
    """A server of several processes."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log.txt"
        words = ["serve", "--port", "0", "--workers", str(WORKERS), "--folder", str(folder / "s")]
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "editproof", *words]
            self.process = subprocess.Popen(command, stderr=log)
        while not (found := re.search(r"http://\S+\d", self.log.read_text())):
            assert self.process.poll() is None
            time.sleep(0.1)
        self.url = found[0]
        self.wait_for(WORKERS)
        wait_until_ready(self.url)

    def wait_for(self, ready: int) -> list[int]:
        """Numbers of all processes that ever were ready, once they are so many."""
        for _ in range(1200):
            lines = re.findall(r'"process": (\d+), "event": "ready"', self.log.read_text())
            if len(lines) >= ready:
                return [int(line) for line in lines]
            time.sleep(0.1)
        return pytest.fail(self.log.read_text()[-2000:])


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    """It is ended however the test ends."""
    running = Workers(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def test_one_that_dies_is_started_again(workers: Workers) -> None:
    """A job of its is made by another, and the numbers are those of all."""
    files = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}
    with httpx2.Client(base_url=workers.url, timeout=120) as client:
        direct = client.post("/v1/edit", files=files).json()["image"]
        jobs = [client.post("/v1/jobs", files=files).json()["id"] for _ in range(6)]
        os.kill(workers.wait_for(WORKERS)[0], signal.SIGKILL)
        workers.wait_for(WORKERS + 1)
        for job in jobs:
            with client.stream("GET", f"/v1/jobs/{job}/events") as events:
                assert '"state":"done"' in "".join(events.iter_text()).splitlines()[-2]
            assert client.get(f"/v1/edits/{job}").json()["image"] == direct
        numbers = client.get("/metrics").text
    counted = re.findall(r'editproof_edits_total\{status="done"\} (\d+)', numbers)
    assert int(counted[0]) >= len(jobs) + 1
    assert "editproof_queue 0.0" in numbers


def test_none_outlives_a_server_that_is_killed(workers: Workers) -> None:
    processes = workers.wait_for(WORKERS)
    workers.process.kill()
    workers.process.wait()
    for _ in range(100):
        if not any(is_alive(process) for process in processes):
            return
        time.sleep(0.1)
    pytest.fail("processes live on")
