"""From a value per pixel to statistics of a region: the mean, a tail, the worst window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from harness.metrics.metric import Area, Areas, Plane, Value
from harness.types import Better, Region

WINDOW_PX = 64
"""Edge of the windows that the worst is sought among; the whole image where that is smaller."""

STRIDE_PX = 8
"""Distance between neighbouring windows."""

MIN_WINDOW_PX = 64
"""A window counts where the region covers at least this many of its pixels, so that one pixel is never the worst window."""

EMPTY = "the region is empty in this scene"
TOO_SMALL = f"no {WINDOW_PX}×{WINDOW_PX} window holds {MIN_WINDOW_PX} px of the region"


def pool(
    plane: Plane,
    areas: Areas,
    *,
    better: Better,
    tail: str = "",
    convert: Callable[[float], float] = float,
) -> list[Value]:
    """Mean, worst window and, where `tail` names one (`p01`, `p99`), that percentile of every region.

    `plane` is H×W. `better` says which end is worst; with `zero` it is the largest magnitude. `convert` turns a pooled
    value into the metric's unit, e.g. a mean squared error into dB.
    """
    values = []
    for region, area in areas.items():
        if not area.any():
            values += unmeasured([region], ["mean", *([tail] if tail else []), "worst"], EMPTY)
            continue
        inside = plane[area]
        values.append(Value(region, "mean", convert(float(inside.mean(dtype=np.float64)))))
        if tail:
            values.append(Value(region, tail, convert(float(np.percentile(inside, int(tail[1:]))))))
        values.append(worst_window(plane, area, region, better=better, convert=convert))
    return values


def unmeasured(regions: Iterable[Region], stats: Sequence[str], reason: str) -> list[Value]:
    """Rows that say why there is no number."""
    return [Value(region, stat, None, reason) for region in regions for stat in stats]


def worst_window(
    plane: Plane, area: Area, region: Region, *, better: Better, convert: Callable[[float], float] = float
) -> Value:
    """The worst among the region's means in every 64×64 window (stride 8), and where it is."""
    means, ys, xs = window_means(plane, area)
    if not np.isfinite(means).any():
        return Value(region, "worst", None, TOO_SMALL)
    badness = {"higher": -means, "lower": means, "zero": np.abs(means)}[better]
    row, column = np.unravel_index(int(np.nanargmax(badness)), badness.shape)
    return Value(region, "worst", convert(float(means[row, column])), y=int(ys[row]), x=int(xs[column]))


def window_means(
    plane: Plane, area: Area
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Mean of the region in each window, NaN where it covers too little; and the windows' centres along y and x."""
    counts, ys, xs = window_sums(area.astype(np.float64))
    totals, _, _ = window_sums(np.where(area, plane, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts >= MIN_WINDOW_PX, totals / counts, np.nan), ys, xs


def window_sums(plane: Plane) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sum of each window, by a summed-area table; and the windows' centres along y and x."""
    table = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    np.cumsum(np.cumsum(plane, axis=0, dtype=np.float64), axis=1, out=table[1:, 1:])
    (top, bottom), (left, right) = (_edges(length) for length in plane.shape)
    sums = (
        table[np.ix_(bottom, right)]
        - table[np.ix_(top, right)]
        - table[np.ix_(bottom, left)]
        + table[np.ix_(top, left)]
    )
    return sums, (top + bottom) // 2, (left + right) // 2


def _edges(length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where windows begin and end along one axis; the last one touches the border."""
    size = min(WINDOW_PX, length)
    starts = np.unique(np.append(np.arange(0, length - size + 1, STRIDE_PX), length - size))
    return starts, starts + size
