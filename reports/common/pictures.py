"""Pictures of a run as a page refers to them: where they lie, how large they are, what they
show.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from editproof.harness.records.cases import CaseRecord, StageRecord
from editproof.harness.records.foreign import png_size
from editproof.harness.records.runs import Run, blob_path

MAIN = ("input", "expected", "actual", "difference")
EXTRA = ("regions", "overlay")
LABELS = {
    "input": "Input",
    "expected": "Expected",
    "actual": "Actual",
    "difference": "Difference",
    "regions": "Regions",
    "overlay": "Overlay alpha",
}
ABOUT = {
    "input": "what the pipeline was given",
    "expected": "the ground truth",
    "actual": "what the pipeline made",
    "difference": "ΔE00 from expected",
    "regions": "where each number is taken",
    "overlay": "what must go",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One image on a page."""

    kind: str
    label: str
    about: str
    href: str
    """Relative to the page; empty: there is none."""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the pipeline with its artefact."""

    record: StageRecord
    picture: Picture


@dataclass(slots=True)
class Gallery:
    """Finds the pictures of a run for pages in one folder; a picture that is not on disk is told as
    missing.
    """

    run_folder: Path
    page_folder: Path
    _known: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    _prefix: str = ""

    @classmethod
    def of(cls, run: Run, page_folder: Path) -> Gallery:
        """The gallery of a run for pages that lie in `page_folder`."""
        return cls(run.folder, page_folder)

    def main(self, record: CaseRecord) -> tuple[Picture, ...]:
        """Input, expected, actual and difference, also those that are missing."""
        return tuple(self.picture(record, kind) for kind in MAIN)

    def truth(self, record: CaseRecord) -> tuple[Picture, ...]:
        """The pictures that not every case has."""
        return tuple(self.picture(record, kind) for kind in EXTRA if kind in record.blobs)

    def picture(self, record: CaseRecord, kind: str) -> Picture:
        """One picture of a case."""
        return Picture(kind, LABELS[kind], ABOUT[kind], *self._place(record.blobs.get(kind, "")))

    def stages(self, stages: Sequence[StageRecord]) -> tuple[Stage, ...]:
        """The stages of a case with their artefacts."""
        return tuple(
            Stage(stage, Picture("artefact", stage.name, "artefact", *self._place(stage.artefact)))
            for stage in stages
        )

    def place(self, digest: str) -> tuple[str, int, int] | None:
        """Path, width and height of a picture by its hash; None where it is not on disk."""
        href, width, height = self._place(digest)
        return (href, width, height) if href else None

    def _place(self, digest: str) -> tuple[str, int, int]:
        if digest not in self._known:
            size = png_size(blob_path(self.run_folder, digest)) if digest else None
            href = f"{self._find_blobs()}/{digest[:2]}/{digest}.png" if size else ""
            self._known[digest] = (href, *(size or (0, 0)))
        return self._known[digest]

    def _find_blobs(self) -> str:
        """The URL of the run's `blobs/`, seen from the page."""
        self._prefix = self._prefix or make_url(self.run_folder / "blobs", self.page_folder)
        return self._prefix


def read_picture(folder: Path, digest: str) -> Image.Image | None:
    """A picture of a run as RGB; None where there is none, or it can't be read."""
    if not digest:
        return None
    try:
        with Image.open(blob_path(folder, digest), formats=("PNG",)) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def make_url(path: Path, page_folder: Path) -> str:
    """The URL of a file, seen from a page's folder."""
    return quote(os.path.relpath(path, page_folder).replace(os.sep, "/"), errors="surrogateescape")
