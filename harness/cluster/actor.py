"""What runs on a node: an actor with a worker process below it, as `editproof run` has one.

The actor itself runs nobody's code and draws nothing, so it always answers `ping`. Its guards end
all below it when it ends, however it ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from editproof.harness.cluster.orders import ActorOrder, Answer, Introduction
from editproof.harness.processes.child import Child, ChildDiedError
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.errors import EditproofError, IncompleteError, UsageError
from editproof.harness.records.manifest import MANIFEST, PipelineInfo
from editproof.harness.records.process_limits import ProcessLimits
from editproof.harness.records.suites import Model
from editproof.harness.running.runner import describe
from editproof.harness.running.worker import Work, WorkerSetup
from editproof.harness.running.workers import WorkerProcess
from editproof.harness.stores.run_store import RunStore, open_run_store

PRINTED_BYTES = 8192
"""Of the end of each log that goes with a failed case."""

SETTLED_S = 0.3
MOST_S = 3.0
"""What is printed reaches the logs by another process, a little later. They are read once they did
not grow for so long, and after MOST_S as they are.
"""


class CaseActor:
    """Makes and measures edits on one node. What it can't do it answers as an error of ours."""

    def __init__(self, order: ActorOrder) -> None:
        self._number = order.number
        self._setup: WorkerSetup | None = None
        self._worker: WorkerProcess | None = None
        self._store: RunStore | None = None
        """Where finished cases go; None: the run lies in a folder that the driver writes."""
        os.environ.update(order.environ)
        with suppress(OSError):  # where the node lacks the folder, modules are found elsewhere
            os.chdir(order.start or ".")

    def introduce(self, limits: ProcessLimits) -> Introduction | EditproofError:
        """Say what of the machine determines numbers."""
        with scratch_folder() as scratch:
            asked = Child("editproof.harness.cluster.environment_process", log=scratch.path / "log")
            try:
                said = asked.call("", timeout_s=limits.load_timeout_s)
            except ChildDiedError as error:
                return IncompleteError(str(error))
            finally:
                asked.stop()
        return said if isinstance(said, EditproofError) else Introduction(said)

    def describe(
        self, models: Sequence[Model], limits: ProcessLimits
    ) -> dict[str, PipelineInfo] | EditproofError:
        """Load the pipelines once, and say what they are."""
        try:
            return describe(models, limits)
        except EditproofError as error:
            return error

    def prepare(self, setup: WorkerSetup, url: str) -> EditproofError | None:
        """Start the worker. `url`: the run's, empty where it lies in a folder. None: it can be
        given work.
        """
        self._stop_worker()
        if url:
            self._store = open_run_store(url)
            setup = replace(setup, folder=self._store.folder, accepted=None)
        elif not (setup.folder / MANIFEST).is_file():
            return UsageError(
                f"the node does not see the run's folder {setup.folder}. Put it on a disk that all"
                " nodes share, or at a URL"
            )
        self._setup = setup
        self._worker = WorkerProcess(setup, self._number)
        return None

    def take(self, work: Work) -> Answer | EditproofError:
        """Do the work, and store it where the run is at a URL."""
        if self._worker is None or self._setup is None:
            raise RuntimeError("the actor was not prepared")
        records = self._worker.take(work)
        if self._store:
            try:
                records = self._store.put(*records)
            except EditproofError as error:
                return error
        failed = any(record.error for record in records)
        return Answer(records, self._read_logs(self._setup.logs) if failed else "")

    def ping(self) -> None:
        """Show that the actor lives."""

    def _stop_worker(self) -> None:
        if self._worker:
            self._worker.child.stop()
            self._worker = None

    def _read_logs(self, folder: Path) -> str:
        """The end of what the worker and its pipelines printed."""
        name = f"worker-{self._number}"
        sizes: list[int] = []
        end = time.monotonic() + MOST_S
        while True:
            logs = [folder / f"{name}.log", *sorted(folder.glob(f"{name}-pipeline-*.log"))]
            known = [log for log in logs if log.is_file()]
            before, sizes = sizes, [log.stat().st_size for log in known]
            if sizes == before or time.monotonic() > end:
                return "".join(map(_read_end, known))
            time.sleep(SETTLED_S)


def _read_end(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - PRINTED_BYTES))
        text = file.read().decode(errors="replace")
    return f"--- {log.name}\n{text.rstrip()}\n" if text.strip() else ""
