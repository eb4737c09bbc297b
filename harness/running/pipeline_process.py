"""A process that pipelines run in, as whoever asks them sees it: it loads them first, and a fresh
one takes its place where it died.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from editproof.harness.processes.child import Child, ChildDiedError
from editproof.harness.records.cases import CaseError, Effort
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.process_limits import ProcessLimits
from editproof.pipelines.contract import EditRequest, EditResult

LOAD_HINT = ". The setting load_timeout_s gives it longer"

Say = Callable[[str], None]
"""Called with one line about what is waited for."""


DIED = "PipelineDied"
"""The kind of error of a process that ended, or had to be ended."""


class PipelineError(Exception):
    """What a pipeline raised, or what became of its process."""

    def __init__(self, error: CaseError) -> None:
        super().__init__(error.message)
        self.error = error


class PipelineProcess:
    """Runs pipelines. Whatever goes wrong is a PipelineError; the next request starts with a fresh
    process where the last one ended, or said something that nobody had asked for.
    """

    def __init__(
        self, log: Path, limits: ProcessLimits, timeout_s: float, *, askers: int = 1
    ) -> None:
        """`askers`: how many processes may ask the same service at a time."""
        self.log = log
        """What the pipelines print."""
        self.has_died = False
        """Whether a process of it ended, or had to be ended."""
        self._limits = limits
        self._timeout_s = timeout_s
        self._askers = askers
        self._child: Child | None = None
        self._infos: dict[str, PipelineInfo] = {}

    def describe(self, spec: str, say: Say | None = None) -> PipelineInfo:
        """Load a pipeline, and give what it says of itself. Loading has a limit of its own."""
        child = self._find_child()
        if spec not in self._infos:
            limit_s = self._limits.load_timeout_s
            line = f"loading {spec} takes a while: at most {limit_s:g} s (load_timeout_s)"
            self._infos[spec] = self._ask(
                child, limit_s, "describe", spec, on_wait=partial(say, line) if say else None
            )
        return self._infos[spec]

    def edit(self, spec: str, request: EditRequest) -> tuple[EditResult, Effort]:
        """Make one edit."""
        child = self._load(spec)
        timeout_s = self._timeout_s * self._count_turns(spec)
        answer: tuple[EditResult, Effort] = self._ask(child, timeout_s, "edit", spec, request)
        return answer

    def _count_turns(self, spec: str) -> int:
        """How many edits may have to end before this one does: others' and itself."""
        at_once = self._infos[spec].capabilities.concurrency
        return math.ceil(self._askers / at_once) if at_once else 1

    def find_differing_stages(self, good: str, bad: str, request: EditRequest) -> tuple[str, ...]:
        """The stages of two pipelines that produce different outputs for the same input."""
        child = self._load(good, bad)
        names: tuple[str, ...] = self._ask(child, self._timeout_s, "differing", good, bad, request)
        return names

    def edit_with_swapped_stages(
        self, good: str, bad: str, request: EditRequest, from_bad: frozenset[str]
    ) -> EditResult:
        """The good pipeline's edit with some stages of the bad one."""
        child = self._load(good, bad)
        result: EditResult = self._ask(
            child, self._timeout_s, "swapped", good, bad, request, from_bad
        )
        return result

    def start(self) -> None:
        """Have the process ready, so that it can be interrupted from now on."""
        self._find_child()

    def interrupt(self) -> None:
        """End the request that is being answered, from any thread: it fails with PipelineError."""
        child = self._child
        if child:
            child.interrupt()

    def stop(self) -> None:
        """End the process, and everything it started."""
        self._infos = {}
        if self._child:
            self._child.stop()
            self._child = None

    def _find_child(self) -> Child:
        """The process, in good order."""
        if self._child and not self._child.is_ready():
            self.stop()
        if self._child is None:
            self._child = Child(
                "editproof.harness.running.pipeline_host",
                log=self.log,
                max_log_bytes=self._limits.max_log_bytes,
            )
        return self._child

    def _load(self, *specs: str) -> Child:
        """The process, with these pipelines loaded."""
        for spec in specs:
            try:
                self.describe(spec)
            except PipelineError as error:
                if error.error.kind != DIED:
                    raise
                message = f"loading {spec} failed: {error}"
                raise PipelineError(replace(error.error, message=message)) from error
        return self._find_child()

    def _ask(
        self,
        child: Child,
        timeout_s: float,
        *message: object,
        on_wait: Callable[[], None] | None = None,
    ) -> Any:
        try:
            reply = child.call(message, timeout_s=timeout_s, on_wait=on_wait)
        except ChildDiedError as error:
            self.stop()
            self.has_died = True
            hint = LOAD_HINT if error.is_late and message[0] == "describe" else ""
            failure = CaseError(DIED, f"{error}{hint}", error.printed or str(error))
            raise PipelineError(failure) from error
        if isinstance(reply, CaseError):
            raise PipelineError(reply)
        return reply
