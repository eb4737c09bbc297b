"""How far the content of each window of a region moved, for all windows in one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Area
from editproof.harness.metrics.core.pooling import make_cover
from editproof.harness.metrics.geometry.motion import Points
from editproof.harness.metrics.geometry.shift import (
    LEVELS,
    MAX_ERROR_PX,
    Plane32,
    Wide,
    reduce_area,
)

MAX_DOUBT_PX = 10 * MAX_ERROR_PX
"""Error up to which a window is used for scale and rotation. They average over many windows."""

MIN_SLOPE = 0.5
"""Least slope of actual over expected at which the content counts as the same, moved."""


class Windows(NamedTuple):
    """The fit of each window at the finest level."""

    basis: tuple[Plane32, ...]
    """Four planes, 0 outside the region: the slopes along y and x, the expected values, and 1."""
    inverse: Wide
    """Rows×columns×4×4; NaN if a window cannot be fitted."""
    rows: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    columns: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    """Start and stop of windows, in pixels of the level."""
    ys: npt.NDArray[np.intp]
    xs: npt.NDArray[np.intp]
    """Centres of windows, in pixels of the picture."""
    places: Points
    """Rows×columns: middle of each window's part of the region, in pixels of the picture."""
    weights: Wide
    """Rows×columns: 1 over the variance of each shift in px², for noise of one 8-bit level;
    or 0.
    """


def prepare_windows(bases: Mapping[int, tuple[Plane32, ...]], area: Area) -> Windows | None:
    """Prepare a region's windows at the finest level; None: it covers too little of each."""
    level = LEVELS[-1]
    basis = bases[level]
    cover = make_cover(area)
    height, width = basis[0].shape
    inside = reduce_area(area, (height, width))
    masked = tuple(np.asarray(plane * inside, np.float32) for plane in basis)
    rows, columns = (
        (edges.start >> level, np.minimum(edges.stop >> level, length))
        for edges, length in ((cover.ys, height), (cover.xs, width))
    )
    blank = np.zeros((rows[0].size, columns[0].size, 4, 4))
    nowhere = np.zeros(blank.shape[:2])
    windows = Windows(
        masked, blank, rows, columns, cover.ys.centre, cover.xs.centre, nowhere + 0j, nowhere
    )
    for i in range(4):
        for j in range(4):
            blank[..., i, j] = _window_sums(masked[i] * masked[j], windows)
    inverse = _inverses(blank, np.isfinite(cover.counts))
    if np.isnan(inverse).all():
        return None
    weights = np.nan_to_num(1 / _errors(inverse) ** 2)
    return windows._replace(
        inverse=inverse, places=_window_places(inside, windows), weights=weights
    )


def measure_moves(expected: Plane32, back: Plane32, windows: Windows) -> Points:
    """Remaining displacement of each window's content, by one step; NaN where it is unknown."""
    level = LEVELS[-1]
    residual = back - expected
    right_side = np.stack(
        [_window_sums(plane * residual, windows) for plane in windows.basis], axis=-1
    )
    down, right, gain, _ = np.moveaxis((windows.inverse @ right_side[..., None])[..., 0], -1, 0)
    return np.where(1 + gain >= MIN_SLOPE, -(2**level) * (right + 1j * down), np.nan)


def _window_places(inside: Area, windows: Windows) -> Points:
    """Middle of each window's part of the region, in pixels of the picture."""
    seen = np.asarray(inside, np.float32)
    y, x = (np.arange(length, dtype=np.float32) for length in inside.shape)
    total = np.maximum(_window_sums(seen, windows), 1)
    column, row = (_window_sums(seen * along, windows) / total for along in (x, y[:, None]))
    return np.asarray(2 ** LEVELS[-1] * (column + 1j * row), np.complex128)


def _inverses(normal: Wide, enough: npt.NDArray[np.bool_]) -> Wide:
    """Inverse of every window's normal equations; NaN if it sees too little of the region or its
    structure.
    """
    ridge = 1e-6 * np.eye(4)
    inverse: Wide = np.asarray(np.linalg.inv(normal + ridge), np.float64)
    is_usable = enough & (_errors(inverse) <= MAX_DOUBT_PX)
    return np.where(is_usable[..., None, None], inverse, np.nan)


def _errors(inverse: Wide) -> Wide:
    """How far noise of one 8-bit level moves each window's shift in its worst direction, in pixels
    of the picture.
    """
    deviation = np.sqrt(np.maximum(_largest_eigenvalues(inverse[..., :2, :2]), 0))
    return np.asarray(2 ** LEVELS[-1] / 255 * deviation)


def _largest_eigenvalues(matrices: Wide) -> Wide:
    """The larger eigenvalue of symmetric 2×2 matrices. NaN stays NaN."""
    mean = (matrices[..., 0, 0] + matrices[..., 1, 1]) / 2
    return np.asarray(
        mean + np.hypot((matrices[..., 0, 0] - matrices[..., 1, 1]) / 2, matrices[..., 0, 1])
    )


def _window_sums(plane: Plane32, windows: Windows) -> Wide:
    table = np.asarray(cv2.integral(plane, sdepth=cv2.CV_64F), np.float64)
    (top, bottom), (left, right) = windows.rows, windows.columns
    strips = table[bottom] - table[top]
    return np.asarray(strips[:, right] - strips[:, left], np.float64)
