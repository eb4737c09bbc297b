"""Registration: is everything where it should be, to a fraction of a pixel?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from harness.metrics.luma import luma
from harness.metrics.metric import Area, Image, Metric, Plane, Reference, Value, known
from harness.metrics.pooling import EMPTY, TOO_SMALL, at_every_pixel, cover, unmeasured
from harness.types import Region

LEVELS = (3, 2, 1)
"""Halvings of the picture, coarsest first. Half the size is enough for a fiftieth of a pixel."""

MIN_LEVEL_PX = 16
"""A level with a shorter edge is left out."""

MIN_PX = 2 * MIN_LEVEL_PX
"""Edge of the smallest image that has a level."""

STEPS = 5
SETTLED_PX = 0.002
"""At each level so many steps at most, until one is shorter than this, in pixels of the level."""

MAX_STEP_PX = 2.0
"""How far a step may go, in pixels of the level: gradients tell no more."""

MAX_SHIFT_PX = 16.0

MAX_ERROR_PX = 0.02
"""A region or window is measured where noise of one 8-bit level moves its shift by less than this."""

MIN_SLOPE = 0.5
"""What is there must follow what is expected at least so much to be called the same, shifted."""

BORDER_PX = 3
"""In pixels of a level: so near to its border a shifted picture shows what nobody expects."""

TAPS = 4
"""Half the length of the interpolation kernel."""

MEASURED: tuple[Region, ...] = ("all", "edit", "ring", "keep", "protect")
STATS = ("shift", "dy", "dx", "worst")
SMALL = f"the image is smaller than {MIN_PX}×{MIN_PX} px"
NO_STRUCTURE = "the region has too little structure to tell a shift in both directions"
UNLIKE = f"what is in the region is not what is expected, shifted by at most {MAX_SHIFT_PX:g} px"

Plane32 = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]


class Fit(NamedTuple):
    """How a region's residual at one level tells the shift: least squares for (dy, dx, gain, offset)."""

    box: tuple[slice, slice]
    inside: Area
    expected: Plane32
    """N: the expected values of the region's pixels."""
    solver: Plane32
    """4×N: times the residual gives the step in y and x, the change of gain and the offset."""
    error: float
    """Deviation of the shift in its worst direction, for a residual of deviation 1, in pixels of the level."""


class Windows(NamedTuple):
    """The same for each window of the finest level at once."""

    basis: tuple[Plane32, ...]
    """Four planes, 0 outside the region: the slopes along y and x, the expected values, and 1."""
    inverse: Wide
    """Rows×columns×4×4; NaN where a window does not tell."""
    rows: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    columns: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    """Where windows begin and end, in pixels of the level."""
    ys: npt.NDArray[np.intp]
    xs: npt.NDArray[np.intp]
    """Their centres, in pixels of the picture."""


class Part(NamedTuple):
    """One region: its fits, coarsest first, and its windows; or why it can't be measured."""

    fits: Mapping[int, Fit]
    windows: Windows | None
    reason: str


class Prepared(NamedTuple):
    """The expected image's levels and each region's part."""

    levels: Mapping[int, Plane32]
    parts: Mapping[Region, Part]


def _prepare(reference: Reference) -> Prepared:
    expected = known(reference.expected)
    levels = _levels(expected)
    bases = {level: _basis(plane) for level, plane in levels.items()}
    return Prepared(
        levels, {region: _part(bases, area) for region, area in reference.areas.items() if region in MEASURED}
    )


def _measure(prepared: Prepared, actual: Image) -> list[Value]:
    levels = _levels(actual)
    values: list[Value] = []
    for region, part in prepared.parts.items():
        values += unmeasured([region], STATS, part.reason) if part.reason else _region(prepared, levels, region, part)
    return values


def _region(prepared: Prepared, levels: Mapping[int, Plane32], region: Region, part: Part) -> list[Value]:
    dy, dx, slope = _shift(levels, part.fits)
    shift = math.hypot(dy, dx)
    if slope < MIN_SLOPE or shift > MAX_SHIFT_PX:
        return unmeasured([region], STATS, UNLIKE)
    numbers = [Value(region, stat, value) for stat, value in (("shift", shift), ("dy", dy), ("dx", dx))]
    return [*numbers, _worst(prepared, levels, region, part, (dy, dx))]


def _shift(levels: Mapping[int, Plane32], fits: Mapping[int, Fit]) -> tuple[float, float, float]:
    """Gauss-Newton from coarse to fine: how far what is expected has moved down and right, and the slope of actual on it."""
    dy = dx = slope = 0.0
    for level, fit in fits.items():
        scale = 2.0**level
        for _ in range(STEPS):
            residual = _sampled(levels[level], dy / scale, dx / scale, fit.box)[fit.inside] - fit.expected
            down, right, gain, _ = (float(number) for number in fit.solver @ residual)
            slope = 1 + gain
            length = math.hypot(down, right)
            limit = scale * min(1.0, MAX_STEP_PX / max(length, 1e-12))
            dy, dx = dy - limit * down, dx - limit * right
            if length < SETTLED_PX or math.hypot(dy, dx) > 2 * MAX_SHIFT_PX:
                break
    return dy, dx, slope


def _worst(
    prepared: Prepared, levels: Mapping[int, Plane32], region: Region, part: Part, shift: tuple[float, float]
) -> Value:
    """The window whose content moved farthest."""
    windows = part.windows
    if windows is None:
        return Value(region, "worst", None, TOO_SMALL)
    distance = _distances(prepared, levels, windows, shift)
    if np.isnan(distance).all():
        return Value(region, "worst", None, "no window has enough structure that is as expected")
    row, column = np.unravel_index(int(np.nanargmax(distance)), distance.shape)
    return Value(region, "worst", float(distance[row, column]), y=int(windows.ys[row]), x=int(windows.xs[column]))


def _distances(prepared: Prepared, levels: Mapping[int, Plane32], windows: Windows, shift: tuple[float, float]) -> Wide:
    """How far each window's content moved, rows×columns: the region's shift, and one more step. NaN where that is unknown."""
    level = LEVELS[-1]
    height, width = levels[level].shape
    whole = (slice(0, height), slice(0, width))
    residual = _sampled(levels[level], shift[0] / 2**level, shift[1] / 2**level, whole) - prepared.levels[level]
    right_side = np.stack([_window_sums(plane * residual, windows) for plane in windows.basis], axis=-1)
    down, right, gain, _ = np.moveaxis((windows.inverse @ right_side[..., None])[..., 0], -1, 0)
    distance = np.hypot(shift[0] - 2**level * down, shift[1] - 2**level * right)
    return np.where((1 + gain >= MIN_SLOPE) & (distance <= MAX_SHIFT_PX), distance, np.nan)


def _map(prepared: Prepared, actual: Image) -> Plane:
    """How far the content around every pixel moved, in px: of its window, 64 px wide; 0 where that can't be told."""
    levels = _levels(actual)
    plane: Plane = np.zeros(actual.shape[:2])
    for part in prepared.parts.values():
        if part.reason or part.windows is None:
            continue
        dy, dx, slope = _shift(levels, part.fits)
        if slope >= MIN_SLOPE and math.hypot(dy, dx) <= MAX_SHIFT_PX:
            distances = np.nan_to_num(_distances(prepared, levels, part.windows, (dy, dx)))
            plane = np.maximum(plane, at_every_pixel(distances, part.windows.ys, part.windows.xs, actual.shape))
    return plane


def _part(bases: Mapping[int, tuple[Plane32, ...]], area: Area) -> Part:
    if not area.any():
        return Part({}, None, EMPTY)
    if not bases:
        return Part({}, None, SMALL)
    fits = {level: _fit(basis, _reduced(area, basis[0].shape)) for level, basis in bases.items()}
    finest = fits[LEVELS[-1]]
    if finest is None or not _tells(finest.error):
        return Part({}, None, NO_STRUCTURE)
    return Part(
        {level: fit for level, fit in fits.items() if fit is not None and _tells(fit.error)}, _windows(bases, area), ""
    )


def _tells(error: float | Wide) -> npt.NDArray[np.bool_]:
    """Whether noise of one 8-bit level leaves a shift at the finest level accurate enough."""
    return np.asarray(np.asarray(error) <= MAX_ERROR_PX * 255 / 2 ** LEVELS[-1])


def _fit(basis: tuple[Plane32, ...], area: Area) -> Fit | None:
    """The solver of one region at one level; None: the region has too few pixels there, or no structure."""
    if area.sum() < 4 * len(basis):
        return None
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    inside = np.ascontiguousarray(area[box])
    columns_of = np.stack([plane[box][inside] for plane in basis]).astype(np.float64)
    normal = columns_of @ columns_of.T
    if np.linalg.cond(normal) > 1e12:
        return None
    inverse = np.linalg.inv(normal)
    error = math.sqrt(float(np.linalg.eigvalsh(inverse[:2, :2])[-1]))
    return Fit(box, inside, basis[2][box][inside], (inverse @ columns_of).astype(np.float32), error)


def _windows(bases: Mapping[int, tuple[Plane32, ...]], area: Area) -> Windows | None:
    """The windows of a region at the finest level; None: it covers too little of each."""
    level = LEVELS[-1]
    basis = bases[level]
    part = cover(area)
    height, width = basis[0].shape
    inside = _reduced(area, (height, width))
    masked = tuple(np.asarray(plane * inside, np.float32) for plane in basis)
    rows, columns = (
        (edges.start >> level, np.minimum(edges.stop >> level, length))
        for edges, length in ((part.ys, height), (part.xs, width))
    )
    blank = np.zeros((rows[0].size, columns[0].size, 4, 4))
    windows = Windows(masked, blank, rows, columns, part.ys.centre, part.xs.centre)
    for i in range(4):
        for j in range(4):
            blank[..., i, j] = _window_sums(masked[i] * masked[j], windows)
    inverse = _inverses(blank, np.isfinite(part.counts))
    return None if np.isnan(inverse).all() else windows._replace(inverse=inverse)


def _inverses(normal: Wide, enough: npt.NDArray[np.bool_]) -> Wide:
    """The inverse of every window's normal equations; NaN where it sees too little of the region or its structure."""
    ridge = 1e-6 * np.eye(4)
    inverse = np.linalg.inv(normal + ridge)
    error = np.sqrt(np.maximum(np.linalg.eigvalsh(inverse[..., :2, :2])[..., -1], 0))
    told = enough & _tells(error)
    return np.where(told[..., None, None], inverse, np.nan)


def _window_sums(plane: Plane32, windows: Windows) -> Wide:
    table = np.asarray(cv2.integral(plane, sdepth=cv2.CV_64F), np.float64)
    (top, bottom), (left, right) = windows.rows, windows.columns
    strips = table[bottom] - table[top]
    return np.asarray(strips[:, right] - strips[:, left], np.float64)


def _basis(plane: Plane32) -> tuple[Plane32, ...]:
    """Slopes along y and x, the plane itself, and 1."""
    kernel = np.array([[1.0, -8.0, 0.0, 8.0, -1.0]]) / 12
    down, right = (cv2.filter2D(plane, -1, k, borderType=cv2.BORDER_REFLECT) for k in (kernel.T, kernel))
    return np.asarray(down, np.float32), np.asarray(right, np.float32), plane, np.ones_like(plane)


def _reduced(area: Area, shape: tuple[int, ...]) -> Area:
    """The region at a level: the pixels that it covers by more than half, without the picture's border."""
    share = cv2.resize(area.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    inner = np.zeros(shape, bool)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return np.asarray((share > 0.5) & inner, bool)


def _levels(image: Image) -> Mapping[int, Plane32]:
    """Luma at each level that is large enough, coarsest first; less grey, so that gain and offset hardly mix."""
    planes = [np.asarray(luma(image) - 0.5, np.float32)]
    for _ in range(max(LEVELS)):
        planes.append(np.asarray(cv2.pyrDown(planes[-1]), np.float32))
    return {level: planes[level] for level in LEVELS if min(planes[level].shape) >= MIN_LEVEL_PX}


def _sampled(plane: Plane32, dy: float, dx: float, box: tuple[slice, slice]) -> Plane32:
    """The plane at every pixel of the box, displaced by (dy, dx): a windowed sinc along each axis."""
    if dy == 0 and dx == 0:
        return plane[box]
    reach = math.ceil(max(abs(dy), abs(dx))) + TAPS
    height, width = plane.shape
    rows, columns = (
        slice(max(side.start - reach, 0), min(side.stop + reach, length))
        for side, length in zip(box, (height, width), strict=True)
    )
    kernels = (_sinc(dx, reach), _sinc(dy, reach))
    moved = cv2.sepFilter2D(np.ascontiguousarray(plane[rows, columns]), -1, *kernels, borderType=cv2.BORDER_REFLECT)
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(box, (rows, columns), strict=True)
    )
    return np.asarray(moved[inner], np.float32)


def _sinc(distance: float, reach: int) -> Plane32:
    """Weights of the pixels up to `reach` away that give the value `distance` away (Lanczos)."""
    away = np.arange(-reach, reach + 1) - distance
    weights = np.where(np.abs(away) < TAPS, np.sinc(away) * np.sinc(away / TAPS), 0.0)
    return np.asarray(weights / weights.sum(), np.float32)


REGISTRATION = Metric(
    name="registration",
    variant="",
    version=1,
    unit="px",
    better="zero",
    range=(-MAX_SHIFT_PX, MAX_SHIFT_PX),
    stats=STATS,
    source="Lucas & Kanade 1981 in its inverse compositional form (Baker & Matthews 2004), with gain and offset; luma",
    formula=(
        "(dy, dx) that minimise sum((actual(y + dy, x + dx) - gain expected(y, x) - offset)^2) over the region; shift = "
        "sqrt(dy^2 + dx^2); worst: the longest shift of a window"
    ),
    sees=(
        "A picture, or a part of it, that was moved: half a pixel lost in resizing, a crop off by one, a tile put back "
        "beside its place. Positive is down and right."
    ),
    misses=(
        "Turning and scaling beyond the shift that they give each window, shifts of more than 16 px, and content that "
        "was replaced: that is said as the reason (see ssim). Of a pattern that repeats within 12 px, and nothing else beside "
        "it, a shift by more than a pixel may be told wrong by whole periods."
    ),
    example="shifted",
    aspect="geometry",
    prepare=_prepare,
    measure=_measure,
    margins={"shift": 0.05, "worst": 0.2},
    golden={"shift": 0.0503588, "dy": -9.40731e-05, "dx": 0.0503588, "worst": 0.157409},
    regions=MEASURED,
    map=_map,
    map_better="lower",
)
