"""ColorVideoVDP, the model of what a viewer sees: viewing conditions, observers, and their maps.

The package `cvvdp` (Mantiuk et al. 2024, doi:10.1145/3658144) gives one number for a whole picture.
Here its difference maps are also pooled over regions and windows, in the package's own way.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Area, Areas, Image
from editproof.harness.metrics.core.pooling import MIN_WINDOW_PX, WINDOW_PX
from editproof.harness.records.errors import IncompleteError, unknown_name_error
from editproof.harness.records.suites import Viewing
from editproof.harness.records.vocabulary import Region

PACKAGE = "cvvdp"

INSTALL = "Install it with `pip install cvvdp`"

CELL_PX = 8
"""Distance between neighbouring windows."""

MIN_PX = 16
"""A picture needs this edge for a pyramid. Smaller ones are mirrored to this size."""

Maps = tuple[npt.NDArray[np.float32], ...]
"""One map for each band, finest first: channels (achromatic, red-green, yellow-violet) × height ×
width of the band, in contrast thresholds. The last is the base band.
"""

Energy = npt.NDArray[np.float64]
"""Channels × bands: the root of the mean squared difference."""

PARTS = ("detail", "structure", "tone", "colour")
"""What makes up a difference: fine, middle and coarse bands of luminance, and both colour
channels.
"""

FINE_CPD = 6.0

COARSE_CPD = 0.8
"""Limits of fine and coarse bands, in cycles per degree of the visual field."""


class Condition(NamedTuple):
    """A viewing condition in the package's terms."""

    display: str
    pixels_per_degree: float

    def __str__(self) -> str:
        return f"{self.display}, {self.pixels_per_degree:.1f} pixels per degree"


class Grid(NamedTuple):
    """JOD lost in each window of a picture, rows × columns; NaN if a window sees too little of the
    region.
    """

    lost: npt.NDArray[np.float64]
    ys: npt.NDArray[np.intp]
    xs: npt.NDArray[np.intp]
    """The windows' centres, in pixels."""


class RegionLoss(NamedTuple):
    """JOD lost over a region, and in each window of it."""

    whole: float
    windows: Grid


def condition_of(viewing: Viewing) -> Condition:
    """The viewing condition of a suite. Raises UsageError if the package does not know the
    display.
    """
    return Condition(
        viewing.display,
        round(_pixels_per_degree(viewing.display, viewing.distance_m) / viewing.zoom, 3),
    )


def explain_unavailable() -> str:
    """Say why the package cannot be used here; empty: it can."""
    try:
        _package()
    except IncompleteError as error:
        return str(error)
    return ""


def require_package() -> None:
    """Raise IncompleteError that says what to install if the package cannot be used."""
    _package()


def pool_regions(
    image: Image, expected: Image, *, viewing: Viewing, areas: Areas
) -> dict[Region, RegionLoss]:
    """What a viewer sees of the difference between two pictures, H×W×3 in [0, 1], sRGB, in each
    region that is not empty.

    Over `all` it is the package's own number. Raises IncompleteError if the package is missing.
    """
    observer = get_observer(viewing)
    whole, maps = observer.look(image, expected)
    windows = DifferenceWindows(maps, image.shape[:2])
    found: dict[Region, RegionLoss] = {}
    for region, area in areas.items():
        if area.any():
            over = whole if region == "all" else float(observer.lost(pool_region(maps, area)))
            found[region] = RegionLoss(over, windows.grid(observer, area))
    return found


def pool_region(maps: Maps, area: Area) -> Energy:
    """Energy over a region."""
    return np.stack([_weighted_rms(band, area.astype(np.float32)) for band in maps], axis=-1)


def _weighted_rms(
    band: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    height, width = band.shape[1:]
    share = cv2.resize(weight, (width, height), interpolation=cv2.INTER_AREA)
    total = float(share.sum())
    squares = np.tensordot(np.square(band), share, axes=([1, 2], [0, 1]))
    return np.asarray(np.sqrt(np.asarray(squares, np.float64) / max(total, 1e-12)))


class DifferenceWindows:
    """Difference maps, pooled over windows: rows × columns, CELL_PX apart."""

    def __init__(self, maps: Maps, shape: tuple[int, ...]) -> None:
        cells = tuple(max(round(length / CELL_PX), 1) for length in shape)
        self._shape, self._cells = shape, cells
        self._span = tuple(min(WINDOW_PX // CELL_PX, count) for count in cells)
        self._squares = np.stack(
            [np.stack([self._resize(np.square(channel)) for channel in band]) for band in maps],
            axis=-1,
        )  # channels × rows × columns × bands

    def energies(self) -> npt.NDArray[np.float64]:
        """Energy of each window: rows × columns × channels × bands."""
        down, right = self._span
        channels, _, _, bands = self._squares.shape
        sums = []
        for channel in range(channels):
            for band in range(bands):
                table = cv2.integral(
                    np.ascontiguousarray(self._squares[channel, ..., band]), sdepth=cv2.CV_64F
                )
                boxes = (
                    table[down:, right:]
                    - table[:-down, right:]
                    - table[down:, :-right]
                    + table[:-down, :-right]
                )
                sums.append(np.maximum(boxes, 0) / (down * right))
        rows, columns = sums[0].shape
        placed = np.moveaxis(
            np.asarray(sums).reshape(channels, bands, rows, columns), (2, 3), (0, 1)
        )
        return np.asarray(np.sqrt(placed), np.float64)

    @property
    def squares(self) -> npt.NDArray[np.float64]:
        """Squared difference of each cell over all channels and bands: rows × columns."""
        return np.asarray(self._squares.sum(axis=(0, 3)), np.float64)

    def energy(self, weight: npt.NDArray[np.float64]) -> Energy:
        """Energy of the picture, each cell weighted: channels × bands."""
        mean = (self._squares * weight[None, :, :, None]).sum(axis=(1, 2)) / weight.sum()
        return np.asarray(np.sqrt(mean), np.float64)

    def grid(self, observer: Observer, area: Area) -> Grid:
        """JOD lost in each window, over its part of the region."""
        share = self._resize(area.astype(np.float32))
        seen = self._sum_windows(share)
        table = np.stack(
            [
                np.stack(
                    [self._sum_windows(band * share) for band in np.moveaxis(channel, -1, 0)], -1
                )
                for channel in self._squares
            ],
            axis=-2,
        )
        mean = np.maximum(table, 0) / np.maximum(seen, 1e-12)[..., None, None]
        enough = seen * (math.prod(self._shape) / math.prod(self._cells)) >= MIN_WINDOW_PX
        lost = np.where(enough, observer.lost(np.sqrt(mean)), np.nan)
        ys, xs = (
            np.array([self.centre(index, axis) for index in range(count)], np.intp)
            for axis, count in enumerate(lost.shape)
        )
        return Grid(lost, ys, xs)

    def _sum_windows(self, cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Sum over each window."""
        down, right = self._span
        table = np.asarray(cv2.integral(np.ascontiguousarray(cells), sdepth=cv2.CV_64F), np.float64)
        return (
            table[down:, right:]
            - table[:-down, right:]
            - table[down:, :-right]
            + table[:-down, :-right]
        )

    def centre(self, index: int, axis: int) -> int:
        """Centre of a window along an axis, in pixels."""
        return min(int((index + self._span[axis] / 2) * CELL_PX), self._shape[axis] - 1)

    def _resize(self, plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        rows, columns = self._cells
        finer = plane.shape[0] >= rows
        interpolation = cv2.INTER_AREA if finer else cv2.INTER_LINEAR
        return np.asarray(
            cv2.resize(plane, (columns, rows), interpolation=interpolation), np.float32
        )


class _Collector:
    """Takes the difference maps that the package hands to its channel dump."""

    def __init__(self) -> None:
        self.maps: list[npt.NDArray[np.float32]] = []
        self.frequencies: Sequence[float] = ()

    def open(self, _fps: float) -> None:
        """Begin a picture."""
        self.maps = []

    def dump_temp_ch(self, _channels: Any) -> None:
        """Ignore the temporal channels."""

    def dump_lpyr(self, pyramid: Any, _bands: Any) -> None:
        """Store the bands' frequencies, in cycles per degree."""
        self.frequencies = tuple(float(frequency) for frequency in pyramid.get_freqs())

    def set_diff_band(
        self, _width: int, _height: int, _ppd: float, _band: int, difference: Any
    ) -> None:
        """Store one band."""
        self.maps.append(difference[0, :, 0].cpu().numpy())

    def dump_diff(self) -> None:
        """Ignore the end of a picture."""

    def close(self) -> None:
        """Do nothing: no file is open."""


class Observer:
    """ColorVideoVDP for one viewing condition."""

    def __init__(self, condition: Condition) -> None:
        import torch

        package = _package()
        photometry = package.vvdp_display_photometry.load(condition.display, [])
        resolution = package.vvdp_display_geometry.load(condition.display).resolution
        geometry = package.vvdp_display_geometry(resolution, ppd=condition.pixels_per_degree)
        self._collector = _Collector()
        self._device = torch.device(_device())
        self._model = package.cvvdp(
            display_photometry=photometry,
            display_geometry=geometry,
            quiet=True,
            device=self._device,
            dump_channels=self._collector,
        )
        self._integration = float(self._model.image_int)

    def look(self, image: Image, reference: Image) -> tuple[float, Maps]:
        """JOD lost over the whole picture, and the difference maps."""
        import torch

        pair = [
            _pad_to_minimum(np.rint(picture * 255).astype(np.uint8))
            for picture in (image, reference)
        ]
        with torch.no_grad():
            jod, _ = self._model.predict(*pair, dim_order="HWC")
        maps = tuple(band / np.float32(self._integration) for band in self._collector.maps)
        return max(10.0 - float(jod), 0.0), maps

    def lost(self, energy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """JOD lost for energies, … × channels × bands, by the package's own pooling."""
        import torch

        leading = energy.shape[:-2]
        flat = torch.as_tensor(
            energy.reshape(-1, *energy.shape[-2:]), dtype=torch.float32, device=self._device
        )
        with torch.no_grad():
            jod = self._model.do_pooling_and_jods(flat[:, :, None])
        return np.maximum(10.0 - np.asarray(jod.cpu(), np.float64), 0.0).reshape(leading)

    def parts(self, energy: Energy) -> dict[str, float]:
        """JOD lost for each of `PARTS` alone."""
        frequency = np.asarray(self._collector.frequencies)
        fine, coarse = frequency >= FINE_CPD, frequency < COARSE_CPD
        coarse[-1] = True
        chosen = {"detail": fine, "structure": ~fine & ~coarse, "tone": coarse}
        alone = [
            np.where(np.arange(3)[:, None] == 0, energy * bands, 0.0) for bands in chosen.values()
        ]
        alone.append(np.where(np.arange(3)[:, None] > 0, energy, 0.0))
        return {
            name: float(value)
            for name, value in zip(PARTS, self.lost(np.stack(alone)), strict=True)
        }


def _pad_to_minimum(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    missing = [max(MIN_PX - length, 0) for length in pixels.shape[:2]]
    return (
        np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
        if any(missing)
        else pixels
    )


def _device() -> str:
    from editproof.pipelines.device import find_device

    return str(find_device())


def _threads() -> int:
    import torch

    return torch.get_num_threads()


_local = threading.local()


def get_observer(viewing: Viewing) -> Observer:
    """Return this thread's observer for a viewing condition: the model keeps state."""
    return _observer(condition_of(viewing), _threads())


def _observer(condition: Condition, threads: int) -> Observer:
    known: dict[tuple[Condition, int], Observer] = _local.__dict__.setdefault("observers", {})
    if (condition, threads) not in known:
        known[condition, threads] = Observer(condition)
    return known[condition, threads]


@cache
def _pixels_per_degree(display: str, distance_m: float) -> float:
    check_display(display)
    geometry = _package().vvdp_display_geometry.load(display)
    factor = distance_m / float(geometry.distance_m) if distance_m else 1.0
    return float(geometry.get_ppd()) * factor


def check_display(display: str) -> None:
    """Raise UsageError with the nearest known name unless the package knows the display. Without
    the package, every name passes.
    """
    displays = _displays()
    if displays and display not in displays:
        raise unknown_name_error("display", display, displays)


@cache
def _displays() -> Mapping[str, Any]:
    """The package's displays; empty if it is missing. The package is not imported, since that takes
    seconds.
    """
    found = find_spec("pycvvdp")
    if found is None or found.origin is None:
        return {}
    path = Path(found.origin).parent / "vvdp_data" / "display_models.json"
    displays: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return displays


@cache
def _package() -> Any:
    """Import the package without its output. Raises IncompleteError if that fails."""
    level, path = logging.root.manager.disable, list(sys.path)
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # compiling its sources warns of escapes in their strings
            import pycvvdp
    except Exception as error:
        raise IncompleteError(f"ColorVideoVDP cannot be loaded: {error}. {INSTALL}") from error
    finally:
        logging.disable(level)
        sys.path[:] = path  # it adds its own folder, whose modules have everyday names
    return pycvvdp
