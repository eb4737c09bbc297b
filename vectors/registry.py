"""All failure vectors, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from vectors import logo, microprint, thin_text, tiled_seams
from vectors.scene import Vector


class UnknownVectorError(ValueError):
    """No vector has that name."""


VECTORS: tuple[Vector, ...] = (thin_text.VECTOR, logo.VECTOR, microprint.VECTOR, tiled_seams.VECTOR)
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
