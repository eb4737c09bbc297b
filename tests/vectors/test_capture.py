"""Degraded captures."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.capture import degrade
from editproof.vectors.drawing.grounds import draw_ground


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_same_bits() -> None:
    """The same generator gives the same capture, in the same shape and 8 bits, and leaves the
    picture as it was.
    """
    picture = draw_ground("wood", 1, 101)
    before = picture.copy()
    first, second = (
        degrade(picture, rng(), blur_px=1.0, noise_levels=3.0, quality=40) for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert first.shape == picture.shape
    assert first.dtype == np.uint8
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("worse", [{"blur_px": 2.0}, {"noise_levels": 10.0}, {"quality": 10}])
def test_each_degrades(worse: dict[str, float]) -> None:
    """Blur, noise and a low quality each take the capture further from the picture."""
    picture = draw_ground("fabric", 1, 128)
    least = {"blur_px": 0.0, "noise_levels": 0.0, "quality": 95}
    good, bad = (degrade(picture, rng(), **setting) for setting in (least, least | worse))  # type: ignore[arg-type]
    error = [np.abs(capture.astype(float) - picture).mean() for capture in (good, bad)]
    assert error[1] > 1.5 * error[0]


def test_blocks() -> None:
    """At a low quality tone jumps at the borders of 8×8 blocks, where the picture is smooth."""
    capture = degrade(draw_ground("gradient", 1, 256), rng(), quality=5).astype(float)
    steps = np.abs(np.diff(capture.mean(axis=2), axis=0)).mean(axis=1)
    assert steps[7::8].mean() > 2 * np.delete(steps, np.s_[7::8]).mean()
