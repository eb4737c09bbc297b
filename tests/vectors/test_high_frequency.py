"""Family high_frequency."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.families.high_frequency import PATTERNS, TILE_PX, draw, leaves

VECTOR = get_vector("high_frequency")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("step", [4, 5, 6])
@pytest.mark.parametrize("seed", range(3))
def test_period(step: int, seed: int) -> None:
    """The strongest frequency of the expected output is the period asked for, within 4 %."""
    grey = VECTOR.render(seed, 256, step=step).clean.mean(axis=2)
    taper = np.hanning(512)
    power = np.abs(np.fft.rfft2((grey - grey.mean()) * taper[:, None] * taper[None, :])) ** 2
    radius = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.rfftfreq(512)[None, :]) * 2
    power[radius < 0.03] = 0
    mean = float(
        (radius * power)[power > power.max() / 5].sum() / power[power > power.max() / 5].sum()
    )
    assert mean == pytest.approx(1 / float(VECTOR.ladder[step - 1]["period_px"]), rel=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_input_is_not_aliased(seed: int) -> None:
    """At the finest rung the clean input has no moiré: less than 1 % of its variance lies below
    half the frequency.
    """
    grey = VECTOR.render(seed, 256, step=6).clean_input.mean(axis=2)
    taper = np.hanning(256)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * taper[:, None] * taper[None, :])) ** 2
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    assert power[radius < 0.5 / 2.2].sum() < 0.01 * power.sum()


@pytest.mark.parametrize("ground", PATTERNS)
def test_contrast(ground: str) -> None:
    """Every pattern is plain to see in the input, even where it is fine."""
    period_px = min(float(rung["period_px"]) for rung in VECTOR.ladder if rung["ground"] == ground)
    scene = draw(1, 128, 2, period_px=period_px, contrast=1.0, diameter_px=20, ground=ground)
    assert scene.clean_input.mean(axis=2).std() > 0.08


def test_faded() -> None:
    """At a quarter of the contrast a pattern has a quarter of its deviation and the same mean
    colour.
    """
    full, faint = (
        draw(1, 128, 1, period_px=12.0, contrast=contrast, diameter_px=20, ground="weave").clean
        for contrast in (1.0, 0.25)
    )
    assert faint.std(axis=(0, 1)) == pytest.approx(full.std(axis=(0, 1)) / 4, rel=0.03)
    assert faint.mean(axis=(0, 1)) == pytest.approx(full.mean(axis=(0, 1)), abs=0.002)


def test_large_hedge() -> None:
    """Beyond its tile a hedge is mirrored, so that a large one costs little more and shows no
    seam.
    """
    hedge = leaves(np.random.default_rng(1), TILE_PX + 64, 1, 6.0)
    assert np.array_equal(hedge[:, TILE_PX:], hedge[:, TILE_PX - 64 : TILE_PX][:, ::-1])


def test_ladder_gets_harder() -> None:
    """From rung to rung the pattern gets finer, down to near Nyquist, and the hole larger; at first
    it is faint, too.
    """
    periods, diameters = (
        [float(rung[name]) for rung in VECTOR.ladder] for name in ("period_px", "diameter_px")
    )
    assert VECTOR.ladder[0]["contrast"] == min(float(rung["contrast"]) for rung in VECTOR.ladder)
    assert periods == sorted(periods, reverse=True)
    assert diameters == sorted(diameters)
    assert 2 < periods[-1] < 2.5


def test_bad_pattern() -> None:
    """An unknown pattern raises and lists those that there are."""
    with pytest.raises(ValueError, match="grating, weave, leaves"):
        draw(1, 64, 1, period_px=8.0, contrast=1.0, diameter_px=20, ground="tweed")
