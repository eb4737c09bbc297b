"""From a value for each pixel to statistics of a region: the mean, a tail, the worst window.

A `Cover` holds what depends on a region alone: its place, and which windows see enough of it. A
metric makes the covers once for each reference, in its `prepare`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import (
    Area,
    Areas,
    Image,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.records.reasons import EMPTY, TOO_SMALL
from editproof.harness.records.vocabulary import Better, Region

WINDOW_PX = 64
"""Edge of a window; a smaller image is one window."""

STRIDE_PX = 8
"""Distance between neighbouring windows."""

MIN_WINDOW_PX = 64
"""A window counts if the region covers at least this many of its pixels, so that a single pixel is
never the worst window.
"""

SAMPLED = 4096
"""Sample size that narrows down a percentile."""


Table = npt.NDArray[np.float64]
"""Summed-area table with one more row and column than its plane: the sum of everything above and
left of each corner.
"""


class Edges(NamedTuple):
    """Start and stop of windows along one axis, stop excluded. The last window touches the
    border.
    """

    start: npt.NDArray[np.intp]
    stop: npt.NDArray[np.intp]

    @property
    def centre(self) -> npt.NDArray[np.intp]:
        """The windows' centres."""
        return (self.start + self.stop) // 2


class Cover(NamedTuple):
    """A region, cut to its bounding box, and the number of its pixels in each window of the
    picture.
    """

    box: tuple[slice, slice]
    inside: Area
    """The region within `box`."""
    pixels: int
    counts: npt.NDArray[np.float64]
    """Rows×columns of windows: the region's pixels in each; NaN below MIN_WINDOW_PX."""
    ys: Edges
    xs: Edges


Covers = Mapping[Region, Cover]


def make_covers(areas: Areas) -> Covers:
    """The cover of every region."""
    return {region: make_cover(area) for region, area in areas.items()}


def make_cover(area: Area | Cover) -> Cover:
    """Compute what pooling over an area needs to know about it. A cover is returned as it is."""
    if isinstance(area, Cover):
        return area
    box = bounding_box(area)
    inside = np.ascontiguousarray(area[box])
    ys, xs = (_window_edges(length) for length in area.shape)
    counts = _window_sums(_integrate(inside.view(np.uint8)), box, ys, xs)
    enough = np.where(counts >= MIN_WINDOW_PX, counts, np.nan)
    return Cover(box, inside, int(inside.sum()), enough, ys, xs)


class PreparedPicture(NamedTuple):
    """The expected image and the regions: all that a metric needs that pools a map of them."""

    expected: Image
    covers: Covers


def prepare_picture(reference: Reference) -> PreparedPicture:
    """Prepare the expected image and the regions."""
    return PreparedPicture(require_part(reference.expected), make_covers(reference.areas))


def pool(
    plane: Plane,
    areas: Areas | Covers,
    *,
    better: Better,
    tails: Sequence[str] = (),
    convert: Callable[[float], float] = float,
) -> list[Value]:
    """Mean, percentiles and worst window of every region. `tails` names the percentiles, such as
    `p01`.

    `plane` is H×W. `better` says which end is worst; with `zero` it is the largest magnitude.
    `convert` turns a pooled value into the metric's unit, such as a mean squared error into dB.
    """
    values = []
    for region, area in areas.items():
        cover = make_cover(area)
        if not cover.pixels:
            values += unmeasured_values([region], ["mean", *tails, "worst"], EMPTY)
            continue
        table = _summed_area_table(plane, cover)
        values.append(Value(region, "mean", convert(float(table[-1, -1]) / cover.pixels)))
        inside = _values_inside(plane, cover) if tails else plane[:0]
        values += [
            Value(region, tail, convert(percentile(inside, int(tail[1:])))) for tail in tails
        ]
        values.append(_find_worst(table, cover, region, better, convert))
    return values


def unmeasured_values(regions: Iterable[Region], stats: Sequence[str], reason: str) -> list[Value]:
    """Values without a number, with the reason."""
    return [Value(region, stat, None, reason) for region in regions for stat in stats]


def worst_window(
    plane: Plane,
    area: Area | Cover,
    region: Region,
    *,
    better: Better,
    convert: Callable[[float], float] = float,
) -> Value:
    """The worst mean of the region in any 64×64 window (stride 8), and its place."""
    cover = make_cover(area)
    return _find_worst(_summed_area_table(plane, cover), cover, region, better, convert)


def window_sums(plane: Plane, cover: Cover) -> tuple[float, npt.NDArray[np.float64]]:
    """Sum of the plane over the region, and over the region's part of each window, rows×columns."""
    table = _summed_area_table(plane, cover)
    return float(table[-1, -1]), _window_sums(table, cover.box, cover.ys, cover.xs)


def region_mean(plane: Plane, cover: Cover) -> float:
    """Mean over a region that is not empty."""
    return float(_summed_area_table(plane, cover)[-1, -1]) / cover.pixels


def interpolate_windows(
    grid: npt.NDArray[np.floating],
    ys: npt.NDArray[np.intp],
    xs: npt.NDArray[np.intp],
    shape: tuple[int, ...],
) -> Plane:
    """Interpolate one number for each window, rows×columns, between the windows' centres to every
    pixel of an H×W picture.
    """
    places = (
        np.interp(np.arange(length), centres, np.arange(len(centres))).astype(np.float32)
        for length, centres in zip(shape[:2], (ys, xs), strict=True)
    )
    y, x = np.meshgrid(*places, indexing="ij")
    return np.asarray(
        cv2.remap(grid.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def percentile(values: npt.NDArray[np.floating], percent: float) -> float:
    """As NumPy's linear percentile, in a fraction of the time: only values near the tail are
    sorted.
    """
    position = (values.size - 1) * percent / 100
    below = int(position)
    above = min(below + 1, values.size - 1)
    near, smaller = _select_tail(values, below, above)
    placed = np.partition(near, (below - smaller, above - smaller))
    low, high = float(placed[below - smaller]), float(placed[above - smaller])
    return low + (high - low) * (position - below)


def _select_tail(
    values: npt.NDArray[np.floating], below: int, above: int
) -> tuple[npt.NDArray[np.floating], int]:
    """Select values that hold two ranks in a tail, by a limit from a sample. Also returns how many
    smaller ones are left out.
    """
    sample = values[:: max(values.size // SAMPLED, 1)]
    share = sample.size / values.size
    if above < values.size // 8:
        rank = min(int(2 * above * share) + 8, sample.size - 1)
        low = values[values <= np.partition(sample, rank)[rank]]
        return (low, 0) if low.size > above else (values, 0)
    if below >= values.size - values.size // 8:
        rank = max(sample.size - int(2 * (values.size - below) * share) - 9, 0)
        high = values[values >= np.partition(sample, rank)[rank]]
        return (high, values.size - high.size) if high.size >= values.size - below else (values, 0)
    return values, 0


def _find_worst(
    table: Table, cover: Cover, region: Region, better: Better, convert: Callable[[float], float]
) -> Value:
    means = _window_sums(table, cover.box, cover.ys, cover.xs) / cover.counts
    badness = {"higher": -means, "lower": means, "zero": np.abs(means)}[better]
    if not np.isfinite(badness).any():
        return Value(region, "worst", None, TOO_SMALL)
    row, column = np.unravel_index(int(np.nanargmax(badness)), badness.shape)
    y, x = int(cover.ys.centre[row]), int(cover.xs.centre[column])
    return Value(region, "worst", convert(float(means[row, column])), y=y, x=x)


def _values_inside(plane: Plane, cover: Cover) -> npt.NDArray[np.floating]:
    """The plane's values in the region."""
    cut = plane[cover.box]
    return cut.ravel() if cover.pixels == cut.size else cut[cover.inside]


def _summed_area_table(plane: Plane, cover: Cover) -> Table:
    """Summed-area table of the plane within the region's box, 0 where the region is not."""
    cut = np.ascontiguousarray(
        plane[cover.box], plane.dtype if plane.dtype in (np.float32, np.float64) else np.float64
    )
    return _integrate(
        cut if cover.pixels == cut.size else cv2.copyTo(cut, cover.inside.view(np.uint8))
    )


def _integrate(plane: npt.NDArray[Any]) -> Table:
    return (
        np.asarray(cv2.integral(plane, sdepth=cv2.CV_64F), np.float64)
        if plane.size
        else np.zeros((1, 1))
    )


def _window_sums(
    table: Table, box: tuple[slice, slice], ys: Edges, xs: Edges
) -> npt.NDArray[np.float64]:
    """Sum of each window, rows×columns, from a table of the plane within `box`. Outside the box it
    is 0.
    """
    y, x = _clip_edges(box[0], ys), _clip_edges(box[1], xs)
    strips = table[y.stop] - table[y.start]
    return np.asarray(strips[:, x.stop] - strips[:, x.start], np.float64)


def _clip_edges(span: slice, edges: Edges) -> Edges:
    """The windows' edges, counted from the start of a span and clipped to it."""
    return Edges(*(np.clip(edge - span.start, 0, span.stop - span.start) for edge in edges))


def bounding_box(area: Area) -> tuple[slice, slice]:
    """The smallest box that holds the area; empty if the area is."""
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _window_edges(length: int) -> Edges:
    size = min(WINDOW_PX, length)
    start = np.unique(np.append(np.arange(0, length - size + 1, STRIDE_PX), length - size))
    return Edges(start, start + size)
