"""Spectral energy by octave: is the detail there, and no more than before?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
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
    require_part,
)
from editproof.harness.metrics.core.pooling import interpolate_windows, unmeasured_values
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

WINDOW_PX = 64
STRIDE_PX = 16
BANDS: tuple[tuple[float, float], ...] = tuple((2.0**-k, 2.0 ** (1 - k)) for k in (6, 5, 4, 3, 2))
"""Octaves in cycles per pixel, from `octave_1` (coarsest: 1/64 to 1/32) to `octave_5` (finest: 1/4
to 1/2).
"""

DIRECTIONS = (0, 45, 90, 135)
"""Direction in which the picture varies, in degrees from the x axis towards y. Vertical strokes are
`toward_0`.
"""

FINE = (BANDS[-2][0], BANDS[-1][1])
"""The octaves whose energy is split by direction."""

OCTAVES = tuple(f"octave_{number}" for number in range(1, len(BANDS) + 1))
SECTORS = tuple(f"toward_{degrees}" for degrees in DIRECTIONS)
STATS = (*OCTAVES, "worst", *SECTORS)

FLOOR = (0.25 / 255) ** 2
"""Energy of a quarter of an 8-bit level. Below it, two bands are equally empty."""

MIN_SHARE = 0.02
"""A window counts for a region that holds at least this share of its Hann weight."""


Shares = npt.NDArray[np.float64]
"""Rows×columns of windows."""

Wide = npt.NDArray[np.float64]


class Spectra(NamedTuple):
    """Energies of every window, rows×columns×(octaves, then directions), and the windows' top left
    corners.
    """

    energies: Wide
    ys: npt.NDArray[np.intp]
    xs: npt.NDArray[np.intp]

    @property
    def energy(self) -> Wide:
        """The octaves alone, rows×columns×octaves."""
        return self.energies[..., : len(BANDS)]


def spectra(image: Image) -> Spectra:
    """Mean squared luma in each octave of each Hann-windowed 64×64 window (stride 16), and by
    direction in the finest octaves.

    Needs an image of at least 64×64 px. By Parseval, a sinusoid of amplitude a within one octave
    has the energy a²/2 there.
    """
    plane = luma(image)
    ys, xs = (_window_corners(length) for length in plane.shape)
    means = _weighted_sums(plane, ys, xs).astype(np.float32)
    views = np.lib.stride_tricks.sliding_window_view(
        plane.astype(np.float32), (WINDOW_PX, WINDOW_PX)
    )
    rows = [
        _energies(views[y, xs] - mean[:, None, None]) for y, mean in zip(ys, means, strict=True)
    ]
    return Spectra(np.stack(rows), ys, xs)


def _energies(blocks: npt.NDArray[np.float32]) -> Wide:
    """Octaves, then directions, of n blocks, n×64×64 with mean 0: n×9. One row of blocks at a time
    stays in cache.
    """
    from scipy.fft import rfft2

    spectrum = rfft2(blocks * np.outer(_hann(), _hann()).astype(np.float32), workers=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.asarray(power.reshape(len(blocks), -1) @ _bin_weights(), np.float64)


@cache
def _bin_weights() -> npt.NDArray[np.float32]:
    """What each bin of a window's half spectrum adds to each octave and direction, bins×9."""
    fy, fx = np.fft.fftfreq(WINDOW_PX)[:, None], np.fft.rfftfreq(WINDOW_PX)[None, :]
    radius, angle = np.hypot(fy, fx), np.degrees(np.arctan2(fy, fx))
    octaves = [(radius >= low) & (radius < high) for low, high in BANDS]
    fine = (radius >= FINE[0]) & (radius < FINE[1])
    sectors = [fine & ((angle - toward + 22.5) % 180 < 45) for toward in DIRECTIONS]
    # A real signal's spectrum is symmetric: columns other than the first and last stand for two.
    twice = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0)
    scale = WINDOW_PX**2 * np.square(_hann()).sum() ** 2
    return np.stack(
        [(part * twice / scale).ravel() for part in (*octaves, *sectors)], axis=-1
    ).astype(np.float32)


class PreparedSpectra(NamedTuple):
    """The expected image's spectra, and each window's share of each region."""

    spectra: Spectra | None
    """None: the image is smaller than a window."""
    shares: Mapping[Region, Shares]


def _prepare(reference: Reference) -> PreparedSpectra:
    expected = require_part(reference.expected)
    if min(expected.shape[:2]) < WINDOW_PX:
        return PreparedSpectra(None, dict.fromkeys(reference.areas, np.zeros((1, 1))))
    return PreparedSpectra(
        spectra(expected),
        {region: _window_shares(area) for region, area in reference.areas.items()},
    )


def _measure(prepared: PreparedSpectra, actual: Image) -> list[Value]:
    if prepared.spectra is None:
        return unmeasured_values(
            prepared.shares, STATS, f"the image is smaller than the {WINDOW_PX}×{WINDOW_PX} window"
        )
    other = spectra(actual)
    local = _decibels(other.energy, prepared.spectra.energy)
    return [
        v
        for region, share in prepared.shares.items()
        for v in _measure_region(prepared.spectra, other, local, region, share)
    ]


def _window_shares(area: Area) -> Shares:
    """Share of each window's Hann weight that lies in the region; 0 below MIN_SHARE; NaN: the
    region is empty.
    """
    if not area.any():
        return np.full((1, 1), np.nan)
    share = _weighted_sums(area, *(_window_corners(length) for length in area.shape))
    return np.where(share >= MIN_SHARE, share, 0.0)


def _measure_region(
    expected: Spectra, actual: Spectra, local: Wide, region: Region, share: Shares
) -> list[Value]:
    """Each energy over the region's windows, weighted by their share of the region, and the worst
    window.

    `local` is the change of each octave in each window, in dB.
    """
    if np.isnan(share).any():
        return unmeasured_values([region], STATS, EMPTY)
    if not share.any():
        return unmeasured_values([region], STATS, f"no window holds {MIN_SHARE:.0%} of the region")
    totals = [np.tensordot(share, part.energies, 2) / share.sum() for part in (actual, expected)]
    changes = [float(change) for change in _decibels(*totals)]
    row, column, band = np.unravel_index(
        int(np.abs(local * (share > 0)[..., None]).argmax()), local.shape
    )
    half = WINDOW_PX // 2
    y, x = int(expected.ys[row]) + half, int(expected.xs[column]) + half
    worst = Value(region, "worst", float(local[row, column, band]), y=y, x=x)
    octaves, sectors = changes[: len(BANDS)], changes[len(BANDS) :]
    return [*_make_values(region, OCTAVES, octaves), worst, *_make_values(region, SECTORS, sectors)]


def _make_values(region: Region, stats: Sequence[str], values: Sequence[float]) -> list[Value]:
    return [Value(region, stat, value) for stat, value in zip(stats, values, strict=True)]


def _map(prepared: PreparedSpectra, actual: Image) -> Plane:
    """The largest change of any band, in dB, interpolated between the windows' centres."""
    expected = prepared.spectra
    if expected is None:
        return np.zeros(actual.shape[:2])
    local = _decibels(spectra(actual).energy, expected.energy)
    strongest = np.take_along_axis(local, np.abs(local).argmax(axis=-1)[..., None], axis=-1)[..., 0]
    ys, xs = (corners + WINDOW_PX // 2 for corners in (expected.ys, expected.xs))
    return interpolate_windows(strongest, ys, xs, actual.shape)


def _decibels(actual: Wide, expected: Wide) -> Wide:
    return np.asarray(10 * np.log10((actual + FLOOR) / (expected + FLOOR)))


def _weighted_sums(plane: Plane | Area, ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp]) -> Wide:
    """Hann-weighted mean of the plane in every window, rows×columns. The weights are separable, so
    two matrix products are enough.
    """
    down, across = (
        _hann_weights(corners, length)
        for corners, length in zip((ys, xs), plane.shape, strict=True)
    )
    return np.asarray(down @ plane @ across.T, np.float64)


def _hann_weights(corners: npt.NDArray[np.intp], length: int) -> Wide:
    """Hann weights of each window along one axis, windows×length. Each row sums to 1."""
    weights = np.zeros((len(corners), length))
    np.put_along_axis(
        weights, corners[:, None] + np.arange(WINDOW_PX), _hann() / _hann().sum(), axis=1
    )
    return weights


def _window_corners(length: int) -> npt.NDArray[np.intp]:
    """Where windows start along one axis. The last one touches the border."""
    return np.unique(np.append(np.arange(0, length - WINDOW_PX + 1, STRIDE_PX), length - WINDOW_PX))


def _hann() -> Wide:
    """The window along one axis, 64 values."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(WINDOW_PX) + 0.5) / WINDOW_PX))


SPECTRAL_ENERGY = Metric(
    name="spectral_energy",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-60.0, 60.0),
    stats=STATS,
    source=(
        "Welch 1967: Hann-windowed local periodograms of luma, pooled into octaves; actual over"
        " expected"
    ),
    formula=(
        "10 log10(energy of actual / energy of expected) by octave, 64×64 Hann windows; the finest"
        " two by direction"
    ),
    sees=(
        "Detail that is lost (negative) or invented (positive), by octave and direction: blurred"
        " fills, lost microprint, ringing, repeated patterns, smears along one direction."
    ),
    misses=(
        "Whether the detail is the right one: another texture of the same strength scores 0"
        " (see ssim, lpips). A window is 64 px wide, so the number of a smaller region"
        " includes its surroundings. A 40 px fill that lost all fine detail reads -3 dB. A"
        " hard rim around a flat fill counts as energy (see micro_legibility, grain, halo)."
    ),
    example="blurred",
    aspect="detail",
    prepare=_prepare,
    measure=_measure,
    margins={
        "octave_1": 0.5,
        "octave_2": 0.5,
        "octave_3": 0.5,
        "octave_4": 0.5,
        "octave_5": 0.5,
        "worst": 2.0,
    },
    golden={
        "octave_1": 0.219599,
        "octave_2": -0.0205789,
        "octave_3": 0.0929457,
        "octave_4": -1.15117,
        "octave_5": -1.06536,
        "worst": 8.49004,
        "toward_0": 5.54243,
        "toward_45": -1.14815,
        "toward_90": 2.50726,
        "toward_135": -1.14514,
    },
    map=_map,
)
