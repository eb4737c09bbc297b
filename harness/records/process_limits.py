"""What a pipeline's process may take, beside the time of an edit."""

from __future__ import annotations

from dataclasses import dataclass

LOAD_TIMEOUT_S = 600.0
MAX_LOG_MIB = 16


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """As the settings say."""

    load_timeout_s: float = LOAD_TIMEOUT_S
    """How long a pipeline may take to load its models."""
    max_log_mib: int = MAX_LOG_MIB
    """How much of what a process prints is kept: the first and the last half of it."""

    @property
    def max_log_bytes(self) -> int:
        """The same in bytes."""
        return self.max_log_mib << 20


DEFAULT_LIMITS = ProcessLimits()
