"""How much memory this process holds, now and at its peak. Only Linux says so."""

from __future__ import annotations

import contextlib
from pathlib import Path


def forget_peak() -> None:
    """From now on, the peak is that of what follows: also what the system's own tools then show of
    this process.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float | None:
    """The most resident memory since `forget_peak`, MB; None: the system does not say."""
    return _status_mb("VmHWM:")


def held_mb() -> float | None:
    """Resident memory now, MB; None: the system does not say."""
    return _status_mb("VmRSS:")


def _status_mb(name: str) -> float | None:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024 / 1e6
    return None
