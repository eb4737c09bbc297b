"""Family mask_edge."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import Scene, get_vector
from editproof.vectors.families.mask_edge import GRID_PX, draw

VECTOR = get_vector("mask_edge")
STEPS = range(1, len(VECTOR.ladder) + 1)


def at_border(scene: Scene) -> bool:
    mask = scene.edit
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


@pytest.mark.parametrize("seed", range(4))
def test_off_the_grid(seed: int) -> None:
    """No side of the block lies on the latent grid, and the block lies inside the image."""
    scene = VECTOR.render(seed, 256, step=1)
    (box,) = scene.truth
    assert all(at % GRID_PX for at in (box.y0, box.x0, box.y1, box.x1))
    assert not at_border(scene)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("step", [2, 3, 4, 5])
def test_at_the_border(step: int, size: int) -> None:
    """From the second rung on, the overlay is cut by the image's border."""
    assert all(at_border(VECTOR.render(seed, size, step=step)) for seed in range(4))


def test_holes() -> None:
    """Inside the rings lies ground that is to be kept or is near the edit, not in it."""
    from scipy import ndimage

    edit = VECTOR.render(1, 256, step=4).edit > 0
    assert (ndimage.binary_fill_holes(edit) & ~edit).mean() > 0.01


def test_slivers() -> None:
    """A sliver is one input pixel thin: nothing is left of the mask when it is eroded by one."""
    from scipy import ndimage

    mask = VECTOR.render(1, 256, step=3).mask
    assert mask is not None
    assert not ndimage.binary_erosion(mask > 0.5, np.ones((3, 3))).any()


@pytest.mark.parametrize("step", STEPS)
def test_mask_is_exact(step: int) -> None:
    """The mask given is the overlay's alpha to the bit, and covers less than 8 % of the image."""
    scene = VECTOR.render(1, 256, step=step)
    assert scene.mask is not None
    assert np.array_equal(scene.mask, scene.overlay)
    assert 0.005 < scene.mask.mean() < 0.08


def test_bad_geometry() -> None:
    """An unknown geometry raises and lists those that there are."""
    with pytest.raises(ValueError, match="block, bite, rings, slivers, border"):
        draw(0, 64, 1, geometry="cross", extent_px=20, line_px=1.0, ground="plain")
