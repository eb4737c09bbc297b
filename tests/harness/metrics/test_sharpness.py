"""sharpness: known blurs of known edges, signs, and what is not blur."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from editproof.harness.metrics.core.metric import Image, make_reference
from editproof.harness.metrics.detail.sharpness import FINE_PX, NO_EDGE, SHARPNESS
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
    recolour,
    shift,
    split_reference,
)

SIZE = 192


def edge(sigma: float, contrast: float = 0.6) -> Image:
    """A slanted step of the given height, blurred by `sigma`: the normal distribution's own
    curve.
    """
    y, x = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    away = (x + 0.15 * y) / math.hypot(1, 0.15)
    curve = np.vectorize(math.erf)(away / (sigma * math.sqrt(2)))
    return make_grey(0.5 + contrast / 2 * curve)


@pytest.mark.parametrize(("before", "after"), [(0.8, 1.0), (0.8, 1.2), (1.0, 2.0), (1.5, 1.0)])
def test_an_edge_of_known_width(before: float, after: float) -> None:
    """The ratio of the widths, seen through the fine scale and the difference of two neighbours, of
    variance 1/3.
    """
    seen = FINE_PX**2 + 1 / 3
    exact = 10 * math.log10((before**2 + seen) / (after**2 + seen))
    assert measure_whole(SHARPNESS, edge(before), edge(after)) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("contrast", [0.2, 0.4, 0.9])
def test_contrast_is_not_sharpness(contrast: float) -> None:
    """An edge of another height is as sharp."""
    assert measure_whole(SHARPNESS, edge(1.0), edge(1.0, contrast)) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_blur_of_six_tenths_is_a_decibel(name: str) -> None:
    """On photographs it costs more than 1 dB, one of 0.4 more than 0.2 dB; sharpening has the other
    sign.
    """
    picture = photograph(name)
    assert measure_whole(SHARPNESS, picture, deliver(blur(picture, 0.6))) < -1
    assert measure_whole(SHARPNESS, picture, deliver(blur(picture, 0.4))) < -0.2
    sharpened = picture + np.float32(0.3) * (picture - blur(picture, 1.0))
    assert measure_whole(SHARPNESS, picture, deliver(sharpened)) > 0.4


def test_more_blur_is_softer() -> None:
    """Monotone."""
    picture = photograph("coffee")
    values = [
        measure_whole(SHARPNESS, picture, blur(picture, sigma))
        for sigma in (0.3, 0.5, 0.8, 1.3, 2.0)
    ]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_other_faults_are_not_blur(name: str) -> None:
    """Noise, tints, lightness and a quarter of a pixel read less than a tenth of what a blur of 0.6
    px reads.
    """
    picture = photograph(name)
    damage = abs(measure_whole(SHARPNESS, picture, blur(picture, 0.6)))
    for change in (
        add_noise(picture, 1),
        recolour(picture, degrees=3),
        recolour(picture, lightness=1),
        shift(picture, 0, 0.25),
    ):
        assert abs(measure_whole(SHARPNESS, picture, deliver(change))) < damage / 10


def test_a_soft_fill_is_read_in_the_edit() -> None:
    """What was kept, away from the fill's outline, stays at 0; the worst window is at the fill."""
    picture = photograph("coffee")
    area = middle_patch(picture)
    actual = np.where(area[..., None], blur(picture, 1.0), picture)
    numbers = measure_all(SHARPNESS, split_reference(picture), actual)
    assert numbers["edit", "mean"] < -2
    assert abs(numbers["keep", "mean"]) < 0.1
    (worst,) = [
        v
        for v in SHARPNESS.measure(SHARPNESS.prepare(make_reference(picture)), actual)
        if v.stat == "worst"
    ]
    assert worst.y is not None
    assert worst.x is not None
    assert (
        area[worst.y, worst.x]
        or cv2.dilate(area.astype(np.uint8), np.ones((65, 65)))[worst.y, worst.x]
    )


def test_a_picture_without_edges_says_so() -> None:
    """A soft gradient has none."""
    soft = make_grey(np.broadcast_to(np.linspace(0.2, 0.8, 128), (128, 128)))
    values = SHARPNESS.measure(SHARPNESS.prepare(make_reference(soft)), soft)
    assert [value.reason for value in values] == [NO_EDGE] * 2
