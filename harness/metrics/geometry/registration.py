"""Registration: is everything in its place, at its size, and upright?

A motion of the whole picture is searched first (motion.py) and undone. What remains is fitted in
each region (shift.py) and in each window of a region (windows.py). The windows give scale and
rotation (similarity.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

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
from editproof.harness.metrics.core.pooling import interpolate_windows, unmeasured_values
from editproof.harness.metrics.geometry.motion import (
    LOOKED_AT_PX,
    NO_MOTION,
    Motion,
    Points,
    find_motion,
    undo_motion,
)
from editproof.harness.metrics.geometry.shift import (
    LEVELS,
    MAX_ERROR_PX,
    MAX_SHIFT_PX,
    MIN_LEVEL_PX,
    Fit,
    Plane32,
    Wide,
    centred_luma,
    fit_shift,
    image_basis,
    is_accurate,
    make_pyramid,
    prepare_fit,
    reduce_area,
)
from editproof.harness.metrics.geometry.similarity import TOO_FEW, fit_similarity
from editproof.harness.metrics.geometry.windows import MIN_SLOPE, Windows, prepare_windows
from editproof.harness.records.reasons import EMPTY, TOO_SMALL
from editproof.harness.records.vocabulary import Region

MIN_PX = 2 * MIN_LEVEL_PX
"""Edge of the smallest image that has a level."""

MOST_PX = 4096.0
"""Bound of all statistics: a quarter of the largest picture's edge."""

REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep", "protect")
STATS = ("shift", "dy", "dx", "worst", "scale", "rotation")
SMALL = f"the image is smaller than {MIN_PX}×{MIN_PX} px"
NO_STRUCTURE = "the region has too little structure to tell a shift in both directions"
UNLIKE = (
    "the region's content is not the expected one: it was replaced, or it moved by more than"
    f" {MAX_SHIFT_PX:g} px relative to the whole picture"
)


class RegionFit(NamedTuple):
    """One region: its fits, coarsest first, and its windows; or why it cannot be measured."""

    fits: Mapping[int, Fit]
    windows: Windows | None
    reason: str
    middle: complex = 0j
    """Mean place of its pixels, in pixels of the picture."""


class PreparedRegions(NamedTuple):
    """The expected image's luma and pyramid, and the fit of each region."""

    expected: Plane32
    levels: Mapping[int, Plane32]
    regions: Mapping[Region, RegionFit]


class RegionMove(NamedTuple):
    """How a region's content moved: its shift from all pixels, and what its windows say."""

    shift: complex
    """At the region's middle, in pixels, without the motion of the whole picture."""
    windows: Points
    """Rows×columns: how far each window's content moved, without the motion of the whole picture;
    NaN where it is unknown.
    """
    turn: Motion | None
    """Scale, rotation and a shift; None: the windows do not tell."""
    reason: str


def _prepare(reference: Reference) -> PreparedRegions:
    plane = centred_luma(require_part(reference.expected))
    levels = make_pyramid(plane)
    bases = {level: image_basis(each) for level, each in levels.items()}
    areas = select_areas(reference, REGIONS)
    return PreparedRegions(
        plane, levels, {region: _prepare_region(bases, area) for region, area in areas.items()}
    )


def _measure(prepared: PreparedRegions, actual: Image) -> list[Value]:
    levels, motion = _undo_motion(prepared, actual)
    values: list[Value] = []
    for region, region_fit in prepared.regions.items():
        values += (
            unmeasured_values([region], STATS, region_fit.reason)
            if region_fit.reason
            else _measure_region(prepared, levels, motion, region)
        )
    return values


def _undo_motion(prepared: PreparedRegions, actual: Image) -> tuple[Mapping[int, Plane32], Motion]:
    """The actual picture's pyramid with the motion of the whole picture undone, and that motion in
    pixels.
    """
    plane = centred_luma(actual)
    motion = _find_picture_motion(prepared.expected, plane)
    if motion == NO_MOTION:
        return make_pyramid(plane), motion
    back, inside = undo_motion(plane, motion)
    # What was never there says nothing: it is filled with what the rest makes of the expected
    # picture.
    gain, offset = np.polyfit(prepared.expected[inside], back[inside], 1)
    return (
        make_pyramid(
            np.where(inside, back, np.float32(gain) * prepared.expected + np.float32(offset))
        ),
        motion,
    )


def _find_picture_motion(expected: Plane32, actual: Plane32) -> Motion:
    """Find the motion of the whole picture, in its pixels."""
    times = 1
    while max(expected.shape) > LOOKED_AT_PX:
        expected, actual = (
            np.asarray(cv2.pyrDown(plane), np.float32) for plane in (expected, actual)
        )
        times *= 2
    return find_motion(expected, actual).resize(times)


def _measure_region(
    prepared: PreparedRegions, levels: Mapping[int, Plane32], motion: Motion, region: Region
) -> list[Value]:
    region_fit = prepared.regions[region]
    moved = _find_moves(prepared, levels, region_fit)
    if moved is None:
        return unmeasured_values([region], STATS, UNLIKE)
    shift = motion.at(region_fit.middle + moved.shift) - region_fit.middle
    numbers = {"shift": abs(shift), "dy": shift.imag, "dx": shift.real}
    return [
        *(Value(region, stat, value) for stat, value in numbers.items()),
        _find_worst(moved, motion, region, region_fit.windows),
        *_turn_values(moved, motion, region),
    ]


def _turn_values(moved: RegionMove, motion: Motion, region: Region) -> list[Value]:
    """Scale and rotation of the picture and the region together."""
    if moved.turn is None and motion.factor == 1:
        return unmeasured_values([region], ("scale", "rotation"), moved.reason)
    whole = motion if moved.turn is None else motion.after(moved.turn)
    return [Value(region, "scale", whole.scale), Value(region, "rotation", whole.rotation)]


def _find_moves(
    prepared: PreparedRegions, levels: Mapping[int, Plane32], region_fit: RegionFit
) -> RegionMove | None:
    """How a region's content moved; None: it is not the expected content."""
    dy, dx, slope = fit_shift(levels, region_fit.fits)
    shift = complex(dx, dy)
    if slope < MIN_SLOPE or abs(shift) > MAX_SHIFT_PX:
        return None
    if region_fit.windows is None:
        return RegionMove(shift, np.full((1, 1), np.nan + 0j), None, TOO_FEW)
    moves, turn, reason = fit_similarity(prepared.levels, levels, region_fit.windows, shift)
    if turn is not None:
        grown, turned = region_fit.fits[LEVELS[-1]].turn_bias
        shift -= 2 ** LEVELS[-1] * ((turn.factor.real - 1) * grown + turn.factor.imag * turned)
    return RegionMove(shift, moves, turn, reason)


def _find_worst(
    moved: RegionMove, motion: Motion, region: Region, windows: Windows | None
) -> Value:
    """The window whose content moved farthest."""
    if windows is None:
        return Value(region, "worst", None, TOO_SMALL)
    distance = _distances(moved, motion, windows)
    if np.isnan(distance).all():
        return Value(region, "worst", None, "no window has enough structure that is as expected")
    row, column = np.unravel_index(int(np.nanargmax(distance)), distance.shape)
    return Value(
        region,
        "worst",
        float(distance[row, column]),
        y=int(windows.ys[row]),
        x=int(windows.xs[column]),
    )


def _distances(moved: RegionMove, motion: Motion, windows: Windows) -> Wide:
    """How far each window's content moved in total, rows×columns; NaN where it is unknown."""
    distance = np.abs(motion.at(windows.places + moved.windows) - windows.places)
    return np.where(windows.weights >= 1 / MAX_ERROR_PX**2, distance, np.nan)


def _map(prepared: PreparedRegions, actual: Image) -> Plane:
    """How far the content of the 64 px window around every pixel moved, in px; 0 where it is
    unknown.
    """
    levels, motion = _undo_motion(prepared, actual)
    plane: Plane = np.zeros(actual.shape[:2])
    for region_fit in prepared.regions.values():
        if region_fit.reason or region_fit.windows is None:
            continue
        moved = _find_moves(prepared, levels, region_fit)
        if moved is not None:
            distances = np.nan_to_num(_distances(moved, motion, region_fit.windows))
            plane = np.maximum(
                plane,
                interpolate_windows(
                    distances, region_fit.windows.ys, region_fit.windows.xs, actual.shape
                ),
            )
    return plane


def _prepare_region(bases: Mapping[int, tuple[Plane32, ...]], area: Area) -> RegionFit:
    if not area.any():
        return RegionFit({}, None, EMPTY)
    if not bases:
        return RegionFit({}, None, SMALL)
    middle = _middle(area)
    fits = {
        level: prepare_fit(basis, reduce_area(area, basis[0].shape), middle / 2**level)
        for level, basis in bases.items()
    }
    finest = fits[LEVELS[-1]]
    if finest is None or not is_accurate(finest.error):
        return RegionFit({}, None, NO_STRUCTURE)
    return RegionFit(
        {level: fit for level, fit in fits.items() if fit is not None and is_accurate(fit.error)},
        prepare_windows(bases, area),
        "",
        middle,
    )


def _middle(area: Area) -> complex:
    """The mean place of an area's pixels."""
    rows, columns = (np.count_nonzero(area, axis=axis) for axis in (1, 0))
    y, x = (float(np.average(np.arange(counts.size), weights=counts)) for counts in (rows, columns))
    return complex(x, y)


REGISTRATION = Metric(
    name="registration",
    variant="",
    version=2,
    unit="px",
    better="zero",
    range=(-MOST_PX, MOST_PX),
    stats=STATS,
    source=(
        "Lucas & Kanade 1981 in its inverse compositional form (Baker & Matthews 2004),"
        " with gain and offset, of luma. Larger motions of the whole picture by phase"
        " correlation (Kuglin & Hines 1975), also of the log-polar spectra (Reddy &"
        " Chatterji 1996). OpenCV's findTransformECC refines them (Evangelidis & Psarakis"
        " 2008)"
    ),
    formula=(
        "(dy, dx) that minimise sum((actual(y + dy, x + dx) - gain expected(y, x) -"
        " offset)^2) over the region. shift = sqrt(dy^2 + dx^2), at the region's middle."
        " worst is the longest shift of a window. scale (100 (s - 1)) and rotation r are of"
        " the similarity s e^(ir) nearest to the shifts of most windows"
    ),
    sees=(
        "A picture or a part of it that moved: half a pixel lost in resizing, a crop that is off"
        " by one, a misplaced tile. A picture that came back larger (scale above 0 %) or rotated"
        " (rotation above 0 is clockwise). Positive shifts are down and right."
    ),
    misses=(
        "Mirroring and shear. A part that moved by more than 16 px while the rest stayed,"
        " and replaced content (see ssim). The whole picture may move by a quarter of its"
        " edge, grow or shrink by a third, and rotate by 45°. If a region holds only a"
        " pattern that repeats within 12 px, a shift above one pixel may be off by whole"
        " periods."
    ),
    example="shifted",
    aspect="geometry",
    prepare=_prepare,
    measure=_measure,
    margins={"shift": 0.05, "worst": 0.2, "scale": 0.05, "rotation": 0.05},
    golden={"shift": 0.0503588, "dy": -9.40731e-05, "dx": 0.0503588, "worst": 0.157409},
    regions=REGIONS,
    units={"scale": "%", "rotation": "°"},
    map=_map,
    map_better="lower",
)
