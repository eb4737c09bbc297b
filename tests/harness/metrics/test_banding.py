"""banding: gradients in fewer bits, and what is no banding."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.metrics.colour.banding import BANDING, NOT_SMOOTH, contours
from editproof.harness.metrics.core.metric import Image, make_reference
from tests.harness.metrics.planted import (
    PHOTOGRAPHS,
    add_noise,
    blur,
    deliver,
    make_grey,
    measure_all,
    measure_whole,
    middle_patch,
    photograph,
    quantise,
    recolour,
    split_reference,
)

SIZE = 256


def gradient(levels_per_px: float = 0.25) -> Image:
    """A grey ramp along x, not rounded."""
    return make_grey(np.broadcast_to(0.3 + levels_per_px / 255 * np.arange(SIZE), (SIZE, SIZE)))


@pytest.mark.parametrize("slope", [0.05, 0.25, 0.7, 1.3])
def test_eight_bits_are_enough(slope: float) -> None:
    """A gradient rounded to 8 bits has no false contours, against its exact self as against
    itself.
    """
    exact = gradient(slope)
    assert measure_whole(BANDING, exact, deliver(exact)) == 0
    assert measure_whole(BANDING, deliver(exact), deliver(exact)) == 0


@pytest.mark.parametrize(("bits", "step"), [(5, 255 / 31), (6, 255 / 63), (4, 255 / 15)])
def test_steps_of_known_height(bits: int, step: float) -> None:
    """A slope s in steps of q has s/q of them a pixel: a mean square of s q."""
    exact = gradient(0.25)
    assert measure_whole(BANDING, exact, quantise(exact, bits)) == pytest.approx(
        np.sqrt(0.25 * step), rel=0.15
    )


def test_fewer_bits_are_worse() -> None:
    """From 8 bits to 4, on a gradient and on photographs."""
    for picture in (gradient(), photograph("coffee"), photograph("chelsea")):
        values = [measure_whole(BANDING, picture, quantise(picture, bits)) for bits in (8, 6, 5, 4)]
        assert values == sorted(values)
        assert values[0] == 0
        assert values[-1] > 1


def test_directions_count_alike() -> None:
    """A turned picture reads the same."""
    exact = gradient()
    turned = np.ascontiguousarray(exact.swapaxes(0, 1))
    along, across = (measure_whole(BANDING, image, quantise(image, 5)) for image in (exact, turned))
    assert along == pytest.approx(across, rel=1e-6)


def test_the_expected_pictures_own_steps_are_free() -> None:
    """A drawing that is meant to have steps may have them."""
    steps = quantise(gradient(), 5)
    assert measure_whole(BANDING, steps, steps) == 0


@pytest.mark.parametrize(
    ("what", "row", "squares"),
    [
        ("a contour", [9] * 8 + [15] * 8, 36),
        ("one downwards", [15] * 8 + [9] * 8, 36),
        ("an edge", [9] * 8 + [69] * 8, 0),
        ("a dot", [9] * 8 + [15] + [9] * 7, 0),
        ("what a tone curve leaves", [9] * 8 + [11] * 8, 0),
        ("a run too short", [9] * 14 + [15] * 2, 0),
        ("noise", [9, 12, 8, 14, 9, 5, 12, 8, 3, 9, 10, 14, 6, 8, 9, 13], 0),
    ],
)
def test_a_contour_is_a_low_step_between_flat_runs(what: str, row: list[int], squares: int) -> None:
    """One row, grey."""
    levels = np.repeat(np.array(row, np.uint8)[None, :, None], 3, axis=2)
    assert contours(levels).sum() == pytest.approx(squares), what


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_other_faults_are_no_banding(name: str) -> None:
    """Blur, noise, tints and lightness read less than a tenth of what 5 bits read."""
    picture = photograph(name)
    banded = measure_whole(BANDING, picture, quantise(picture, 5))
    assert banded > 1
    for change in (
        blur(picture, 1),
        add_noise(picture, 2),
        recolour(picture, degrees=3),
        recolour(picture, lightness=1),
    ):
        assert measure_whole(BANDING, picture, deliver(change)) < banded / 10


def test_a_banded_fill_is_read_in_the_edit() -> None:
    """What was kept reads 0, and the map shows the place."""
    picture = gradient()
    area = middle_patch(picture)
    actual = np.where(area[..., None], quantise(picture, 5), deliver(picture))
    numbers = measure_all(BANDING, split_reference(picture), actual)
    assert numbers["edit", "mean"] > 1
    assert numbers["keep", "mean"] < 0.2  # the patch's own outline
    assert BANDING.map is not None
    plane = BANDING.map(BANDING.prepare(make_reference(picture)), actual)
    assert plane[area].max() > 5
    assert plane[:64].max() == 0


def test_texture_has_no_smooth_place() -> None:
    """The reason says so."""
    texture = np.random.default_rng(0).random((128, 128, 3), dtype=np.float32)
    values = BANDING.measure(BANDING.prepare(make_reference(texture)), texture)
    assert [value.reason for value in values] == [NOT_SMOOTH] * 2
