"""Family `mask_edge`: overlays whose geometry a mask operation gets wrong, at the image's border
and off every grid.

Alone of all families its overlay touches the image's edge, so its truth boxes do too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Distance, Layer, Patch, Rgb, bounds, shape_patch
from editproof.vectors.drawing.shapes import disc, frame, ring
from editproof.vectors.scene import Box, Param, Scene, Vector

COLOURS: tuple[Rgb, ...] = ((222, 30, 120), (240, 130, 16), (30, 60, 210), (16, 150, 130))
GRID_PX = 8
"""Edge of a cell of the latent grid of usual diffusion models."""
MAX_SHARE = 0.3
"""Largest extent as a share of the image's edge."""
SLIVERS = 4
"""Lines of the fan of slivers."""


def draw(
    seed: int, size: int, scale: int, *, geometry: str, extent_px: int, line_px: float, ground: str
) -> Scene:
    """Draw one overlay of a given geometry, as wide as MAX_SHARE of the image's edge at most, and
    give its exact mask.
    """
    if geometry not in GEOMETRIES:
        raise ValueError(f"no geometry is called {geometry!r}; there are: {', '.join(GEOMETRIES)}")
    rng = np.random.default_rng((seed, 44))
    clean = draw_ground(ground, seed, size * scale, scale)
    rgb = COLOURS[rng.integers(len(COLOURS))]
    patches = GEOMETRIES[geometry](
        rng, size, min(float(extent_px), MAX_SHARE * size), line_px, scale
    )
    facts: dict[str, Param] = {"geometry": geometry, "extent_px": extent_px, "line_px": line_px}
    return compose(
        clean,
        [Layer(patch, rgb) for patch in patches],
        scale=scale,
        brief=Brief(
            "remove the painted marks",
            mask_given=True,
            metadata={"family": "mask_edge", "ground": ground, **facts},
        ),
        truth=tuple(_box(geometry, patch, size, scale) for patch in patches),
    )


def _block(
    rng: np.random.Generator, size: int, extent_px: float, line_px: float, scale: int
) -> list[Patch]:
    """A filled rectangle inside the image; each of its sides lies between two lines of the latent
    grid.
    """
    del line_px
    cells = max(2, int(extent_px // GRID_PX))
    corner = GRID_PX * rng.integers(1, size // GRID_PX - cells - 1, 2) + rng.integers(
        2, GRID_PX - 1, 2
    )
    height, width = cells * GRID_PX - 1, (cells - 1) * GRID_PX + 1
    patch = Patch(
        np.full((height * scale, width * scale), 255, np.uint8),
        int(corner[0]) * scale,
        int(corner[1]) * scale,
    )
    return [patch]


def _bite(
    rng: np.random.Generator, size: int, extent_px: float, line_px: float, scale: int
) -> list[Patch]:
    """A disc cut by one side of the image, and a quarter of one in a corner that it does not
    touch.
    """
    del line_px
    radius_px = extent_px / 2
    at = rng.uniform(0.4, 0.6) * size
    side, corner = rng.choice(4, 2, replace=False).tolist()
    centres = ((at, 0.0), (0.0, at), (at, float(size)), (float(size), at))
    corners = ((0.0, 0.0), (0.0, float(size)), (float(size), float(size)), (float(size), 0.0))
    reach = radius_px + 1
    return [
        _patch(disc(radius_px), centres[side], reach, scale),
        _patch(disc(0.6 * radius_px), corners[corner], reach, scale),
    ]


def _rings(
    rng: np.random.Generator, size: int, extent_px: float, line_px: float, scale: int
) -> list[Patch]:
    """A ring round a smaller ring round a dot, and another ring across the image's left or right
    side: masks with holes.
    """
    radius_px = extent_px / 2 - line_px
    y_px, x_px = rng.uniform(0.35, 0.65, 2) * size
    centre = float(y_px), float(x_px)
    side = float(size) if x_px < size / 2 else 0.0, float(rng.uniform(0.2, 0.8) * size)
    reach = extent_px / 2 + 1
    return [
        _patch(ring(radius_px, line_px), centre, reach, scale),
        _patch(ring(0.5 * radius_px, line_px), centre, reach, scale),
        _patch(disc(line_px), centre, reach, scale),
        _patch(ring(0.8 * radius_px, line_px), (side[1], side[0]), reach, scale),
    ]


def _slivers(
    rng: np.random.Generator, size: int, extent_px: float, line_px: float, scale: int
) -> list[Patch]:
    """Lines from one side of the image to the other, each at its own slope, and one along the
    image's very edge.
    """
    offsets = (np.arange(SLIVERS) - (SLIVERS - 1) / 2) * extent_px / SLIVERS
    slopes = np.radians(rng.uniform(-35, 35, SLIVERS))
    middle = size * rng.uniform(0.4, 0.6)
    centre = size / 2, size / 2
    lines = [
        _patch(
            _line(float(middle - size / 2 + offset), float(slope), line_px), centre, size / 2, scale
        )
        for offset, slope in zip(offsets, slopes, strict=True)
    ]
    at_edge = _line((size - line_px) / 2 * float(rng.choice([-1, 1])), 0.0, line_px)
    return [*lines, _patch(at_edge, centre, size / 2, scale)]


def _border(
    rng: np.random.Generator, size: int, extent_px: float, line_px: float, scale: int
) -> list[Patch]:
    """A line along the image's whole border, with a blot on one side of it: nothing is known beyond
    it.
    """
    width_px = min(line_px, 0.02 * size)
    half = (size - width_px) / 2
    along = float(rng.uniform(0.25, 0.75) * size)
    blots = ((along, 0.0), (0.0, along), (along, float(size)), (float(size), along))
    reach = extent_px / 4 + 1
    return [
        _patch(
            frame(half, half, corner_px=0.0, width_px=width_px),
            (size / 2, size / 2),
            size / 2,
            scale,
        ),
        _patch(disc(extent_px / 4), blots[rng.integers(4)], reach, scale),
    ]


GEOMETRIES: Mapping[str, Callable[[np.random.Generator, int, float, float, int], list[Patch]]] = {
    "block": _block,
    "bite": _bite,
    "rings": _rings,
    "slivers": _slivers,
    "border": _border,
}


def _line(offset_px: float, slope: float, width_px: float) -> Distance:
    """A straight line `offset_px` below the centre, tilted by `slope` radians."""
    return lambda y, x: np.abs((y - offset_px) * np.cos(slope) - x * np.sin(slope)) - width_px / 2


def _patch(distance: Distance, centre: tuple[float, float], reach_px: float, scale: int) -> Patch:
    return shape_patch(distance, y_px=centre[0], x_px=centre[1], reach_px=reach_px, scale=scale)


def _box(geometry: str, patch: Patch, size: int, scale: int) -> Box:
    """The input pixels inside the image that a patch covers."""
    top, left = max(-patch.y, 0), max(-patch.x, 0)
    seen = patch.coverage[top : size * scale - patch.y, left : size * scale - patch.x]
    y0, x0, y1, x1 = bounds(Patch(seen, patch.y + top, patch.x + left))
    return Box("mark", geometry, y0 // scale, x0 // scale, -(-y1 // scale), -(-x1 // scale))


VECTOR = Vector(
    family="mask_edge",
    about=(
        "Painted marks have an exact but awkward mask: off the latent grid, cut by the image's"
        " border, with holes, or one pixel thin. Growing, blurring, cropping or downsampling"
        " wraps such a mask round, fills its holes, loses slivers or leaves a rim. A fill at the"
        " border has context on one side only."
    ),
    damage=(
        "paint left at the border or as a rim, content inside a hole repainted, or a sliver still"
        " there"
    ),
    units={
        "geometry": (
            "block (off the 8 px grid), bite (cut by a side and a corner), rings (with holes),"
            " slivers (thin lines), border (all around)"
        ),
        "extent_px": (
            "width of the overlay or of the fan of slivers, input pixels; at most 0.3 of the"
            " image's edge. The blot at the border is half as wide"
        ),
        "line_px": (
            "width of a line of rings, slivers and border, input pixels; block and bite have none"
        ),
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {"geometry": "block", "extent_px": 40, "line_px": 0.0, "ground": "gradient"},
        {"geometry": "border", "extent_px": 56, "line_px": 4.5, "ground": "wood"},
        {"geometry": "slivers", "extent_px": 72, "line_px": 1.0, "ground": "brick"},
        {"geometry": "rings", "extent_px": 64, "line_px": 4.0, "ground": "foliage"},
        {"geometry": "bite", "extent_px": 72, "line_px": 0.0, "ground": "fabric"},
    ),
    draw=draw,
    version=2,
)
