"""What a run on a cluster needs of the settings, and what it says of itself meanwhile."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from editproof.harness.cluster.orders import ClusterOrder, ClusterState, Resources
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import MANIFEST, load_manifest
from editproof.harness.records.run_status import STATUS, RunStatus, encode_status
from editproof.harness.retention.sizes import parse_size
from editproof.harness.running.runner import RunConfig
from editproof.harness.stores.copies import find_origin
from editproof.harness.stores.objects import ObjectFolder, StoreError
from editproof.harness.suites.settings import Project, ResourceSettings

CLIENT_PORT = 10001
"""Where Ray's head takes clients, unless it was told otherwise."""

PASSED_ON = ("EDITPROOF_DEVICE", "EDITPROOF_LPIPS_WEIGHTS")
"""Variables that hold on the nodes as they do here. Secrets are not among them: nodes have their
own.
"""

WRITE_EVERY_S = 5.0

MIN_FOR_ESTIMATE = 8
"""The first cases wait for workers to start and tell nothing about the rest."""


def make_order(on: str, pin: str, jobs: int, project: Project, config: RunConfig) -> ClusterOrder:
    """What the cluster is told. Raises UsageError where `on` names none, or the settings give
    resources to a model that the run does not have.
    """
    settings = project.settings
    named = {model.name for model in config.suite.models}
    unknown = sorted(settings.resources.keys() - named - settings.pipelines.keys())
    if unknown:
        raise UsageError(
            f"{project.source}: [resources.{unknown[0]}] is of no model of this run: there are"
            f" {', '.join(sorted(named))}"
        )
    before = load_manifest(config.folder).machine.get("device", "") if config.resume else ""
    return ClusterOrder(
        address=_read_address(on),
        resources={
            name: _read_resources(settings.resources.get(name, ResourceSettings()))
            for name in named
        },
        start=str(Path.cwd()),
        environ={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        jobs=jobs,
        pin=pin or settings.cluster.pin or before,
        silent_s=settings.cluster.silent_s,
        limits=settings.limits,
        resuming=config.resuming,
    )


def _read_address(on: str) -> str:
    if on == "ray":
        return "auto"
    host = on.removeprefix("ray://")
    if host == on or not host or "/" in host:
        raise UsageError(f"--on is {on!r}: write ray, or ray://HOST")
    return on if ":" in host else f"{on}:{CLIENT_PORT}"


def _read_resources(stated: ResourceSettings) -> Resources:
    memory = parse_size(stated.memory, "memory") if stated.memory else 0
    return Resources(stated.cpus, stated.gpus, memory, stated.runtime_env)


class StatusWriter:
    """Keeps `status.json` of a run, and what its progress line says."""

    def __init__(self, folder: Path, on: str) -> None:
        self._folder, self._url = folder, find_origin(folder)
        self._start, self._written = time.monotonic(), 0.0
        self._first: int | None = None
        self._state = ClusterState()
        now = _say_time(datetime.now(UTC))
        self._status = RunStatus(
            "running", on, platform.node(), now, now, 0, 0, 0, 0.0, nodes=0, gpus=0, workers=0
        )

    def take_state(self, state: ClusterState) -> None:
        """Take down how many take part."""
        self._state = state
        self._write_if_due()

    def note(self, record: CaseRecord, done: int, total: int) -> None:
        """Take down a finished case."""
        if self._first is None:
            self._first, self._start = done - 1, time.monotonic()
        made = done - self._first
        speed = made / max(time.monotonic() - self._start, 1e-3)
        failed = self._status.failed + (record.error is not None)
        self._status = replace(
            self._status, done=done, total=total, failed=failed, cases_per_s=round(speed, 3)
        )
        self._write_if_due()

    def describe(self) -> str:
        """`3 failed, 2 nodes, 4 GPUs, 4 workers, ends about 14:32`."""
        failed = f"{self._status.failed} failed" if self._status.failed else ""
        end = estimate_end(self._status)
        ends = f"ends about {end.astimezone():%H:%M}" if end else ""
        return ", ".join(filter(None, (failed, self._state.describe(), ends)))

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Say in the end how it ended."""
        state: Literal["stopped", "done"] = "stopped"
        try:
            yield
            state = "done"
        finally:
            self._state = ClusterState(dashboard=self._state.dashboard)
            self._status = replace(self._status, state=state)
            self._write()

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write()

    def _write(self) -> None:
        """Write the file, once there is a run."""
        self._written = time.monotonic()
        state = self._state
        status = replace(
            self._status,
            updated=_say_time(datetime.now(UTC)),
            nodes=state.nodes,
            gpus=state.gpus,
            workers=state.workers,
            dashboard=state.dashboard,
        )
        if not (self._folder / MANIFEST).is_file():
            return
        data = encode_status(status)
        with suppress(OSError, StoreError):  # a full disk or bucket stops the run where it must
            write_atomically(self._folder / STATUS, data, durable=False)
            if self._url:
                ObjectFolder(self._url).write(STATUS, data)


def estimate_end(status: RunStatus) -> datetime | None:
    """When the run will be done if it goes on like this; None: nothing can be said yet."""
    if status.done < MIN_FOR_ESTIMATE or status.done >= status.total or not status.cases_per_s:
        return None
    left_s = (status.total - status.done) / status.cases_per_s
    return datetime.fromisoformat(status.updated) + timedelta(seconds=left_s)


def _say_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
