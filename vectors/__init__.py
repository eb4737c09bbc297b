"""What goes wrong: synthetic scenes with known ground truth. Imports nothing else of ours.

`VECTORS` are the failure families. `get_vector(name)` returns one of them.
Its `render(seed, size, step=…)` draws a Scene.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from editproof.vectors.scene import Box, Scene, Vector

if TYPE_CHECKING:
    from editproof.vectors.registry import VECTORS, UnknownVectorError, get_vector

__all__ = ["VECTORS", "Box", "Scene", "UnknownVectorError", "Vector", "get_vector"]


def __getattr__(name: str) -> Any:
    """The families, which load what they are drawn with, are loaded when they are asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from editproof.vectors import registry

    return getattr(registry, name)
