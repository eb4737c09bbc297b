"""Compare two pipelines stage by stage: swap stages between them, and find those that differ."""

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
from editproof.pipelines.reference import run_stages

ORDER = "order"
"""The name that stands for the order of the stages."""

Stages = Sequence[tuple[str, Callable[[Any], Any]]]


def require_stages(pipeline: Pipeline, request: EditRequest) -> StagedPipeline:
    """Return the pipeline if its stages can be swapped, else raise ContractError."""
    if not isinstance(pipeline, StagedPipeline):
        raise ContractError(
            f"{type(pipeline).__name__} does not offer its stages. To have them swapped, give it"
            " `start`, `stages` and `finish` (editproof.pipelines.contract.StagedPipeline)"
        )
    if not pipeline.stages(request):
        raise ContractError(
            "the pipeline routes: which stages run is decided on the way, so they can't be swapped"
        )
    return pipeline


def swap_stages(
    good: Pipeline, bad: Pipeline, request: EditRequest, from_bad: Collection[str]
) -> EditResult:
    """Make the edit with the good pipeline, but with these stages, or the order, of the bad one.

    Raises ContractError where stages can't be swapped, or where neither pipeline has a stage of
    `from_bad`.
    """
    good_pipeline, bad_pipeline = require_stages(good, request), require_stages(bad, request)
    good_stages = dict(good_pipeline.stages(request))
    bad_stages = dict(bad_pipeline.stages(request))
    unknown = set(from_bad) - {*good_stages, *bad_stages, ORDER}
    if unknown:
        raise ContractError(
            f"there is no stage {min(unknown)!r}; there are: {', '.join(good_stages)}"
        )
    order = list(bad_stages if ORDER in from_bad else good_stages)
    order += [name for name in from_bad if name in bad_stages and name not in order]
    chosen = bad_stages.keys() & from_bad
    stages = [
        (name, (bad_stages if name in chosen or name not in good_stages else good_stages)[name])
        for name in order
    ]
    traces: list[StageTrace] = []
    edit = run_stages(stages, good_pipeline.start(request), traces)
    return good_pipeline.finish(edit, traces)


def find_differing_stages(good: Pipeline, bad: Pipeline, request: EditRequest) -> tuple[str, ...]:
    """Name the stages that produce a different output for the same input.

    Each stage is tried on what either pipeline gives it. ORDER comes last, if the stages run in
    another order. Raises ContractError where stages can't be swapped.
    """
    good_pipeline, bad_pipeline = require_stages(good, request), require_stages(bad, request)
    good_stages, bad_stages = good_pipeline.stages(request), bad_pipeline.stages(request)
    names = dict.fromkeys([*(name for name, _ in good_stages), *(name for name, _ in bad_stages)])
    differing = _compare_along(
        good_stages, dict(bad_stages), good_pipeline.start(request)
    ) | _compare_along(bad_stages, dict(good_stages), bad_pipeline.start(request))
    reordered = [name for name, _ in good_stages] != [name for name, _ in bad_stages]
    return (*(name for name in names if name in differing), *((ORDER,) if reordered else ()))


def _compare_along(path: Stages, other: dict[str, Callable[[Any], Any]], edit: Any) -> set[str]:
    """Run one pipeline's stages; name those that the other lacks, or whose output differs there."""
    differing = set()
    for name, stage in path:
        step, other_step = _run_stage(stage, edit), _run_stage(other.get(name), edit)
        if not _is_same(step, other_step):
            differing.add(name)
        if step is None:
            break
        edit = step.edit
    return differing


def _run_stage(stage: Callable[[Any], Any] | None, edit: Any) -> Any:
    """Run a stage; None where it refuses, or where there is no such stage."""
    from editproof.pipelines.edit import RefusedError

    if stage is None:
        return None
    try:
        return stage(edit)
    except RefusedError:
        return None


def _is_same(one: Any, other: Any) -> bool:
    """Whether two steps agree in everything but settings, words and what they measured."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if is_dataclass(one):
        ignored = {"config", "decision", "within", "reason", "found"}
        return all(
            _is_same(getattr(one, f.name), getattr(other, f.name))
            for f in fields(one)
            if f.name not in ignored
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    return bool(one == other)
