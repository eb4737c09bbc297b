"""The process in which pipelines run: theirs may crash, hang, leak or print; the run goes on.

Messages: ("describe", spec) -> PipelineInfo; ("edit", spec, request) -> (EditResult, Effort);
("differing", good, bad, request) -> names of stages; ("swapped", good, bad, request, from_bad) ->
EditResult. Whatever the pipeline raises comes back as a CaseError.
"""

from __future__ import annotations

import gc
import itertools
import math
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.plain_text import strip_control
from editproof.harness.records.types import CaseError, Effort, Param
from editproof.pipelines.contract import EditRequest, EditResult, Pipeline, StageTrace, check_result
from editproof.pipelines.loader import fingerprint, load, source_hash
from editproof.pipelines.memory import forget_peak, held_mb, peak_mb
from editproof.pipelines.swap import find_differing_stages, swap_stages

MAX_MESSAGE = 500
MAX_TRACEBACK = 20_000
"""Characters of a foreign text that are kept."""


def main(connection: Connection[Any, Any]) -> None:
    """Answer messages until the connection closes."""
    import cv2

    cv2.setNumThreads(1)
    while True:
        message = connection.recv()
        try:
            reply: object = ANSWERS[message[0]](*message[1:])
        except Exception as error:  # noqa: BLE001 - the per-case boundary: whatever a pipeline raises is that case's result
            reply = CaseError(
                _line(type(error).__name__),
                _one_line(error),
                strip_control(traceback.format_exc())[-MAX_TRACEBACK:],
            )
        connection.send(reply)


def describe(spec: str) -> PipelineInfo:
    """Load a pipeline and say what it is."""
    pipeline = _loaded(spec)
    stochastic = bool(getattr(pipeline, "stochastic", True))
    return PipelineInfo(
        spec, strip_control(fingerprint(spec, pipeline)), source_hash(spec), stochastic
    )


_turns = itertools.count()
"""Counts the edits of this process."""


def edit(spec: str, request: EditRequest) -> tuple[EditResult, Effort]:
    """Make one edit; give its result, reduced to plain data, and what it cost."""
    pipeline = _loaded(spec)
    forget_peak()
    start, start_cpu = time.perf_counter(), time.process_time()
    result = pipeline(request)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    last_mb, plain = peak_mb(), _plain(check_result(request, result))
    peak = _largest(last_mb, plain.stages)
    del result
    gc.collect()  # what is left is held on purpose, or leaked
    return plain, Effort(seconds, cpu_s, peak, held_mb(), next(_turns))


def stages_that_differ(good: str, bad: str, request: EditRequest) -> tuple[str, ...]:
    """The stages of two pipelines that make something else of the same."""
    return tuple(
        _line(name) for name in find_differing_stages(_loaded(good), _loaded(bad), request)
    )


def with_swapped(good: str, bad: str, request: EditRequest, from_bad: frozenset[str]) -> EditResult:
    """The good pipeline's edit with some stages of the bad one."""
    return _plain(
        check_result(request, swap_stages(_loaded(good), _loaded(bad), request, from_bad))
    )


ANSWERS: dict[str, Callable[..., object]] = {
    "describe": describe,
    "edit": edit,
    "differing": stages_that_differ,
    "swapped": with_swapped,
}


def _largest(last_mb: float | None, stages: Sequence[StageTrace]) -> float | None:
    """The edit's peak: a pipeline that notes its stages' starts with each, so what came before
    the last is with them.
    """
    known = [peak for peak in (last_mb, *(stage.peak_mb for stage in stages)) if peak is not None]
    return max(known, default=None)


@cache
def _loaded(spec: str) -> Pipeline:
    """A pipeline is loaded once a process."""
    return load(spec)


def _plain(result: EditResult) -> EditResult:
    """The result without types that only the user's code knows, so that any process can read it."""
    stages = tuple(
        StageTrace(
            _line(s.name),
            float(s.seconds),
            _line(s.decision),
            _array(s.artefact),
            None if s.peak_mb is None else float(s.peak_mb),
        )
        for s in result.stages
    )
    config = {_line(name): _param(value) for name, value in result.config.items()}
    return EditResult(_array(result.image), result.status, _line(result.reason), stages, config)


def _array(array: Any) -> Any:
    return None if array is None else np.array(array, np.float32, subok=False)


def _param(value: object) -> Param:
    if type(value) is float and not math.isfinite(value):
        return str(value)
    return value if type(value) in {int, float, bool} else _line(value)  # type: ignore[return-value]


def _one_line(error: Exception) -> str:
    return _line(error) or _line(type(error).__name__)


def _line(text: object) -> str:
    """A foreign text as one line that any file and any terminal can hold."""
    words = " ".join(strip_control(str(text)).split())
    return "".join(char if char.isprintable() else "�" for char in words)[:MAX_MESSAGE]
