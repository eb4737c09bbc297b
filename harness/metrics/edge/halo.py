"""A light or dark rim along the edge of the edit."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.luma import luma
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
from editproof.harness.metrics.core.pooling import (
    Cover,
    make_cover,
    unmeasured_values,
    worst_window,
)
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("rim", "peak", "worst")
REGIONS: tuple[Region, ...] = ("edit", "ring")

REACH_PX = 8
"""Distance from the edge that is measured, in input pixels, in bins of one."""

RIM_PX = 2
"""Width of the rim in input pixels: the reach of a dilated mask or an interpolation kernel."""

NO_EDGE = f"no edge of the edit is within {RIM_PX:g} px of the region"

Profile = npt.NDArray[np.float64]
"""Mean residual by distance to the edge, in REACH_PX bins of one input pixel and in 8-bit levels;
NaN: the bin is empty.
"""


class Side(NamedTuple):
    """One side of the edge."""

    reason: str
    """Why it cannot be measured; empty: it can."""

    bins: npt.NDArray[np.intp]
    """Bin of every pixel within reach."""
    near: Area
    """The pixels within reach. Output."""
    rim: Cover


class PreparedSides(NamedTuple):
    """The expected image's luma in 8-bit levels, and the side of the edge that each region
    covers.
    """

    luma: npt.NDArray[np.float64]
    sides: dict[Region, Side]


def _prepare(reference: Reference) -> PreparedSides:
    areas = select_areas(reference, REGIONS)
    edit = areas.get("edit", np.zeros_like(require_part(reference.expected)[..., 0], bool))
    sides = {region: _find_side(area, edit, reference.scale) for region, area in areas.items()}
    return PreparedSides(255 * luma(require_part(reference.expected)), sides)


def _find_side(area: Area, edit: Area, scale: int) -> Side:
    """The part of a region within reach of the edit's edge, by distance."""
    depth = _edge_distance(edit) / scale
    near = area & (depth < REACH_PX)
    rim = make_cover(area & (depth < RIM_PX))
    reason = "" if rim.pixels else NO_EDGE if area.any() else EMPTY
    return Side(reason, depth[near].astype(np.intp), near, rim)


def _edge_distance(edit: Area) -> npt.NDArray[np.float32]:
    """Distance of every pixel's centre to the edge, in output pixels: 0.5 beside it, infinite
    without one.
    """
    if edit.all() or not edit.any():
        return np.full(edit.shape, np.inf, np.float32)
    inside, outside = (
        cv2.distanceTransform(part.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for part in (edit, ~edit)
    )
    return np.asarray(np.maximum(inside, outside) - 0.5, np.float32)


def profile(side: Side, residual: Plane) -> Profile:
    """Mean residual in each bin of distance, nearest first."""
    counts = np.bincount(side.bins, minlength=REACH_PX)
    sums = np.bincount(side.bins, residual[side.near], minlength=REACH_PX)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts, np.float64)


def _measure(prepared: PreparedSides, actual: Image) -> list[Value]:
    residual = _residual(prepared, actual)
    return [
        value
        for region, side in prepared.sides.items()
        for value in _measure_region(region, side, residual)
    ]


def _measure_region(region: Region, side: Side, residual: Plane) -> list[Value]:
    if side.reason:
        return unmeasured_values([region], STATS, side.reason)
    means = profile(side, residual)
    worst = worst_window(residual, side.rim, region, better="zero")
    rim = residual[side.rim.box][side.rim.inside]
    peak = means[int(np.nanargmax(np.abs(means)))]
    return [Value(region, "rim", float(rim.mean())), Value(region, "peak", float(peak)), worst]


def _residual(prepared: PreparedSides, actual: Image) -> Plane:
    return 255 * luma(actual) - prepared.luma


def _map(prepared: PreparedSides, actual: Image) -> Plane:
    """The residual within reach of the edge, in levels; 0 elsewhere."""
    near = np.any([side.near for side in prepared.sides.values()], axis=0)
    return np.where(near, _residual(prepared, actual), 0.0)


HALO = Metric(
    name="halo",
    variant="",
    version=2,
    unit="levels",
    better="zero",
    range=(-255.0, 255.0),
    stats=STATS,
    source=(
        "Signed edge profile: luma (BT.601) of actual minus expected by distance to the edit's edge"
    ),
    formula=(
        "255 × mean(actual - expected) of luma, inside (edit) and outside (ring). rim is"
        " the mean within 2 input px of the edge. peak is the 1 px bin with the largest"
        " mean, up to 8 px away. worst is the worst 64×64 window of the rim"
    ),
    sees=(
        "A light (positive) or dark (negative) rim around the fill: overlay left in the mask's"
        " fringe, ringing, bad blending."
    ),
    misses=(
        "Rims that differ in colour only (see delta_e00 in ring). It cannot tell a rim from"
        " a fill that is too light as a whole, since its edge is also too light."
    ),
    example="halo",
    aspect="edge of the edit",
    prepare=_prepare,
    measure=_measure,
    margins={"rim": 0.5, "worst": 1.5},
    golden={"rim": -3.45941, "peak": -3.54751, "worst": -4.29008},
    regions=REGIONS,
    map=_map,
)
