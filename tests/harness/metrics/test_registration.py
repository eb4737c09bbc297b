"""registration: shifts by the shift theorem, against scikit-image, turns and zooms, and what is no
motion.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editproof.harness.metrics.core.metric import Image, Reference, make_reference, require_part
from editproof.harness.metrics.geometry.registration import (
    NO_STRUCTURE,
    REGISTRATION,
    UNLIKE,
)
from editproof.harness.metrics.geometry.shift import MAX_SHIFT_PX
from editproof.harness.metrics.geometry.similarity import TOO_FEW
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors.registry import get_vector
from tests.grids import diagonal
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
    turn,
)

PRECISION_PX = 0.05

MOTIONS = [
    (0.5, 0.0, 0j),
    (-0.5, 0.0, 0j),
    (20.0, 0.0, 0j),
    (-20.0, 0.0, 0j),
    (0.0, 0.2, 0j),
    (0.0, -5.0, 0j),
    (0.0, 0.0, 40 + 0j),
    (0.0, 0.0, 0.3 - 40j),
    (10.0, -10.0, 20 + 5j),
]
"""Scale in %, rotation in degrees clockwise, and a shift x + iy."""


@pytest.mark.parametrize(
    ("motion", "name"),
    diagonal([(0.25, 0.0), (0.0, -0.25), (0.5, 0.5), (1.0, -1.0), (-3.4, 2.6)], PHOTOGRAPHS),
    ids=str,
)
def test_a_known_shift(motion: tuple[float, float], name: str) -> None:
    """To a twentieth of a pixel, over the whole picture and in the edit; down and right are
    positive.
    """
    dy, dx = motion
    picture = photograph(name)
    numbers = measure_all(REGISTRATION, split_reference(picture), deliver(shift(picture, dy, dx)))
    for region in ("all", "edit", "keep"):
        assert numbers[region, "dy"] == pytest.approx(dy, abs=PRECISION_PX)
        assert numbers[region, "dx"] == pytest.approx(dx, abs=PRECISION_PX)
        assert numbers[region, "shift"] == pytest.approx(np.hypot(dy, dx), abs=PRECISION_PX)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(("dy", "dx"), [(0.3, -0.7), (2.2, 1.1)])
def test_it_agrees_with_scikit_image(name: str, dy: float, dx: float) -> None:
    """Phase correlation, upsampled a hundred times (Guizar-Sicairos 2008), under a window as its
    border needs one.
    """
    from skimage.registration import phase_cross_correlation

    picture = photograph(name)
    actual = deliver(shift(picture, dy, dx))
    window = np.outer(np.hanning(len(picture)), np.hanning(len(picture)))
    planes = [(image.mean(axis=-1) - image.mean()) * window for image in (actual, picture)]
    reference, _, _ = phase_cross_correlation(
        planes[1], planes[0], upsample_factor=100, normalization=None
    )
    ours = [measure_whole(REGISTRATION, picture, actual, stat) for stat in ("dy", "dx")]
    assert ours == pytest.approx(-reference, abs=0.08)


@given(dy=st.floats(-6, 6), dx=st.floats(-6, 6))
@settings(max_examples=15, deadline=None)
@pytest.mark.slow
def test_any_shift_within_reach(dy: float, dx: float) -> None:
    """Found wherever it lies, and its opposite where the pictures are swapped."""
    picture = photograph("astronaut")[64:320, 64:320]
    actual = shift(picture, dy, dx)
    assert measure_whole(REGISTRATION, picture, actual, "dy") == pytest.approx(dy, abs=0.1)
    assert measure_whole(REGISTRATION, picture, actual, "dx") == pytest.approx(dx, abs=0.1)
    assert measure_whole(REGISTRATION, actual, picture, "dy") == pytest.approx(-dy, abs=0.1)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_part_that_moved(name: str) -> None:
    """The edit reads its shift, what was kept reads none, and the worst window is there."""
    picture = photograph(name)
    area = middle_patch(picture)
    actual = deliver(np.where(area[..., None], shift(picture, 0.5, -0.5), picture))
    numbers = measure_all(REGISTRATION, split_reference(picture), actual)
    assert numbers["edit", "dy"] == pytest.approx(0.5, abs=0.1)
    assert numbers["edit", "dx"] == pytest.approx(-0.5, abs=0.1)
    assert numbers["keep", "shift"] < 0.02
    assert numbers["all", "worst"] > 0.4


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_other_faults_are_no_shift(name: str) -> None:
    """Noise, blur, tints, lightness and contrast leave everything in its place."""
    picture = photograph(name)
    for change in (
        add_noise(picture, 2),
        blur(picture, 1),
        recolour(picture, degrees=5, gain=0.9),
        recolour(picture, lightness=2),
        0.1 + 0.8 * picture,
    ):
        assert measure_whole(REGISTRATION, picture, deliver(change), "shift") < 0.02


def test_what_can_not_be_told_is_said() -> None:
    """A flat picture, stripes that hide a shift along them, and a fill that shows something
    else.
    """
    flat = make_grey(np.full((128, 128), 0.5))
    stripes = make_grey(np.broadcast_to(0.5 + 0.3 * np.sin(np.arange(128) / 3), (128, 128)))
    for picture in (flat, stripes):
        values = REGISTRATION.measure(REGISTRATION.prepare(make_reference(picture)), picture)
        assert {value.reason for value in values} == {NO_STRUCTURE}
    coffee, other = photograph("coffee")[:256, :256], photograph("chelsea")[:256, :256]
    values = REGISTRATION.measure(
        REGISTRATION.prepare(Reference({"all": np.ones((256, 256), bool)}, coffee)), other
    )
    assert {value.reason for value in values} == {UNLIKE}
    assert f"{MAX_SHIFT_PX:g} px" in UNLIKE


def motion_of(picture: Image, actual: Image) -> dict[str, float]:
    """Every statistic of the whole picture."""
    return {
        stat: number
        for (_, stat), number in measure_all(REGISTRATION, make_reference(picture), actual).items()
    }


def check_motion(picture: Image, scale: float, rotation: float, shift: complex) -> None:
    """What is planted is found, to 0.05 %, 0.02° and 0.1 px."""
    factor = cmath.rect(1 + scale / 100, math.radians(rotation))
    found = motion_of(picture, deliver(turn(picture, factor, shift)))
    assert found["scale"] == pytest.approx(scale, abs=0.05)
    assert found["rotation"] == pytest.approx(rotation, abs=0.02)
    assert found["dx"] == pytest.approx(shift.real, abs=0.1)
    assert found["dy"] == pytest.approx(shift.imag, abs=0.1)
    assert found["shift"] == pytest.approx(abs(shift), abs=0.1)


@pytest.mark.parametrize(("motion", "name"), diagonal(MOTIONS, PHOTOGRAPHS), ids=str)
def test_a_known_turn_and_zoom(motion: tuple[float, float, complex], name: str) -> None:
    """Of the whole picture about its middle: larger and clockwise are positive."""
    check_motion(photograph(name), *motion)


@pytest.mark.parametrize(
    ("motion", "family"),
    diagonal(MOTIONS[::2], ["logo", "thin_text", "shadow_edge", "colour_chart"]),
    ids=str,
)
def test_a_turn_and_zoom_of_a_drawn_scene(
    motion: tuple[float, float, complex], family: str
) -> None:
    """Where there is little but paper and a few words, too."""
    check_motion(
        require_part(
            make_scene_task(get_vector(family).render(7, 256, step=3, scale=2)).reference.expected
        ),
        *motion,
    )


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_an_unmoved_picture(name: str) -> None:
    """Exactly 0 in every statistic where it is the same; hardly anything where it was blurred,
    noisy or tinted.
    """
    picture = photograph(name)
    assert set(motion_of(picture, picture).values()) == {0.0}
    for change in (
        blur(picture, 1),
        add_noise(picture, 8),
        recolour(picture, degrees=5, gain=0.9),
        0.1 + 0.8 * picture,
    ):
        found = motion_of(picture, deliver(change))
        assert abs(found["scale"]) < 0.01
        assert abs(found["rotation"]) < 0.01


def test_a_patch_that_was_replaced_is_no_motion() -> None:
    """A quarter of the picture shows something else: the rest tells that nothing moved."""
    picture, other = photograph("coffee"), photograph("astronaut")
    damaged = picture.copy()
    damaged[100:300, 100:300] = other[100:300, 100:300]
    found = motion_of(picture, damaged)
    assert abs(found["scale"]) < 0.05
    assert abs(found["rotation"]) < 0.05


def test_a_part_that_turned() -> None:
    """The edit reads its own turn; the rest of the picture reads none."""
    picture = photograph("astronaut")
    area = np.zeros(picture.shape[:2], bool)
    area[150:350, 150:350] = True
    actual = deliver(
        np.where(area[..., None], turn(picture, cmath.rect(1.004, math.radians(0.3))), picture)
    )
    numbers = measure_all(REGISTRATION, Reference({"edit": area, "keep": ~area}, picture), actual)
    assert numbers["edit", "scale"] == pytest.approx(0.4, abs=0.05)
    assert numbers["edit", "rotation"] == pytest.approx(0.3, abs=0.05)
    assert abs(numbers["keep", "scale"]) < 0.01
    assert abs(numbers["keep", "rotation"]) < 0.01


def test_a_small_region_tells_no_turn() -> None:
    """It says so; its shift is told."""
    picture = photograph("astronaut")
    area = np.zeros(picture.shape[:2], bool)
    area[100:164, 180:244] = True
    values = REGISTRATION.measure(REGISTRATION.prepare(Reference({"edit": area}, picture)), picture)
    assert {value.stat: value.reason for value in values if value.reason} == {
        "scale": TOO_FEW,
        "rotation": TOO_FEW,
    }
