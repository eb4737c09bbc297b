"""Worker processes: which gets what to do, and what becomes of cases whose worker dies."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from editproof.harness.processes.child import (
    TRANSFER_S,
    Child,
    ChildDiedError,
    stop_all,
    wait_for_any,
)
from editproof.harness.records.cases import CaseError, CaseRecord
from editproof.harness.running.scene_queue import SceneQueue
from editproof.harness.running.worker import Work, WorkerSetup


def in_workers(
    setup: WorkerSetup,
    jobs: int,
    work: Sequence[Work],
    ends_at: float | None = None,
    dropped: Container[str] = frozenset(),
) -> Iterable[Sequence[CaseRecord]]:
    """Do the work in `jobs` workers and give the records of cases that ended together, as they end.
    Work on one scene stays in one worker, which goes on before its records are taken. From
    `ends_at` on, seconds of the monotonic clock, nothing is begun; of a model that is `dropped`
    nothing from then on.
    """
    queue = SceneQueue(work, ends_at, dropped)
    workers = [WorkerProcess(setup, number) for number in range(min(jobs, len(work)))]
    try:
        for worker in workers:
            worker.start(queue.next_for(worker.number))
        while busy := [worker for worker in workers if worker.work]:
            patience_s = min(worker.time_left_s() for worker in busy)
            ready = wait_for_any([worker.child for worker in busy], patience_s)
            ended: list[CaseRecord] = []
            for worker in busy:
                if worker.child in ready or worker.time_left_s() <= 0:
                    ended += worker.finish()
                    worker.start(queue.next_for(worker.number))
            yield ended
    finally:
        stop_all([worker.child for worker in workers])


class WorkerProcess:
    """One worker process and what it is at."""

    def __init__(self, setup: WorkerSetup, number: int) -> None:
        self.number = number
        self.work: Work | None = None
        self._setup = replace(setup, name=f"worker-{number}")
        self._deadline = 0.0
        self.child = self._start_child()

    def start(self, work: Work | None) -> None:
        """Hand over work; None: the worker rests."""
        self.work = work
        if work is None:
            return
        if not self.child.is_ready():  # it died between two cases
            self.child.stop()
            self.child = self._start_child()
        self._deadline = time.monotonic() + self._setup.longest_s(work)
        with suppress(ChildDiedError):  # `finish` finds out
            self.child.send(work)

    def take(self, work: Work) -> tuple[CaseRecord, ...]:
        """Do the work and give its records."""
        self.start(work)
        wait_for_any([self.child], self.time_left_s())
        return self.finish()

    def time_left_s(self) -> float:
        """Until the worker is taken for hanging."""
        return max(0.0, self._deadline - time.monotonic())

    def finish(self) -> tuple[CaseRecord, ...]:
        """The records of the work at hand; where the worker itself died, error records, and a fresh
        worker.
        """
        if self.work is None:
            raise RuntimeError("the worker has no scene to work on")
        patience_s = TRANSFER_S if self.time_left_s() else 0.0
        longest_s = self._setup.longest_s(self.work)
        try:
            records: tuple[CaseRecord, ...] = self.child.receive(timeout_s=patience_s, of=longest_s)
        except ChildDiedError as error:
            self.child = self._start_child()
            summary = f"the worker died: {error}"
            failure = CaseError("WorkerDied", summary, error.printed or summary)
            return tuple(
                CaseRecord(case, "error", summary, 0.0, cached=False, error=failure)
                for case in self.work.cases
            )
        return records

    def _start_child(self) -> Child:
        child = Child(
            "editproof.harness.running.worker",
            log=self._setup.logs / f"{self._setup.name}.log",
            max_log_bytes=self._setup.limits.max_log_bytes,
        )
        child.send(self._setup)
        return child
