"""Is protected text still readable? The character error rate of OCR, above that in the right
answer.
"""

from __future__ import annotations

from typing import NamedTuple

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

STATS = ("mean", "worst")
REGIONS: tuple[Region, ...] = ("protect",)

KINDS = frozenset({"text", "microprint"})
"""Kinds of boxes that hold a line of text."""

READABLE = 0.25
"""Largest character error rate in the right answer at which OCR can judge a line."""

MARGIN_PX = 2
"""Margin around a line for OCR, in input pixels."""


class Line(NamedTuple):
    """A line of text that must survive."""

    text: str
    bounds: ocr.Bounds
    """In output pixels."""
    expected_error: float
    """Character error rate in the right answer."""


class PreparedLines(NamedTuple):
    """The lines that OCR can read in the right answer."""

    lines: tuple[Line, ...]
    reason: str


def _prepare(reference: Reference) -> PreparedLines:
    area = area_of(reference, "protect")
    if not area.any():
        return PreparedLines((), EMPTY)
    expected = require_part(reference.expected)
    boxes = [
        box
        for box in reference.boxes
        if box.kind in KINDS and _is_protected_text(box, area, reference.scale)
    ]
    if not boxes:
        return PreparedLines((), "the protected features hold no text that is known")
    lines = [_read_line(box, expected, reference.scale) for box in boxes]
    readable = tuple(line for line in lines if line.expected_error <= READABLE)
    return PreparedLines(
        readable, "" if readable else "OCR can't read it in the expected picture either"
    )


def _is_protected_text(box: Box, area: Area, scale: int) -> bool:
    """Whether a box is a protected feature with text."""
    part = area[ocr.bounds_of(box, area.shape, scale)]
    return bool(box.label.strip() and part.size and part.mean() > 0.5)


def _read_line(box: Box, expected: Image, scale: int) -> Line:
    bounds = ocr.bounds_of(box, expected.shape, scale, margin_px=MARGIN_PX)
    return Line(box.label, bounds, ocr.character_errors(ocr.read_line(expected, bounds), box.label))


def _measure(prepared: PreparedLines, actual: Image) -> list[Value]:
    if prepared.reason:
        return unmeasured_values(REGIONS, STATS, prepared.reason)
    rates = [_added_error(line, actual) for line in prepared.lines]
    worst = int(np.argmax(rates))
    y, x = ((part.start + part.stop) // 2 for part in prepared.lines[worst].bounds)
    return [
        Value("protect", "mean", float(np.mean(rates))),
        Value("protect", "worst", rates[worst], y=y, x=x),
    ]


def _map(prepared: PreparedLines, actual: Image) -> Plane:
    """The error rate of each protected line within its box; 0 elsewhere. Output."""
    plane = np.zeros(actual.shape[:2])
    for line in prepared.lines:
        plane[line.bounds] = np.maximum(plane[line.bounds], _added_error(line, actual))
    return plane


def _added_error(line: Line, actual: Image) -> float:
    """Character error rate above that in the right answer."""
    return max(
        ocr.character_errors(ocr.read_line(actual, line.bounds), line.text) - line.expected_error,
        0.0,
    )


CER = Metric(
    name="cer",
    variant="",
    version=1,
    unit="",
    better="lower",
    range=(0.0, 1.0),
    stats=STATS,
    source=(
        "Character error rate (Levenshtein 1966) of PP-OCRv6 on every protected line of known text"
    ),
    formula=(
        "edits that turn the text read into the text printed / characters printed, minus the same"
        " rate in the expected picture"
    ),
    sees=(
        "Letters that were lost or turned into others: microprint and labels that a repainting or"
        " an upscaler rewrote."
    ),
    misses=(
        "Text that OCR cannot read in the expected picture either, and damage that OCR reads"
        " through (see micro_legibility). It takes about 0.05 s of one core for each line, so a"
        " suite measures it only if it names it."
    ),
    example="microprint_lost",
    aspect="legibility",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.02, "worst": 0.1},
    golden={"mean": 0.538462, "worst": 0.538462},
    golden_pair="paper",
    regions=REGIONS,
    needs=("expected", "boxes"),
    map=_map,
)
