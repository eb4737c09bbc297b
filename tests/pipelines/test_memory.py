"""Peak memory: of what is done since it was forgotten, and stage by stage."""

from __future__ import annotations

import sys

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


def hold(megabytes: int) -> None:
    """For a moment."""
    assert np.ones(megabytes * 10**6, np.uint8)[-1] == 1


@linux
def test_a_peak_is_that_since_it_was_forgotten() -> None:
    """What was held before does not count; what is given back does."""
    hold(400)
    forget_peak()
    before = peak_mb()
    hold(200)
    after = peak_mb()
    assert before is not None
    assert after is not None
    assert 150 < after - before < 300


@linux
def test_each_stage_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that holds 300 MB is named, and its neighbours are not blamed."""

    def greedy(edit: Edit) -> Step:
        hold(300)
        return Step(edit, None, "")

    program = (("before", plain), ("greedy", greedy), ("after", plain))
    image = np.full((64, 64, 3), 0.5, np.float32)
    result = reference.ReferencePipeline(ReferenceConfig(), program)(EditRequest(image))
    peaks = {stage.name: stage.peak_mb or 0.0 for stage in result.stages}
    assert peaks["greedy"] - peaks["before"] > 250
    assert peaks["greedy"] - peaks["after"] > 250


def plain(edit: Edit) -> Step:
    return Step(edit, None, "")


@pytest.mark.parametrize("wrong", [float("nan"), "many"])
def test_a_peak_that_is_no_number_is_refused(wrong: object) -> None:
    image = np.zeros((4, 4, 3), np.float32)
    result = EditResult(image, stages=(StageTrace("a", 0.1, peak_mb=wrong),))  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="stage 'a' has peak_mb"):
        check_result(EditRequest(image), result)
