"""Can anybody see a difference between two pictures, where, and does it lead towards the right
answer?

ColorVideoVDP (Mantiuk et al. 2024, doi:10.1145/3658144; package `cvvdp`) predicts what a viewer
sees in JOD, just objectionable differences: at a loss of 1 JOD, 75 % of people prefer the other
picture. The package gives one number for the whole picture. Here its difference maps are pooled
over regions and over windows as well, in the package's own way, so that a small place cannot hide.
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
import msgspec
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Area, Areas, Image
from editproof.harness.metrics.core.pooling import MIN_WINDOW_PX, WINDOW_PX
from editproof.harness.records.errors import IncompleteError, unknown_name_error
from editproof.harness.records.types import Region, Viewing

VERSION = "1"
"""Raised when a number of this module changes."""

PACKAGE = "cvvdp"

CELL_PX = 8
"""Distance between neighbouring windows."""

MIN_PX = 16
"""Shorter pictures have no pyramid: they are mirrored to this size."""

INSTALL = "Install it with `pip install cvvdp`"

Maps = tuple[npt.NDArray[np.float32], ...]
"""A band each, finest first: channels (achromatic, red-green, yellow-violet) × height × width of
the band; in contrast thresholds. The last is the base band."""

Energy = npt.NDArray[np.float64]
"""Channels × bands: the root of the mean squared difference."""

PARTS = ("detail", "structure", "tone", "colour")
"""What a difference is made of: fine, middle and coarse bands of the luminance, and both colour
channels.
"""

FINE_CPD = 6.0
COARSE_CPD = 0.8
"""Where fine ends and where coarse begins, in cycles a degree of the visual field."""


WHOLE_JOD = 0.03
WORST_JOD = 0.2
SHIFT_DE00 = 1.0
"""From these on, a difference counts as visible: JOD over the whole picture, JOD in one window, or
the difference between the mean colours of a window, which the model, made for contrasts, does not
see on plain ground. They lie between changes that nobody sees (1 level on a plain patch: .02, .17)
and those that one does (2 levels: .09, .63); see docs/visibility.md."""

BLIND_PSNR_DB = 45.0
"""Without the package, a difference counts as visible where a window's PSNR is below this."""


class Step(msgspec.Struct, frozen=True):
    """How far two pictures are from the right answer where they differ: JOD lost."""

    before: float
    after: float


class Difference(msgspec.Struct, frozen=True):
    """What a viewer sees of the difference between an accepted picture and a new one. JOD lost: 0
    is nothing.
    """

    whole: float
    """Over the whole picture."""
    worst: float
    """In the window, 64×64 px, that differs most."""
    y: int = 0
    x: int = 0
    """Its centre, in pixels."""
    shift: float = 0.0
    """ΔE00 between the mean colours of the window where they differ most."""
    regions: dict[str, float] = {}
    """Over each region that the scene has."""
    parts: dict[str, float] = {}
    """Where they differ: what a viewer would see of each of `PARTS` alone."""
    steps: dict[str, Step] = {}
    """`all` and each of `PARTS`: how far both are from the right answer where they differ. Empty:
    there is none.
    """

    kept: float | None = None
    """How far the seed's sample was kept: 1 where the new picture is the accepted one, changed; 0
    where it is as near to the accepted picture of another seed. None: no other seed is known, or
    its picture is the same.
    """

    @property
    def visible(self) -> bool:
        """Whether anybody can see it."""
        return self.whole >= WHOLE_JOD or self.worst >= WORST_JOD or self.shift >= SHIFT_DE00

    @property
    def jod(self) -> float:
        """How visible it is, in one number: in the worst window."""
        return max(self.whole, self.worst)

    @property
    def step(self) -> float:
        """How much further from the right answer the new picture is; below 0: nearer; 0 also where
        there is none.
        """
        return self.steps["all"].after - self.steps["all"].before if "all" in self.steps else 0.0


class Condition(NamedTuple):
    """A viewing condition, as the package wants it."""

    display: str
    pixels_per_degree: float

    def __str__(self) -> str:
        return f"{self.display}, {self.pixels_per_degree:.1f} pixels per degree"


def condition_of(viewing: Viewing) -> Condition:
    """The viewing condition that a suite names. Raises UsageError where the package has no such
    display.
    """
    return Condition(
        viewing.display,
        round(_pixels_per_degree(viewing.display, viewing.distance_m) / viewing.zoom, 3),
    )


def explain_unavailable() -> str:
    """Why the package cannot be used here; empty: it can."""
    try:
        _package()
    except IncompleteError as error:
        return str(error)
    return ""


def compare(
    accepted: Image,
    image: Image,
    *,
    viewing: Viewing,
    areas: Areas | None = None,
    expected: Image | None = None,
    other: Image | None = None,
) -> Difference:
    """What a viewer sees of the difference between two pictures of one size, H×W×3 in [0, 1], sRGB.

    `areas` are regions at their size, `expected` the right answer, `other` the accepted picture of
    another seed. Raises IncompleteError where the package is missing.
    """
    observer = _observer(condition_of(viewing), _threads())
    whole, maps = observer.look(image, accepted)
    windows = _Windows(maps, image.shape[:2])
    lost = observer.lost(windows.energies())
    row, column = np.unravel_index(int(lost.argmax()), lost.shape)
    weight = windows.squares
    visible = weight.any()
    regions = {
        str(name): float(observer.lost(_pool_region(maps, area)))
        for name, area in (areas or {}).items()
        if area.any()
    }
    return Difference(
        whole=_round_number(whole),
        worst=_round_number(float(lost[row, column])),
        y=windows.centre(int(row), 0),
        x=windows.centre(int(column), 1),
        shift=_round_number(_colour_shift(accepted, image)),
        regions={name: _round_number(value) for name, value in regions.items()},
        parts=_round_numbers(observer.parts(windows.energy(weight))) if visible else {},
        steps=(
            _measure_steps(observer, accepted, image, expected, weight)
            if visible and expected is not None
            else {}
        ),
        kept=measure_kept_sample(accepted, image, other) if other is not None else None,
    )


def measure_kept_sample(accepted: Image, image: Image, other: Image) -> float | None:
    """As `Difference.kept`: where a picture lies between the accepted one of its seed, 1, and that
    of another seed, -1, along what tells these two apart. Two unrelated samples are some thousand
    pixels of noise apart, so this is near 0 for them.
    """
    if accepted.shape != other.shape:
        return None
    apart = np.asarray(accepted, np.float64) - other
    squares = float(np.square(apart).sum())
    if squares == 0:
        return None
    middle = (np.asarray(accepted, np.float64) + other) / 2
    return _round_number(2 * float(((image - middle) * apart).sum()) / squares)


def compare_without_model(accepted: Image, image: Image) -> Difference:
    """Whether two pictures differ visibly, judged without the package: by the PSNR of the worst
    window.
    """
    squares = np.square(np.asarray(accepted, np.float64) - image).mean(axis=2)
    span = tuple(min(WINDOW_PX, length) for length in squares.shape)
    worst = float(cv2.blur(squares, span[::-1], borderType=cv2.BORDER_REFLECT).max())
    psnr = math.inf if worst <= 0 else -10 * math.log10(worst)
    return Difference(
        0.0,
        WORST_JOD if psnr < BLIND_PSNR_DB else 0.0,
        shift=_round_number(_colour_shift(accepted, image)),
    )


def _colour_shift(accepted: Image, image: Image) -> float:
    """ΔE00 between the mean colours of the window where they differ most."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    span = tuple(max(min(WINDOW_PX, length) // CELL_PX * CELL_PX, 1) for length in image.shape[:2])
    means = [
        cv2.blur(np.asarray(picture, np.float32), span[::-1])[::CELL_PX, ::CELL_PX]
        for picture in (accepted, image)
    ]
    return float(deltaE_ciede2000(*(rgb2lab(mean) for mean in means)).max())


def _measure_steps(
    observer: _Observer,
    accepted: Image,
    image: Image,
    expected: Image,
    weight: npt.NDArray[np.float64],
) -> dict[str, Step]:
    """How far both are from the right answer, each place counted by how much they differ there."""
    sides = []
    for picture in (accepted, image):
        _, maps = observer.look(picture, expected)
        energy = _Windows(maps, expected.shape[:2]).energy(weight)
        sides.append(
            _round_numbers({"all": float(observer.lost(energy)), **observer.parts(energy)})
        )
    return {name: Step(sides[0][name], sides[1][name]) for name in sides[0]}


def _round_number(value: float) -> float:
    return float(f"{value:.4g}")


def _round_numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _round_number(value) for name, value in values.items()}


def _pool_region(maps: Maps, area: Area) -> Energy:
    """Over a region."""
    return np.stack([_weighted_rms(band, area.astype(np.float32)) for band in maps], axis=-1)


def _weighted_rms(
    band: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    height, width = band.shape[1:]
    share = cv2.resize(weight, (width, height), interpolation=cv2.INTER_AREA)
    total = float(share.sum())
    squares = np.tensordot(np.square(band), share, axes=([1, 2], [0, 1]))
    return np.asarray(np.sqrt(np.asarray(squares, np.float64) / max(total, 1e-12)))


class _Windows:
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
        """Rows × columns × channels × bands."""
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
        """Rows × columns of cells: how much each differs, over all channels and bands."""
        return np.asarray(self._squares.sum(axis=(0, 3)), np.float64)

    def energy(self, weight: npt.NDArray[np.float64]) -> Energy:
        """Channels × bands: over the picture, each cell counted by its weight."""
        mean = (self._squares * weight[None, :, :, None]).sum(axis=(1, 2)) / weight.sum()
        return np.asarray(np.sqrt(mean), np.float64)

    def grid(self, observer: _Observer, area: Area) -> Grid:
        """JOD lost in each window, over what it sees of the region."""
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
        """Over each window."""
        down, right = self._span
        table = np.asarray(cv2.integral(np.ascontiguousarray(cells), sdepth=cv2.CV_64F), np.float64)
        return (
            table[down:, right:]
            - table[:-down, right:]
            - table[down:, :-right]
            + table[:-down, :-right]
        )

    def centre(self, index: int, axis: int) -> int:
        """The middle of a window, in pixels along an axis."""
        return min(int((index + self._span[axis] / 2) * CELL_PX), self._shape[axis] - 1)

    def _resize(self, plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        rows, columns = self._cells
        finer = plane.shape[0] >= rows
        interpolation = cv2.INTER_AREA if finer else cv2.INTER_LINEAR
        return np.asarray(
            cv2.resize(plane, (columns, rows), interpolation=interpolation), np.float32
        )


class _Collector:
    """Takes the difference maps that the package offers to whoever wants to see its channels."""

    def __init__(self) -> None:
        self.maps: list[npt.NDArray[np.float32]] = []
        self.frequencies: Sequence[float] = ()

    def open(self, _fps: float) -> None:
        """A picture begins."""
        self.maps = []

    def dump_temp_ch(self, _channels: Any) -> None:
        """Not wanted."""

    def dump_lpyr(self, pyramid: Any, _bands: Any) -> None:
        """Note which frequencies the bands have, in cycles a degree."""
        self.frequencies = tuple(float(frequency) for frequency in pyramid.get_freqs())

    def set_diff_band(
        self, _width: int, _height: int, _ppd: float, _band: int, difference: Any
    ) -> None:
        """Keep one band."""
        self.maps.append(difference[0, :, 0].cpu().numpy())

    def dump_diff(self) -> None:
        """Not wanted."""

    def close(self) -> None:
        """Nothing is open."""


class _Observer:
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
        """JOD lost, of … × channels × bands: the package's own pooling."""
        import torch

        leading = energy.shape[:-2]
        flat = torch.as_tensor(
            energy.reshape(-1, *energy.shape[-2:]), dtype=torch.float32, device=self._device
        )
        with torch.no_grad():
            jod = self._model.do_pooling_and_jods(flat[:, :, None])
        return np.maximum(10.0 - np.asarray(jod.cpu(), np.float64), 0.0).reshape(leading)

    def parts(self, energy: Energy) -> dict[str, float]:
        """JOD lost of each of `PARTS` alone."""
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


def _observer(condition: Condition, threads: int) -> _Observer:
    """This thread's: the model keeps what it looks at."""
    known: dict[tuple[Condition, int], _Observer] = _local.__dict__.setdefault("observers", {})
    if (condition, threads) not in known:
        known[condition, threads] = _Observer(condition)
    return known[condition, threads]


@cache
def _pixels_per_degree(display: str, distance_m: float) -> float:
    check_display(display)
    geometry = _package().vvdp_display_geometry.load(display)
    factor = distance_m / float(geometry.distance_m) if distance_m else 1.0
    return float(geometry.get_ppd()) * factor


def check_display(display: str) -> None:
    """Raise UsageError with the nearest known name unless the package knows the display. Where it
    is missing, nobody does.
    """
    displays = _displays()
    if displays and display not in displays:
        raise unknown_name_error("display", display, displays)


@cache
def _displays() -> Mapping[str, Any]:
    """The package's displays; none where it is missing. The package itself is not imported, which
    takes seconds.
    """
    found = find_spec("pycvvdp")
    if found is None or found.origin is None:
        return {}
    path = Path(found.origin).parent / "vvdp_data" / "display_models.json"
    displays: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return displays


@cache
def _package() -> Any:
    """The package, imported without its noise. Raises IncompleteError where it cannot be."""
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


class Grid(NamedTuple):
    """JOD lost in each window of a picture, rows × columns; NaN where a window sees too little of
    the region.
    """

    lost: npt.NDArray[np.float64]
    ys: npt.NDArray[np.intp]
    xs: npt.NDArray[np.intp]
    """The windows' centres, in pixels."""


class RegionLoss(NamedTuple):
    """JOD lost over a region, and in each window of it."""

    whole: float
    windows: Grid


def pool_regions(
    image: Image, expected: Image, *, viewing: Viewing, areas: Areas
) -> dict[Region, RegionLoss]:
    """What a viewer sees of the difference between two pictures, H×W×3 in [0, 1], sRGB, in each
    region that is not empty.

    Over `all` it is the package's own number. Raises IncompleteError where the package is missing.
    """
    observer = _observer(condition_of(viewing), _threads())
    whole, maps = observer.look(image, expected)
    windows = _Windows(maps, image.shape[:2])
    found: dict[Region, RegionLoss] = {}
    for region, area in areas.items():
        if area.any():
            over = whole if region == "all" else float(observer.lost(_pool_region(maps, area)))
            found[region] = RegionLoss(over, windows.grid(observer, area))
    return found


def require_package() -> None:
    """Raise IncompleteError, with what to install, where the package cannot be used."""
    _package()
