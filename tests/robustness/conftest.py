from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where it is, a thousand flushes take no time


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where the system has such folders."""
    if not SHARED_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield Path(folder)
