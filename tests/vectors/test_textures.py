"""Textures; what holds for every ground is in test_grounds."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.textures import (
    THREAD_PX,
    fabric,
    fibres,
    foliage,
    noise,
    streaks,
    wood,
)


@pytest.mark.parametrize("scale", [1, 2])
def test_threads(scale: int) -> None:
    """Cloth repeats after two threads, at every scale."""
    rows = fabric(1, 320 * scale, scale).astype(float).mean(axis=2)
    spectrum = np.abs(np.fft.rfft(rows - rows.mean(axis=1, keepdims=True), axis=1)).mean(axis=0)
    period_px = rows.shape[1] / int(spectrum.argmax()) / scale
    assert min(abs(period_px - n * THREAD_PX) for n in (1, 2)) < 0.2


def test_wood_runs_down() -> None:
    """Along the grain of wood neighbouring pixels differ less than across it."""
    board = wood(1, 256, 1).astype(float)
    assert 2 * np.abs(np.diff(board, axis=0)).mean() < np.abs(np.diff(board, axis=1)).mean()


def test_foliage_is_cluttered() -> None:
    """Leaves cover the picture with greens of many shades."""
    leaves = foliage(1, 256, 1).astype(float)
    assert leaves.std(axis=(0, 1))[:2].min() > 25
    assert (leaves[..., 1] >= leaves[..., 2] - 1).mean() > 0.95


def test_fibres_are_few() -> None:
    """Most of the sheet is paper; a few percent of it are fibres that stand out by 30 levels."""
    sheet = fibres(1, 256, 1).astype(float)
    away = np.abs(sheet - np.median(sheet, axis=(0, 1))).max(axis=2)
    assert 0.01 < (away > 30).mean() < 0.15


def test_noise() -> None:
    """Noise has about unit deviation at its knots; streaks vary less along their longer cells."""
    rng = np.random.default_rng(1)
    assert noise(rng, 200, cell=1.0).std() == pytest.approx(1, abs=0.03)
    pattern = streaks(rng, 200, cells=(20.0, 2.0))
    assert np.abs(np.diff(pattern, axis=0)).mean() < 0.3 * np.abs(np.diff(pattern, axis=1)).mean()
