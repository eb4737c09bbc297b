"""Shapes by signed distance."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.layers import Distance, Plane
from editproof.vectors.drawing.shapes import blob, disc, frame, ring, seal, star

SHAPES = {
    "disc": disc(10),
    "ring": ring(10, 3),
    "frame": frame(8, 12, corner_px=3, width_px=2),
    "star": star(12, points=5, inner=0.42),
    "seal": seal(10, teeth=24, depth_px=1),
    "blob": blob(10, seed=3, roughness=0.3),
}


def at(y: float, x: float) -> tuple[Plane, Plane]:
    return np.array([[y]], np.float64), np.array([[x]], np.float64)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("disc", (0, 0)),
        ("ring", (0, 10)),
        ("frame", (8, 0)),
        ("star", (-11, 0)),
        ("seal", (0, 0)),
        ("blob", (0, 0)),
    ],
)
def test_sides(name: str, inside: tuple[float, float]) -> None:
    """The distance is negative inside a shape and positive far outside."""
    assert SHAPES[name](*at(*inside)).item() < 0
    assert SHAPES[name](*at(40, 40)).item() > 0


@pytest.mark.parametrize("distance", SHAPES.values(), ids=SHAPES.keys())
def test_slope(distance: Distance) -> None:
    """Along the outline the distance grows by about one a pixel, which is what makes its edges
    clean.
    """
    grid = (np.arange(-400, 400) + 0.5) / 20
    plane = distance(grid[:, None], grid[None, :])
    slope_y, slope_x = np.gradient(plane, grid, grid)
    near = np.abs(plane) < 0.1
    assert 0.7 < np.median(np.hypot(slope_y, slope_x)[near]) < 1.3


def test_star_points_up() -> None:
    """A star touches its radius straight above its centre."""
    assert abs(SHAPES["star"](*at(-12, 0)).item()) < 1e-9


def test_blob_by_seed() -> None:
    """A blob keeps within its roughness, and another seed is another blob."""
    angle = np.linspace(0, 2 * np.pi, 200)[None, :]
    outline = 10 - blob(10, seed=1, roughness=0.3)(10 * np.sin(angle), 10 * np.cos(angle))
    assert np.abs(outline - 10).max() <= 3
    other = 10 - blob(10, seed=2, roughness=0.3)(10 * np.sin(angle), 10 * np.cos(angle))
    assert not np.allclose(outline, other)
