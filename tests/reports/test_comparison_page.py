"""The comparison in the terminal and on its page: the answer first, and no row that speaks against
it unsaid.
"""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from editproof.harness.records.comparison import (
    AspectAnswer,
    AspectOutcome,
    Comparison,
    Outcome,
    Row,
    Side,
)
from editproof.harness.records.vocabulary import ASPECTS
from editproof.reports.html.comparison_page import (
    choose_headline,
    make_aspect_table,
    make_comparison_table,
)


def row(outcome: Outcome, aspect: str, metric: str) -> Row:
    way = {"lost": 1.0, "won": -1.0}.get(outcome, 0.0)
    return Row(
        "high_frequency",
        "ns → patch",
        f"{metric}@1",
        "edit",
        "mean",
        "dB",
        "higher",
        outcome,
        "",
        30.0,
        30.0 - way,
        way,
        None,
        None,
        3,
        0,
        0,
        0.5,
        aspect,
    )


def comparison(*rows: Row, **outcomes: AspectOutcome) -> Comparison:
    """What was found: rows, and the outcome of some aspects."""
    aspects = tuple(
        AspectAnswer(name, outcomes.get(name, "even"), 12.0, 34.0, 0.5) for name in ASPECTS
    )
    a, b = (Side(name, "", "", ("ns",), "0") for name in "ab")
    return Comparison(
        "swap", a, b, 3, (), rows, (), (), "psnr mean in edit", (), (), aspects=aspects
    )


def printed(table: Table) -> str:
    """As a terminal of 80 columns shows it."""
    text = io.StringIO()
    Console(file=text, width=80).print(table)
    return text.getvalue()


def test_aspects_come_best_first_and_only_what_moved_has_numbers() -> None:
    """All nine are there."""
    lines = [
        line.split()
        for line in printed(
            make_aspect_table(comparison(seams="worse", detail="better"))
        ).splitlines()[2:]
    ]
    assert lines[0] == ["detail", "better", "34.0", "12.0", "0.50"]
    assert lines[1][:2] == ["seams", "worse"]
    assert sum(line[-1] == "even" for line in lines) == 7


def test_rows_against_their_aspect_are_counted_and_not_listed() -> None:
    """A number that is lost while its aspect is better stands on the page alone, with that
    remark.
    """
    found = comparison(
        row("won", "detail", "sharpness"), row("lost", "detail", "grain"), detail="better"
    )
    text = printed(make_comparison_table(found))
    assert "Sharpness" in text
    assert "Grain" not in text
    assert "1 point the other way than their aspect" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("found", "word", "tone"),
    [
        (replace(comparison(detail="better"), take="b"), "TAKE B", "good"),
        (replace(comparison(detail="better", seams="worse"), take="b"), "TAKE B", "warn"),
        (replace(comparison(seams="worse"), take="a"), "KEEP A", "bad"),
        (comparison(detail="better", seams="worse"), "IT DEPENDS", "warn"),
        (comparison(), "NO DIFFERENCE", "plain"),
    ],
)
def test_the_headline_says_which_to_take(found: Comparison, word: str, tone: str) -> None:
    """With the answer below it."""
    said = choose_headline(replace(found, answer="B is …"))
    assert (said.word, said.tone, said.why) == (word, tone, "B is …")
