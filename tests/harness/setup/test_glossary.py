"""The glossary: one page, one meaning a term, in sentences that are understood at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.records.glossary import GLOSSARY, terms
from editproof.harness.records.verdicts import OUTCOMES, Outcome
from editproof.harness.records.vocabulary import ASPECTS
from editproof.harness.setup.glossary import find_term, page

PAGE = Path(__file__).parents[3] / "docs" / "glossary.md"
UNEXPLAINED = {Outcome.ERROR, Outcome.PASS}
"""Words that mean what they say."""


def test_the_page_is_the_glossary() -> None:
    """Write it again with `editproof explain glossary --page docs/glossary.md`."""
    assert PAGE.read_text() == page()


def test_each_term_stands_once() -> None:
    assert len(terms()) == sum(len(section) for section in GLOSSARY.values())


def test_every_outcome_and_aspect_is_explained() -> None:
    assert {outcome.value for outcome in OUTCOMES if outcome not in UNEXPLAINED} <= set(terms())
    assert all(aspect in terms()["aspect"] for aspect in ASPECTS)


@pytest.mark.parametrize("term", terms())
def test_sentences_are_short(term: str) -> None:
    """25 words at most."""
    sentences = re.split(r"(?<=[.;])\s", terms()[term])
    assert max(len(sentence.split()) for sentence in sentences) <= 25


def test_a_term_is_explained_and_a_typing_error_finds_it() -> None:
    done = CliRunner().invoke(app, ["explain", "underpowered"])
    assert done.stdout.startswith("underpowered: Much worse, on too few seeds")
    part = CliRunner().invoke(app, ["explain", "worst"])
    assert part.stdout.startswith("worst window: The 64 × 64 window")
    assert find_term("jod") == "JOD"
    assert find_term("not") == ""  # several terms hold it
    wrong = CliRunner().invoke(app, ["explain", "underpowerd"])
    assert (wrong.exit_code, "did you mean underpowered?" in wrong.stderr) == (2, True)
