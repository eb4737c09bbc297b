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
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from editproof.harness.processes.serving import Requests
from editproof.harness.records.cases import CaseError, Effort
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.plain_text import strip_control
from editproof.harness.records.vocabulary import Param
from editproof.pipelines.contract import (
    Capabilities,
    EditRequest,
    EditResult,
    Pipeline,
    StageTrace,
    check_capabilities,
    check_result,
)
from editproof.pipelines.loader import fingerprint, load, source_hash
from editproof.pipelines.memory import forget_peak, held_mb, peak_mb

MAX_INTEGER = 2**63 - 1
"""What a table's column of integers holds."""

MAX_MESSAGE = 500
MAX_TRACEBACK = 20_000
"""Characters of a foreign text that are kept."""

MAX_READ = 16 * MAX_MESSAGE
"""Characters that a line is made from: blanks count, and cleaning a long text takes seconds."""


def main(requests: Requests) -> None:
    """Answer requests until the parent is done."""
    import cv2

    cv2.setNumThreads(1)
    while True:
        message = requests.receive()
        try:
            reply: object = ANSWERS[message[0]](*message[1:])
        except Exception as error:  # noqa: BLE001 - the per-case boundary: whatever a pipeline raises is that case's result
            reply = CaseError(
                _line(type(error).__name__),
                _line(error) or _line(type(error).__name__),
                strip_control(_format_traceback(error)[-MAX_TRACEBACK:]),
            )
        requests.answer(reply)


def describe(spec: str) -> PipelineInfo:
    """Load a pipeline and say what it is."""
    pipeline = _load_once(spec)
    stochastic = bool(getattr(pipeline, "stochastic", True))
    return PipelineInfo(
        spec,
        strip_control(fingerprint(spec, pipeline)),
        source_hash(spec) or strip_control(str(getattr(pipeline, "source", ""))),
        stochastic,
        check_capabilities(getattr(pipeline, "capabilities", Capabilities())),
    )


_turns = itertools.count()
"""Counts the edits of this process."""


def edit(spec: str, request: EditRequest) -> tuple[EditResult, Effort]:
    """Make one edit; give its result, reduced to plain data, and what it cost."""
    pipeline = _load_once(spec)
    given, promised = _hand_over(request)
    forget_peak()
    start, start_cpu = time.perf_counter(), time.process_time()
    result = pipeline(given)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    last_mb, plain = peak_mb(), _make_plain(check_result(promised, result))
    peak = _find_peak(last_mb, plain.stages)
    seconds = max(0.0, seconds - plain.waited_s)
    del result
    gc.collect()  # what is left is held on purpose, or leaked
    return plain, Effort(seconds, cpu_s, peak, held_mb(), next(_turns))


def list_differing_stages(good: str, bad: str, request: EditRequest) -> tuple[str, ...]:
    """The stages of two pipelines that produce different outputs for the same input."""
    from editproof.pipelines.swap import find_differing_stages  # brings the reference pipeline

    given, _ = _hand_over(request)
    names = find_differing_stages(_load_once(good), _load_once(bad), given)
    return tuple(_line(name) for name in names)


def edit_with_swapped_stages(
    good: str, bad: str, request: EditRequest, from_bad: frozenset[str]
) -> EditResult:
    """The good pipeline's edit with some stages of the bad one."""
    from editproof.pipelines.swap import swap_stages

    given, promised = _hand_over(request)
    result = swap_stages(_load_once(good), _load_once(bad), given, from_bad)
    return _make_plain(check_result(promised, result))


ANSWERS: dict[str, Callable[..., object]] = {
    "describe": describe,
    "edit": edit,
    "differing": list_differing_stages,
    "swapped": edit_with_swapped_stages,
}


def _find_peak(last_mb: float | None, stages: Sequence[StageTrace]) -> float | None:
    """The edit's peak: a pipeline that notes its stages' starts with each, so what came before
    the last is with them.
    """
    known = [peak for peak in (last_mb, *(stage.peak_mb for stage in stages)) if peak is not None]
    return max(known, default=None)


@cache
def _load_once(spec: str) -> Pipeline:
    """A pipeline is loaded once a process."""
    return load(spec)


def _hand_over(request: EditRequest) -> tuple[EditRequest, EditRequest]:
    """The request for the pipeline to keep, its arrays its own to write into; and what its result
    is checked against, which it can't reach. It holds the size alone, not the picture.
    """
    size = np.broadcast_to(np.float32(0), request.image.shape)
    given = replace(
        request,
        image=_own(request.image),
        mask=_own(request.mask),
        strokes_add=_own(request.strokes_add),
        strokes_subtract=_own(request.strokes_subtract),
        protect={name: _own(plane) for name, plane in request.protect.items()},
        config=dict(request.config),
        metadata=dict(request.metadata),
    )
    return given, EditRequest(size, scale=request.scale)


def _own(array: Any) -> Any:
    """The array where it can be written into, else a copy: it came through a pipe, so nobody else
    has it.
    """
    return array if array is None or array.flags.writeable else array.copy()


def _make_plain(result: EditResult) -> EditResult:
    """The result without types that only the user's code knows, so that any process can read it."""
    stages = tuple(
        StageTrace(
            _line(s.name),
            float(s.seconds),
            _line(s.decision),
            s.artefact,
            None if s.peak_mb is None else float(s.peak_mb),
        )
        for s in result.stages
    )
    config = {_line(name): _param(value) for name, value in result.config.items()}
    return replace(result, reason=_line(result.reason), stages=stages, config=config)


def _param(value: object) -> Param:
    """A setting as a record can hold it: a number that JSON can't say becomes text."""
    if type(value) is bool:
        return value
    if type(value) is int and abs(value) <= MAX_INTEGER:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    return _line(value)


def _line(text: object) -> str:
    """A foreign text as one line that any file and any terminal can hold."""
    words = " ".join(_text(text)[:MAX_READ].split())
    shown = "".join(char if char.isprintable() else "�" for char in words)
    return strip_control(shown)[:MAX_MESSAGE]


def _text(text: object) -> str:
    """A foreign text without what UTF-8 can't say."""
    try:
        said = str(text)
    except Exception as error:  # noqa: BLE001 - foreign code, too
        return f"a {type(text).__name__} that can't be shown ({type(error).__name__})"
    return str.encode(said, "utf-8", "replace").decode()


def _format_traceback(error: Exception) -> str:
    try:
        return _text("".join(traceback.format_exception(error)))
    except Exception as other:  # noqa: BLE001 - it asks the error for its text, its cause and its notes
        return f"{_line(type(error).__name__)}: the traceback can't be shown: {_line(other)}"
