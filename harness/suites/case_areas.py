"""The regions of a picture that nobody drew: told by its mask."""

from __future__ import annotations

import numpy as np

from editproof.harness.metrics.core.metric import Area, Areas
from editproof.pipelines.contract import Mask
from editproof.vectors.regions import border, partition_image


def mark_areas(
    shape: tuple[int, ...], mask: Mask | None, scale: int, protect: Area | None = None
) -> Areas:
    """The regions at output size, of an input of that height and width; `protect` is of its size,
    too.

    `edit`, `ring` and `keep` are empty where no mask tells them, `seams` always, `border` never.
    """
    nowhere = np.zeros((shape[0] * scale, shape[1] * scale), bool)
    edit = ring = keep = nowhere
    if mask is not None:
        levels = np.rint(mask * 255).astype(np.uint8)
        found = partition_image(levels.repeat(scale, axis=0).repeat(scale, axis=1), scale)
        edit, ring, keep = (part > 0 for part in (found.edit, found.ring, found.keep))
    kept = nowhere
    if protect is not None:
        kept = protect.repeat(scale, axis=0).repeat(scale, axis=1) & ~edit
    return {
        "all": ~nowhere,
        "edit": edit,
        "ring": ring,
        "keep": keep,
        "protect": kept,
        "seams": nowhere,
        "border": border(*nowhere.shape, scale),
    }
