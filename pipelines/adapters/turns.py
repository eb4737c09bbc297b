"""Whose turn it is at a service that makes only so many edits at a time, whichever process asks.

Each turn is a file in the user's temporary folder, locked while an edit is made. The system frees
the lock of a process that ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.02


@contextmanager
def take_turn(address: str, concurrency: int) -> Iterator[float]:
    """Wait until fewer than `concurrency` edits of the service are being made; gives how long it
    took, seconds. Others wait until the block ends.
    """
    start = time.monotonic()
    file = _lock_any(_make_folder(address), concurrency)
    try:
        yield time.monotonic() - start
    finally:
        os.close(file)


def _make_folder(address: str) -> Path:
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"editproof-turns-{os.getuid()}" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder.parent} belongs to another user: remove it, or set TMPDIR")
    return folder


def _lock_any(folder: Path, concurrency: int) -> int:
    """A locked file of the folder, as soon as one is free."""
    while True:
        for number in range(concurrency):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(folder / str(number), flags, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
            else:
                return file
        time.sleep(POLL_S)
