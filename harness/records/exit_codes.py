"""What a command's exit status means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    INCOMPLETE = 3
