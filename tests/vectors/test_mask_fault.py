"""Family mask_fault."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from editproof.vectors import Scene, get_vector
from editproof.vectors.families.mask_fault import draw

VECTOR = get_vector("mask_fault")
STEPS = {str(rung["fault"]): step for step, rung in enumerate(VECTOR.ladder, start=1)}


def faulty(fault: str, seed: int = 2, size: int = 256) -> tuple[Scene, npt.NDArray[np.float32]]:
    scene = VECTOR.render(seed, size, step=STEPS[fault])
    assert scene.mask is not None
    return scene, scene.mask


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("fault", STEPS)
@pytest.mark.parametrize("seed", range(2))
def test_truth_is_of_the_sticker(fault: str, size: int, seed: int) -> None:
    """The mask is not the overlay's alpha, and the regions are still those of the sticker that is
    there.
    """
    scene, mask = faulty(fault, seed, size)
    assert not np.array_equal(mask, scene.overlay)
    edit = scene.edit.reshape(size, 2, size, 2).max(axis=(1, 3))
    assert (edit >= (scene.overlay > 0)).all()
    assert edit.sum() < (scene.overlay > 0).sum() + 5
    if fault != "inverted":
        assert 0.005 < mask.mean() < 0.11


def test_grown() -> None:
    """A mask that is too large covers the sticker and more than twice its area at most."""
    scene, mask = faulty("grown")
    assert (mask >= scene.overlay).all()
    assert 1.5 < mask.sum() / scene.overlay.sum() < 2.2


def test_noisy() -> None:
    """A noisy mask covers the sticker, single pixels everywhere, and two of the image's corners."""
    scene, mask = faulty("noisy")
    away = mask[scene.overlay == 0]
    assert (mask >= scene.overlay).mean() > 0.999
    assert 0.004 < away.mean() < 0.015
    assert sum(float(mask[y, x]) for y in (0, -1) for x in (0, -1)) == 2


def test_shifted() -> None:
    """A shifted mask is the right one moved by 5 px along both axes: part of the sticker is outside
    of it.
    """
    scene, mask = faulty("shifted")
    found = [
        shift
        for shift in ((5, 5), (5, -5), (-5, 5), (-5, -5))
        if np.array_equal(np.roll(scene.overlay, shift, (0, 1)), mask)
    ]
    assert len(found) == 1


@pytest.mark.parametrize("seed", range(6))
def test_stale(seed: int) -> None:
    """A stale mask has the sticker's shape and size, and misses it."""
    scene, mask = faulty("stale", seed)
    assert not (mask * scene.overlay).any()
    assert mask.sum() == pytest.approx(scene.overlay.sum())


def test_inverted() -> None:
    """An inverted mask covers all but the sticker: no pipeline can do more than refuse."""
    scene, mask = faulty("inverted")
    assert np.array_equal(mask, 1 - scene.overlay)
    assert mask.mean() > 0.9


def test_bad_fault() -> None:
    """An unknown fault raises and lists those that there are."""
    with pytest.raises(ValueError, match="grown, noisy, shifted, stale, inverted"):
        draw(0, 64, 1, fault="torn", amount_px=1.0, ground="plain")
