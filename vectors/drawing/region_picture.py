"""Regions as a picture: the same colours in contact sheets and in reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from editproof.vectors.scene import Image

Area = npt.NDArray[np.bool_]

Painted = Literal["border", "ring", "edit", "seams", "protect"]

REGION_COLOURS: dict[Painted, tuple[float, float, float]] = {
    "border": (0.34, 0.71, 0.91),
    "ring": (0.94, 0.89, 0.26),
    "edit": (0.84, 0.37, 0.0),
    "seams": (0.8, 0.47, 0.65),
    "protect": (0.0, 0.62, 0.45),
}
"""Okabe and Ito's colour-blind-safe palette, later ones over earlier ones; `keep` is left as it is.
"""


def paint_regions(clean: Image, areas: Mapping[Any, Area]) -> Image:
    """The expected picture, paled, with each region in its colour. H×W×3; areas are boolean H×W, by
    the region's name.

    Regions without a colour are not painted, nor those that are not given.
    """
    picture = np.asarray(0.5 + 0.5 * clean, np.float32)
    for region, colour in REGION_COLOURS.items():
        if region not in areas:
            continue
        area = areas[region]
        picture[area] = 0.35 * picture[area] + 0.65 * np.asarray(colour, np.float32)
    return picture
