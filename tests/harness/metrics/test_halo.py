"""The rim around a fill: its sign, its side and its width."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.metrics.edge.halo import HALO, PreparedSides, profile

SIZE = 128


def scene(scale: int = 1) -> tuple[Reference, NDArray[np.float64]]:
    """A disc on grey, and the distance from its edge in output pixels, negative inside."""
    y, x = np.mgrid[0 : SIZE * scale, 0 : SIZE * scale]
    distance = np.hypot(y - SIZE * scale / 2, x - SIZE * scale / 2) - 30 * scale
    ring = (distance > 0) & (distance <= 4 * scale)
    expected = np.full((*distance.shape, 3), 0.5, np.float32)
    return Reference({"edit": distance <= 0, "ring": ring}, expected, scale=scale), distance


def lighter(reference: Reference, where: NDArray[np.bool_], levels: float) -> Image:
    assert reference.expected is not None
    return np.asarray(reference.expected + where[..., None] * levels / 255, np.float32)


def stats(reference: Reference, actual: Image) -> dict[tuple[str, str], float]:
    values = HALO.measure(HALO.prepare(reference), actual)
    return {(v.region, v.stat): v.value for v in values if v.value is not None}


@pytest.mark.parametrize("levels", [12.0, -7.0])
@pytest.mark.parametrize("scale", [1, 2])
def test_its_sign_and_side(levels: float, scale: int) -> None:
    """A rim outside is light or dark outside, and nothing inside."""
    reference, distance = scene(scale)
    found = stats(reference, lighter(reference, (distance > 0) & (distance <= 2 * scale), levels))
    assert found["ring", "rim"] == pytest.approx(levels, rel=0.15)
    assert found["ring", "peak"] == pytest.approx(levels, rel=0.15)
    assert np.sign(found["ring", "worst"]) == np.sign(levels)
    assert [found["edit", stat] for stat in HALO.stats] == pytest.approx([0, 0, 0], abs=1e-4)


@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("scale", [1, 2])
def test_its_width(width: int, scale: int) -> None:
    """The profile falls where the rim ends, in input pixels."""
    reference, distance = scene(scale)
    prepared: PreparedSides = HALO.prepare(reference)
    actual = lighter(reference, (distance <= 0) & (distance > -width * scale), 20)
    means = profile(prepared.sides["edit"], 255 * actual[..., 0].astype(np.float64) - prepared.luma)
    assert (means[:width] > 10).all()
    assert np.nanmax(means[width + 1 :]) < 2


def test_a_rim_on_one_side_shows_in_the_worst_window() -> None:
    """A light and a dark half cancel in the mean, not in the worst window, which has its place."""
    reference, distance = scene()
    rim = (distance > 0) & (distance <= 2)
    left = np.arange(SIZE)[None, :] < SIZE // 2
    actual = lighter(reference, rim & left, 12) + lighter(reference, rim & ~left, -12)
    assert reference.expected is not None
    values = HALO.measure(
        HALO.prepare(reference), np.asarray(actual - reference.expected, np.float32)
    )
    found = {(v.region, v.stat): v for v in values}
    mean, worst = found["ring", "rim"].value, found["ring", "worst"].value
    assert mean is not None
    assert worst is not None
    assert abs(mean) < 1
    assert abs(worst) > 10
