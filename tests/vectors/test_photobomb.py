"""Family photobomb."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.families.photobomb import SUBJECTS, draw

VECTOR = get_vector("photobomb")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("step", STEPS)
def test_coverage(size: int, step: int) -> None:
    """The subject covers the share asked for, within 8 %, at every size."""
    scene = VECTOR.render(1, size, step=step)
    assert scene.mask is not None
    assert scene.mask.mean() == pytest.approx(float(VECTOR.ladder[step - 1]["coverage"]), rel=0.08)


@pytest.mark.parametrize("step", STEPS)
def test_opaque(step: int) -> None:
    """Nothing shows through a subject: inside, its alpha is 1 and equals the mask given."""
    scene = VECTOR.render(2, 256, step=step)
    assert scene.overlay.max() == 1
    assert scene.mask is not None
    assert np.array_equal(scene.mask, scene.overlay)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_outline(subject: str) -> None:
    """A subject is one piece without holes, and another seed changes its pose and clothes."""
    from scipy import ndimage

    scenes = [
        draw(seed, 256, 1, subject=subject, coverage=0.06, ground="plain") for seed in range(8)
    ]
    assert ndimage.label(scenes[0].edit)[1] == 1
    assert (
        len(
            {
                scene.overlay_rgb[scene.overlay == 1].mean(axis=0).round(2).tobytes()
                for scene in scenes
            }
        )
        > 1
    )


@pytest.mark.parametrize("seed", range(6))
def test_hides_the_horizon(seed: int) -> None:
    """The bird of the third rung hides a piece of the horizon: behind it lie light sky and dark
    sea.
    """
    scene = VECTOR.render(seed, 256, step=3)
    hidden = scene.clean.mean(axis=2)[scene.edit > 0]
    assert np.ptp(hidden) > 0.2
    assert 0.02 < (hidden > (hidden.min() + hidden.max()) / 2).mean() < 0.98


def test_ladder_gets_harder() -> None:
    """From rung to rung the hole gets larger, from 2 to 9 % of the image."""
    shares = [float(rung["coverage"]) for rung in VECTOR.ladder]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.02, 0.09)


def test_bad_subject() -> None:
    """An unknown subject raises and lists those that there are."""
    with pytest.raises(ValueError, match="bird, cone, person"):
        draw(1, 64, 1, subject="dog", coverage=0.02, ground="plain")
