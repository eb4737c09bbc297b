"""Small pictures of whole cases, for the list and the gallery: what it was, and what it is now.

Every case has one strip: the accepted or expected picture and this run's; of the user's own the
input, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from editproof.harness.records.accepted_cases import AcceptedCases, load_accepted_cases
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run
from editproof.reports.common.pictures import read_picture
from editproof.reports.html.case_list import choose_page_name

EDGE_PX = 112
"""Of each picture: it is fitted into this square."""

GAP_PX = 4
MOST = 1000
"""Strips on the disk, of what comes first in the list. Of any other case the gallery loads the
pictures themselves.
"""

FOLDER = "strips"

Tile = Image.Image


def write_strips(run: Run, ids: Iterable[str], folder: Path) -> dict[str, str]:
    """Draw the strips of these cases, at most MOST, into a report's folder, on all cores; case id
    -> what each shows, from the left: `accepted actual`.
    """
    records = {record.case.id: record for record in run.records}
    chosen = [records[case_id] for case_id in ids if case_id in records][:MOST]
    drawer = _StripDrawer(run.folder, folder / FOLDER, load_accepted_cases(run.folder))
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = pool.map(drawer.draw, chosen)
        return {record.case.id: shown for record, shown in zip(chosen, drawn, strict=True) if shown}


def choose_kinds(record: CaseRecord, accepted: str) -> dict[str, str]:
    """Hashes of what a strip shows, by kind, from the left; `accepted` is the hash of the accepted
    picture, or empty.
    """
    blobs = record.blobs
    known = {
        "input": blobs.get("input", "") if record.case.own or "actual" not in blobs else "",
        "accepted": accepted,
        "expected": "" if accepted else blobs.get("expected", ""),
        "actual": blobs.get("actual", ""),
    }
    return {kind: digest for kind, digest in known.items() if digest}


@dataclass(slots=True)
class _StripDrawer:
    """Draws strips; a picture that several cases share is read once."""

    run_folder: Path
    folder: Path
    before: AcceptedCases
    _tiles: dict[str, Tile | None] = field(default_factory=dict)

    def draw(self, record: CaseRecord) -> str:
        """One strip; what it shows. Empty: no picture is on the disk."""
        other = self.before.get(record.case.id)
        kinds = choose_kinds(record, other.blobs.get("actual", "") if other else "")
        tiles = {kind: self._tile(digest) for kind, digest in kinds.items()}
        shown = {kind: tile for kind, tile in tiles.items() if tile is not None}
        if not shown:
            return ""
        width = EDGE_PX * len(shown) + GAP_PX * (len(shown) - 1)
        sheet = Image.new("RGB", (width, EDGE_PX), "#808080")
        for index, tile in enumerate(shown.values()):
            left = index * (EDGE_PX + GAP_PX) + (EDGE_PX - tile.width) // 2
            sheet.paste(tile, (left, (EDGE_PX - tile.height) // 2))
        sheet.save(self.folder / f"{choose_page_name(record.case.id)}.webp", "WEBP", quality=78)
        return " ".join(shown)

    def _tile(self, digest: str) -> Tile | None:
        if digest not in self._tiles:
            picture = read_picture(self.run_folder, digest)
            if picture is not None:
                picture.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.BILINEAR, reducing_gap=2)
            self._tiles[digest] = picture
        return self._tiles[digest]
