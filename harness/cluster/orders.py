"""What travels between a run, the process that speaks Ray, and the actors: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.process_limits import DEFAULT_LIMITS, ProcessLimits
from editproof.harness.retention.sizes import format_size
from editproof.harness.suites.cases import Environment

SILENT_S = 60.0
"""How long an actor may say nothing before its work is given to another."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a worker for a pipeline takes of a node."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0
    """Bytes; 0: it is not counted."""
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    """As Ray reads it: working folder, packages, container."""

    def describe(self) -> str:
        """`4 CPUs, 1 GPU, 24 GB`."""
        counts = [f"{self.cpus:g} CPU{'' if self.cpus == 1 else 's'}"]
        counts += [f"{self.gpus:g} GPU{'' if self.gpus == 1 else 's'}"] if self.gpus else []
        counts += [format_size(self.memory)] if self.memory else []
        return ", ".join(counts)


@dataclass(frozen=True, slots=True)
class ClusterOrder:
    """What the process that speaks Ray is told first."""

    address: str
    """`auto`, or `ray://HOST:PORT`."""
    resources: Mapping[str, Resources]
    """By model name; a model that is not named takes a core."""
    start: str
    """The folder that the command was started in: modules of pipelines are found from there."""
    environ: Mapping[str, str]
    """Variables that every actor sets."""
    jobs: int = 0
    """Most workers; 0: as many as there is room for."""
    pin: str = ""
    """A device, or a node: machines like that do the work; empty: all machines are alike."""
    silent_s: float = SILENT_S
    limits: ProcessLimits = DEFAULT_LIMITS
    resuming: str = ""
    """The command that continues the run."""


@dataclass(frozen=True, slots=True)
class ActorOrder:
    """What an actor is told first."""

    number: int
    start: str
    """Where modules of pipelines are found from; empty: the runtime environment says it."""
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Introduction:
    """What an actor says of itself."""

    environment: Environment


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a piece of work."""

    records: tuple[CaseRecord, ...]
    printed: str = ""
    """Where a case failed: the end of what its worker and its pipeline printed."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """How many take part."""

    nodes: int = 0
    gpus: float = 0.0
    workers: int = 0
    dashboard: str = ""
    """Address of Ray's dashboard; empty: there is none."""

    def describe(self) -> str:
        """`2 nodes, 4 GPUs, 8 workers`."""
        counts = [(self.nodes, "node"), (self.gpus, "GPU"), (self.workers, "worker")]
        shown = [(number, noun) for number, noun in counts if number or noun != "GPU"]
        return ", ".join(f"{number:g} {noun}{'' if number == 1 else 's'}" for number, noun in shown)


@dataclass(frozen=True, slots=True)
class News:
    """What has happened since the last time that somebody asked."""

    state: ClusterState
    lines: tuple[str, ...] = ()
    """For a person."""
    answers: tuple[Answer, ...] = ()
    described: Mapping[str, PipelineInfo] | None = None
    """All models, once all are known."""
    is_over: bool = False
    """Whether there is nothing more to come."""
