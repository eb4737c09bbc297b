"""Peak memory: of what is done since it was forgotten, and stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
import pytest

from editproof.pipelines import EditRequest, EditResult, StageTrace, reference
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import ContractError, check_result
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.memory import forget_peak, peak_mb

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process its peak memory"
)


Value = TypeVar("Value")


@linux
def test_a_peak_is_that_since_it_was_forgotten() -> None:
    """What was held before does not count; what is given back does."""
    before, after = in_a_fresh_process(hold_around_a_peak)
    assert 150 < after - before < 300


@linux
def test_each_stage_has_its_own() -> None:
    """The one that holds 300 MB is named, and its neighbours are not blamed."""
    peaks = in_a_fresh_process(edit_with_a_greedy_stage)
    assert peaks["greedy"] - peaks["before"] > 250
    assert peaks["greedy"] - peaks["after"] > 250


def in_a_fresh_process(measure: Callable[[], Value]) -> Value:
    """What it gives where nothing else takes or frees memory, as other tests' leftovers may."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure).result()


def hold_around_a_peak() -> tuple[float, float]:
    """The peaks before and after 200 MB are held, MB."""
    hold(400)
    forget_peak()
    before = peak_mb() or 0.0
    hold(200)
    return before, peak_mb() or 0.0


def edit_with_a_greedy_stage() -> dict[str, float]:
    """Each stage's peak, MB."""
    program = (("before", plain), ("greedy", greedy), ("after", plain))
    image = np.full((64, 64, 3), 0.5, np.float32)
    result = reference.ReferencePipeline(ReferenceConfig(), program)(EditRequest(image))
    return {stage.name: stage.peak_mb or 0.0 for stage in result.stages}


def hold(megabytes: int) -> None:
    """For a moment."""
    assert np.ones(megabytes * 10**6, np.uint8)[-1] == 1


def greedy(edit: Edit) -> Step:
    hold(300)
    return plain(edit)


def plain(edit: Edit) -> Step:
    return Step(edit, None, "")


@pytest.mark.parametrize("wrong", [float("nan"), "many"])
def test_a_peak_that_is_no_number_is_refused(wrong: object) -> None:
    image = np.zeros((4, 4, 3), np.float32)
    trace = StageTrace("a", 0.1, peak_mb=wrong)  # type: ignore[arg-type]
    result = EditResult(image, stages=(trace,))
    with pytest.raises(ContractError, match="stage 'a' has peak_mb"):
        check_result(EditRequest(image), result)
