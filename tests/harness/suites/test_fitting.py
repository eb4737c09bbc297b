"""A suite fits itself to what its pipelines can do, and names what can't be asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import CaseFolder, Model, Suite
from editproof.harness.suites.cases import ExpandedSuite, current_id, expand_suite
from editproof.harness.suites.fitting import describe_sizes
from editproof.harness.suites.suite import load_suite, narrow_suite
from editproof.harness.suites.tasks import make_task
from editproof.pipelines.contract import MAX_ARTEFACT_EDGE_PX, Capabilities

ANYTHING = Capabilities()
THIN_TEXT, LOGO = "61e7d3ce0aefb961", "a1040d380e944a91"
"""Ids of these two cases, as they were before pipelines could say what they can do."""
SERVICE = Capabilities(scales=(1,), needs_mask=True)


def make_suite(vectors: str = "thin_text = [1]\nlogo = [1]", *, size: int = 64) -> Suite:
    suite = replace(load_suite("quick", Path()), size=size, metrics=("psnr",), budgets=())
    steps = dict(line.split(" = ") for line in vectors.splitlines())
    variants = tuple(
        replace(suite.variants[0], family=family, step=int(step))
        for family, listed in steps.items()
        for step in listed.strip("[]").split(",")
    )
    return replace(suite, variants=variants, models=(Model("m", "reference"),))


def expand(suite: Suite, can: Capabilities, *, stochastic: bool = False) -> ExpandedSuite:
    pipelines = {
        model.name: PipelineInfo(model.spec, "f", "", stochastic, can) for model in suite.models
    }
    return expand_suite(suite, pipelines, NO_WEIGHTS)


def only(expanded: ExpandedSuite) -> Case:
    (case,) = expanded.cases
    return case


def test_what_can_do_everything_is_asked_what_the_suite_says() -> None:
    """Ids are those of before, where nothing could be said of a pipeline."""
    found = expand(make_suite(), ANYTHING)
    assert [(case.scene, case.id) for case in found.cases] == [
        ("thin_text/1", THIN_TEXT),
        ("logo/1", LOGO),
    ]
    assert found.not_applicable == ()


@pytest.mark.parametrize(
    ("scales", "chosen"), [((1,), 1), ((2, 4), 2), ((4, 8), 4), ((1, 3), 1), ((), 2)]
)
def test_the_nearest_scale_is_chosen_and_of_two_the_smaller(
    scales: tuple[int, ...], chosen: int
) -> None:
    assert only(expand(make_suite("logo = [1]"), Capabilities(scales=scales))).scale == chosen


@pytest.mark.parametrize(
    ("can", "size"),
    [
        (Capabilities(smallest_px=512), 512),
        (Capabilities(largest_px=200), 200),
        (Capabilities(multiple_px=96), 288),
        (Capabilities(multiple_px=512), 512),
        (Capabilities(smallest_px=100, multiple_px=64), 256),
    ],
)
def test_the_nearest_size_is_drawn(can: Capabilities, size: int) -> None:
    case = only(expand(make_suite("logo = [1]", size=256), can))
    assert case.size == size
    assert make_task(case).request.image.shape == (size, size, 3)


def test_a_family_without_a_mask_hands_over_the_true_one() -> None:
    """It covers everything that must go, and the case's id says so."""
    text, logo = expand(make_suite(), SERVICE).cases
    assert (text.given_mask, logo.given_mask) == (True, False)
    task = make_task(text)
    assert task.request.mask is not None
    assert np.array_equal(task.request.mask > 0, task.reference.areas["edit"])
    detected = replace(text, given_mask=False)
    assert make_task(detected).request.mask is None
    assert current_id(text) == text.id != current_id(detected)
    assert text.scene_key != detected.scene_key


def test_the_true_mask_at_a_larger_scale_covers_each_pixel_that_is_touched() -> None:
    task = make_task(only(expand(make_suite("thin_text = [1]"), Capabilities(needs_mask=True))))
    assert task.request.mask is not None
    large = task.request.mask.repeat(2, axis=0).repeat(2, axis=1) > 0
    assert large[task.reference.areas["edit"]].all()
    assert large.mean() < 2 * task.reference.areas["edit"].mean()


def test_a_family_about_enlarging_is_not_applicable_where_nothing_is_enlarged() -> None:
    found = expand(make_suite("low_res_capture = [1]\nlogo = [1]"), SERVICE)
    assert [case.family for case in found.cases] == ["logo"]
    (left,) = found.not_applicable
    assert (left.scene, left.model) == ("low_res_capture/1", "m")
    assert "at ×1 nothing is enlarged" in left.reason


def test_an_input_whose_shape_is_not_accepted_is_not_applicable() -> None:
    """A sliver and a single pixel can't be drawn at another shape."""
    found = expand(make_suite("hostile = [1,7,8]"), replace(SERVICE, smallest_px=64))
    assert [case.scene for case in found.cases] == ["hostile/1"]
    assert [one.scene for one in found.not_applicable] == ["hostile/7", "hostile/8"]
    assert "it is 1×1 px, and the pipeline takes edges from 64 px" in found.not_applicable[1].reason


def test_a_suite_of_which_nothing_is_applicable_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"low_res_capture/1\): the family asks for a sharper"):
        expand(make_suite("low_res_capture = [1]"), SERVICE)


def test_with_a_scale_of_the_user_s_own_nothing_is_asked_at_another() -> None:
    suite = narrow_suite(make_suite("logo = [1]"), scale=4)
    assert only(expand(suite, ANYTHING)).scale == 4
    with pytest.raises(UsageError, match="asked at ×4, and the pipeline makes ×1"):
        expand(suite, SERVICE)


def test_without_a_seed_cases_are_repeats() -> None:
    suite = make_suite("logo = [1]")
    seeded = expand(suite, ANYTHING, stochastic=True).cases
    repeated = expand(suite, Capabilities(takes_seed=False), stochastic=True).cases
    assert [case.repeat for case in seeded] == [0, 0, 0]
    assert [case.repeat for case in repeated] == [1, 2, 3]
    assert [case.id for case in seeded] == [case.id for case in repeated]


def test_repeats_are_as_many_as_asked_for() -> None:
    """Of a model that takes no seed; whoever takes one keeps the suite's."""
    suite = narrow_suite(make_suite("logo = [1]"), repeats=5)
    repeated = expand(suite, Capabilities(takes_seed=False), stochastic=True).cases
    assert [case.repeat for case in repeated] == [1, 2, 3, 4, 5]
    assert len({case.id for case in repeated}) == 5
    assert len(expand(suite, ANYTHING, stochastic=True).cases) == 3


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A case with nothing but a picture of 60 × 40 px."""
    write(tmp_path / "one" / "input.png", (40, 60))
    return tmp_path


def write(path: Path, shape: tuple[int, int], value: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*shape, 3), value, np.uint8))


def expand_own(folder: Path, can: Capabilities) -> ExpandedSuite:
    suite = replace(make_suite(), variants=(), folders=(CaseFolder("mine", str(folder)),))
    return expand(suite, can)


def test_an_own_case_without_a_right_answer_is_asked_at_a_scale_that_there_is(own: Path) -> None:
    assert only(expand_own(own, Capabilities(scales=(1,)))).scale == 1


@pytest.mark.parametrize(
    ("can", "reason"),
    [
        (Capabilities(needs_mask=True), "needs a mask, and none is known"),
        (Capabilities(needs_prompt=True), "needs a prompt, and the case has none"),
        (Capabilities(multiple_px=8), "it is 60×40 px, and the pipeline takes edges in multiples"),
        (Capabilities(smallest_px=64), "edges from 64 px"),
    ],
)
def test_an_own_case_that_can_t_be_asked_says_why(
    own: Path, can: Capabilities, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        expand_own(own, can)


def test_a_right_answer_leaves_no_choice_of_scale(own: Path) -> None:
    write(own / "one" / "expected.png", (80, 120))
    assert only(expand_own(own, Capabilities(scales=(1, 2)))).scale == 2
    with pytest.raises(UsageError, match="expected picture is at ×2, and the pipeline makes ×1"):
        expand_own(own, Capabilities(scales=(1,)))


def test_an_own_mask_that_is_not_given_is_handed_over_where_it_is_needed(own: Path) -> None:
    write(own / "one" / "mask.png", (40, 60))
    (own / "case.toml").write_text("give_mask = false\n")
    free, handed = (only(expand_own(own, can)) for can in (ANYTHING, SERVICE))
    assert make_task(free).request.mask is None
    assert make_task(handed).request.mask is not None
    assert current_id(handed) == handed.id != free.id


def test_sizes_are_told_in_words() -> None:
    assert describe_sizes(ANYTHING) == "any size"
    can = Capabilities(smallest_px=64, largest_px=1024, multiple_px=8)
    assert describe_sizes(can) == "edges from 64 px up to 1024 px in multiples of 8 px"
    assert ANYTHING.largest_px == MAX_ARTEFACT_EDGE_PX
