"""Which processes descend from one, and when a process began. Linux tells; elsewhere nothing is
known.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

IS_LINUX = sys.platform == "linux"

_SET_DEATH_SIGNAL = 1
_SET_NAME = 15
_SET_SUBREAPER = 36
"""Of prctl(2)."""

_PROC = Path("/proc")


def adopt_orphans() -> None:
    """From now on, a descendant whose parent ends becomes a child of this process, whatever session
    it has moved to.
    """
    _call_prctl(_SET_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """Have the system kill this process when its parent ends: a stopped process too, and one that
    holds the interpreter's lock.

    The parent must have one thread only, since the system means the thread that forked.
    """
    _call_prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the system knew
        os._exit(1)


def take_name(name: str) -> None:
    """Call this process so, in at most 15 letters."""
    _call_prctl(_SET_NAME, name.encode())


def find_descendants(ancestor: int, spare: str = "") -> list[int]:
    """Every process below that one, parents first; without those of the name to spare, and all
    below them.
    """
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        name, fields = _read_stat(folder)
        if fields and (not spare or name != spare):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [ancestor]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def start_of(pid: int) -> int:
    """When a process began, in clock ticks since the system did; 0: the process does not exist, or
    the system does not say.
    """
    _, fields = _read_stat(_PROC / str(pid))
    return int(fields[19]) if fields else 0


def _read_stat(folder: Path) -> tuple[str, list[str]]:
    """A process's name, and the fields of /proc/PID/stat from the state on; none: it has ended."""
    try:
        text = (folder / "stat").read_text(errors="replace")
    except OSError:
        return "", []
    front, _, rest = text.rpartition(")")  # a name may hold blanks and brackets
    return front.partition("(")[2], rest.split()


def _call_prctl(option: int, argument: int | bytes) -> None:
    if IS_LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0)
