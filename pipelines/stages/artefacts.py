"""How artificial a fill looks, without the right answer: its texture, its edge, its repetitions.

It stands in for learned distances, which need the right answer, or weights that may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.edit import Pixels
from editproof.pipelines.stages.harmonise import rim_step
from editproof.pipelines.stages.inpaint import context_crops

RING_PX = 12
"""How far around a fill its surroundings reach, in input pixels."""

FULL_OCTAVES = 4.0
"""Texture whose energy is off by this many octaves scores 1: a sixteenth, or sixteenfold."""

FULL_EDGE = 0.1
"""A step along the rim that exceeds its surroundings' by this much, 0 to 1, scores 1."""

_QUIET = (1 / 255) ** 2
"""Energy of texture that nobody sees: differences below it count as none."""

_PATCH_PX = 8
_SAME = 0.98
"""Correlation above which two patches are one and the same."""

_FLAT = 2 / 255
"""Deviation below which a patch holds nothing that could be seen to repeat."""

_MOST_COMPARISONS = 4_000_000
"""Places that patches are compared with in all; a larger region has fewer of its patches looked
for.
"""


@dataclass(frozen=True, slots=True)
class ArtefactScore:
    """What looks artificial, each part from 0 (nothing) to 1."""

    texture: float
    """High-frequency energy of the fill against its surroundings'."""
    edge: float
    """Step along the fill's rim, beyond its surroundings'."""
    repetition: float
    """Share of the fill's patches that occur in it again, beyond its surroundings' own."""

    @property
    def value(self) -> float:
        """The worst part: one flaw is enough to be seen."""
        return max(self.texture, self.edge, self.repetition)

    def __str__(self) -> str:
        return (
            f"{self.value:.2f} (texture {self.texture:.2f}, edge {self.edge:.2f}, repetition"
            f" {self.repetition:.2f})"
        )


CLEAN = ArtefactScore(0.0, 0.0, 0.0)


def artefact_score(image: Image, mask: Mask) -> ArtefactScore:
    """The worst score of each kind over the filled regions. `mask`: of the fill, at the image's
    size or a whole part of it.

    A region without surroundings, or an empty mask, scores 0.
    """
    hole, scale = mask > 0, image.shape[0] // mask.shape[0]
    if not hole.any() or hole.all():
        return CLEAN
    scores = []
    for rows, columns in context_crops(hole, context_px=RING_PX):
        place = (
            slice(rows.start * scale, rows.stop * scale),
            slice(columns.start * scale, columns.stop * scale),
        )
        large = hole[rows, columns].repeat(scale, axis=0).repeat(scale, axis=1)
        if not large.all():
            scores.append(_score(image[place], large, scale))
    return ArtefactScore(*np.max(scores, axis=0).tolist()) if scores else CLEAN


def _score(crop: Image, hole: Pixels, scale: int) -> tuple[float, float, float]:
    # What is enlarged has its finest detail at the input's pixels, so that is where texture is
    # looked for.
    texture = np.square(crop - cv2.GaussianBlur(crop, (0, 0), 1.5 * scale)).mean(axis=-1)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=scale).astype(
        bool
    )
    ring = ~cv2.dilate(
        hole.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2 * scale
    ).astype(bool)
    octaves = 0.0
    if inner.any() and ring.any():
        octaves = float(np.log2((texture[inner].mean() + _QUIET) / (texture[ring].mean() + _QUIET)))
    beyond = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=6 * scale)
    excess = rim_step(crop, hole.astype(np.float32), scale) - rim_step(
        crop, beyond.astype(np.float32), scale
    )
    height, width = crop.shape[:2]
    small = np.asarray(
        cv2.resize(crop, (width // scale, height // scale), interpolation=cv2.INTER_AREA),
        np.float32,
    )
    repeated = repetition(small, hole[::scale, ::scale]) - repetition(
        small, ~hole[::scale, ::scale]
    )
    return (
        _clip_to_unit(abs(octaves) / FULL_OCTAVES),
        _clip_to_unit(excess / FULL_EDGE),
        _clip_to_unit(repeated),
    )


def repetition(image: Image, where: Pixels) -> float:
    """Share, 0 to 1, of the patches within `where` that occur elsewhere in it once more; flat
    patches do not count.
    """
    fits = cv2.erode(
        where.astype(np.uint8),
        np.ones((_PATCH_PX, _PATCH_PX), np.uint8),
        anchor=(0, 0),
        borderValue=0,
    )
    fits = fits[: max(where.shape[0] - _PATCH_PX + 1, 0), : max(where.shape[1] - _PATCH_PX + 1, 0)]
    places = np.argwhere(fits)
    count = int(np.clip(_MOST_COMPARISONS / where.size, 8, 64))
    again = []
    for y, x in places[:: max(len(places) // count, 1)].tolist():
        patch = image[y : y + _PATCH_PX, x : x + _PATCH_PX]
        if patch.std(axis=(0, 1)).max() < _FLAT:
            continue
        likeness = np.where(fits, cv2.matchTemplate(image, patch, cv2.TM_CCOEFF_NORMED), -1)
        # What overlaps the patch is like it by nature.
        likeness[
            max(y - _PATCH_PX + 1, 0) : y + _PATCH_PX, max(x - _PATCH_PX + 1, 0) : x + _PATCH_PX
        ] = -1
        again.append(likeness.max() > _SAME)
    return float(np.mean(again)) if again else 0.0


def _clip_to_unit(value: float) -> float:
    return float(np.clip(value, 0, 1))
