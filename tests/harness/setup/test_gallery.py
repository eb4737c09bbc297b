"""The gallery page describes every family and each of its steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.harness.setup.gallery import write_gallery
from editproof.harness.setup.pages import COLUMNS, list_entry, wrap_sentences
from editproof.vectors import VECTORS

ROOT = Path(__file__).parents[3]


def test_the_gallery_names_every_family_and_its_picture_exists(tmp_path: Path) -> None:
    """It says what to look for, and has a row for each step."""
    page = write_gallery(VECTORS[:2], tmp_path / "a page.md")
    text = page.read_text(encoding="utf-8")
    for vector in VECTORS[:2]:
        assert wrap_sentences(vector.about) in text
        assert f"\n| {len(vector.ladder)} | " in text
        assert (tmp_path / "a page" / f"{vector.family}.png").is_file()


def test_the_docs_gallery_shows_the_catalogue_as_it_is() -> None:
    """Write it again with `editproof vectors gallery docs/vectors.md`."""
    text = (ROOT / "docs" / "vectors.md").read_text(encoding="utf-8")
    for vector in VECTORS:
        assert wrap_sentences(vector.about) in text
        assert (ROOT / "docs" / "vectors" / f"{vector.family}.png").is_file()
        names = list(vector.units)
        for name, meaning in vector.units.items():
            assert list_entry(name, f"{meaning}.") in text
        for step, rung in enumerate(vector.ladder, start=1):
            row = f"| {step} | {' | '.join(str(rung[name]) for name in names)} |"
            assert row.replace("True", "yes").replace("False", "no") in text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One. Two: three.", ["One.", "Two: three."]),
        ("Steps, e.g. `0,2`. 0: never.", ["Steps, e.g. `0,2`.", "0: never."]),
        ("word " * 30, ["word " * 19 + "word", "word " * 9 + "word"]),
    ],
)
def test_a_sentence_has_a_line_of_its_own(text: str, lines: list[str]) -> None:
    """Unless it is wider than a page: then it goes on in the next line."""
    assert wrap_sentences(text).splitlines() == lines
    assert max(map(len, list_entry("name", text).splitlines())) <= COLUMNS
