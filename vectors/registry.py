"""All failure vectors, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from vectors import (
    colour_chart,
    date_stamp,
    grain,
    high_frequency,
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
from vectors.scene import Vector


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
)
"""Every vector, in catalogue order."""


def get(family: str) -> Vector:
    """The vector called `family`; UnknownVectorError names those that there are."""
    if family in _BY_FAMILY:
        return _BY_FAMILY[family]
    close = difflib.get_close_matches(family, _BY_FAMILY, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownVectorError(f"no vector is called {family!r}; there are: {', '.join(_BY_FAMILY)}.{hint}")


def index(vectors: Iterable[Vector]) -> Mapping[str, Vector]:
    """Vectors by family; ValueError where two share a name."""
    by_family: dict[str, Vector] = {}
    for vector in vectors:
        if vector.family in by_family:
            raise ValueError(f"two vectors are called {vector.family!r}: rename one in vectors/")
        by_family[vector.family] = vector
    return by_family


_BY_FAMILY = index(VECTORS)
