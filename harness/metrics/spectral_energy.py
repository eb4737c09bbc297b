"""Spectral energy by octave band: is the detail there, and no more than there was?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.metrics.luma import luma
from harness.metrics.metric import Area, Image, Metric, Plane, Reference, Value, known
from harness.metrics.pooling import EMPTY, unmeasured
from harness.types import Region

WINDOW_PX = 64
STRIDE_PX = 16
BANDS: tuple[tuple[float, float], ...] = tuple((2.0**-k, 2.0 ** (1 - k)) for k in (6, 5, 4, 3, 2))
"""Octaves in cycles per pixel, `octave_1` (coarsest: 1/64 to 1/32) to `octave_5` (finest: 1/4 to 1/2)."""

OCTAVES = tuple(f"octave_{number}" for number in range(1, len(BANDS) + 1))
STATS = (*OCTAVES, "worst")

FLOOR = (0.25 / 255) ** 2
"""Energy of a quarter of an 8-bit level: below it two bands are equally empty."""

MIN_SHARE = 0.02
"""A window counts for a region that holds at least this share of the window's Hann weight."""


Shares = npt.NDArray[np.float64]
"""Rows×columns of windows."""


class Spectra(NamedTuple):
    """Band energies of every window, rows×columns×bands, and the windows' top left corners."""

    energy: npt.NDArray[np.float64]
    ys: npt.NDArray[np.int64]
    xs: npt.NDArray[np.int64]


def spectra(image: Image) -> Spectra:
    """Mean squared luma in each octave band of each Hann-windowed 64×64 window (stride 16).

    Needs an image of at least 64×64 px. By Parseval, a sinusoid of amplitude a in one band has the energy a²/2 there.
    """
    blocks, ys, xs = _blocks(luma(image))
    window = _hann()
    weight = window / window.sum()
    mean = (blocks * weight).sum(axis=(-2, -1), keepdims=True)
    power = np.abs(np.fft.rfft2((blocks - mean) * window)) ** 2
    # A real signal's spectrum is symmetric: columns other than the first and last stand for two.
    power[..., 1:-1] *= 2
    power /= WINDOW_PX**2 * np.square(window).sum()
    radius = np.hypot(np.fft.fftfreq(WINDOW_PX)[:, None], np.fft.rfftfreq(WINDOW_PX)[None, :])
    energy = [power[..., (radius >= low) & (radius < high)].sum(axis=-1) for low, high in BANDS]
    return Spectra(np.stack(energy, axis=-1), ys, xs)


class Prepared(NamedTuple):
    """The expected image's spectra, and how much of each region each window sees."""

    spectra: Spectra | None
    """None: the image is smaller than a window."""
    shares: Mapping[Region, Shares]


def _prepare(reference: Reference) -> Prepared:
    expected = known(reference.expected)
    if min(expected.shape[:2]) < WINDOW_PX:
        return Prepared(None, dict.fromkeys(reference.areas, np.zeros((1, 1))))
    return Prepared(spectra(expected), {region: _share(area) for region, area in reference.areas.items()})


def _measure(prepared: Prepared, actual: Image) -> list[Value]:
    if prepared.spectra is None:
        return unmeasured(prepared.shares, STATS, f"the image is smaller than the {WINDOW_PX}×{WINDOW_PX} window")
    other = spectra(actual)
    return [v for region, share in prepared.shares.items() for v in _region(prepared.spectra, other, region, share)]


def _share(area: Area) -> Shares:
    """How much of the Hann weight of each window lies in the region; 0 below MIN_SHARE; NaN: the region is empty."""
    if not area.any():
        return np.full((1, 1), np.nan)
    window = _hann()
    blocks, _, _ = _blocks(area.astype(np.float64))
    share = (blocks * window).sum(axis=(-2, -1)) / window.sum()
    return np.where(share >= MIN_SHARE, share, 0.0)


def _region(expected: Spectra, actual: Spectra, region: Region, share: Shares) -> list[Value]:
    """Each band's energy over the region's windows, weighted by how much of the region each sees; and the worst window."""
    if np.isnan(share).any():
        return unmeasured([region], STATS, EMPTY)
    if not share.any():
        return unmeasured([region], STATS, f"no window holds {MIN_SHARE:.0%} of the region")
    total_expected = (expected.energy * share[..., None]).sum(axis=(0, 1)) / share.sum()
    total_actual = (actual.energy * share[..., None]).sum(axis=(0, 1)) / share.sum()
    bands = 10 * np.log10((total_actual + FLOOR) / (total_expected + FLOOR))
    local = 10 * np.log10((actual.energy + FLOOR) / (expected.energy + FLOOR))
    local = np.where(share[..., None] > 0, local, 0.0)
    row, column, band = np.unravel_index(int(np.abs(local).argmax()), local.shape)
    half = WINDOW_PX // 2
    worst = Value(
        region,
        "worst",
        float(local[row, column, band]),
        y=int(expected.ys[row]) + half,
        x=int(expected.xs[column]) + half,
    )
    return [*(Value(region, stat, float(v)) for stat, v in zip(OCTAVES, bands, strict=True)), worst]


def _map(prepared: Prepared, actual: Image) -> Plane:
    """The largest change of any band, in dB, at the windows' centres, interpolated to every pixel."""
    import cv2

    height, width = actual.shape[:2]
    if prepared.spectra is None:
        return np.zeros((height, width))
    local = 10 * np.log10((spectra(actual).energy + FLOOR) / (prepared.spectra.energy + FLOOR))
    strongest = np.take_along_axis(local, np.abs(local).argmax(axis=-1)[..., None], axis=-1)[..., 0]
    return np.asarray(cv2.resize(strongest, (width, height), interpolation=cv2.INTER_LINEAR), np.float64)


def _blocks(
    plane: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every window, rows×columns×64×64, and their top left corners; the last ones touch the border."""
    ys, xs = (
        np.unique(np.append(np.arange(0, length - WINDOW_PX + 1, STRIDE_PX), length - WINDOW_PX))
        for length in plane.shape
    )
    views = np.lib.stride_tricks.sliding_window_view(plane, (WINDOW_PX, WINDOW_PX))
    return views[np.ix_(ys, xs)], ys, xs


def _hann() -> npt.NDArray[np.float64]:
    one = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(WINDOW_PX) + 0.5) / WINDOW_PX)
    return np.outer(one, one)


SPECTRAL_ENERGY = Metric(
    name="spectral_energy",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-60.0, 60.0),
    stats=STATS,
    source="Welch 1967: Hann-windowed local periodograms of luma, pooled into octaves; actual over expected",
    formula="10 log10(energy of actual / energy of expected) by octave, 64×64 Hann windows",
    sees=(
        "Detail that is gone (negative) or invented (positive), and in which octave: blurred fills, lost "
        "microprint, ringing, repeated patterns."
    ),
    misses="Whether the detail is the right one: other texture of the same strength scores 0 (see ssim, lpips).",
    prepare=_prepare,
    measure=_measure,
    golden={"octave_1": 0.2196, "octave_5": -1.06537, "worst": 8.49004},
    map=_map,
)
