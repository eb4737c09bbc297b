"""Seams of one level, where the tiling is known and where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.metrics.core.metric import Image, Reference, make_reference
from editproof.harness.metrics.seams.seam_energy import SEAM_ENERGY
from editproof.harness.metrics.seams.seam_grid import SEAM_GRID, find_grid
from editproof.harness.metrics.seams.steps import cut_segments, measure_steps
from editproof.harness.running.measure import as_delivered
from editproof.vectors.regions import seams, tile_borders

SIZE, TILE = 256, 48


@pytest.fixture(scope="module")
def gradient() -> Image:
    """Slanted, and dithered as a camera's noise does: without, its own steps of one level are
    straight and periodic.
    """
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    ramp = np.stack(
        [0.3 + 0.3 * x + 0.1 * y, 0.4 + 0.2 * y - 0.1 * x, 0.5 + 0.1 * (x + y)], axis=-1
    )
    return as_delivered(
        (ramp + np.random.default_rng(9).normal(0, 0.6 / 255, ramp.shape)).astype(np.float32)
    )


@pytest.fixture(scope="module")
def photograph() -> Image:
    from skimage import data

    picture = np.asarray(
        data.coffee()[100 : 100 + SIZE, 150 : 150 + SIZE], np.float32
    ) / np.float32(255)
    return as_delivered(np.float32(0.1) + np.float32(0.8) * picture)


def tiled(image: Image, levels: float, tile: int = TILE) -> Image:
    """A chessboard of tiles, every other one lighter by `levels`."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] // tile
    plane = ((y + x) % 2 * levels / 255)[..., None]
    return as_delivered(np.clip(image + plane, 0, 1).astype(np.float32))


def known(image: Image) -> Reference:
    return Reference({"seams": seams(SIZE, 1, tile_px=TILE, overlap_px=0) > 0}, image)


def energy(reference: Reference, actual: Image) -> dict[str, float]:
    values = SEAM_ENERGY.measure(SEAM_ENERGY.prepare(reference), actual)
    return {v.stat: v.value for v in values if v.value is not None}


def test_a_step_is_what_it_is_drawn_as() -> None:
    """A step of one level before row 20, and none elsewhere."""
    image = np.zeros((40, 70, 3), np.float32)
    image[20:] = 1 / 255
    across = measure_steps(image, 0, cut_segments(70, 32))
    assert across.shape == (41, 2)
    assert across[20] == pytest.approx(1 / 255)
    assert np.delete(across, 20, axis=0) == pytest.approx(0)
    assert measure_steps(image, 1, cut_segments(40, 32)) == pytest.approx(0)


def test_a_seam_of_one_level_is_found_on_a_gradient(gradient: Image) -> None:
    """Loud in the residual and in the picture alone; the worst segment lies on a border."""
    values = SEAM_ENERGY.measure(SEAM_ENERGY.prepare(known(gradient)), tiled(gradient, 1))
    assert all(v.value is not None and v.value > 6 for v in values), values
    worst = values[-1]
    assert worst.y in tile_borders(SIZE, tile_px=TILE, overlap_px=0) or worst.x in tile_borders(
        SIZE, tile_px=TILE, overlap_px=0
    )


def test_a_seam_of_one_level_is_found_on_a_photograph(photograph: Image) -> None:
    """In the residual; in the picture alone its texture hides it."""
    values = energy(known(photograph), tiled(photograph, 1))
    assert values["residual"] > 10
    assert values["alone"] < 1


def test_a_stronger_seam_is_louder(photograph: Image) -> None:
    """By 6 dB each time its height doubles."""
    residuals = [
        energy(known(photograph), tiled(photograph, levels))["residual"] for levels in (2, 4, 8)
    ]
    assert np.diff(residuals) == pytest.approx([6.0, 6.0], abs=2.0)


@pytest.mark.parametrize("fault", ["noise", "tint", "other tiling"])
def test_damage_without_seams_is_quiet(photograph: Image, fault: str) -> None:
    """Noise and tints are everywhere; another tiling's seams are elsewhere."""
    damaged = {
        "noise": photograph + np.random.default_rng(0).normal(0, 0.03, photograph.shape),
        "tint": photograph + 0.03,
        "other tiling": tiled(photograph, 4, tile=37),
    }[fault]
    values = energy(known(photograph), np.clip(damaged, 0, 1).astype(np.float32))
    assert values["residual"] < 1.5
    assert values["alone"] < 1.0


@pytest.mark.parametrize("tile", [8, 32, 47, 64])
@pytest.mark.parametrize("levels", [1, 3])
def test_an_unknown_grid_is_found_with_its_period(
    gradient: Image, tile: int, levels: float
) -> None:
    """Of the picture alone, on a gradient; the lines are where the tiles meet."""
    actual = tiled(gradient, levels, tile)
    for axis in (0, 1):
        grid = find_grid(actual, axis)
        assert grid is not None
        assert grid.period == tile
        assert grid.first % tile == 0
        assert grid.excess > 3


@pytest.mark.parametrize("tile", [16, 48])
def test_an_unknown_grid_is_found_on_a_photograph(photograph: Image, tile: int) -> None:
    """Given the expected picture, from two levels on."""
    for axis in (0, 1):
        grid = find_grid(tiled(photograph, 2, tile) - photograph, axis)
        assert grid is not None
        assert grid.period == tile


def test_the_blocks_of_a_codec_are_a_grid(photograph: Image) -> None:
    """JPEG at quality 20."""
    import cv2

    _, packed = cv2.imencode(
        ".jpg", np.round(photograph * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 20]
    )
    actual = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.float32) / np.float32(255)
    grid = find_grid(actual, 0)
    assert grid is not None
    assert grid.period == 8


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_no_grid(photograph: Image, gradient: Image, seed: int) -> None:
    """Nor is a photograph, known or alone."""
    noise = np.random.default_rng(seed).normal(0, 0.03, photograph.shape)
    for image in (photograph, gradient):
        noisy = np.clip(image + noise, 0, 1).astype(np.float32)
        for reference in (make_reference(image), Reference(make_reference(image).areas)):
            values = SEAM_GRID.measure(SEAM_GRID.prepare(reference), noisy)
            assert [v.value for v in values] == [0.0, 0.0]


def test_it_needs_no_expected_picture(gradient: Image) -> None:
    """Tiles are found in a picture of which nothing is known."""
    reference = Reference(make_reference(gradient).areas)
    assert not SEAM_GRID.missing(reference)
    values = SEAM_GRID.measure(SEAM_GRID.prepare(reference), tiled(gradient, 1))
    assert all(v.value is not None and v.value > 3 for v in values)
    assert [values[0].y, values[1].x] == [TILE, TILE]
