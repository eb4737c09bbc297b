"""Is a faint copy of the overlay left? A matched filter for its shape and colour."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    area_of,
    require_part,
)
from editproof.harness.metrics.core.pooling import unmeasured_values
from editproof.harness.metrics.core.scaling import average_down
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

STATS = ("amplitude", "snr")
REGIONS: tuple[Region, ...] = ("edit",)

FINE_PX = 2.0
"""σ of the blur that is subtracted, in input pixels. The overlay's strokes and edges remain, and
errors of a soft fill go.
"""

UNDER_PX = 6.0
"""σ of the background under the overlay in the template, in input pixels. If the template held the
background's texture, every fill that loses the texture would look like a ghost: five times as many
false alarms on photographs.
"""

BLOCK_PX = 16
"""Edge of blocks that each give an amplitude, in input pixels. A ghost has one amplitude
everywhere, a bad fill does not.
"""

APART_PX = 8
"""Least displacement that counts as noise, in input pixels: four times FINE_PX, where the template
no longer matches itself.
"""

MARGIN_PX = 24
"""Margin around the overlay for displaced templates, in input pixels."""

LEAST = 1e-3
"""Least uncertainty, as a share of the overlay. No display shows a thousandth."""

MOST_DB = -20 * math.log10(LEAST)
"""The whole overlay over the least uncertainty."""

FAINT = 0.5 / 255
"""Peak of a template that an 8-bit picture cannot hold."""

Box = tuple[slice, slice]
Wide = npt.NDArray[np.float32]


class PreparedTemplate(NamedTuple):
    """The template of a ghost, and what is computed from it. Input size, cut to the overlay."""

    expected: Image
    """The whole right answer. Output."""
    scale: int
    box: Box
    """Place of the template in the input."""
    template: Wide
    energy: npt.NDArray[np.floating]
    """Energy of the template by block."""
    direction: Wide
    """The template's main colour direction, of length 1. Noise is measured along it."""
    spectrum: npt.NDArray[np.complex64]
    """Conjugate transform of the template along `direction`, divided by its energy."""
    far: npt.NDArray[np.bool_]
    """Displacements that count as noise."""
    reason: str
    """Why there is no value; empty: there is one."""


def _prepare(reference: Reference) -> PreparedTemplate:
    expected, overlay = require_part(reference.expected), require_part(reference.overlay)
    under = cv2.GaussianBlur(
        average_down(expected, reference.scale), (0, 0), UNDER_PX, borderType=cv2.BORDER_REFLECT
    )
    residue = np.asarray(
        overlay[..., None] * (require_part(reference.overlay_rgb) - under), np.float32
    )
    box = _find_box(overlay > 0)
    template = np.ascontiguousarray(
        _remove_coarse(_imitate_upscaler(residue, reference.scale))[box]
    )
    if not area_of(reference, "edit").any():
        return _prepare_nothing(reference, EMPTY)
    if not template.size or float(np.abs(template).max()) < FAINT:
        return _prepare_nothing(reference, "the overlay can't be told from what is under it")
    direction = _main_direction(template)
    along = template @ direction
    spectrum = np.conj(np.fft.rfft2(along)) / np.square(along).sum()
    energy = _sum_blocks(template * template)
    return PreparedTemplate(
        expected,
        reference.scale,
        box,
        template,
        energy,
        direction,
        spectrum,
        _find_far(along.shape),
        "",
    )


def _prepare_nothing(reference: Reference, reason: str) -> PreparedTemplate:
    none = np.zeros((0, 0), np.float32)
    nowhere = (slice(0, 0), slice(0, 0))
    return PreparedTemplate(
        require_part(reference.expected),
        reference.scale,
        nowhere,
        none,
        none,
        none,
        none.astype(np.complex64),
        none > 0,
        reason,
    )


def _main_direction(template: Wide) -> Wide:
    """Eigenvector of the largest eigenvalue of the colours' second moments."""
    colours = template.reshape(-1, 3)
    _, vectors = np.linalg.eigh((colours.T @ colours).astype(np.float64))
    return np.asarray(vectors[:, -1], np.float32)


def _measure(prepared: PreparedTemplate, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    amplitude, noise = _fit_amplitude(prepared, _residual(prepared, actual))
    return [
        Value("edit", "amplitude", float(np.clip(amplitude, -1, 1))),
        Value(
            "edit",
            "snr",
            float(np.clip(20 * math.log10(max(abs(amplitude) / noise, 1.0)), 0, MOST_DB)),
        ),
    ]


def _fit_amplitude(prepared: PreparedTemplate, residual: Wide) -> tuple[float, float]:
    """Share of the overlay that is left, by least squares, and its standard deviation.

    Three things make it uncertain: disagreement between blocks, matches of displaced templates, and
    LEAST.
    """
    products = _sum_blocks(prepared.template * residual)
    energy = prepared.energy.sum()
    amplitude = float(products.sum() / energy)
    blocks = energy**2 / np.square(prepared.energy).sum()
    scatter = (
        np.square(products - amplitude * prepared.energy).sum()
        / energy**2
        * blocks
        / max(blocks - 1, 0.5)
    )
    rest = residual - np.float32(amplitude) * prepared.template
    elsewhere = _fit_displaced(prepared, rest)
    chance = np.square(elsewhere).mean() if elsewhere.size else 0.0
    return amplitude, float(np.sqrt(scatter + chance + LEAST**2))


def _fit_displaced(prepared: PreparedTemplate, rest: Wide) -> Wide:
    """Amplitude of the template in what the fit leaves, at every displacement that counts as
    noise.
    """
    products = np.fft.rfft2(rest @ prepared.direction) * prepared.spectrum
    return np.asarray(np.fft.irfft2(products, s=rest.shape[:2])[prepared.far], np.float32)


def _residual(prepared: PreparedTemplate, actual: Image) -> Wide:
    """Fine structure of actual minus expected around the overlay. Input size."""
    margin = round(4 * FINE_PX)
    rows, columns = (
        slice(max(part.start - margin, 0), part.stop + margin) for part in prepared.box
    )
    scale = prepared.scale
    fine = np.s_[
        rows.start * scale : rows.stop * scale, columns.start * scale : columns.stop * scale
    ]
    wide = _remove_coarse(average_down(actual[fine] - prepared.expected[fine], scale))
    height, width = prepared.template.shape[:2]
    y, x = prepared.box[0].start - rows.start, prepared.box[1].start - columns.start
    return wide[y : y + height, x : x + width]


def _map(prepared: PreparedTemplate, actual: Image) -> Plane:
    """The amplitude near every pixel, as a share of the overlay; 0 where there is none. Output."""
    plane = np.zeros(actual.shape[:2])
    if prepared.reason:
        return plane
    residual = _residual(prepared, actual)
    energy = cv2.GaussianBlur(
        (prepared.template**2).sum(axis=-1), (0, 0), BLOCK_PX / 2, borderType=cv2.BORDER_CONSTANT
    )
    product = (prepared.template * residual).sum(axis=-1)
    product = cv2.GaussianBlur(product, (0, 0), BLOCK_PX / 2, borderType=cv2.BORDER_CONSTANT)
    local = np.asarray(product / (energy + 0.02 * energy.max()), np.float32)
    rows, columns = (
        slice(part.start * prepared.scale, part.stop * prepared.scale) for part in prepared.box
    )
    height, width = (size * prepared.scale for size in local.shape)
    plane[rows, columns] = cv2.resize(local, (width, height), interpolation=cv2.INTER_LINEAR)
    return plane


def _remove_coarse(image: Wide) -> Wide:
    return np.asarray(
        image - cv2.GaussianBlur(image, (0, 0), FINE_PX, borderType=cv2.BORDER_REFLECT), np.float32
    )


def _imitate_upscaler(residue: Wide, scale: int) -> Wide:
    """A residue as it looks at input size after a cubic upscaler, which flattens fine strokes."""
    if scale == 1:
        return residue
    height, width = (size * scale for size in residue.shape[:2])
    return average_down(
        np.asarray(cv2.resize(residue, (width, height), interpolation=cv2.INTER_CUBIC)), scale
    )


def _sum_blocks(plane: Wide) -> npt.NDArray[np.float64]:
    """Sum of each block over all channels."""
    ys, xs = (np.arange(0, size, BLOCK_PX) for size in plane.shape[:2])
    rows = np.add.reduceat(plane.sum(axis=-1, dtype=np.float64), ys, axis=0)
    return np.asarray(np.add.reduceat(rows, xs, axis=1), np.float64)


def _find_far(shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Cyclic displacements of at least APART_PX along y or x."""
    y, x = (np.minimum(np.arange(size), size - np.arange(size)) for size in shape)
    return (y[:, None] >= APART_PX) | (x[None, :] >= APART_PX)


def _find_box(area: npt.NDArray[np.bool_]) -> Box:
    """Bounding box of the overlay with its margin, of a size that transforms quickly if the picture
    has room.
    """
    spans = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    rows, columns = (
        _span_around(along, size) for along, size in zip(spans, area.shape, strict=True)
    )
    return rows, columns


def _span_around(along: npt.NDArray[np.intp], size: int) -> slice:
    if not along.size:
        return slice(0, 0)
    start, stop = max(int(along[0]) - MARGIN_PX, 0), min(int(along[-1]) + 1 + MARGIN_PX, size)
    return slice(start, min(start + -(-(stop - start) // BLOCK_PX) * BLOCK_PX, size))


GHOST = Metric(
    name="ghost",
    variant="",
    version=2,
    unit="",
    better="zero",
    range=(-1.0, MOST_DB),
    stats=STATS,
    source=(
        "Matched filter (Turin 1960) for alpha × (overlay colour - background) on actual minus"
        " expected, both at input size and without their blur of σ 2 px"
    ),
    formula=(
        "amplitude a = sum(t r) / sum(t^2), as a share of the overlay. 0.01 means that 1 %"
        " is left, and a negative value means overcorrected. snr = 20 log10(|a| / its"
        " standard deviation), at least 0 dB. The deviation comes from 16×16 blocks and"
        " from displaced templates. At 0 dB the amplitude is lost in noise; from 10 dB"
        " (three deviations) on it is significant"
    ),
    sees=(
        "A faint copy of the overlay, from 1 % on if the rest of the fill is right and 8"
        " bits can hold it. If the fill has other errors, it sees 2 % on smooth"
        " backgrounds, 5 % on busy ones, and 30 % on coarse texture."
    ),
    misses=(
        "Anything that does not have the shape of the overlay (see ssim, lpips). If an"
        " overlay has no fine structure, such as a large plain sticker, only its outline"
        " counts (see delta_e00). A fill that is slightly too light within the mask's shape"
        " looks like a ghost, up to 12 dB."
    ),
    example="ghost",
    aspect="ghosts and residue",
    prepare=_prepare,
    measure=_measure,
    margins={"amplitude": 0.005},
    golden={"amplitude": 0.127344, "snr": 33.6083},
    regions=REGIONS,
    needs=("expected", "overlay"),
    units={"snr": "dB"},
    map=_map,
)
