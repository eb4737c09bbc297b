"""Grounds."""

from __future__ import annotations

import numpy as np
import pytest

from vectors.grounds import GROUNDS, PHOTOGRAPHS, draw_ground

DRAWN = sorted(set(GROUNDS) - set(PHOTOGRAPHS))


@pytest.mark.parametrize("name", sorted(GROUNDS))
@pytest.mark.parametrize("size_px", [64, 101, 600])
def test_size(name: str, size_px: int) -> None:
    """Every ground comes at any size, three channels of 8 bits, the same each time."""
    picture = draw_ground(name, 4, size_px)
    assert picture.shape == (size_px, size_px, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, draw_ground(name, 4, size_px))


@pytest.mark.parametrize("name", sorted(GROUNDS))
def test_seeds_differ(name: str) -> None:
    """Eight seeds give at least three different grounds."""
    assert len({draw_ground(name, seed, 64).tobytes() for seed in range(8)}) >= 3


@pytest.mark.parametrize("name", DRAWN)
def test_one_geometry(name: str) -> None:
    """Drawn at twice the resolution and averaged, a drawn ground is the same picture: within 3 levels on average."""
    coarse, fine = draw_ground(name, 2, 128, 1), draw_ground(name, 2, 256, 2)
    average = fine.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(average - coarse).mean() < 3


def test_gradient_is_smooth() -> None:
    """Neighbouring pixels of a gradient differ by two levels at most, so that any seam in it is a fault."""
    picture = draw_ground("gradient", 1, 512, 2).astype(int)
    assert max(np.abs(np.diff(picture, axis=axis)).max() for axis in (0, 1)) <= 2


def test_guilloche_is_fine() -> None:
    """A guilloche has detail at output resolution that its input-size average does not hold."""
    picture = draw_ground("guilloche", 0, 512, 2).astype(float)
    average = picture.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(picture - average.repeat(2, axis=0).repeat(2, axis=1)).mean() > 2


def test_bad_name() -> None:
    """An unknown ground raises and lists those that there are."""
    with pytest.raises(ValueError, match="astronaut, brick"):
        draw_ground("moon", 0, 64)


@pytest.mark.parametrize(
    ("size_px", "scale", "message"), [(63, 1, "64 to 4096"), (4097, 1, "64 to 4096"), (64, 0, "scale")]
)
def test_bad_size(size_px: int, scale: int, message: str) -> None:
    """A size or scale out of range raises and says what to lower."""
    with pytest.raises(ValueError, match=message):
        draw_ground("plain", 0, size_px, scale)
