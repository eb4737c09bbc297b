"""Nothing outside the edit may change: not one pixel, not one level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editproof.harness.metrics.core.metric import Image, Reference, Value
from editproof.harness.metrics.kept.outside_change import OUTSIDE_CHANGE
from editproof.harness.running.measure import as_delivered
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors.registry import get_vector

SIZE = 64


def reference(scale: int = 1) -> Reference:
    """A noisy input, an edit in its middle, and no expected picture."""
    image = np.random.default_rng(0).random((SIZE, SIZE, 3), np.float32)
    keep = np.ones((SIZE * scale, SIZE * scale), bool)
    keep[20 * scale : 40 * scale, 20 * scale : 40 * scale] = False
    return Reference({"keep": keep}, input=image, scale=scale)


def unchanged(known: Reference) -> Image:
    assert known.input is not None
    return as_delivered(np.kron(known.input, np.ones((known.scale, known.scale, 1), np.float32)))


def keep(known: Reference, actual: Image) -> dict[str, Value]:
    return {v.stat: v for v in OUTSIDE_CHANGE.measure(OUTSIDE_CHANGE.prepare(known), actual)}


def test_it_needs_the_input_only() -> None:
    """No expected picture: a user's own file is enough."""
    known = reference()
    assert not OUTSIDE_CHANGE.missing(known)
    assert [v.value for v in keep(known, unchanged(known)).values()] == [0, 0, 0]


@settings(max_examples=30, deadline=None)
@given(
    y=st.integers(0, SIZE - 1),
    x=st.integers(0, SIZE - 1),
    channel=st.integers(0, 2),
    levels=st.integers(1, 60),
    scale=st.sampled_from([1, 2]),
)
def test_one_pixel_is_reported_with_its_place(
    y: int, x: int, channel: int, levels: int, scale: int
) -> None:
    """One level of one channel outside the edit; whatever changes within it is none of its
    business.
    """
    known = reference(scale)
    actual = unchanged(known)
    block = np.s_[y * scale : (y + 1) * scale, x * scale : (x + 1) * scale, channel]
    actual[block] += np.float32(np.where(actual[block] > 0.5, -levels, levels) / 255)
    found = keep(known, actual)
    outside = bool(known.areas["keep"][y * scale, x * scale])
    assert found["worst"].value == pytest.approx(levels * outside, abs=0.01)
    assert found["share"].value == pytest.approx(outside / (SIZE**2 - 400))
    if outside:
        assert (found["worst"].y, found["worst"].x) == (
            y * scale + scale // 2,
            x * scale + scale // 2,
        )


def test_rounding_is_no_change() -> None:
    """Half a level, as an 8-bit file makes it, is none; a level is."""
    known = reference()
    assert known.input is not None
    assert keep(known, known.input)["share"].value == 0
    away = np.where(known.input > 0.5, known.input - 1 / 255, known.input + 1 / 255).astype(
        np.float32
    )
    assert keep(known, as_delivered(away))["share"].value == 1


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("family", ["logo", "thin_text", "watermark"])
def test_the_right_answer_changes_nothing(family: str, scale: int) -> None:
    """Drawn at twice the size and averaged down again, it is the input."""
    task = make_scene_task(get_vector(family).render(3, 128, step=2, scale=scale))
    assert task.reference.expected is not None
    found = keep(task.reference, as_delivered(task.reference.expected))
    assert found["share"].value == 0
