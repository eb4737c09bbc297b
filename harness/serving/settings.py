"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from editproof.pipelines.contract import Param

DATABASE_FILE = "service.sqlite"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. What is beyond it gets a problem that names the limit."""

    max_body_mib: int = 32
    """Size of a request's body."""
    max_pixels: int = 16_000_000
    """Pixels of a picture that comes in."""
    max_output_pixels: int = 64_000_000
    """Pixels of a picture that is made."""
    body_timeout_s: float = 60.0
    """Longest that a body may take to arrive."""
    edit_timeout_s: float = 120.0
    """Longest that an edit or a stage may take, waiting included. It ends at the next stage."""
    queue: int = 16
    """Edits that may wait for their turn; one is made at a time."""
    jobs: int = 1000
    """Jobs of one key that may wait."""
    job_timeout_s: float = 3600.0
    """Longest that the edit of a job may take."""
    cache_mib: int = 256
    """Memory for pictures that were decoded already."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """A server."""

    folder: Path
    """Where it keeps its database and its pictures."""
    host: str = "127.0.0.1"
    port: int = 8077
    """0: a free one."""
    needs_key: bool = False
    """Whether requests need a key on this machine, too. Beyond it they always do."""
    pipeline: Mapping[str, Param] = field(default_factory=dict)
    """Settings of the reference pipeline by dotted name, for every edit that does not say
    otherwise. They may name files.
    """
    database: str = ""
    """URL of a PostgreSQL database; empty: SQLite in the folder."""
    store: str = ""
    """URL of a folder in an object store for the pictures; empty: the folder."""
    workers: int = 1
    """Processes, each of which makes one edit at a time."""
    keep: timedelta | None = None
    """How long what is not used stays; None: for ever."""
    limits: Limits = field(default_factory=Limits)

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.database or f"sqlite:///{self.folder / DATABASE_FILE}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def checks_keys(self) -> bool:
        """Whether a request without a key is refused."""
        return self.needs_key or not self.is_local


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
