"""Composition of a scene from layers."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.composition import (
    Brief,
    compose,
    luminance,
    mark_boxes,
    print_layers,
)
from editproof.vectors.drawing.layers import Layer, Levels, Patch
from editproof.vectors.scene import Scene

WHITE: Levels = np.full((16, 16, 3), 255, np.uint8)
SQUARE = Patch(np.full((4, 4), 255, np.uint8), 5, 6)


def black_square(scale: int, *, opacity: float = 1.0, mask_given: bool = True) -> Scene:
    brief = Brief("remove the square", mask_given=mask_given)
    return compose(
        WHITE, [Layer(SQUARE, (0, 0, 0))], scale=scale, brief=brief, truth=(), opacity=opacity
    )


def test_average() -> None:
    """At input size an overlay's alpha is the share of the pixel that it covers, its colour is not
    diluted.
    """
    scene = black_square(2)
    assert scene.overlay.sum() * 4 == pytest.approx(16, abs=0.1)
    assert scene.overlay[2, 3] == pytest.approx(0.5, abs=1 / 255)
    assert not scene.overlay_rgb.any()


def test_opacity() -> None:
    """Opacity weakens the overlay but not the mask that the caller gives."""
    scene = black_square(1, opacity=0.4)
    assert scene.overlay.max() == pytest.approx(0.4, abs=1 / 255)
    assert scene.mask is not None
    assert scene.mask.max() == 1


def test_no_mask() -> None:
    """Where the caller gives no mask, the scene has none."""
    assert black_square(1, mask_given=False).mask is None


def test_no_layers() -> None:
    """Without a layer the input is the clean input, and nothing is to be edited."""
    scene = compose(WHITE, [], scale=2, brief=Brief("", mask_given=True), truth=())
    assert np.array_equal(scene.input, scene.clean_input)
    assert not scene.overlay_rgb.any()
    assert scene.keep.all()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_equation(scale: int) -> None:
    """The input is the overlay laid over the clean input, to the last bit, wherever the overlay
    lies.
    """
    noise = np.random.default_rng(scale).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    scene = compose(
        noise,
        [Layer(SQUARE, (250, 3, 99), 0.7)],
        scale=scale,
        brief=Brief("", mask_given=True),
        truth=(),
    )
    share = scene.overlay[..., None]
    assert np.array_equal(scene.input, (1 - share) * scene.clean_input + share * scene.overlay_rgb)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_average_rounds_halves_up(scale: int) -> None:
    """The clean input is the mean of the clean picture's pixels, rounded to a level, halves up."""
    noise = np.random.default_rng(scale).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    scene = compose(noise, [], scale=scale, brief=Brief("", mask_given=True), truth=())
    means = noise.reshape(24 // scale, scale, 36 // scale, scale, 3).mean(axis=(1, 3))
    assert np.array_equal(np.rint(scene.clean_input * 255), np.floor(means + 0.5))


def test_protect_yields() -> None:
    """A protected feature is cut where the overlay lies on it."""
    everything = np.ones((16, 16), np.float32)
    brief = Brief("", mask_given=True)
    scene = compose(
        WHITE,
        [Layer(SQUARE, (0, 0, 0))],
        scale=1,
        brief=brief,
        truth=(),
        protect={"all": everything},
    )
    assert np.array_equal(scene.protect["all"], 1 - scene.edit)


def test_print_on() -> None:
    """Printing half opaque black on white gives mid grey inside the patch, and changes nothing
    outside.
    """
    printed = print_layers(WHITE, [Layer(SQUARE, (0, 0, 0), 0.5)])
    assert (printed[5:9, 6:10] == 128).all()
    assert printed.astype(int).sum() == 255 * 3 * (256 - 16) + 128 * 3 * 16


def test_near_patches() -> None:
    """The box around a patch grows by the margin on every side, and is cut at the image's edge."""
    assert np.argwhere(mark_boxes([SQUARE], 16, margin=2)).min(axis=0).tolist() == [3, 4]
    assert mark_boxes([SQUARE], 16, margin=2).sum() == 64
    assert mark_boxes([SQUARE], 16, margin=99).all()


def test_luminance() -> None:
    """Luma of pure green is 0.587 of white."""
    green = np.zeros((16, 16, 3), np.uint8)
    green[..., 1] = 255
    assert luminance(green, SQUARE) == pytest.approx(0.587 * 255)
