"""Thumbnails of the front page: where a finding is, cut out of the accepted or expected picture, of
this run's, and of their difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from editproof.harness.records.accepted_cases import AcceptedCases, load_accepted_cases
from editproof.harness.records.cases import CaseRecord, Measurement
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Finding
from editproof.harness.records.wording import name_try
from editproof.reports.common import numbers
from editproof.reports.common.pictures import read_picture
from editproof.reports.html.case_list import choose_page_name

EDGE_PX = 144
"""Of each of the cuts."""

CUT_PX = 128
"""Of the place that is cut out, in output pixels: the worst window and as much again around it."""

GAP_PX = 4
AMPLIFIED = 8
"""By how much the difference is."""
MOST = 48
"""Thumbnails on a page."""


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
        thumbnail = _draw(
            run.folder,
            record,
            _choose_blobs(record, finding, before),
            _place(record, finding),
            folder,
        )
        if thumbnail:
            drawn[finding.case_id] = thumbnail
    return drawn


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


def _choose_blobs(record: CaseRecord, finding: Finding, before: AcceptedCases) -> dict[str, str]:
    """The case's pictures by kind; of a finding beside the accepted picture that one stands for the
    expected.
    """
    blobs = dict(record.blobs)
    other = before.get(record.case.id) if finding.rule == "picture" else None
    if other and "actual" in other.blobs and "actual" in blobs:
        blobs.pop("expected", "")
        blobs["accepted"] = other.blobs["actual"]
    return blobs


def _draw(
    run_folder: Path,
    record: CaseRecord,
    blobs: Mapping[str, str],
    place: tuple[int, int] | None,
    folder: Path,
) -> Thumbnail | None:
    kinds = [kind for kind in ("accepted", "expected", "actual") if kind in blobs] or ["input"]
    if "actual" not in kinds:
        kinds, place = ["input"], None
    pictures = []
    for kind in kinds:
        picture = read_picture(run_folder, blobs.get(kind, ""))
        if picture is None:
            return None
        pictures.append(picture)
    if len({picture.size for picture in pictures}) > 1:
        pictures, kinds = pictures[-1:], kinds[-1:]
    if len(pictures) > 1:
        gap = ImageChops.difference(*pictures)
        pictures, kinds = (
            [*pictures, gap.point(lambda level: level * AMPLIFIED)],
            [*kinds, "difference"],
        )
    sheet = cut(pictures, place)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{choose_page_name(record.case.id)}.webp"
    sheet.save(target, "WEBP", quality=82, method=2)
    words = {
        "accepted": "accepted",
        "expected": "expected",
        "actual": "this run",
        "difference": f"difference ×{AMPLIFIED}",
        "input": "the input: there is no result",
    }
    captions = tuple(words[kind] for kind in kinds)
    where = f" at y {place[0]}, x {place[1]}" if place else ""
    alt = (
        f"{record.case.scene}, {record.case.model.name},"
        f" {name_try(record.case.seed, record.case.repeat)}{where}:"
        f" {', '.join(captions)}"
    )
    return Thumbnail(target, *sheet.size, alt, captions)


def _place(record: CaseRecord, finding: Finding) -> tuple[int, int] | None:
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
