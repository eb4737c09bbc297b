"""Which of the processes that a test has started are left."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

TAG = "EDITPROOF_TEST_TAG"

Tagged = Callable[[], list[int]]


def find_tagged(tag: str) -> list[int]:
    """Processes, not yet ended, that were started with the tag in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{TAG}={tag}".encode() in (path / "environ").read_bytes().split(b"\0"):
                state = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
                found += [int(path.name)] if state not in "ZX" else []
    return found


def wait_until(reached: Callable[[], object], seconds: float = 30.0) -> bool:
    """Whether it is so within the time."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def tagged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tagged]:
    """Give the processes that the test has started and that are left; end them after it."""
    tag = uuid.uuid4().hex
    monkeypatch.setenv(TAG, tag)
    yield lambda: find_tagged(tag)
    for pid in find_tagged(tag):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
