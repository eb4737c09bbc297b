"""Family `tiled_seams`: a smudge across tile borders, on backgrounds where a seam shows."""

from __future__ import annotations

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Layer, Rgb, patch_box, shape_patch
from editproof.vectors.drawing.shapes import blob
from editproof.vectors.regions import seams, tile_borders
from editproof.vectors.scene import Scene, Vector

SMUDGES: tuple[Rgb, ...] = ((92, 62, 40), (40, 44, 52), (110, 34, 40))
ROUGHNESS = 0.3
SOFTNESS_PX = 3.0
"""Width of the smudge's soft edge, input pixels."""
MARGIN_PX = 6
"""Free border, input pixels: room for the ring around the edit."""


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    tile_px: int,
    overlap_px: int,
    radius_px: int,
    opacity: float,
    ground: str,
) -> Scene:
    """Draw a smudge over a crossing of tile borders, and ask for the tiling that has them."""
    rng = np.random.default_rng((seed, 14))
    clean = draw_ground(ground, seed, size * scale, scale)
    mean_px = min(float(radius_px), 0.14 * size)
    reach_px = mean_px * (1 + ROUGHNESS) + SOFTNESS_PX
    y_px, x_px = _centre(
        rng, size=size, reach_px=reach_px, borders=_borders(size, tile_px, overlap_px)
    )
    smudge = shape_patch(
        blob(mean_px, seed=seed, roughness=ROUGHNESS),
        y_px=y_px,
        x_px=x_px,
        reach_px=reach_px,
        scale=scale,
        softness_px=SOFTNESS_PX,
    )
    facts = {
        "tile_px": tile_px,
        "overlap_px": overlap_px,
        "radius_px": radius_px,
        "opacity": opacity,
    }
    return compose(
        clean,
        [Layer(smudge, SMUDGES[rng.integers(len(SMUDGES))])],
        scale=scale,
        brief=Brief(
            "remove the smudge",
            mask_given=True,
            config={"tile.size_px": tile_px, "tile.overlap_px": overlap_px},
            metadata={"family": "tiled_seams", "ground": ground, **facts},
        ),
        truth=(patch_box("smudge", "smudge", smudge, scale),),
        opacity=opacity,
        seams=seams(size, scale, tile_px=tile_px, overlap_px=overlap_px),
    )


def _borders(size: int, tile_px: int, overlap_px: int) -> tuple[float, ...]:
    """Borders inside the image, or its middle where one tile holds it all."""
    return tile_borders(size, tile_px=tile_px, overlap_px=overlap_px) or (size / 2,)


def _centre(
    rng: np.random.Generator, *, size: int, reach_px: float, borders: tuple[float, ...]
) -> tuple[float, float]:
    """A crossing of borders, missed by a few pixels, and moved inwards where the smudge would leave
    the image.
    """
    low, high = reach_px + MARGIN_PX, size - reach_px - MARGIN_PX
    inner = [border for border in borders if low <= border <= high] or borders
    y_px, x_px = (inner[rng.integers(len(inner))] + rng.uniform(-4, 4) for _ in range(2))
    return min(max(y_px, low), high), min(max(x_px, low), high)


VECTOR = Vector(
    family="tiled_seams",
    about=(
        "A smudge crosses the borders of a tiling that the caller asks for. Its mask is given."
        " On a smooth gradient the eye finds a step of one level. Tiles that are filled or"
        " upscaled separately show as a grid."
    ),
    damage=(
        "straight steps in tone or texture along the tile borders, strongest where they cross the"
        " filled smudge"
    ),
    units={
        "tile_px": "edge of a tile, input pixels",
        "overlap_px": "overlap of neighbouring tiles, input pixels",
        "radius_px": "mean radius of the smudge, input pixels; at most 0.14 of the image's edge",
        "opacity": "alpha inside the smudge, 0 to 1",
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"tile_px": 128, "overlap_px": 32, "radius_px": 20, "opacity": 0.75, "ground": "gradient"},
        {"tile_px": 64, "overlap_px": 8, "radius_px": 26, "opacity": 0.75, "ground": "gradient"},
        {"tile_px": 48, "overlap_px": 0, "radius_px": 32, "opacity": 0.75, "ground": "gradient"},
        {"tile_px": 48, "overlap_px": 0, "radius_px": 32, "opacity": 0.75, "ground": "wood"},
        {"tile_px": 48, "overlap_px": 0, "radius_px": 34, "opacity": 0.75, "ground": "gravel"},
        {"tile_px": 32, "overlap_px": 0, "radius_px": 35, "opacity": 0.75, "ground": "fabric"},
    ),
    draw=draw,
    version=2,
)
