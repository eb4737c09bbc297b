"""Unedited: where is the input still there, though it was to be edited?"""

from __future__ import annotations

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

STATS = ("share",)
REGIONS: tuple[Region, ...] = ("edit",)

FINE_PX = 2.0
"""σ of the blur that is subtracted, in input pixels: strokes and edges remain."""

BLOCK_PX = 8
"""Edge of the blocks that are looked at, in input pixels."""

LEAST_PX = 8
"""Pixels of a block that lie in the edit, from which on it counts: strokes are thin."""

LEAST_DETAIL = 6 / 255
"""Root mean square of a block's fine structure from which on it counts. Grain stays below, and so
does whatever a fill could give again by chance: even paper, a smooth sky."""

MOST_CHANGE = 0.35
"""A block is unedited where its fine structure changed by no more than this share of itself. An
upscaler and a compressor change less; an unrelated fill, by 1 and more."""

ALL_UNEDITED = 0.95
"""The share from which on nothing was edited."""

Blocks = npt.NDArray[np.float64]


class PreparedDetail(NamedTuple):
    """The input's fine structure where it is to be edited."""

    fine: npt.NDArray[np.float32]
    """h×w×3."""
    inside: npt.NDArray[np.float32]
    """h×w: 1 where an input pixel lies wholly in the edit."""
    energy: Blocks
    """Of each block, over its pixels in the edit."""
    counts: npt.NDArray[np.bool_]
    """Blocks that have something to be edited."""
    scale: int
    reason: str
    """Why there is no value; empty: there is one."""


def _prepare(reference: Reference) -> PreparedDetail:
    fine = _find_fine(require_part(reference.input))
    edit = area_of(reference, "edit").astype(np.float32)
    inside = (average_down(edit, reference.scale) >= 1).astype(np.float32)
    energy, pixels = _sum_blocks(np.square(fine).mean(axis=2) * inside), _sum_blocks(inside)
    counts = (pixels >= LEAST_PX) & (energy >= LEAST_DETAIL**2 * np.maximum(pixels, 1))
    nothing = "the input has no fine structure where it is to be edited"
    reason = EMPTY if not edit.any() else "" if counts.any() else nothing
    return PreparedDetail(fine, inside, energy, counts, reference.scale, reason)


def _measure(prepared: PreparedDetail, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    share = _find_unedited(prepared, actual).sum() / prepared.counts.sum()
    return [Value("edit", "share", float(share))]


def _find_unedited(prepared: PreparedDetail, actual: Image) -> npt.NDArray[np.bool_]:
    """The blocks that still are the input's."""
    fine = _find_fine(average_down(actual, prepared.scale))
    change = np.square(fine - prepared.fine).mean(axis=2) * prepared.inside
    return prepared.counts & (_sum_blocks(change) <= MOST_CHANGE**2 * prepared.energy)


def _find_fine(image: Image) -> npt.NDArray[np.float32]:
    coarse = cv2.GaussianBlur(image, (0, 0), FINE_PX, borderType=cv2.BORDER_REFLECT)
    return np.asarray(image - coarse, np.float32)


def _sum_blocks(plane: npt.NDArray[np.floating]) -> Blocks:
    """Sums over blocks; those at the right and lower rim may be smaller."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % BLOCK_PX), (0, -width % BLOCK_PX)))
    rows, columns = (size // BLOCK_PX for size in padded.shape)
    return np.asarray(
        padded.reshape(rows, BLOCK_PX, columns, BLOCK_PX).sum(axis=(1, 3), dtype=np.float64)
    )


def _map(prepared: PreparedDetail, actual: Image) -> Plane:
    """1 where a block is unedited, else 0. Output."""
    if prepared.reason:
        return np.zeros(actual.shape[:2])
    edge = BLOCK_PX * prepared.scale
    blocks = np.kron(_find_unedited(prepared, actual), np.ones((edge, edge)))
    return np.asarray(blocks[: actual.shape[0], : actual.shape[1]], np.float64)


UNEDITED = Metric(
    name="unedited",
    variant="",
    version=1,
    unit="",
    better="lower",
    range=(0.0, 1.0),
    stats=STATS,
    source=(
        "Block matching at no displacement: fine structure of the output against that of the input;"
        " no right answer"
    ),
    formula=(
        "fine = picture - Gaussian(picture, σ 2 px), at the input's size. A block of 8×8 px"
        " in the edit counts if its fine structure has an RMS of 6 levels or more. share:"
        " the part (0 to 1) of these blocks in which RMS(fine(actual) - fine(input)) <= 0.35"
        " RMS(fine(input))"
    ),
    sees=(
        "A pipeline that returns its input, wholly or in part. The mask may be ignored,"
        " shifted or inverted, or a word of the text may be left. It needs neither a right"
        " answer nor a baseline."
    ),
    misses=(
        "What has no fine structure, and faint remains: a ghost of a third counts as edited"
        " (see ghost). If a mask covers more than what must go, a good fill there may equal"
        " the input."
    ),
    example="text_left",
    aspect="ghosts and residue",
    prepare=_prepare,
    measure=_measure,
    margins={"share": 0.05},
    golden={"share": 0.623377},
    golden_pair="paper",
    regions=REGIONS,
    needs=("input",),
    map=_map,
)
