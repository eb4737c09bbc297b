"""Straight steps along the borders of a known tiling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
from editproof.harness.metrics.seams.steps import (
    FLOOR,
    SEGMENT_PX,
    Segments,
    cut_segments,
    find_borders,
    measure_steps,
)
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("residual", "alone", "worst")
REGIONS: tuple[Region, ...] = ("seams",)

APART_PX = 12
"""Largest distance of the lines that a border is compared with, in input pixels."""

LIMIT_DB = 60.0

Levels = npt.NDArray[np.float64]


class Line(NamedTuple):
    """The band of a border, and the lines beside it for comparison. Output pixels."""

    start: int
    stop: int
    beside: tuple[tuple[int, int], ...]


class Axis(NamedTuple):
    """The borders across one axis (0: horizontal lines), and their segments."""

    axis: int
    lines: tuple[Line, ...]
    segments: Segments


class PreparedBorders(NamedTuple):
    """The expected image, the borders, and how far its own steps stand out on them."""

    expected: Image
    axes: tuple[Axis, ...]
    expected_excess: float
    reason: str


class Steps(NamedTuple):
    """Squared steps of a picture on the lines and beside them, lines×segments each."""

    on: Levels
    beside: Levels


def _prepare(reference: Reference) -> PreparedBorders:
    expected, area = require_part(reference.expected), area_of(reference, "seams")
    axes = tuple(_find_lines(area, axis, reference.scale) for axis in (0, 1))
    found = any(axis.lines for axis in axes)
    reason = (
        EMPTY
        if not area.any()
        else ""
        if found
        else "no straight border with something beside it lies in the region"
    )
    expected_excess = (
        _excess([_measure_bands(axis, expected) for axis in axes if axis.lines]) if found else 0.0
    )
    return PreparedBorders(
        expected, tuple(axis for axis in axes if axis.lines), expected_excess, reason
    )


def _find_lines(area: Area, axis: int, scale: int) -> Axis:
    """The borders that the mask holds: rows or columns that it covers almost completely."""
    length = area.shape[axis]
    bands = find_borders(area, axis)
    full = np.zeros(length, bool)
    for start, stop in bands:
        full[start:stop] = True
    lines = [
        Line(start, stop, _find_bands_beside((start, stop), full, APART_PX * scale))
        for start, stop in bands
    ]
    inside = tuple(line for line in lines if line.beside and line.start > 0 and line.stop < length)
    return Axis(axis, inside, cut_segments(area.shape[1 - axis], SEGMENT_PX * scale))


def _find_bands_beside(
    band: tuple[int, int], full: npt.NDArray[np.bool_], apart: int
) -> tuple[tuple[int, int], ...]:
    """Bands of the same width on both sides, half a width apart and up to `apart` away, without a
    border.
    """
    start, stop = band
    width = stop - start
    shifts = [
        side * shift
        for side in (-1, 1)
        for shift in range(width + 2, width + 2 + apart, max(width // 2, 1))
    ]
    return tuple(
        (start + shift, stop + shift)
        for shift in shifts
        if start + shift > 0
        and stop + shift < full.size
        and not full[start + shift : stop + shift].any()
    )


def _measure(prepared: PreparedBorders, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    residual = [_measure_bands(axis, actual - prepared.expected) for axis in prepared.axes]
    alone = _excess([_measure_bands(axis, actual) for axis in prepared.axes])
    return [
        Value("seams", "residual", max(_excess(residual), 0.0)),
        Value("seams", "alone", max(alone - prepared.expected_excess, 0.0)),
        _find_worst(prepared.axes, residual),
    ]


def _measure_bands(axis: Axis, image: Image) -> Steps:
    """Each segment's largest squared step within each band, and the average beside it."""
    squared = np.square(measure_steps(image, axis.axis, axis.segments))
    on = np.stack([squared[line.start : line.stop + 1].max(axis=0) for line in axis.lines])
    beside = [
        np.mean([squared[start : stop + 1].max(axis=0) for start, stop in line.beside], axis=0)
        for line in axis.lines
    ]
    return Steps(on, np.stack(beside))


def _excess(measured: list[Steps]) -> float:
    """How far all steps on the lines stand out from those beside them, in dB."""
    on = np.concatenate([part.on.ravel() for part in measured]).mean()
    beside = np.concatenate([part.beside.ravel() for part in measured]).mean()
    return _decibels(on, beside)


def _map(prepared: PreparedBorders, actual: Image) -> Plane:
    """How far each segment's step on a border stands out, in dB; 0 elsewhere."""
    plane = np.zeros(actual.shape[:2])
    measured = [_measure_bands(axis, actual - prepared.expected) for axis in prepared.axes]
    beside = np.concatenate([part.beside.ravel() for part in measured]).mean() if measured else 0.0
    for axis, part in zip(prepared.axes, measured, strict=True):
        lines = plane if axis.axis == 0 else plane.T
        for line, on in zip(axis.lines, part.on, strict=True):
            excess = np.maximum([_decibels(float(step), float(beside)) for step in on], 0)
            band = lines[line.start : line.stop]
            np.maximum(band, np.repeat(excess, axis.segments.sizes), out=band)
    return plane


def _decibels(on: float, beside: float) -> float:
    return float(np.clip(10 * np.log10((on + FLOOR) / (beside + FLOOR)), -LIMIT_DB, LIMIT_DB))


def _find_worst(axes: tuple[Axis, ...], measured: list[Steps]) -> Value:
    """The segment with the largest step, relative to the average beside the lines, and its
    place.
    """
    beside = np.concatenate([part.beside.ravel() for part in measured]).mean()
    best = max(range(len(axes)), key=lambda index: float(measured[index].on.max()))
    axis, on = axes[best], measured[best].on
    row, column = np.unravel_index(int(on.argmax()), on.shape)
    line = axis.lines[int(row)]
    across, along = (line.start + line.stop) // 2, axis.segments.centre(int(column))
    y, x = (across, along) if axis.axis == 0 else (along, across)
    return Value("seams", "worst", max(_decibels(float(on.max()), float(beside)), 0.0), y=y, x=x)


SEAM_ENERGY = Metric(
    name="seam_energy",
    variant="",
    version=1,
    unit="dB",
    better="lower",
    range=(0.0, 2 * LIMIT_DB),
    stats=STATS,
    source=(
        "Blockiness by boundary steps (Wu & Yuen 1997), segments of 32 input px, against lines up"
        " to 12 px beside"
    ),
    formula=(
        "10 log10(mean of step^2 on the borders / mean of step^2 beside them). A step is"
        " the change across a line of the mean along 32 px. residual is that of actual"
        " minus expected. alone is that of actual, relative to expected. worst is that of"
        " the segment that stands out most. The floor is a tenth of an 8-bit level; 0 means"
        " that nothing stands out"
    ),
    sees=(
        "Tiles whose tones do not match: a step of one 8-bit level on a smooth background reads"
        " about 20 dB."
    ),
    misses=(
        "Seams away from the scene's tiling (see seam_grid), and tiles that match in tone but not"
        " in texture (see ssim, lpips in seams). Worst is the maximum over many segments, so noise"
        " and blur alone give it 3 to 8 dB. If an edge of the picture lies on a border and was"
        " softened, it reads as a seam."
    ),
    example="hard_seams",
    aspect="seams",
    prepare=_prepare,
    measure=_measure,
    margins={"residual": 1.0, "worst": 3.0},
    golden={"residual": 8.69031, "alone": 11.6979, "worst": 15.5561},
    regions=REGIONS,
    map=_map,
)
