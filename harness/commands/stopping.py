"""How a command ends that somebody stops: by Ctrl-C, or by SIGTERM."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""

TERMINATED = 143

STOPPED = frozenset({INTERRUPTED, TERMINATED})


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came. Whatever cleans up after Ctrl-C does after this."""


def take_sigterm() -> None:
    """From now on, SIGTERM ends the command as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _raise_terminated)


def exit_code_of(stop: KeyboardInterrupt) -> int:
    """What the command exits with."""
    return TERMINATED if isinstance(stop, TerminatedError) else INTERRUPTED


def leave_at_once(code: int) -> NoReturn:
    """End the process. The interpreter would take its libraries apart first, which takes most of a
    second, and whoever stops a command waits for it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _raise_terminated(*_: object) -> NoReturn:
    raise TerminatedError
