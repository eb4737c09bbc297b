"""Family `hostile`: files that show what the scene says, once they are read as they should be."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pil

from editproof.pipelines.files import decode_image
from editproof.vectors import get_vector
from editproof.vectors.families.hostile import KINDS, draw

LEVEL = 1 / 255 + 1e-6
STORED = [kind for kind, what in KINDS.items() if what.file]


@pytest.mark.parametrize("kind", STORED)
def test_the_file_shows_the_input(kind: str) -> None:
    """Within one level of 8 bits, whatever the way in which it is stored."""
    scene = draw(3, 96, 2, kind=kind, ground="coffee")
    image, _ = decode_image(scene.file)
    assert image.shape == scene.input.shape
    assert np.abs(image - scene.input).max() <= LEVEL


@pytest.mark.parametrize("kind", ["exif_rotated", "transparent", "cmyk"])
def test_a_careless_reading_shows_something_else(kind: str) -> None:
    """Otherwise the rung would test nothing."""
    scene = draw(3, 96, 2, kind=kind, ground="coffee")
    with Pil.open(io.BytesIO(scene.file)) as file:
        careless = np.asarray(file, np.float32)[..., :3] / np.float32(255)
    assert (
        careless.shape != scene.input.shape
        or np.sqrt(np.square(careless - scene.input).mean()) > 0.03
    )


def test_sixteen_bits_are_kept() -> None:
    """The decoded file is nearer to the input than 8 bits could be."""
    scene = draw(3, 96, 2, kind="sixteen_bit", ground="coffee")
    image, done = decode_image(scene.file)
    assert np.abs(image - scene.input).max() < 1e-4
    assert "16 bits" in done


def test_grey_is_grey() -> None:
    """Input and expected output have three equal channels."""
    scene = draw(3, 96, 2, kind="greyscale", ground="coffee")
    for image in (scene.input, scene.clean):
        assert np.array_equal(image[..., 0], image[..., 1])
        assert np.array_equal(image[..., 0], image[..., 2])


def test_masks() -> None:
    """Empty, full, and one pixel."""
    masks = {
        kind: draw(3, 96, 2, kind=kind, ground="coffee").mask
        for kind in ("empty_mask", "full_mask", "one_pixel")
    }
    assert all(mask is not None for mask in masks.values())
    assert {
        kind: (float(np.min(mask)), float(np.max(mask)))
        for kind, mask in masks.items()
        if mask is not None
    } == {
        "empty_mask": (0.0, 0.0),
        "full_mask": (1.0, 1.0),
        "one_pixel": (0.0, 0.0),
    }
    assert get_vector("hostile").render(3, 96, step=8).input.shape == (1, 1, 3)


def test_unknown_kind() -> None:
    """An unknown kind lists those that there are."""
    with pytest.raises(
        ValueError, match="no kind of input is called 'purple'; there are: greyscale"
    ):
        draw(0, 64, 1, kind="purple", ground="coffee")
