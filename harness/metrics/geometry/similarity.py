"""Scale and rotation of a region, from how far its windows moved."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from editproof.harness.metrics.core.pooling import STRIDE_PX, WINDOW_PX
from editproof.harness.metrics.geometry.motion import Motion, Points, undo_motion
from editproof.harness.metrics.geometry.shift import LEVELS, MAX_SHIFT_PX, Plane32, sample_shifted
from editproof.harness.metrics.geometry.windows import Windows, measure_moves

TURNS = 3
TURNED_PX = 0.05
"""Number of fits of scale and rotation, until one moves no window farther than this."""

MIN_SPREAD_PX = 32.0
"""Least root mean square distance of a region's windows from their middle for scale and
rotation.
"""

MIN_WINDOWS = 9
DISAGREE_PX = 0.5
"""Half of the windows must lie nearer than this to where scale and rotation put them."""

ROBUST_PX = 0.01
ROUNDS = 6
"""The fit gives windows beyond the median distance, or beyond ROBUST_PX, a lower weight. It is
repeated this often.
"""

MAX_GROWTH_ERROR = 2e-4
"""Largest error of scale and rotation for noise of one 8-bit level, as a share of 1 and in
radians.
"""

TOO_FEW = "the region is too small, or has structure in too few places, to tell scale and rotation"
AT_ODDS = "the region's parts did not move by one scale and rotation"


def fit_similarity(
    expected: Mapping[int, Plane32], actual: Mapping[int, Plane32], windows: Windows, shift: complex
) -> tuple[Points, Motion | None, str]:
    """Fit scale and rotation to the windows' moves, undo them, and fit again. Also returns how far
    each window's content moved.
    """
    level = LEVELS[-1]
    plane = actual[level]
    height, width = plane.shape
    motion, times = Motion(1, shift), 2**level
    back = sample_shifted(
        plane, shift.imag / times, shift.real / times, (slice(0, height), slice(0, width))
    )
    for _ in range(TURNS):
        moves = (
            motion.at(windows.places + measure_moves(expected[level], back, windows))
            - windows.places
        )
        moves[np.abs(moves) > MAX_SHIFT_PX] = np.nan
        found, reason = _fit_once(windows, moves)
        if found is None:
            return moves, None, reason
        farthest = float(np.abs(found.at(windows.places) - motion.at(windows.places)).max())
        motion = found
        if farthest < TURNED_PX:
            break
        back, inside = undo_motion(plane, motion.resize(1 / times))
        back = np.where(inside, back, expected[level])
    return moves, motion, ""


def _fit_once(windows: Windows, moves: Points) -> tuple[Motion | None, str]:
    """Fit the similarity that is nearest to most windows' moves, or say why there is none. Outliers
    hardly count.
    """
    is_known = np.isfinite(moves) & (windows.weights > 0)
    if is_known.sum() < MIN_WINDOWS:
        return None, TOO_FEW
    places, moved, certainty = windows.places[is_known], moves[is_known], windows.weights[is_known]
    away = np.abs(places - np.average(places, weights=certainty))
    if math.sqrt(float(np.mean(away**2))) < MIN_SPREAD_PX:
        return None, TOO_FEW
    if (
        float(np.sum(certainty * away**2)) < (WINDOW_PX / STRIDE_PX / MAX_GROWTH_ERROR) ** 2
    ):  # so many windows see each pixel
        return None, TOO_FEW
    weights = certainty
    for _ in range(ROUNDS):
        middle, mean = (np.sum(weights * each) / weights.sum() for each in (places, moved))
        away = places - middle
        growth = np.sum(weights * np.conj(away) * (moved - mean)) / np.sum(
            weights * np.abs(away) ** 2
        )
        distance = np.abs(moved - mean - growth * away)
        weights = certainty / (
            1 + np.square(distance / max(2 * float(np.median(distance)), ROBUST_PX))
        )
    if float(np.median(distance)) > DISAGREE_PX:
        return None, AT_ODDS
    return Motion(complex(1 + growth), complex(mean - growth * middle)), ""
