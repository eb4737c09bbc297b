"""Outside change: did anything change outside the edit, compared with the input itself?"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
    select_areas,
)
from editproof.harness.metrics.core.pooling import percentile, unmeasured_values
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("share", "p99", "worst")
REGIONS: tuple[Region, ...] = ("ring", "keep")

Levels = npt.NDArray[np.float32]


class PreparedInput(NamedTuple):
    """The input in 8-bit levels, h×w×3, and its pixels that lie wholly in each region; None: the
    region is empty.
    """

    levels: Levels
    inside: dict[Region, Area | None]
    scale: int


def _prepare(reference: Reference) -> PreparedInput:
    levels = np.round(require_part(reference.input) * np.float32(255))
    areas = select_areas(reference, REGIONS)
    inside = {
        region: _find_whole_pixels(area, reference.scale) if area.any() else None
        for region, area in areas.items()
    }
    return PreparedInput(levels, inside, reference.scale)


def _measure(prepared: PreparedInput, actual: Image) -> list[Value]:
    change = _largest_change(prepared, actual)
    return [
        value
        for region, inside in prepared.inside.items()
        for value in _measure_region(prepared, change, region, inside)
    ]


def _measure_region(
    prepared: PreparedInput, change: Levels, region: Region, inside: Area | None
) -> list[Value]:
    if inside is None or not inside.any():
        return unmeasured_values(
            [region], STATS, EMPTY if inside is None else "no input pixel lies wholly in the region"
        )
    levels = change[inside]
    marked = np.where(inside, change, -1)
    y, x = np.unravel_index(int(marked.argmax()), marked.shape)
    half = prepared.scale // 2
    return [
        Value(region, "share", float((levels >= 1).mean())),
        Value(region, "p99", percentile(levels, 99)),
        Value(
            region,
            "worst",
            float(marked[y, x]),
            y=int(y) * prepared.scale + half,
            x=int(x) * prepared.scale + half,
        ),
    ]


def _largest_change(prepared: PreparedInput, actual: Image) -> Levels:
    """Largest change of R, G or B at every input pixel, h×w, in levels: whole numbers at scale 1,
    averages above.
    """
    levels = np.round(actual * np.float32(255))
    height, width = prepared.levels.shape[:2]
    if prepared.scale > 1:
        levels = np.asarray(
            cv2.resize(levels, (width, height), interpolation=cv2.INTER_AREA), np.float32
        )
    red, green, blue = cv2.split(cv2.absdiff(levels, prepared.levels))
    return np.asarray(np.maximum(np.maximum(red, green), blue), np.float32)


def _map(prepared: PreparedInput, actual: Image) -> Plane:
    """The change in levels; 0 outside the regions. Output."""
    change = _largest_change(prepared, actual)
    somewhere = np.zeros(change.shape, bool)
    for inside in prepared.inside.values():
        somewhere |= False if inside is None else inside
    block = np.ones((prepared.scale, prepared.scale))
    return np.kron(np.where(somewhere, change, 0.0), block)


def _find_whole_pixels(area: Area, scale: int) -> Area:
    """Input pixels whose output pixels all lie in the area."""
    height, width = (size // scale for size in area.shape)
    return np.asarray(
        area[: height * scale, : width * scale]
        .reshape(height, scale, width, scale)
        .all(axis=(1, 3))
    )


OUTSIDE_CHANGE = Metric(
    name="outside_change",
    variant="",
    version=1,
    unit="levels",
    better="lower",
    range=(0.0, 255.0),
    stats=STATS,
    source=(
        "Pixel count: 8-bit pixels of the output against those of the input; no right answer, no"
        " seed, no statistics"
    ),
    formula=(
        "change = max over R, G, B of |actual - input| in 8-bit levels. share: the part (0 to 1) of"
        " pixels with a change of at least 1. p99 is the 99th percentile, and worst the"
        " maximum. Above scale 1, the output is first averaged over the pixels of each"
        " input pixel, so the upscaler's own difference from the input also counts"
    ),
    sees=(
        "Any change outside the edit: repainting, recompression, a tint. At scale 1 it sees every"
        " single pixel."
    ),
    misses=(
        "Whether the change does harm. Above scale 1, any sharpening changes edges, and for"
        " a poor capture the right answer itself differs from the input. It also misses"
        " changes that average out within one input pixel. At scale 2, an output pixel"
        " counts for a quarter, and a checkerboard of single pixels not at all (see psnr,"
        " ssim in keep)."
    ),
    example="outside_changed",
    aspect="what had to be kept",
    prepare=_prepare,
    measure=_measure,
    margins={"share": 0.01, "p99": 0.5, "worst": 2.0},
    golden={"share": 0.718917, "p99": 13.0, "worst": 15.0},
    regions=REGIONS,
    needs=("input",),
    units={"share": ""},
    map=_map,
)
