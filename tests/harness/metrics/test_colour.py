"""hue_offset, chroma_ratio and lightness_bias: closed forms, signs, and that none sees another's
fault.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editproof.harness.metrics.colour.chroma_ratio import CHROMA_RATIO, FLOOR
from editproof.harness.metrics.colour.cielab import chroma, lab32
from editproof.harness.metrics.colour.hue_offset import HUE_OFFSET
from editproof.harness.metrics.colour.lightness_bias import LIGHTNESS_BIAS
from editproof.harness.metrics.core.metric import Image, Metric, Reference
from tests.harness.metrics.planted import (
    PHOTOGRAPHS,
    add_noise,
    deliver,
    make_grey,
    measure_all,
    measure_whole,
    middle_patch,
    photograph,
    recolour,
    split_reference,
)

COLOURS = (HUE_OFFSET, CHROMA_RATIO, LIGHTNESS_BIAS)


@pytest.fixture(scope="module")
def muted() -> Image:
    """Soft colours of every hue, so that small changes stay within sRGB."""
    y, x = np.mgrid[0:96, 0:96] / 95
    return np.stack([0.4 + 0.2 * x, 0.6 - 0.2 * y, 0.4 + 0.2 * y * x], axis=-1).astype(np.float32)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_lab_is_scikit_images(name: str) -> None:
    """To the third digit."""
    from skimage.color import rgb2lab

    picture = photograph(name)
    assert np.abs(lab32(picture) - rgb2lab(picture.astype(np.float64))).max() < 1e-3


@pytest.mark.parametrize("degrees", [-30.0, -2.0, 0.5, 1.0, 2.0, 10.0])
def test_a_turn_of_all_hues_reads_its_angle(muted: Image, degrees: float) -> None:
    """Positive is counter-clockwise."""
    actual = recolour(muted, degrees=degrees)
    assert measure_whole(HUE_OFFSET, muted, actual) == pytest.approx(degrees, abs=0.01)
    assert measure_whole(HUE_OFFSET, muted, actual, "worst") == pytest.approx(degrees, abs=0.01)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_turn_of_two_degrees_reads_two(name: str) -> None:
    """On photographs, where some colours leave sRGB. Rounding to 8 bits may itself turn pale
    colours by more than that.
    """
    picture = photograph(name)
    assert measure_whole(HUE_OFFSET, picture, recolour(picture, degrees=2)) == pytest.approx(
        2, abs=0.1
    )


def test_red_towards_yellow_is_positive() -> None:
    """The sign, in words."""
    red, orange = (
        np.broadcast_to(np.array(c, np.float32), (64, 64, 3))
        for c in ((0.8, 0.1, 0.1), (0.8, 0.3, 0.1))
    )
    assert measure_whole(HUE_OFFSET, red, orange) > 5
    assert measure_whole(HUE_OFFSET, orange, red) == pytest.approx(
        -measure_whole(HUE_OFFSET, red, orange), abs=1e-4
    )


def test_a_hue_needs_a_colour(muted: Image) -> None:
    """Neither grey that took a tint nor colour that was lost has an angle; the reason says so."""
    flat = make_grey(np.full((96, 96), 0.5))
    for expected, actual in ((flat, muted), (muted, flat)):
        reference = Reference({"all": np.ones((96, 96), bool)}, expected)
        values = HUE_OFFSET.measure(HUE_OFFSET.prepare(reference), actual)
        assert all("too grey" in value.reason for value in values)


@pytest.mark.parametrize("gain", [0.5, 0.95, 0.975, 1.05])
def test_chroma_times_a_gain(muted: Image, gain: float) -> None:
    """The gain itself in dB; paler is negative."""
    value = measure_whole(CHROMA_RATIO, muted, recolour(muted, gain=gain))
    assert value == pytest.approx(20 * np.log10(gain), abs=1e-3)


def test_greys_are_equally_grey(muted: Image) -> None:
    """Noise on grey is no colour, a tint is; colour that is lost altogether falls to the floor."""
    flat = make_grey(np.full((96, 96), 0.5))
    assert measure_whole(CHROMA_RATIO, flat, add_noise(flat, 1), "worst") == 0
    mean = float(chroma(lab32(muted)).mean(dtype=np.float64))
    for expected, actual, sign in ((flat, muted, 1), (muted, flat, -1)):
        assert measure_whole(CHROMA_RATIO, expected, actual) == pytest.approx(
            sign * 20 * np.log10(mean / FLOOR), abs=1e-3
        )


@pytest.mark.parametrize("step", [-3.0, -0.5, 0.5, 1.0, 5.0])
def test_lightness_plus_a_step(muted: Image, step: float) -> None:
    """The step itself, in its direction."""
    assert measure_whole(LIGHTNESS_BIAS, muted, recolour(muted, lightness=step)) == pytest.approx(
        step, abs=0.01
    )


@pytest.mark.parametrize(
    ("own", "change"),
    [
        (HUE_OFFSET, {"degrees": 5.0}),
        (CHROMA_RATIO, {"gain": 0.9}),
        (LIGHTNESS_BIAS, {"lightness": 2.0}),
    ],
)
def test_each_sees_its_own_fault_only(muted: Image, own: Metric, change: dict[str, float]) -> None:
    """A turn is neither paler nor darker, and so on around."""
    actual = recolour(muted, **change)
    for metric in COLOURS:
        value = measure_whole(metric, muted, actual)
        assert (abs(value) > 0.5) if metric is own else (abs(value) < 0.01), (metric.name, value)


@pytest.mark.parametrize("metric", COLOURS)
def test_a_fault_in_the_edit_is_read_in_the_edit(metric: Metric) -> None:
    """What was kept reads 0 exactly; the worst window is where the edit is."""
    picture = photograph("coffee")
    changed = recolour(picture, degrees=6, gain=0.85, lightness=2)
    actual = deliver(np.where(middle_patch(picture)[..., None], changed, picture))
    numbers = measure_all(metric, split_reference(picture), actual)
    assert abs(numbers["edit", "mean"]) > 0.5
    assert numbers["keep", "mean"] == pytest.approx(0, abs=1e-6)
    assert abs(numbers["all", "mean"]) < abs(numbers["all", "worst"])


@given(step=st.floats(-8, 8), degrees=st.floats(-20, 20))
@settings(max_examples=15, deadline=None)
def test_swapping_the_pictures_swaps_the_sign(step: float, degrees: float) -> None:
    """Actual against expected is minus expected against actual."""
    picture = photograph("chelsea")[100:180, 100:180]
    actual = recolour(picture, lightness=step, degrees=degrees, gain=1.02).clip(0, 1)
    for metric in COLOURS:
        there, back = measure_whole(metric, picture, actual), measure_whole(metric, actual, picture)
        assert there == pytest.approx(-back, abs=1e-3)


def test_noise_is_no_bias() -> None:
    """Two levels of noise on a coloured picture move hue, chroma and lightness by next to
    nothing.
    """
    picture = photograph("coffee")
    actual = add_noise(picture, 2)
    assert abs(measure_whole(HUE_OFFSET, picture, actual)) < 0.1
    assert abs(measure_whole(CHROMA_RATIO, picture, actual)) < 0.1
    assert abs(measure_whole(LIGHTNESS_BIAS, picture, actual)) < 0.1
