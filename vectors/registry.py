"""All failure vectors, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache

from editproof.vectors.families import (
    colour_chart,
    date_stamp,
    grain,
    high_frequency,
    hostile,
    logo,
    low_res_capture,
    mask_edge,
    mask_fault,
    microprint,
    photobomb,
    scan_annotation,
    shadow_edge,
    signature,
    thin_text,
    tiled_seams,
    watermark,
)
from editproof.vectors.plugins import PluginError, load_plugins
from editproof.vectors.scene import Vector

ENTRY_POINTS = "editproof.vectors"
"""Group under which other packages offer vectors: a Vector, or several in a list or tuple."""


class UnknownVectorError(ValueError):
    """No vector has that name."""


VECTORS: tuple[Vector, ...] = (
    thin_text.VECTOR,
    logo.VECTOR,
    microprint.VECTOR,
    tiled_seams.VECTOR,
    watermark.VECTOR,
    date_stamp.VECTOR,
    grain.VECTOR,
    signature.VECTOR,
    colour_chart.VECTOR,
    shadow_edge.VECTOR,
    low_res_capture.VECTOR,
    high_frequency.VECTOR,
    mask_edge.VECTOR,
    mask_fault.VECTOR,
    photobomb.VECTOR,
    scan_annotation.VECTOR,
    hostile.VECTOR,
)
"""Every vector of ours, in catalogue order."""


def get_vector(family: str) -> Vector:
    """The vector called `family`, ours or another package's; UnknownVectorError names those that
    there are.
    """
    known = {vector.family: vector for vector in all_vectors()}
    if family in known:
        return known[family]
    close = difflib.get_close_matches(family, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownVectorError(
        f"no family is called {family!r}; there are: {', '.join(known)}.{hint}"
    )


@cache
def all_vectors() -> tuple[Vector, ...]:
    """Ours, then those that installed packages offer under ENTRY_POINTS. Raises OfferError naming
    the package.
    """
    try:
        return tuple(index_vectors((*VECTORS, *load_plugins(ENTRY_POINTS, Vector))).values())
    except ValueError as error:
        raise PluginError(str(error)) from error


def index_vectors(vectors: Iterable[Vector]) -> Mapping[str, Vector]:
    """Vectors by family; ValueError where two share a name."""
    by_family: dict[str, Vector] = {}
    for vector in vectors:
        if vector.family in by_family:
            raise ValueError(f"two families are called {vector.family!r}: rename one")
        by_family[vector.family] = vector
    return by_family
