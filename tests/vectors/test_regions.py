"""Regions and tile borders."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.regions import (
    BORDER_PX,
    RING_PX,
    border,
    partition_image,
    seams,
    tile_borders,
)


@pytest.mark.parametrize("scale", [1, 2])
def test_ring_is_round(scale: int) -> None:
    """Around one marked pixel the ring is a Euclidean disc of RING_PX input pixels."""
    alpha = np.zeros((41, 41), np.uint8)
    alpha[20, 20] = 1
    y, x = np.mgrid[-20:21, -20:21]
    expected = (np.hypot(y, x) <= RING_PX * scale) & (alpha == 0)
    assert np.array_equal(partition_image(alpha, scale).ring > 0, expected)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_ring_is_euclidean(scale: int) -> None:
    """However the marks lie, the ring is what a distance transform says."""
    from scipy import ndimage

    alpha = (np.random.default_rng(scale).random((90, 120)) < 0.002).astype(np.uint8)
    expected = (ndimage.distance_transform_edt(alpha == 0) <= RING_PX * scale) & (alpha == 0)
    assert np.array_equal(partition_image(alpha, scale).ring > 0, expected)


def test_one_level_counts() -> None:
    """One level of alpha is already edit."""
    alpha = np.zeros((8, 8), np.uint8)
    alpha[3, 4] = 1
    assert partition_image(alpha, 1).edit.sum() == 1


def test_at_the_edge() -> None:
    """An overlay in the corner is partitioned like any other."""
    alpha = np.zeros((30, 30), np.uint8)
    alpha[0, 0] = 255
    parts = partition_image(alpha, 1)
    assert np.array_equal(parts.edit + parts.ring + parts.keep, np.ones((30, 30), np.float32))
    assert parts.ring[0, RING_PX] == 1
    assert parts.ring[0, RING_PX + 1] == 0


def test_no_overlay() -> None:
    """Without an overlay all is kept."""
    parts = partition_image(np.zeros((8, 8), np.uint8), 2)
    assert parts.keep.all()
    assert not parts.ring.any()


@pytest.mark.parametrize(
    ("size_px", "tile_px", "overlap_px", "expected"),
    [
        (256, 128, 32, (112.0, 208.0)),
        (256, 64, 8, (60.0, 116.0, 172.0, 228.0)),
        (256, 48, 0, (48.0, 96.0, 144.0, 192.0, 240.0)),
        (128, 64, 0, (64.0,)),
        (64, 64, 8, ()),
        (65, 64, 7, (60.5,)),
        (60, 128, 32, ()),
    ],
)
def test_borders(size_px: int, tile_px: int, overlap_px: int, expected: tuple[float, ...]) -> None:
    """A border is the middle of the overlap of two tiles; there is none where one tile holds the
    image.
    """
    assert tile_borders(size_px, tile_px=tile_px, overlap_px=overlap_px) == expected


@pytest.mark.parametrize("overlap_px", [-1, 64, 65])
def test_bad_overlap(overlap_px: int) -> None:
    """An overlap that is negative or as large as the tile raises."""
    with pytest.raises(ValueError, match="overlap_px must be 0 to 63"):
        tile_borders(256, tile_px=64, overlap_px=overlap_px)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_seam_band(scale: int) -> None:
    """The band is one input pixel wide on either side of a border, along both axes."""
    mask = seams(128, scale, tile_px=64, overlap_px=0)
    row = mask[0]
    assert np.array_equal(np.flatnonzero(row), np.arange(63 * scale, 65 * scale))
    assert np.array_equal(mask, mask.T)


@pytest.mark.parametrize("scale", [1, 2])
def test_the_border_is_the_outer_rim(scale: int) -> None:
    """BORDER_PX input pixels wide along each side, and nowhere else."""
    y, x = np.mgrid[0 : 50 * scale, 0 : 70 * scale]
    away = np.minimum(np.minimum(y, 50 * scale - 1 - y), np.minimum(x, 70 * scale - 1 - x))
    assert np.array_equal(border(50 * scale, 70 * scale, scale), away < BORDER_PX * scale)


@pytest.mark.parametrize(
    ("height", "width", "wide"), [(24, 100, 3), (100, 17, 2), (9, 9, 1), (5, 40, 1)]
)
def test_the_border_of_a_small_picture(height: int, width: int, wide: int) -> None:
    """An eighth of the shorter edge at most, a pixel at least."""
    rim = border(height, width, 2)
    assert rim[:wide].all()
    assert not rim[wide:-wide, wide:-wide].any()


def test_the_border_of_a_pixel() -> None:
    """It is all rim."""
    assert border(1, 1, 1).all()
