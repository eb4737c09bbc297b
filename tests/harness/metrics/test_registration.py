"""registration: shifts by the shift theorem, against scikit-image, and what is no shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics.metric import Reference, whole
from harness.metrics.registration import MAX_SHIFT_PX, NO_STRUCTURE, REGISTRATION, UNLIKE
from tests.harness.metrics.planted import (
    PHOTOGRAPHS,
    blurred,
    delivered,
    grey,
    measured,
    noisy,
    of_all,
    parted,
    patch,
    photograph,
    recoloured,
    shifted,
)

PRECISION_PX = 0.05


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(("dy", "dx"), [(0.25, 0.0), (0.0, -0.25), (0.5, 0.5), (1.0, -1.0), (-3.4, 2.6)])
def test_a_known_shift(name: str, dy: float, dx: float) -> None:
    """To a twentieth of a pixel, over the whole picture and in the edit; down and right are positive."""
    picture = photograph(name)
    numbers = measured(REGISTRATION, parted(picture), delivered(shifted(picture, dy, dx)))
    for region in ("all", "edit", "keep"):
        assert numbers[region, "dy"] == pytest.approx(dy, abs=PRECISION_PX)
        assert numbers[region, "dx"] == pytest.approx(dx, abs=PRECISION_PX)
        assert numbers[region, "shift"] == pytest.approx(np.hypot(dy, dx), abs=PRECISION_PX)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(("dy", "dx"), [(0.3, -0.7), (2.2, 1.1)])
def test_it_agrees_with_scikit_image(name: str, dy: float, dx: float) -> None:
    """Phase correlation, upsampled a hundred times (Guizar-Sicairos 2008), under a window as its border needs one."""
    from skimage.registration import phase_cross_correlation

    picture = photograph(name)
    actual = delivered(shifted(picture, dy, dx))
    window = np.outer(np.hanning(len(picture)), np.hanning(len(picture)))
    planes = [(image.mean(axis=-1) - image.mean()) * window for image in (actual, picture)]
    reference, _, _ = phase_cross_correlation(planes[1], planes[0], upsample_factor=100, normalization=None)
    ours = [of_all(REGISTRATION, picture, actual, stat) for stat in ("dy", "dx")]
    assert ours == pytest.approx(-reference, abs=0.08)


@given(dy=st.floats(-6, 6), dx=st.floats(-6, 6))
@settings(max_examples=15, deadline=None)
def test_any_shift_within_reach(dy: float, dx: float) -> None:
    """Found wherever it lies, and its opposite where the pictures are swapped."""
    picture = photograph("astronaut")[64:320, 64:320]
    actual = shifted(picture, dy, dx)
    assert of_all(REGISTRATION, picture, actual, "dy") == pytest.approx(dy, abs=0.1)
    assert of_all(REGISTRATION, picture, actual, "dx") == pytest.approx(dx, abs=0.1)
    assert of_all(REGISTRATION, actual, picture, "dy") == pytest.approx(-dy, abs=0.1)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_part_that_moved(name: str) -> None:
    """The edit reads its shift, what was kept reads none, and the worst window is there."""
    picture = photograph(name)
    area = patch(picture)
    actual = delivered(np.where(area[..., None], shifted(picture, 0.5, -0.5), picture))
    numbers = measured(REGISTRATION, parted(picture), actual)
    assert numbers["edit", "dy"] == pytest.approx(0.5, abs=0.1)
    assert numbers["edit", "dx"] == pytest.approx(-0.5, abs=0.1)
    assert numbers["keep", "shift"] < 0.02
    assert numbers["all", "worst"] > 0.4


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_other_faults_are_no_shift(name: str) -> None:
    """Noise, blur, tints, lightness and contrast leave everything in its place."""
    picture = photograph(name)
    for change in (
        noisy(picture, 2), blurred(picture, 1), recoloured(picture, degrees=5, gain=0.9), recoloured(picture, lightness=2),
        0.1 + 0.8 * picture,
    ):  # fmt: skip
        assert of_all(REGISTRATION, picture, delivered(change), "shift") < 0.02


def test_what_can_not_be_told_is_said() -> None:
    """A flat picture, stripes that hide a shift along them, and a fill that shows something else."""
    flat = grey(np.full((128, 128), 0.5))
    stripes = grey(np.broadcast_to(0.5 + 0.3 * np.sin(np.arange(128) / 3), (128, 128)))
    for picture in (flat, stripes):
        values = REGISTRATION.measure(REGISTRATION.prepare(whole(picture)), picture)
        assert {value.reason for value in values} == {NO_STRUCTURE}
    coffee, other = photograph("coffee")[:256, :256], photograph("chelsea")[:256, :256]
    values = REGISTRATION.measure(REGISTRATION.prepare(Reference({"all": np.ones((256, 256), bool)}, coffee)), other)
    assert {value.reason for value in values} == {UNLIKE}
    assert f"{MAX_SHIFT_PX:g} px" in UNLIKE
