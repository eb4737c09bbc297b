"""Two pipelines, stage by stage: the one with some stages of the other, and which of their stages
differ at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from editproof.pipelines.contract import (
    ContractError,
    EditRequest,
    EditResult,
    Pipeline,
    StagedPipeline,
    StageTrace,
)
from editproof.pipelines.reference import run

ORDER = "order"
"""Stands beside the stages for the order that they run in."""

Stages = Sequence[tuple[str, Callable[[Any], Any]]]


def staged(pipeline: Pipeline, request: EditRequest) -> StagedPipeline:
    """The pipeline as one whose stages can be swapped. Raises ContractError where they can't."""
    if not isinstance(pipeline, StagedPipeline):
        raise ContractError(
            f"{type(pipeline).__name__} does not offer its stages: to have them swapped, give it"
            " `start`, `stages` and `finish` (editproof.pipelines.contract.StagedPipeline)"
        )
    if not pipeline.stages(request):
        raise ContractError(
            "the pipeline routes: which stages run is decided on the way, so they can't be swapped"
        )
    return pipeline


def swapped(
    good: Pipeline, bad: Pipeline, request: EditRequest, from_bad: Collection[str]
) -> EditResult:
    """The good pipeline's edit with these stages, or the order, of the bad one.

    Raises ContractError where stages can't be swapped, or one of `from_bad` is in neither.
    """
    one, other = staged(good, request), staged(bad, request)
    ours, theirs = dict(one.stages(request)), dict(other.stages(request))
    unknown = set(from_bad) - {*ours, *theirs, ORDER}
    if unknown:
        raise ContractError(f"there is no stage {min(unknown)!r}; there are: {', '.join(ours)}")
    order = list(theirs if ORDER in from_bad else ours)
    order += [name for name in from_bad if name in theirs and name not in order]
    chosen = theirs.keys() & from_bad
    stages = [
        (name, theirs[name] if name in chosen or name not in ours else ours[name]) for name in order
    ]
    traces: list[StageTrace] = []
    edit = run(stages, one.start(request), traces)
    return one.finish(edit, traces)


def differing(good: Pipeline, bad: Pipeline, request: EditRequest) -> tuple[str, ...]:
    """The stages that make something else of the same, tried on what either pipeline gives them;
    ORDER last, if they run in another order. Raises ContractError where stages can't be swapped.
    """
    one, other = staged(good, request), staged(bad, request)
    ours, theirs = one.stages(request), other.stages(request)
    names = dict.fromkeys([*(name for name, _ in ours), *(name for name, _ in theirs)])
    found = _differing_on(ours, dict(theirs), one.start(request)) | _differing_on(
        theirs, dict(ours), other.start(request)
    )
    moved = [name for name, _ in ours] != [name for name, _ in theirs]
    return (*(name for name in names if name in found), *((ORDER,) if moved else ()))


def _differing_on(path: Stages, other: dict[str, Callable[[Any], Any]], edit: Any) -> set[str]:
    """Of the stages along a pipeline's way, those of which the other's does something else, or
    which the other lacks.
    """
    found = set()
    for name, stage in path:
        mine, yours = _step(stage, edit), _step(other.get(name), edit)
        if not _same(mine, yours):
            found.add(name)
        if mine is None:
            break
        edit = mine.edit
    return found


def _step(stage: Callable[[Any], Any] | None, edit: Any) -> Any:
    """What the stage hands on; None: it refuses, or there is no such stage."""
    from editproof.pipelines.edit import RefusedError

    if stage is None:
        return None
    try:
        return stage(edit)
    except RefusedError:
        return None


def _same(one: Any, other: Any) -> bool:
    """Whether two steps hand on the same, settings and words aside."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if is_dataclass(one):
        aside = {"config", "decision", "within", "reason"}
        return all(
            _same(getattr(one, f.name), getattr(other, f.name))
            for f in fields(one)
            if f.name not in aside
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
