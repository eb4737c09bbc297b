"""Unedited: an edit that did nothing is seen without a right answer; a right one is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from editproof.harness.metrics.core.metric import Image, Reference, require_part
from editproof.harness.metrics.residue.unedited import ALL_UNEDITED, UNEDITED
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors import get_vector


@pytest.fixture(params=["thin_text", "logo", "microprint", "tiled_seams"])
def reference(request: pytest.FixtureRequest) -> Reference:
    return make_scene_task(get_vector(request.param).render(7, 256, step=1, scale=2)).reference


def share_of(reference: Reference, image: Image) -> float:
    (value,) = UNEDITED.measure(UNEDITED.prepare(reference), np.ascontiguousarray(image))
    assert value.value is not None
    return value.value


def enlarge(image: Image, kernel: int) -> Image:
    return np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=kernel), np.float32)


@pytest.mark.parametrize("kernel", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_the_input_enlarged_is_unedited(reference: Reference, kernel: int) -> None:
    """Whatever the kernel."""
    assert share_of(reference, enlarge(require_part(reference.input), kernel)) >= ALL_UNEDITED


def test_the_right_answer_and_a_flat_fill_are_edited(reference: Reference) -> None:
    expected = require_part(reference.expected)
    flat = np.where(reference.areas["edit"][..., None], expected.mean(axis=(0, 1)), expected)
    assert share_of(reference, expected) == 0
    assert share_of(reference, np.asarray(flat, np.float32)) == 0


def test_half_an_edit_is_half_unedited() -> None:
    """Left edited, right not: stripes on paper, with a mask over all of them."""
    image = np.full((64, 64, 3), 0.8, np.float32)
    image[:, ::6] = 0.2
    edit = np.zeros((64, 64), bool)
    edit[8:56, 8:56] = True
    reference = Reference(areas={"edit": edit}, input=image)
    half = image.copy()
    half[:, :32] = 0.8
    assert share_of(reference, half) == pytest.approx(0.5, abs=0.1)
    found = UNEDITED.map(UNEDITED.prepare(reference), half) if UNEDITED.map else None
    assert found is not None
    assert found[8:56, 40:56].all()
    assert not found[:, :24].any()


def test_where_the_input_has_no_detail_nothing_is_said() -> None:
    """A fill of even paper is even paper, edited or not."""
    image = np.full((64, 64, 3), 0.8, np.float32)
    reference = Reference(areas={"edit": np.ones((64, 64), bool)}, input=image)
    (value,) = UNEDITED.measure(UNEDITED.prepare(reference), image)
    assert value.value is None
    assert "no fine structure" in value.reason
