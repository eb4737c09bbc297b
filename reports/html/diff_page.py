"""The page of `editproof diff`: one file with both pictures, their difference and the table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.picture_diff import DiffPictures, PictureDiff
from editproof.reports.common.diff_rows import (
    HEADINGS,
    describe_check,
    list_notes,
    list_regions,
    list_rows,
)
from editproof.reports.common.text import strip_foreign
from editproof.reports.html.report import make_environment, write_static, write_words
from editproof.reports.html.single_file import write_single_file

STYLES = ("tokens.css", "front.css", "diff.css")


def write_diff_page(found: PictureDiff, pictures: DiffPictures, path: Path) -> None:
    """Write the page as one HTML file that needs nothing beside it."""
    shown = {
        "expected": pictures.expected,
        "actual": pictures.actual,
        "difference": pictures.difference,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "diff"
        write_static(folder, STYLES)
        for name, data in shown.items():
            write_atomically(folder / f"{name}.png", data)
        index = folder / "index.html"
        write_atomically(index, _make_page(found, folder).encode("utf-8", "replace"))
        page = write_single_file(index).read_bytes()
    write_atomically(path, page)


def _make_page(found: PictureDiff, folder: Path) -> str:
    failed = any(check.kept is False for check in found.checks)
    unjudged = any(check.kept is None for check in found.checks)
    kept = "good" if found.checks else "plain"
    return (
        make_environment(folder)
        .get_template("diff.html.j2")
        .render(
            styles=STYLES,
            scripts=write_words(folder),
            found=found,
            names=[strip_foreign(Path(path).name) for path in (found.expected, found.actual)],
            tone="bad" if failed else "warn" if unjudged else kept,
            word="Past a limit" if failed else "Not judged" if unjudged else _choose_word(found),
            checks=[describe_check(check) for check in found.checks],
            headings=HEADINGS,
            regions=list_regions(found),
            rows=list_rows(found),
            notes=list_notes(found),
        )
    )


def _choose_word(found: PictureDiff) -> str:
    if found.checks:
        return "Within its limits"
    return "Different" if found.changed_px else "Equal"
