"""The contract of a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from editproof.harness.records.vocabulary import REGIONS, Aspect, Better, Region
from editproof.vectors.scene import Box

Image = npt.NDArray[np.float32]
"""H×W×3, sRGB-encoded, in [0, 1]."""

Plane = npt.NDArray[np.floating[Any]]
"""H×W: one value for each pixel."""

Area = npt.NDArray[np.bool_]
"""H×W: where a region lies."""

Areas = Mapping[Region, Area]

Need = Literal["expected", "input", "overlay", "boxes"]
"""What a metric needs besides the picture, by its name in Reference."""

Pair = Literal["texture", "paper", "tiles"]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What is known about the right answer.

    "Output" means at the size of the measured picture, "input" at the size of the pipeline's input.
    """

    areas: Areas
    """The regions to measure. Output."""
    expected: Image | None = None
    """The right answer. Output."""
    input: Image | None = None
    """The picture that the pipeline was given. Input."""
    overlay: Plane | None = None
    """Alpha of what had to go, in [0, 1]. Input."""
    overlay_rgb: Image | None = None
    """Colour of what had to go. Input."""
    boxes: tuple[Box, ...] = ()
    """What was drawn, and where, in input pixels."""
    scale: int = 1
    """Output pixels per input pixel."""


T = TypeVar("T")

ROUNDING = 1e-5
"""Share of a metric's range by which float rounding may exceed it."""


def require_part(part: T | None) -> T:
    """Return a part of the reference that the metric's `needs` declare. Raises ValueError if it is
    missing.
    """
    if part is None:
        raise ValueError("the metric uses a part of the reference that its `needs` do not declare")
    return part


def make_read_only(image: Image) -> Image:
    """The same picture as float32, read-only, so that no metric can change it for the next."""
    view = np.asarray(image, np.float32).view()
    view.flags.writeable = False
    return view


def make_reference_read_only(reference: Reference) -> Reference:
    """The same reference with read-only pictures and regions."""

    def lock(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            part = part.view()
            part.flags.writeable = False
        return part

    return replace(
        reference,
        areas={region: lock(area) for region, area in reference.areas.items()},
        **{
            name: lock(getattr(reference, name))
            for name in ("expected", "input", "overlay", "overlay_rgb")
        },
    )


def area_of(reference: Reference, region: Region) -> Area:
    """A region's area; empty if the reference does not know the region."""
    return reference.areas.get(region, np.zeros((1, 1), bool))


def select_areas(reference: Reference, regions: Collection[Region]) -> dict[Region, Area]:
    """The areas of those regions that the reference knows."""
    return {region: area for region, area in reference.areas.items() if region in regions}


def make_reference(expected: Image) -> Reference:
    """A reference that knows only the right answer, with one region: `all`."""
    return Reference({"all": np.ones(expected.shape[:2], bool)}, expected)


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


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """How one property of an edit is measured.

    `prepare(reference)` computes what depends on the right answer alone; all models and seeds share
    it. `measure(prepared, actual)` returns every statistic of every region that the metric
    measures.
    """

    name: str
    variant: str
    """Distinguishes values with other weights; mostly empty."""
    version: int
    """Raised when the metric's values change."""
    unit: str
    """Of all statistics except those in `units`."""
    better: Better
    range: tuple[float, float]
    """Of all its statistics."""
    stats: tuple[str, ...]
    """The statistics of every region."""
    source: str
    """Paper or standard."""
    formula: str
    """In plain characters, as in an e-mail."""
    sees: str
    """Which damage changes its value."""
    misses: str
    """Which damage does not, and what to look at instead."""
    example: str
    """A fault of harness/faults/pictures.py that it detects."""
    prepare: Callable[[Reference], Any]
    measure: Callable[[Any, Image], list[Value]]
    golden: Mapping[str, float]
    """Statistic -> its value on the golden pair (golden.py), in `all` or else in the metric's first
    region.
    """
    golden_pair: Pair = "texture"
    """The golden pair that suits it: a texture, printed words on paper, or tiles."""
    regions: tuple[Region, ...] = REGIONS
    """Regions in which it is meaningful."""
    aspect: Aspect = "structure"
    """The aspect that it belongs to."""
    unseen: float | None = None
    """Values beyond this, on the good side, look the same to everybody, and the gate treats them as
    equal. For statistics in `unit`.
    """
    needs: tuple[Need, ...] = ("expected",)
    measure_many: Callable[[Any, Sequence[Image]], list[list[Value]]] | None = None
    """`measure_many(prepared, images)` returns what `measure` returns for each, faster on a GPU;
    None: they are measured one by one.
    """
    units: Mapping[str, str] = field(default_factory=dict)
    """Statistic -> its unit, if that is not `unit`."""
    margins: Mapping[str, float] = field(default_factory=dict)
    """Statistic -> how much worse than the baseline it may get before somebody should look, in its
    unit. The gate uses it unless the suite has a margin. A statistic without a margin is not
    compared by itself.
    """
    map: Callable[[Any, Image], Plane] | None = None
    """`map(prepared, actual)` returns the damage at every pixel, H×W at output size; None: the
    metric has no map.
    """
    map_unit: str | None = None
    """Unit of the map; None: the metric's own."""
    map_better: Better | None = None
    """Which values of the map are good; None: as for the metric."""

    @property
    def identity(self) -> str:
        """`name[variant]@version`. Numbers of two identities are never compared."""
        return (
            f"{self.name}[{self.variant}]@{self.version}"
            if self.variant
            else f"{self.name}@{self.version}"
        )

    def unit_of(self, stat: str) -> str:
        """The unit of a statistic."""
        return self.units.get(stat, self.unit)

    def impossible(self, number: float) -> str:
        """Say why the metric cannot have this value; empty: it can."""
        low, high = self.range
        slack = ROUNDING * (high - low)
        inside = math.isfinite(number) and low - slack <= number <= high + slack
        return "" if inside else f"{number:g}; its range is {low:g} to {high:g}"

    def missing(self, reference: Reference) -> str:
        """Say why this cannot be measured against `reference`; empty: it can."""
        lacks = [need for need in self.needs if _is_unknown(getattr(reference, need))]
        return f"no {_NEEDS[lacks[0]]} is known for this scene" if lacks else ""


def _is_unknown(part: Any) -> bool:
    return part is None or (isinstance(part, tuple) and not part)


_NEEDS: Mapping[Need, str] = {
    "expected": "expected picture",
    "input": "input",
    "overlay": "overlay that had to go",
    "boxes": "list of what was drawn",
}
