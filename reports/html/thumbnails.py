"""Thumbnails of the front page: the place that matters, cut out of the accepted or expected
picture, of this run's, and of their difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

from editproof.harness.records.accepted_cases import AcceptedCase, load_accepted_cases
from editproof.harness.records.cases import CaseRecord, Measurement
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Finding
from editproof.harness.records.wording import name_case
from editproof.reports.common import numbers
from editproof.reports.common.pictures import read_picture
from editproof.reports.html.case_list import choose_page_name

EDGE_PX = 144
"""Of each of the cuts."""

CUT_PX = 128
"""Of the place that is cut out, in output pixels: the worst window and as much again around it."""

GAP_PX = 4
AMPLIFIED = 16
"""By how much the difference is: as in the viewer."""
BLOCK_PX = 16
"""Edge of the blocks among which the largest change is looked for."""
MOST = 48
"""Thumbnails on a page."""

WORDS = {
    "accepted": "baseline",
    "expected": "expected",
    "actual": "this run",
    "difference": f"difference ×{AMPLIFIED}",
    "input": "the input: there is no result",
}
"""What is written below each cut."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture beside a finding."""

    path: Path
    width: int
    height: int
    alt: str
    captions: tuple[str, ...]
    """What is shown, from the left."""


def write_thumbnails(run: Run, findings: Iterable[Finding], folder: Path) -> dict[str, Thumbnail]:
    """Draw a thumbnail for each finding's case that has a picture, at most MOST; case id ->
    thumbnail.
    """
    records = {record.case.id: record for record in run.records}
    before = load_accepted_cases(run.folder)
    drawn: dict[str, Thumbnail] = {}
    for finding in findings:
        record = records.get(finding.case_id)
        if record is None or finding.case_id in drawn:
            continue
        if len(drawn) == MOST:
            break
        other = before.get(finding.case_id) if finding.rule == "picture" else None
        place = find_evidence(record, finding)
        thumbnail = draw_thumbnail(run.folder, record, other, folder, place)
        if thumbnail:
            drawn[finding.case_id] = thumbnail
    return drawn


def draw_thumbnail(
    run_folder: Path,
    record: CaseRecord,
    before: AcceptedCase | None,
    folder: Path,
    place: tuple[int, int] | None,
) -> Thumbnail | None:
    """Draw one case at a place (y, x in output pixels; None: all of it): the accepted picture, or
    without `before` the expected one, this run's, and their difference where there is one. None
    where a picture is not on the disk.

    Beside the accepted picture, the place with the largest change is shown instead.
    """
    blobs = _choose_blobs(record, before)
    if "actual" not in blobs:
        place = None
    pictures = {kind: read_picture(run_folder, digest) for kind, digest in blobs.items()}
    found = {kind: picture for kind, picture in pictures.items() if picture is not None}
    if not found or len(found) < len(pictures):
        return None
    if len({picture.size for picture in found.values()}) > 1:
        found = {"actual": found["actual"]}
    if len(found) > 1:
        gap = ImageChops.difference(*found.values())
        change = find_change(gap)
        if change:
            found["difference"] = gap.point(lambda level: level * AMPLIFIED)
            place = change if "accepted" in found else place
    return _save(record, cut(list(found.values()), place), tuple(found), place, folder)


def find_change(gap: Image.Image) -> tuple[int, int] | None:
    """The centre, y and x, of the block that differs most in a difference picture; None: nothing
    differs.
    """
    levels = np.asarray(gap.convert("RGB"), np.uint32).sum(axis=2)
    rows, columns = (np.arange(0, length, BLOCK_PX) for length in levels.shape)
    blocks = np.add.reduceat(np.add.reduceat(levels, rows, axis=0), columns, axis=1)
    if not blocks.any():
        return None
    y, x = np.unravel_index(int(blocks.argmax()), blocks.shape)
    return int(y) * BLOCK_PX + BLOCK_PX // 2, int(x) * BLOCK_PX + BLOCK_PX // 2


def cut(
    pictures: Sequence[Image.Image], place: tuple[int, int] | None, edge: int = EDGE_PX
) -> Image.Image:
    """The same place of pictures of one size, side by side; without a place all of each."""
    sheet = Image.new("RGB", (edge * len(pictures) + GAP_PX * (len(pictures) - 1), edge), "#808080")
    for index, picture in enumerate(pictures):
        shown = picture.convert("RGB").resize(
            (edge, edge), Image.Resampling.LANCZOS, box=_make_box(picture.size, place)
        )
        sheet.paste(shown, (index * (edge + GAP_PX), 0))
    return sheet


def _choose_blobs(record: CaseRecord, before: AcceptedCase | None) -> dict[str, str]:
    """Hashes of the two pictures that are compared, by kind; without a result the input's."""
    if "actual" not in record.blobs:
        return {"input": record.blobs["input"]} if "input" in record.blobs else {}
    accepted = before.blobs.get("actual") if before else None
    known = {"accepted": accepted, "expected": record.blobs.get("expected")}
    base = next(((kind, digest) for kind, digest in known.items() if digest), None)
    return dict([*([base] if base else []), ("actual", record.blobs["actual"])])


def _save(
    record: CaseRecord,
    sheet: Image.Image,
    kinds: tuple[str, ...],
    place: tuple[int, int] | None,
    folder: Path,
) -> Thumbnail:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{choose_page_name(record.case.id)}.webp"
    sheet.save(target, "WEBP", quality=82, method=2)
    captions = tuple(WORDS[kind] for kind in kinds)
    where = f" at y {place[0]}, x {place[1]}" if place else ""
    alt = f"{name_case(record.case)}{where}: {', '.join(captions)}"
    return Thumbnail(target, *sheet.size, alt, captions)


def find_evidence(record: CaseRecord, finding: Finding) -> tuple[int, int] | None:
    """Where the finding's metric is worst: in its own region, else anywhere; of one without a
    number, where LPIPS is.
    """
    evidence = finding.evidence
    if evidence is None:
        return find_worst_place(record)
    name = metric_name(evidence.metric)
    found = [
        row for row in record.measurements if row.y is not None and metric_name(row.metric) == name
    ]
    own = [row for row in found if row.region == evidence.region]
    return _centre(own[0]) if own else _centre(found[0]) if found else find_worst_place(record)


def find_worst_place(record: CaseRecord) -> tuple[int, int] | None:
    """Where LPIPS is worst in the edit: y, x in output pixels; None: not known."""
    row = numbers.find(record, "lpips", "edit", "worst")
    return _centre(row) if row else None


def _centre(row: Measurement) -> tuple[int, int] | None:
    return None if row.y is None or row.x is None else (row.y, row.x)


def _make_box(
    size: tuple[int, int], place: tuple[int, int] | None
) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the square that is shown."""
    width, height = size
    edge = min(width, height) if place is None else min(CUT_PX, width, height)
    y, x = place or (height // 2, width // 2)
    left, top = min(max(x - edge // 2, 0), width - edge), min(max(y - edge // 2, 0), height - edge)
    return (left, top, left + edge, top + edge)
