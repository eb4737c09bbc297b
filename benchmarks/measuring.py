"""What a process takes, as the system counts it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took."""

    seconds: float
    """Wall time."""
    cpu_s: float
    """Processor time, all threads together."""
    peak_gib: float
    """The most memory that it held."""
    load: float
    """Processes that ran or wanted to, over the last minute."""


def run_measured(words: Sequence[str], codes: Collection[int] = (0,)) -> Usage:
    """Run a program to its end, its numeric libraries on one thread. Raises RuntimeError where it
    ends with a code that is not one of `codes`.
    """
    start = time.perf_counter()
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=one_thread)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise RuntimeError(f"{words[0]} ended with {process.returncode}")
    peak_gib = usage.ru_maxrss * 1024 / 2**30  # Linux: KiB
    return Usage(seconds, usage.ru_utime + usage.ru_stime, peak_gib, os.getloadavg()[0])
