"""Worker processes: which gets what to do, and what becomes of cases whose worker dies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from multiprocessing.connection import wait

from editproof.harness.processes.child import Child, ChildDiedError
from editproof.harness.records.types import CaseError, CaseRecord
from editproof.harness.running.worker import Work, WorkerSetup


def in_workers(setup: WorkerSetup, jobs: int, work: Sequence[Work]) -> Iterable[CaseRecord]:
    """Do the work in `jobs` workers and give each record as it is finished. Work on one scene stays
    in one worker.
    """
    queue = _SceneQueue(work)
    workers = [_Worker(setup, number) for number in range(min(jobs, len(work)))]
    try:
        for worker in workers:
            worker.start(queue.next_for(worker.number))
        while busy := [worker for worker in workers if worker.work]:
            ready = wait([worker.child.connection for worker in busy])
            for worker in busy:
                if worker.child.connection in ready:
                    yield from worker.finish()
                    worker.start(queue.next_for(worker.number))
    finally:
        for worker in workers:
            worker.child.stop()


class _SceneQueue:
    """Hands out work so that a worker stays with a scene while there is some; an idle one helps
    with the largest rest.
    """

    def __init__(self, work: Sequence[Work]) -> None:
        scenes: dict[tuple[object, ...], deque[Work]] = {}
        for one in work:
            scenes.setdefault(one.cases[0].scene_key, deque()).append(one)
        self._waiting = deque(scenes.values())
        self._current: dict[int, deque[Work]] = {}

    def next_for(self, worker: int) -> Work | None:
        """What the worker does next; None when all is handed out."""
        if not self._current.get(worker):
            if self._waiting:
                self._current[worker] = self._waiting.popleft()
            else:
                self._current[worker] = max(self._current.values(), key=len, default=deque())
        return self._current[worker].popleft() if self._current[worker] else None


class _Worker:
    """One worker process and what it is at."""

    def __init__(self, setup: WorkerSetup, number: int) -> None:
        self.number = number
        self.work: Work | None = None
        self._setup = replace(setup, name=f"worker-{number}")
        self.child = self._spawn()

    def start(self, work: Work | None) -> None:
        """Hand over work; None: the worker rests."""
        self.work = work
        if work is None:
            return
        try:
            self.child.send(work)
        except ChildDiedError:  # it died between two cases
            self.child = self._spawn()
            self.child.send(work)

    def finish(self) -> tuple[CaseRecord, ...]:
        """The records of the work at hand; where the worker itself died, error records, and a fresh
        worker.
        """
        if self.work is None:
            raise RuntimeError("the worker has nothing at hand")
        try:
            records: tuple[CaseRecord, ...] = self.child.receive()
        except ChildDiedError as error:
            self.child = self._spawn()
            summary = f"the worker died: {error}"
            failure = CaseError("WorkerDied", summary, error.said or summary)
            return tuple(
                CaseRecord(case, "error", summary, 0.0, cached=False, error=failure)
                for case in self.work.cases
            )
        return records

    def _spawn(self) -> Child:
        child = Child(
            "editproof.harness.running.worker", log=self._setup.logs / f"{self._setup.name}.log"
        )
        child.send(self._setup)
        return child
