"""One edit at a time, in a thread of its own: others wait for their turn, and not for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from editproof.harness.serving.metrics import Metrics
from editproof.harness.serving.problems import Problem
from editproof.harness.serving.settings import Limits
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.reference import Program, Stage

T = TypeVar("T")

FIRST_GUESS_S = 1.0
"""What an edit is thought to take before the first was made."""

MEMORY = 0.2
"""Weight of the newest edit in the mean time of an edit."""


class StoppedError(Exception):
    """The edit was given up between two stages."""


class Watch:
    """Lets others see how far an edit is, and stop it before its next stage."""

    def __init__(self, on_stage: Callable[[str], bool] = lambda _: True) -> None:
        """`on_stage` is called with each stage's name; it answers whether the edit goes on."""
        self._stopped = threading.Event()
        self._on_stage = on_stage

    def stop(self) -> None:
        """Let the edit end before its next stage."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether it is to end."""
        return self._stopped.is_set()

    def enter(self, stage: str) -> None:
        """Say that a stage begins. Raises StoppedError where the edit is to end."""
        if self.is_stopped or not self._on_stage(stage):
            raise StoppedError


def watch_stages(program: Program, watch: Watch) -> Program:
    """The stages, each of which looks first whether it is still wanted."""
    return tuple((name, _watch_stage(name, stage, watch)) for name, stage in program)


def _watch_stage(name: str, stage: Stage, watch: Watch) -> Stage:
    def watched(edit: Edit) -> Step:
        watch.enter(name)
        return stage(edit)

    return watched


class Engine:
    """The thread that edits. OpenCV, ONNX and the patch model use several threads of their own, and
    the patch model's seed is the process's: two edits at once would disturb each other.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1, "editproof-edit")
        self._waiting = 0
        self._mean_s = FIRST_GUESS_S

    async def run(self, work: Callable[[Watch], T], watch: Watch | None = None) -> T:
        """Do the work when it is its turn. Raises Problem 429 where too many wait, 504 where it
        takes longer than `edit_timeout_s`.
        """
        if self._waiting > self._limits.queue:
            self._metrics.turned_away.inc()
            raise self._too_many()
        return await self.run_queued(work, watch or Watch(), self._limits.edit_timeout_s)

    async def run_queued(self, work: Callable[[Watch], T], watch: Watch, timeout_s: float) -> T:
        """The same for work that waits in a queue of its own."""
        self._waiting += 1
        self._metrics.waiting.inc()
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work, watch)
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.shield(future), timeout_s)
        except TimeoutError:
            watch.stop()
            raise Problem(
                504,
                "deadline_exceeded",
                f"The edit was not made within {timeout_s:g} s, and is given up.",
                remedy="Send a smaller picture, ask for a quicker model, or post it as a job.",
                limit_s=timeout_s,
            ) from None

    def close(self) -> None:
        """Wait for the edit that runs; drop those that wait."""
        self._pool.shutdown(cancel_futures=True)

    def _timed(self, work: Callable[[Watch], T], watch: Watch) -> T:
        if watch.is_stopped:
            raise StoppedError
        start = time.perf_counter()
        try:
            return work(watch)
        finally:
            taken_s = time.perf_counter() - start
            self._mean_s += MEMORY * (taken_s - self._mean_s)

    def _leave(self, future: asyncio.Future[T]) -> None:
        self._waiting -= 1
        self._metrics.waiting.dec()
        if not future.cancelled():
            future.exception()  # whoever waited may have left

    def _too_many(self) -> Problem:
        after_s = max(1, round(self._mean_s * self._waiting))
        return Problem(
            429,
            "queue_full",
            f"{self._waiting} edits wait already; at most {self._limits.queue} may.",
            remedy=f"Send it again after {after_s} s, or post it as a job.",
            headers={"Retry-After": str(after_s)},
            limit=self._limits.queue,
        )
