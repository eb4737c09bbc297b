"""Stages swapped between two pipelines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editproof.pipelines import reference
from editproof.pipelines.contract import (
    ContractError,
    EditRequest,
    EditResult,
    Param,
    StagedPipeline,
    Status,
)
from editproof.pipelines.swap import ORDER, find_differing_stages, swap_stages
from editproof.vectors import get_vector


@pytest.fixture(scope="module")
def request_() -> EditRequest:
    scene = get_vector("logo").render(3, 96, step=3, scale=2)
    return EditRequest(scene.input, scene.mask, scale=2, seed=5)


def pixels(result: EditResult) -> np.ndarray:
    assert result.image is not None
    return result.image


def test_nothing_swapped_is_the_good_pipeline_and_everything_the_bad_one(
    request_: EditRequest,
) -> None:
    good = reference.build()
    settings: dict[str, Param] = {
        "blend.mode": "hard",
        "upscale.model": "bicubic",
        "mask.dilate_px": 3,
    }
    bad = reference.build(**settings)
    assert isinstance(good, StagedPipeline)
    players = find_differing_stages(good, bad, request_)
    assert players == ("refine_mask", "blend", "upscale")
    np.testing.assert_array_equal(
        pixels(swap_stages(good, bad, request_, ())), pixels(good(request_))
    )
    np.testing.assert_array_equal(
        pixels(swap_stages(good, bad, request_, players)), pixels(bad(request_))
    )
    one = pixels(swap_stages(good, bad, request_, {"upscale"}))
    np.testing.assert_array_equal(
        one, pixels(reference.build(**{"upscale.model": "bicubic"})(request_))
    )


def test_another_order_stands_beside_the_stages(request_: EditRequest) -> None:
    good, bad = reference.build(), reference.build(**{"order.upscale_first": True})
    assert ORDER in find_differing_stages(good, bad, request_)
    everything = find_differing_stages(good, bad, request_)
    np.testing.assert_array_equal(
        pixels(swap_stages(good, bad, request_, everything)), pixels(bad(request_))
    )


def test_equal_pipelines_differ_nowhere(request_: EditRequest) -> None:
    assert find_differing_stages(reference.build(), reference.build(), request_) == ()


def test_a_stage_that_refuses_in_one_pipeline_only_differs(request_: EditRequest) -> None:
    good, bad = reference.build(), reference.build(**{"mask.max_coverage": 0.001})
    assert find_differing_stages(good, bad, request_) == ("check_mask",)
    assert swap_stages(good, bad, request_, {"check_mask"}).status is Status.REFUSED


def test_what_cannot_be_swapped_is_said(request_: EditRequest) -> None:
    plain = reference.build()
    with pytest.raises(ContractError, match="does not offer its stages"):
        swap_stages(plain, lambda request: EditResult(request.image), request_, ())
    with pytest.raises(ContractError, match="routes"):
        find_differing_stages(plain, reference.build(**{"route.tiers": "ns,patch"}), request_)
    with pytest.raises(ContractError, match="no stage 'paint'"):
        swap_stages(plain, plain, request_, {"paint"})


def test_a_request_with_settings_of_its_own_keeps_them(request_: EditRequest) -> None:
    asked = replace(request_, config={"blend.mode": "hard"})
    good, bad = reference.build(), reference.build(**{"upscale.model": "bicubic"})
    np.testing.assert_array_equal(pixels(swap_stages(good, bad, asked, ())), pixels(good(asked)))
