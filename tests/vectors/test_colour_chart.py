"""Family colour_chart."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector

VECTOR = get_vector("colour_chart")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("step", STEPS)
def test_label_is_the_colour(step: int, size: int) -> None:
    """Every patch of the truth is of one colour in the input, the one that its label names."""
    scene = VECTOR.render(2, size, step=step)
    boxes = [box for box in scene.truth if box.kind == "colour"]
    assert len(boxes) >= 3
    for box in boxes:
        patch = np.rint(scene.input[box.y0 : box.y1, box.x0 : box.x1] * 255).astype(int)
        assert (patch == [int(box.label[k : k + 2], 16) for k in (1, 3, 5)]).all(), box


@pytest.mark.parametrize("step", STEPS)
def test_protected(step: int) -> None:
    """What is protected is the patches without their outermost input pixel."""
    scene = VECTOR.render(2, 256, step=step)
    expected = np.zeros_like(scene.edit)
    for box in scene.truth[1:]:
        expected[2 * box.y0 + 2 : 2 * box.y1 - 2, 2 * box.x0 + 2 : 2 * box.x1 - 2] = 1
    assert np.array_equal(scene.protect["patches"], expected)


def test_all_around() -> None:
    """There are patches above, below, left and right of the sticker."""
    for seed in range(6):
        sticker, *patches = VECTOR.render(seed, 256, step=5).truth
        assert any(box.y1 <= sticker.y0 for box in patches)
        assert any(box.y0 >= sticker.y1 for box in patches)
        assert any(box.x1 <= sticker.x0 for box in patches)
        assert any(box.x0 >= sticker.x1 for box in patches)


def test_ladder_reaches_the_gamut() -> None:
    """From rung to rung the most saturated patch is more so, and on the last a channel is at 0 and
    another at 255.
    """
    chroma = []
    for step in STEPS:
        scene = VECTOR.render(0, 256, step=step)
        inside = scene.clean[scene.protect["patches"] > 0]
        chroma.append(float(np.ptp(inside, axis=1).max()))
    assert chroma == sorted(chroma)
    assert chroma[0] < 0.5
    assert chroma[-1] > 0.98
