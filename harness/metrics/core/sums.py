"""Statistics made of several sums over a region, such as a ratio: of the whole region, and of its
windows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Plane, Value
from editproof.harness.metrics.core.pooling import Cover, window_sums
from editproof.harness.records.reasons import TOO_SMALL
from editproof.harness.records.vocabulary import Region

Numbers = npt.NDArray[np.float64]

STATS = ("mean", "worst")


class Sums(NamedTuple):
    """A plane, summed over a region."""

    total: Numbers
    """Of the whole region, without dimensions."""
    windows: Numbers
    """Rows×columns of windows; NaN where the region covers too little."""


def sum_region(plane: Plane, cover: Cover) -> Sums:
    """Sum over the region, and over its part of each window."""
    total, windows = window_sums(plane, cover)
    return Sums(np.asarray(total), np.where(np.isnan(cover.counts), np.nan, windows))


def mean_and_worst(
    region: Region,
    cover: Cover,
    combine: Callable[..., Numbers],
    *planes: Sums,
    no_mean: str = "",
    no_window: str = "",
) -> list[Value]:
    """`combine` the sums of the whole region, and those of the window with the largest magnitude.

    `combine` returns NaN where the sums mean nothing. `no_mean` and `no_window` are the reasons
    then.
    """
    mean = float(combine(*(plane.total for plane in planes)))
    windows = combine(*(plane.windows for plane in planes))
    values = [
        Value(region, "mean", None, no_mean) if np.isnan(mean) else Value(region, "mean", mean)
    ]
    if np.isnan(windows).all():
        reason = TOO_SMALL if np.isnan(cover.counts).all() else no_window
        return [*values, Value(region, "worst", None, reason)]
    row, column = np.unravel_index(int(np.nanargmax(np.abs(windows))), windows.shape)
    y, x = int(cover.ys.centre[row]), int(cover.xs.centre[column])
    return [*values, Value(region, "worst", float(windows[row, column]), y=y, x=x)]
