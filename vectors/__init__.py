"""What goes wrong: synthetic scenes with known ground truth. Imports nothing else of ours.

`VECTORS` are the failure families. `get_vector(name)` returns one of them.
Its `render(seed, size, step=…)` draws a Scene.
"""

from editproof.vectors.registry import VECTORS, UnknownVectorError, get_vector
from editproof.vectors.scene import Box, Scene, Vector

__all__ = ["VECTORS", "Box", "Scene", "UnknownVectorError", "Vector", "get_vector"]
