"""The contract of a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.types import Better, Region

Image = npt.NDArray[np.float32]
"""H×W×3, sRGB-encoded, in [0, 1]."""

Plane = npt.NDArray[np.floating[Any]]
"""H×W: one value a pixel."""

Area = npt.NDArray[np.bool_]
"""H×W: where a region lies."""

Areas = Mapping[Region, Area]


@dataclass(frozen=True, slots=True)
class Value:
    """One number about one region, or the reason why there is none."""

    region: Region
    stat: str
    value: float | None
    reason: str = ""
    y: int | None = None
    x: int | None = None
    """Centre of the worst window, in pixels."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How one property of an edit is measured.

    `prepare(expected)` does once what depends on the expected image alone, and is shared by all models and seeds;
    `measure(prepared, actual, areas)` gives every statistic of every region. Expected and actual are of one shape.
    """

    name: str
    variant: str
    """What tells its values from those of the same metric with other weights; mostly empty."""
    version: int
    """Raised when its values change."""
    unit: str
    better: Better
    range: tuple[float, float]
    stats: tuple[str, ...]
    """The statistics of every region."""
    source: str
    """Paper or standard."""
    prepare: Callable[[Image], Any]
    measure: Callable[[Any, Image, Areas], list[Value]]

    @property
    def identity(self) -> str:
        """`name[variant]@version`: numbers of two identities are never compared."""
        return f"{self.name}[{self.variant}]@{self.version}" if self.variant else f"{self.name}@{self.version}"
