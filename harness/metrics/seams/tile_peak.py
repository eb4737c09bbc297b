"""A peak in the spectrum at the period of a known tiling: what repeats in every tile without a
step.
"""

from __future__ import annotations

from typing import NamedTuple

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
    area_of,
    require_part,
)
from editproof.harness.metrics.core.pooling import unmeasured_values
from editproof.harness.metrics.seams.steps import find_tiling
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("peak", "amplitude")
REGIONS: tuple[Region, ...] = ("seams",)

LEAST_TILES = 4.0
"""Least number of tiles along an axis. With fewer, harmonics cannot be separated from what lies
between them.
"""

HARMONICS = 8
SHORTEST_PX = 4.0
"""Harmonics with a shorter period are left out."""

FLOOR = 0.05
"""In 8-bit levels: what rounding leaves on a flat picture."""

LIMIT_DB = 60.0
FEW = f"the tiling has fewer than {LEAST_TILES:g} tiles along either axis"

Wide = npt.NDArray[np.float64]


class Axis(NamedTuple):
    """The waves of a tiling along one axis (0: y)."""

    axis: int
    on: npt.NDArray[np.complex128]
    """Harmonics×pixels: multiplied by a profile, they give each wave's complex amplitude."""
    between: npt.NDArray[np.complex128]
    """Waves halfway between the harmonics."""


class PreparedWaves(NamedTuple):
    """The expected image's luma in 8-bit levels and the axes with enough tiles, or why it cannot be
    measured.
    """

    luma: Plane
    axes: tuple[Axis, ...]
    reason: str


def _prepare(reference: Reference) -> PreparedWaves:
    area = area_of(reference, "seams")
    plane = 255 * luma(require_part(reference.expected))
    if not area.any():
        return PreparedWaves(plane, (), EMPTY)
    axes = tuple(axis for number in (0, 1) if (axis := _make_axis(area, number)) is not None)
    return PreparedWaves(plane, axes, "" if axes else FEW)


def _make_axis(area: Area, axis: int) -> Axis | None:
    """Make the waves of an axis; None: it holds too few tiles."""
    length, found = area.shape[axis], find_tiling(area, axis)
    if found is None or length / found[1] < LEAST_TILES:
        return None
    period = found[1]
    count = min(HARMONICS, int(period / SHORTEST_PX))
    return Axis(
        axis,
        _waves(np.arange(1, count + 1) / period, length),
        _waves(np.arange(0.5, count + 1) / period, length),
    )


def _waves(frequencies: Wide, length: int) -> npt.NDArray[np.complex128]:
    """Hann-windowed waves of these frequencies, in cycles a pixel, scaled so that a wave of
    amplitude 1 gives 1.
    """
    window = np.hanning(length + 2)[1:-1]
    phases = 2j * np.pi * frequencies[:, None] * np.arange(length)
    return np.asarray(2 / window.sum() * window * np.exp(-phases))


def _measure(prepared: PreparedWaves, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    residual = 255 * luma(actual) - prepared.luma
    peaks, amplitudes = zip(*(_find_peak(axis, residual) for axis in prepared.axes), strict=True)
    return [Value("seams", "peak", max(peaks)), Value("seams", "amplitude", max(amplitudes))]


def _find_peak(axis: Axis, residual: Plane) -> tuple[float, float]:
    """How far the strongest harmonic stands out from what lies between them, in dB, and its
    amplitude in levels.
    """
    on, between = _amplitudes(axis, residual)
    beside = float(np.mean(np.square(between)))
    strongest = float(on.max())
    excess = 10 * np.log10((strongest**2 + FLOOR**2) / (beside + FLOOR**2))
    return float(np.clip(excess, 0.0, LIMIT_DB)), strongest


def _amplitudes(axis: Axis, residual: Plane) -> tuple[Wide, Wide]:
    """Amplitudes at the harmonics and between them, of the residual's mean along the tiling's lines
    without its linear trend.
    """
    profile = residual.mean(axis=1 - axis.axis, dtype=np.float64)
    places = np.arange(len(profile))
    level = profile - np.polyval(np.polyfit(places, profile, 1), places)
    return np.abs(axis.on @ level), np.abs(axis.between @ level)


def _map(prepared: PreparedWaves, actual: Image) -> Plane:
    """The pattern that the harmonics form, in levels; 0 without a tiling."""
    residual = 255 * luma(actual) - prepared.luma
    plane = np.zeros(residual.shape)
    for axis in prepared.axes:
        profile = residual.mean(axis=1 - axis.axis, dtype=np.float64)
        waves = axis.on / np.abs(axis.on).max(axis=0)
        pattern = ((axis.on @ (profile - profile.mean()))[:, None] * waves.conj()).real.sum(axis=0)
        plane += pattern[:, None] if axis.axis == 0 else pattern
    return plane


TILE_PEAK = Metric(
    name="tile_peak",
    variant="",
    version=1,
    unit="dB",
    better="lower",
    range=(0.0, 255.0),
    stats=STATS,
    source=(
        "Periodogram (Welch 1967) at the harmonics of the tiling's period against the frequencies"
        " halfway between them"
    ),
    formula=(
        "A(f) = amplitude of the wave f in the profile of luma of actual - expected, Hann"
        " window, 8-bit levels. peak = 20 log10(max A(k / tile) / rms A((k + 1/2) / tile)),"
        " k from 1 to 8, floor 0.05 levels, on the worse axis. amplitude = max A(k / tile)"
    ),
    sees=(
        "Shading that repeats in every tile without a step: lighter in the middle, or darker on"
        " one side. A wave of half a level reads about 20 dB on a smooth background. Noise reads"
        " up to 8 dB, and a sound fill up to 13 dB."
    ),
    misses=(
        "Where the period comes from: letters or stripes at the tiles' pitch also give a"
        " peak. It also misses tiles that differ from one another (see seam_energy),"
        " patterns in colour alone, and fewer than four tiles. For tilings that the scene"
        " does not declare, see seam_grid."
    ),
    example="tile_shading",
    aspect="seams",
    prepare=_prepare,
    measure=_measure,
    golden={"peak": 27.489, "amplitude": 2.5656},
    golden_pair="tiles",
    regions=REGIONS,
    units={"amplitude": "levels"},
    map=_map,
    map_unit="levels",
    map_better="zero",
)
