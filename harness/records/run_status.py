"""How far a run is, as its driver last said: `status.json`, for people elsewhere.

Runs on a cluster have it. The journal remains the truth about cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from editproof.harness.records.json_files import decode_json, encode_json, read_json

STATUS = "status.json"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What a driver says every few seconds."""

    state: Literal["running", "stopped", "done"]
    """`stopped`: the driver ended before all cases had."""
    on: str
    """The cluster, as it was named."""
    driver: str
    """The machine that the command runs on."""
    started: str
    """UTC, ISO 8601: when this command began."""
    updated: str
    """UTC, ISO 8601: when this was written."""
    done: int
    total: int
    failed: int
    """Of those that this command made."""
    cases_per_s: float
    """Of this command."""
    nodes: int
    gpus: float
    workers: int
    dashboard: str = ""
    """Address of Ray's dashboard; empty: there is none."""


def encode_status(status: RunStatus) -> bytes:
    """The content of `status.json`."""
    return encode_json(status)


def read_status(folder: Path) -> RunStatus | None:
    """What the driver last said; None: nothing. Raises DamagedError."""
    path = folder / STATUS
    return read_json(path, RunStatus) if path.is_file() else None


def decode_status(data: bytes, where: object) -> RunStatus:
    """As `read_status`, of a file's content. Raises DamagedError with `where`."""
    return decode_json(data, RunStatus, where, verified=True)
