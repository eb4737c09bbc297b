"""grain: known deviations, lost and gained, with and without an expected picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.metrics.detail.grain import BANDS, FLOOR, GRAIN, MIN_PX, NO_EXPECTED, bands
from tests.harness.metrics.planted import (
    blur,
    deliver,
    make_grey,
    measure_all,
    middle_patch,
    photograph,
    recolour,
    split_reference,
)

SIZE = 256
LEVEL = 1 / 255


def grainy(sigma_levels: float, seed: int = 0) -> Image:
    """A soft gradient with white grain, not rounded."""
    x = np.linspace(0.35, 0.65, SIZE)
    return make_grey(
        x[None, :] + np.random.default_rng(seed).normal(0, sigma_levels * LEVEL, (SIZE, SIZE))
    )


def filled(outside: Image, inside: Image) -> Image:
    return np.where(middle_patch(outside)[..., None], inside, outside)


def ratio(sigma: float, expected: float, share: float) -> float:
    """dB of two deviations in a band that holds `share` of white noise, over the floor."""
    return float(
        20
        * np.log10(
            np.hypot(sigma * LEVEL * share, FLOOR) / np.hypot(expected * LEVEL * share, FLOOR)
        )
    )


@pytest.fixture(scope="module")
def shares() -> list[float]:
    """The share of white noise's deviation that each band holds, from the bands' own response to a
    point.
    """
    point = np.zeros((129, 129), np.float32)
    point[64, 64] = 1
    return [float(np.sqrt(np.square(band, dtype=np.float64).sum())) for band in bands(point)]


def test_bands_add_up_to_the_picture_less_its_blur() -> None:
    """Nothing is counted twice."""
    plane = photograph("chelsea")[..., 1].copy()
    inner = (slice(16, -16), slice(16, -16))
    assert bands(plane).sum(axis=0)[inner] == pytest.approx(
        (plane - blur(plane, 4.0))[inner], abs=1e-5
    )


@pytest.mark.parametrize(("inside", "around"), [(8.0, 4.0), (4.0, 4.0), (2.0, 4.0), (0.0, 4.0)])
def test_a_fill_of_known_grain(inside: float, around: float, shares: list[float]) -> None:
    """Each band reads the ratio of the deviations, to what a sample of that size allows."""
    expected = grainy(around)
    numbers = measure_all(
        GRAIN, split_reference(expected), filled(expected, grainy(inside, seed=1))
    )
    for band, share in zip(BANDS[:2], shares, strict=False):
        assert numbers["edit", band] == pytest.approx(ratio(inside, around, share), abs=0.6)
    assert numbers["keep", "fine"] == pytest.approx(0, abs=1e-9)


def test_the_right_grain_in_another_pattern_is_right() -> None:
    """Nobody can draw the same crystals."""
    expected = grainy(5)
    assert (
        abs(
            measure_all(GRAIN, split_reference(expected), filled(expected, grainy(5, seed=7)))[
                "edit", "fine"
            ]
        )
        < 0.5
    )


def test_denoised_everywhere_is_seen_everywhere_but_is_even() -> None:
    """The edit fits its surroundings; what was kept says that grain is gone."""
    numbers = measure_all(GRAIN, split_reference(grainy(5)), grainy(0.5, seed=2))
    assert abs(numbers["edit", "mean"]) < 1.5
    assert numbers["keep", "fine"] < -12
    assert numbers["all", "fine"] < -12


def test_texture_that_belongs_there_is_not_grain() -> None:
    """What is expected to be rougher than its surroundings may be."""
    textured = filled(grainy(2), grainy(12, seed=3))
    other = filled(grainy(2, seed=4), grainy(12, seed=5))
    assert abs(measure_all(GRAIN, split_reference(textured), other)["edit", "fine"]) < 0.6


@pytest.mark.parametrize("lost", [0.0, 0.5])
def test_without_an_expected_picture_the_surroundings_tell(lost: float) -> None:
    """The edit is measured against what lies around it, other regions say why not."""
    actual = filled(grainy(5), grainy(5 * lost, seed=1))
    reference = replace(split_reference(actual), expected=None)
    assert not GRAIN.missing(reference)
    values = GRAIN.measure(GRAIN.prepare(reference), actual)
    (fine,) = [v.value for v in values if (v.region, v.stat) == ("edit", "fine")]
    assert fine is not None
    assert fine < (-12 if lost == 0 else -4)
    assert all(v.reason == NO_EXPECTED for v in values if v.region != "edit")


def test_too_little_to_measure_is_said() -> None:
    """An edit of a few pixels, and one without surroundings."""
    picture = grainy(5)
    few = np.zeros((SIZE, SIZE), bool)
    few[:4, :4] = True
    for edit, words in ((few, f"fewer than {MIN_PX} px"), (np.ones_like(few), "around the region")):
        values = GRAIN.measure(GRAIN.prepare(Reference({"edit": edit}, picture)), picture)
        assert all(words in value.reason for value in values)


def test_colour_and_lightness_are_not_grain() -> None:
    """A tint or a step of L* leaves the deviation."""
    picture = photograph("coffee")
    for change in (
        recolour(picture, degrees=3),
        recolour(picture, lightness=1),
        recolour(picture, gain=0.9),
    ):
        assert (
            abs(measure_all(GRAIN, split_reference(picture), deliver(change))["all", "mean"]) < 0.3
        )


def test_more_smoothing_takes_more_grain() -> None:
    """Monotone in the blur of the fill."""
    picture = grainy(6)
    values = [
        measure_all(GRAIN, split_reference(picture), filled(picture, blur(picture, sigma)))[
            "edit", "fine"
        ]
        for sigma in (0.4, 0.6, 0.8, 1.2)
    ]
    assert values == sorted(values, reverse=True)
