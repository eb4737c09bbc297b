"""Grounds in perspective."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.grounds import Ground
from editproof.vectors.drawing.perspectives import horizon, railing, tiles

GROUNDS = [
    pytest.param(ground, id=name)
    for name, ground in {"horizon": horizon, "railing": railing, "tiles": tiles}.items()
]


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("size_px", [64, 101, 600])
def test_size(ground: Ground, size_px: int) -> None:
    """Every ground comes at any size, three channels of 8 bits, the same each time, and by its
    seed.
    """
    picture = ground(4, size_px, 1)
    assert picture.shape == (size_px, size_px, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, ground(4, size_px, 1))
    assert not np.array_equal(picture, ground(5, size_px, 1))


@pytest.mark.parametrize("ground", GROUNDS)
def test_one_geometry(ground: Ground) -> None:
    """Drawn at twice the resolution and averaged, a ground is the same picture: within 3 levels on
    average.
    """
    coarse, fine = ground(2, 128, 1), ground(2, 256, 2)
    average = fine.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(average - coarse).mean() < 3


def test_lines_meet() -> None:
    """The tiles get smaller towards the wall: there are more changes from light to dark along a far
    row than a near one.
    """
    picture = tiles(1, 512, 2).mean(axis=2)
    far, near = (
        np.abs(np.diff((picture[row] > picture[row].mean()).astype(int))).sum()
        for row in (260, 490)
    )
    assert far > 1.5 * near


@pytest.mark.parametrize("ground", GROUNDS)
def test_bad_size(ground: Ground) -> None:
    """A size out of range raises."""
    with pytest.raises(ValueError, match="64 to 4096"):
        ground(0, 5000, 1)
