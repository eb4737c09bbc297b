"""How far the content of a region moved: Gauss-Newton steps over a pyramid, from coarse to fine.

The slopes are those of the expected picture (inverse compositional form), so each region's solver
is prepared once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import Area, Image
from editproof.harness.metrics.core.pooling import bounding_box

LEVELS = (3, 2, 1)
"""Halvings of the picture, coarsest first. Half the size is enough for a fiftieth of a pixel."""

MIN_LEVEL_PX = 16
"""A level with a shorter edge is left out."""

STEPS = 5
SETTLED_PX = 0.002
"""Number of steps at each level, until one is shorter than this, in pixels of the level."""

MAX_STEP_PX = 2.0
"""Longest step in pixels of the level. Gradients reach no further."""

MAX_SHIFT_PX = 16.0
"""Largest shift of a region beyond the motion of the whole picture."""

MAX_ERROR_PX = 0.02
"""A region or window is measured if noise of one 8-bit level moves its shift by at most this."""

BORDER_PX = 3
"""Width of the border in pixels of a level that is left out, since a shifted picture shows unknown
content there.
"""

TAPS = 4
"""Half the length of the interpolation kernel."""

Plane32 = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]


class Fit(NamedTuple):
    """How the residual of a region at one level gives the shift, by least squares for (dy, dx,
    gain, offset).
    """

    box: tuple[slice, slice]
    inside: Area
    expected: Plane32
    """N: the expected values of the region's pixels."""
    solver: Plane32
    """4×N: multiplied by the residual, it gives the step in y and x, the change of gain, and the
    offset.
    """
    error: float
    """Standard deviation of the shift in its worst direction for a residual of deviation 1, in
    pixels of the level.
    """
    turn_bias: tuple[complex, complex]
    """The shift that the fit reports if the content grows by 1, or rotates by 1 rad, about the
    region's middle.
    """


def fit_shift(levels: Mapping[int, Plane32], fits: Mapping[int, Fit]) -> tuple[float, float, float]:
    """Fit the shift down and right, and the slope of actual over expected, from coarse to fine."""
    dy = dx = slope = 0.0
    for level, fit in fits.items():
        scale = 2.0**level
        for _ in range(STEPS):
            residual = (
                sample_shifted(levels[level], dy / scale, dx / scale, fit.box)[fit.inside]
                - fit.expected
            )
            down, right, gain, _ = (float(number) for number in fit.solver @ residual)
            slope = 1 + gain
            length = math.hypot(down, right)
            limit = scale * min(1.0, MAX_STEP_PX / max(length, 1e-12))
            dy, dx = dy - limit * down, dx - limit * right
            if length < SETTLED_PX or math.hypot(dy, dx) > 2 * MAX_SHIFT_PX:
                break
    return dy, dx, slope


def prepare_fit(basis: tuple[Plane32, ...], area: Area, middle: complex) -> Fit | None:
    """Prepare the solver of a region at one level; None: the region has too few pixels or no
    structure.
    """
    if area.sum() < 4 * len(basis):
        return None
    box = bounding_box(area)
    inside = np.ascontiguousarray(area[box])
    columns_of = np.stack([plane[box][inside] for plane in basis]).astype(np.float64)
    normal = columns_of @ columns_of.T
    if np.linalg.cond(normal) > 1e12:
        return None
    inverse: Wide = np.asarray(np.linalg.inv(normal), np.float64)
    error = math.sqrt(float(np.linalg.eigvalsh(inverse[:2, :2])[-1]))
    solver = (inverse @ columns_of).astype(np.float32)
    return Fit(
        box,
        inside,
        basis[2][box][inside],
        solver,
        error,
        _turn_bias(columns_of, inverse, area, middle),
    )


def _turn_bias(
    columns_of: Wide, inverse: Wide, area: Area, middle: complex
) -> tuple[complex, complex]:
    """The shift that a fit reports if its pixels grow, and if they rotate, about the middle."""
    rows, columns = (
        places - at for places, at in zip(np.nonzero(area), (middle.imag, middle.real), strict=True)
    )
    down, right = columns_of[:2]
    grown, turned = (
        inverse @ (columns_of @ slope)
        for slope in (down * rows + right * columns, down * columns - right * rows)
    )
    return complex(grown[1], grown[0]), complex(turned[1], turned[0])


def is_accurate(error: float) -> bool:
    """Whether noise of one 8-bit level leaves the shift at the finest level accurate enough."""
    return bool(error <= MAX_ERROR_PX * 255 / 2 ** LEVELS[-1])


def image_basis(plane: Plane32) -> tuple[Plane32, ...]:
    """Slopes along y and x, the plane itself, and 1."""
    kernel = np.array([[1.0, -8.0, 0.0, 8.0, -1.0]]) / 12
    down, right = (
        cv2.filter2D(plane, -1, k, borderType=cv2.BORDER_REFLECT) for k in (kernel.T, kernel)
    )
    return np.asarray(down, np.float32), np.asarray(right, np.float32), plane, np.ones_like(plane)


def reduce_area(area: Area, shape: tuple[int, ...]) -> Area:
    """The region at a level: pixels that it covers by more than half, without the picture's
    border.
    """
    share = cv2.resize(area.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    inner = np.zeros(shape, bool)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return np.asarray((share > 0.5) & inner, bool)


def make_pyramid(plane: Plane32) -> Mapping[int, Plane32]:
    """The plane at each level that is large enough, coarsest first."""
    planes = [plane]
    for _ in range(max(LEVELS)):
        planes.append(np.asarray(cv2.pyrDown(planes[-1]), np.float32))
    return {level: planes[level] for level in LEVELS if min(planes[level].shape) >= MIN_LEVEL_PX}


def sample_shifted(plane: Plane32, dy: float, dx: float, box: tuple[slice, slice]) -> Plane32:
    """Sample the plane at every pixel of the box, displaced by (dy, dx), by a windowed sinc along
    each axis.
    """
    if dy == 0 and dx == 0:
        return plane[box]
    reach = math.ceil(max(abs(dy), abs(dx))) + TAPS
    height, width = plane.shape
    rows, columns = (
        slice(max(side.start - reach, 0), min(side.stop + reach, length))
        for side, length in zip(box, (height, width), strict=True)
    )
    kernels = (_sinc_weights(dx, reach), _sinc_weights(dy, reach))
    moved = cv2.sepFilter2D(
        np.ascontiguousarray(plane[rows, columns]), -1, *kernels, borderType=cv2.BORDER_REFLECT
    )
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(box, (rows, columns), strict=True)
    )
    return np.asarray(moved[inner], np.float32)


def _sinc_weights(distance: float, reach: int) -> Plane32:
    """Lanczos weights of pixels up to `reach` away for the value `distance` away."""
    away = np.arange(-reach, reach + 1) - distance
    weights = np.where(np.abs(away) < TAPS, np.sinc(away) * np.sinc(away / TAPS), 0.0)
    return np.asarray(weights / weights.sum(), np.float32)


def centred_luma(image: Image) -> Plane32:
    """Luma minus 0.5, so that gain and offset are nearly independent."""
    return np.asarray(luma(image) - 0.5, np.float32)
