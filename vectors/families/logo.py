"""Family `logo`: a logo drawn over a photograph, its mask given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import (
    Distance,
    Layer,
    Lettering,
    Rgb,
    patch_box,
    shape_patch,
    text_patch,
    text_width,
)
from editproof.vectors.drawing.shapes import disc, ring, seal, star
from editproof.vectors.scene import Param, Scene, Vector

MAX_SHARE = 0.32
"""Largest diameter as a share of the image's edge: a disc of that size covers 8 % of the image."""
MARGIN_PX = 6
"""Free border, input pixels: room for the ring around the edit."""
MONOGRAMS = ("EN", "KB", "RV", "HM", "TS", "NO")
COLOURS: tuple[tuple[Rgb, Rgb], ...] = (
    ((176, 32, 44), (250, 246, 240)),
    ((22, 60, 120), (246, 214, 90)),
    ((14, 96, 84), (244, 244, 236)),
    ((60, 30, 92), (246, 190, 120)),
)
"""Main colour and the colour of what stands on it."""
FILLS = ("flat", "gradient", "translucent")
PALER, DEEPER = 0.45, 0.3
"""A gradient goes from the main colour this far towards white down to this share of the main
colour's levels.
"""
GLASS = 0.5
"""Alpha of a translucent fill, and of the glow beneath it; what stands on it is solid."""


@dataclass(frozen=True, slots=True)
class LogoPlacement:
    """Where a logo goes, and how it is drawn there."""

    y_px: float
    x_px: float
    """Centre, input pixels."""
    radius_px: float
    scale: int
    main: Rgb
    second: Rgb
    monogram: str
    fill: str


def draw(
    seed: int,
    size: int,
    scale: int,
    *,
    design: str,
    fill: str,
    diameter_px: int,
    opacity: float,
    glow_px: float,
    ground: str,
) -> Scene:
    """Draw a logo at a place that the seed chooses; its diameter is at most MAX_SHARE of the
    image's edge.
    """
    if design not in DESIGNS:
        raise ValueError(f"no logo design is called {design!r}; there are: {', '.join(DESIGNS)}")
    if fill not in FILLS:
        raise ValueError(f"no fill is called {fill!r}; there are: {', '.join(FILLS)}")
    rng = np.random.default_rng((seed, 12))
    clean = draw_ground(ground, seed, size * scale, scale)
    reach_px = min(diameter_px, MAX_SHARE * size) / 2
    halo_px = min(glow_px, reach_px / 4)
    y_px, x_px = rng.uniform(reach_px + MARGIN_PX, size - reach_px - MARGIN_PX, 2)
    main, second = COLOURS[rng.integers(len(COLOURS))]
    monogram = MONOGRAMS[rng.integers(len(MONOGRAMS))]
    placement = LogoPlacement(y_px, x_px, reach_px - halo_px, scale, main, second, monogram, fill)
    layers = [*_glow(placement, halo_px), *DESIGNS[design](placement)]
    facts: dict[str, Param] = {
        "design": design,
        "fill": fill,
        "diameter_px": diameter_px,
        "opacity": opacity,
    }
    scene = compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the logo",
            mask_given=True,
            metadata={"family": "logo", "ground": ground, "glow_px": glow_px, **facts},
        ),
        truth=(patch_box("logo", design, layers[0].patch, scale),),
        opacity=opacity,
    )
    if scene.mask is None or fill != "translucent":
        return scene
    return replace(
        scene, mask=np.minimum(scene.mask / np.float32(GLASS), np.float32(1))
    )  # 1 on glass, too


def _monogram(placement: LogoPlacement) -> list[Layer]:
    """Two letters on a disc."""
    return [
        _layer(placement, disc(placement.radius_px)),
        _letters(placement, placement.monogram, share=0.62),
    ]


def _star(placement: LogoPlacement) -> list[Layer]:
    """A star in a ring: the ground shows between them."""
    radius_px = placement.radius_px
    return [
        _layer(placement, ring(radius_px * 0.9, radius_px * 0.2)),
        _layer(placement, star(radius_px * 0.7, points=5, inner=0.42)),
    ]


def _seal(placement: LogoPlacement) -> list[Layer]:
    """A scalloped seal with a fine ring and a monogram."""
    radius_px = placement.radius_px
    return [
        _layer(placement, seal(radius_px, teeth=24, depth_px=radius_px * 0.1)),
        _layer(placement, ring(radius_px * 0.78, max(radius_px * 0.05, 0.7)), second=True),
        _letters(placement, placement.monogram, share=0.5),
    ]


DESIGNS: Mapping[str, Callable[[LogoPlacement], list[Layer]]] = {
    "monogram": _monogram,
    "star": _star,
    "seal": _seal,
}


def _glow(placement: LogoPlacement, glow_px: float) -> list[Layer]:
    """A soft halo around the logo, from half its colour to nothing over `glow_px`."""
    if glow_px <= 0:
        return []
    halo = shape_patch(
        disc(placement.radius_px),
        y_px=placement.y_px,
        x_px=placement.x_px,
        reach_px=placement.radius_px + glow_px,
        scale=placement.scale,
        softness_px=2 * glow_px,
    )
    return [Layer(halo, placement.main, _body_alpha(placement))]


def _layer(placement: LogoPlacement, distance: Distance, *, second: bool = False) -> Layer:
    patch = shape_patch(
        distance,
        y_px=placement.y_px,
        x_px=placement.x_px,
        reach_px=placement.radius_px + 1 / placement.scale,
        scale=placement.scale,
    )
    if second:
        return Layer(patch, placement.second)
    if placement.fill == "gradient":
        return Layer(
            patch, _lighten_colour(placement.main), foot_rgb=_darken_colour(placement.main)
        )
    return Layer(patch, placement.main, _body_alpha(placement))


def _body_alpha(placement: LogoPlacement) -> float:
    return GLASS if placement.fill == "translucent" else 1.0


def _lighten_colour(rgb: Rgb) -> Rgb:
    red, green, blue = (round(level + PALER * (255 - level)) for level in rgb)
    return red, green, blue


def _darken_colour(rgb: Rgb) -> Rgb:
    red, green, blue = (round(DEEPER * level) for level in rgb)
    return red, green, blue


def _letters(placement: LogoPlacement, text: str, *, share: float) -> Layer:
    """`text` in bold capitals, `share` of the logo's diameter wide, in its middle."""
    wide = share * 2 * placement.radius_px / text_width(text, Lettering("bold", 1.0))
    lettering = Lettering("bold", wide)
    left = placement.x_px - text_width(text, lettering) / 2
    patch = text_patch(
        text, lettering, y_px=placement.y_px - wide / 2, x_px=left, scale=placement.scale
    )
    return Layer(patch, placement.second)


VECTOR = Vector(
    family="logo",
    about=(
        "A logo lies over a photograph. Its exact mask is given. A fill can guess less from the"
        " border where the logo is larger or covers more structure. A soft or translucent edge"
        " that is cut too tight leaves a halo."
    ),
    damage="a smear or repeated texture where the logo stood, or its outline left as a halo",
    units={
        "design": (
            "what is drawn: monogram (letters on a disc), star (in a ring) or seal (a scalloped"
            " disc)"
        ),
        "fill": (
            "flat (one colour), gradient (darker towards its foot) or translucent (half"
            " see-through beneath solid letters)"
        ),
        "diameter_px": "diameter with its glow, input pixels; at most 0.32 of the image's edge",
        "opacity": "alpha inside the logo, 0 to 1",
        "glow_px": "width of the soft halo around the logo, input pixels",
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=(
        {
            "design": "monogram",
            "fill": "flat",
            "diameter_px": 36,
            "opacity": 1.0,
            "glow_px": 0.0,
            "ground": "gradient",
        },
        {
            "design": "star",
            "fill": "gradient",
            "diameter_px": 52,
            "opacity": 1.0,
            "glow_px": 0.0,
            "ground": "coffee",
        },
        {
            "design": "seal",
            "fill": "flat",
            "diameter_px": 68,
            "opacity": 1.0,
            "glow_px": 6.0,
            "ground": "brick",
        },
        {
            "design": "seal",
            "fill": "translucent",
            "diameter_px": 80,
            "opacity": 0.9,
            "glow_px": 8.0,
            "ground": "astronaut",
        },
        {
            "design": "seal",
            "fill": "gradient",
            "diameter_px": 82,
            "opacity": 0.6,
            "glow_px": 12.0,
            "ground": "grass",
        },
    ),
    draw=draw,
    version=2,
)
