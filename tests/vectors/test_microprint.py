"""Family microprint."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector

VECTOR = get_vector("microprint")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(5))
def test_gap(size: int, step: int, seed: int) -> None:
    """The nearest row keeps the gap asked for from the stamp's frame, within a pixel, at every
    size.
    """
    scene = VECTOR.render(seed, size, step=step)
    rows = np.flatnonzero(scene.edit.any(axis=1)) / scene.scale
    printed = [box for box in scene.truth if box.kind == "microprint"]
    assert printed
    gaps = [max(rows[0] - box.y1, box.y0 - rows[-1]) for box in printed]
    assert min(gaps) == pytest.approx(float(VECTOR.ladder[step - 1]["gap_px"]), abs=1.6)


@pytest.mark.parametrize("step", STEPS)
def test_row_height(step: int) -> None:
    """Rows are as high as asked in input pixels, and protected with one pixel around them."""
    scene = VECTOR.render(0, 256, step=step)
    box = next(box for box in scene.truth if box.kind == "microprint")
    assert box.y1 - box.y0 == pytest.approx(float(VECTOR.ladder[step - 1]["height_px"]), abs=1.6)
    protect = scene.protect["microprint"]
    assert protect[box.y0 * 2 + 2, box.x0 * 2 + 4 : box.x1 * 2 - 4].all()
    assert protect.mean() > 0.02


@pytest.mark.parametrize("step", STEPS)
def test_untouched(step: int) -> None:
    """The stamp touches no pixel of the microprint in the input."""
    scene = VECTOR.render(0, 256, step=step)
    touched = scene.overlay.repeat(2, axis=0).repeat(2, axis=1) > 0
    assert not (touched & (scene.protect["microprint"] > 0)).any()


def test_finer_at_output() -> None:
    """Microprint at output resolution has detail that its area average lacks: it cannot be had by
    enlarging.
    """
    scene = VECTOR.render(0, 256, step=3)
    enlarged = scene.clean_input.repeat(2, axis=0).repeat(2, axis=1)
    inside = scene.protect["microprint"] > 0
    assert np.abs(scene.clean - enlarged)[inside].mean() > 0.02


def test_mask_is_given() -> None:
    """The caller says where the stamp is, and asks for the print to be kept."""
    scene = VECTOR.render(0, 256, step=1)
    assert scene.mask is not None
    assert "keep the print" in scene.prompt
