"""Family low_res_capture."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector

VECTOR = get_vector("low_res_capture")
STEPS = range(1, len(VECTOR.ladder) + 1)


def test_ladder_gets_harder() -> None:
    """From rung to rung the capture of the text is further from the expected output, all on one
    ground.
    """
    errors = []
    for rung in VECTOR.ladder:
        scene = VECTOR.draw(1, 256, 2, **{**rung, "ground": "plain"})
        enlarged = scene.clean_input.repeat(2, axis=0).repeat(2, axis=1)
        errors.append(float(np.abs(scene.clean - enlarged)[scene.protect["text"] > 0].mean()))
    assert errors == sorted(errors)
    assert errors[-1] > 2 * errors[0]


@pytest.mark.parametrize("step", STEPS)
def test_sticker_is_crisp(step: int) -> None:
    """The sticker is laid on the capture, not captured with it: inside, the input has its colours
    exactly.
    """
    scene = VECTOR.render(1, 256, step=step)
    inside = scene.overlay == 1
    assert inside.sum() > 1000
    assert np.array_equal(scene.input[inside], scene.overlay_rgb[inside])
    assert len(np.unique(scene.input[inside], axis=0)) < 300


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("step", STEPS)
def test_text_is_free(step: int, size: int) -> None:
    """At every size there is text to keep, and the sticker lies beneath it."""
    for seed in range(2):
        sticker, *rows = VECTOR.render(seed, size, step=step).truth
        assert rows
        assert all(row.y1 <= sticker.y0 + 1 for row in rows)
