"""Does a text detector still find the text that had to go?"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from editproof.harness.metrics.core import ocr
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
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region
from editproof.vectors.scene import Box

STATS = ("found", "covered")
REGIONS: tuple[Region, ...] = ("edit",)

KINDS = frozenset({"text", "watermark"})
"""Kinds of boxes that hold a line of text."""

FOUND = 0.5
"""A line counts as found if the detector's boxes cover at least this share of it."""


class PreparedText(NamedTuple):
    """Lines of text to remove that the detector finds before the edit, but not in the right
    answer.
    """

    lines: tuple[ocr.Bounds, ...]
    """In output pixels."""
    reason: str


def _prepare(reference: Reference) -> PreparedText:
    if not area_of(reference, "edit").any():
        return PreparedText((), EMPTY)
    boxes = [
        box
        for box in reference.boxes
        if box.kind in KINDS and _is_on_overlay(box, require_part(reference.overlay) > 0)
    ]
    if not boxes:
        return PreparedText((), "no text was laid over this scene")
    expected, scale = require_part(reference.expected), reference.scale
    before, after = (
        ocr.text_area(_enlarge(require_part(reference.input), scale)),
        ocr.text_area(expected),
    )
    lines = [ocr.bounds_of(box, expected.shape, scale) for box in boxes]
    seen = [line for line in lines if before[line].mean() >= FOUND]
    judged = tuple(line for line in seen if after[line].mean() < FOUND)
    if judged:
        return PreparedText(judged, "")
    return PreparedText(
        (),
        (
            "OCR sees text in the right answer, too"
            if seen
            else "OCR does not see the text before the edit either"
        ),
    )


def _is_on_overlay(box: Box, overlay: Area) -> bool:
    """Whether a box lies on the overlay. Its own text covers some of it; another overlay that
    crosses it covers little.
    """
    part = overlay[max(box.y0, 0) : max(box.y1, 0), max(box.x0, 0) : max(box.x1, 0)]
    return bool(part.size and part.mean() > 0.05)


def _enlarge(image: Image, scale: int) -> Image:
    if scale == 1:
        return image
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).clip(0, 1), np.float32)


def _measure(prepared: PreparedText, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    area = ocr.text_area(actual)
    shares = np.array([area[line].mean() for line in prepared.lines])
    return [
        Value("edit", "found", float((shares >= FOUND).mean())),
        Value("edit", "covered", float(shares.mean())),
    ]


def _map(prepared: PreparedText, actual: Image) -> Plane:
    """1 where the detector still finds a line that had to go. Output."""
    plane = np.zeros(actual.shape[:2])
    area = ocr.text_area(actual) if prepared.lines else plane
    for line in prepared.lines:
        plane[line] = area[line]
    return plane


TEXT_RESIDUE = Metric(
    name="text_residue",
    variant="",
    version=1,
    unit="",
    better="lower",
    range=(0.0, 1.0),
    stats=STATS,
    source=(
        "Recall of a text detector on the erased picture, as in scene text removal (Nakamura et al."
        " 2017); PP-OCRv6"
    ),
    formula=(
        "found: share of the lines to remove that the detector's boxes still cover at least"
        " half. covered: share of the area of those lines that the boxes cover. A line"
        " counts only if the detector sees it before the edit, and not in the expected"
        " picture"
    ),
    sees="Text that is still readable: skipped lines, half-erased letters, strong ghosts.",
    misses=(
        "Ghosts that are too faint for a detector but visible to an eye (see ghost), and scripts"
        " that the detector reads poorly. It takes 0.2 s of one core for each picture of 512×512"
        " px, so a suite measures it only if it names it."
    ),
    example="text_left",
    aspect="ghosts and residue",
    prepare=_prepare,
    measure=_measure,
    margins={"found": 0.1, "covered": 0.05},
    golden={"found": 0.5, "covered": 0.5},
    golden_pair="paper",
    regions=REGIONS,
    needs=("expected", "input", "overlay", "boxes"),
    map=_map,
)
