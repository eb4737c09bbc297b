"""The wave that every tile repeats: its amplitude, how far it stands out, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.metrics.seams.tile_peak import FEW, TILE_PEAK
from editproof.vectors.regions import seams

SIZE, TILE = 256, 48


def reference(tile_px: int = TILE, level: float = 0.5) -> Reference:
    picture = np.full((SIZE, SIZE, 3), level, np.float32)
    return Reference({"seams": seams(SIZE, 1, tile_px=tile_px, overlap_px=0) > 0}, picture)


def measured(known: Reference, residual: np.ndarray) -> dict[str, float | None]:
    """Of a residual in 8-bit levels, not rounded."""
    assert known.expected is not None
    actual: Image = (known.expected + residual[..., None] / 255).astype(np.float32)
    return {
        value.stat: value.value for value in TILE_PEAK.measure(TILE_PEAK.prepare(known), actual)
    }


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("harmonic", [1, 2, 5])
@pytest.mark.parametrize("amplitude", [0.5, 3.0])
def test_a_wave_has_its_amplitude(axis: int, harmonic: int, amplitude: float) -> None:
    """Wherever its crests lie, and beside a slope."""
    places = np.moveaxis(np.mgrid[0:SIZE, 0:SIZE], 0, -1)[..., axis]
    residual = amplitude * np.sin(2 * np.pi * harmonic * places / TILE + 0.7) + places / SIZE
    found = measured(reference(), residual)
    assert found["amplitude"] == pytest.approx(amplitude, rel=0.02)
    assert found["peak"] is not None
    assert found["peak"] > 20


def test_what_is_no_pattern_of_the_tiles() -> None:
    """A wave of another period, a step, tiles of every other tone, and nothing at all."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    others = {
        "between": 3 * np.sin(2 * np.pi * 2.5 * x / TILE),
        "a step": 4.0 * (x > 100),
        "a chessboard": 2.0 * ((x // TILE + y // TILE) % 2),
        "nothing": np.zeros((SIZE, SIZE)),
    }
    for what, residual in others.items():
        peak = measured(reference(), residual)["peak"]
        assert peak is not None
        assert peak < 8, what


@pytest.mark.slow
def test_noise_stays_below_what_is_called_chance() -> None:
    """8 dB, as the metric says: of 300 noisy pictures, 1 in 100 at most."""
    rng = np.random.default_rng(4)
    known = reference()
    peaks = [measured(known, rng.normal(0, 3, (SIZE, SIZE)))["peak"] for _ in range(300)]
    assert sum(peak > 8 for peak in peaks if peak is not None) <= 3


def test_two_tiles_are_no_period() -> None:
    """Nor is a scene without tiles."""
    for known, reason in (
        (reference(tile_px=120), FEW),
        (
            Reference({"seams": np.zeros((9, 9), bool)}, np.zeros((9, 9, 3), np.float32)),
            "the region is empty in this scene",
        ),
    ):
        assert known.expected is not None
        values = TILE_PEAK.measure(TILE_PEAK.prepare(known), known.expected)
        assert {value.reason for value in values} == {reason}
