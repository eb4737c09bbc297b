"""What a person sees while a run goes on."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from editproof.harness.operations.progress import show_progress
from editproof.harness.records.cases import CaseError, CaseRecord
from editproof.harness.records.suites import Model
from tests.harness.made import failed


def fail(step: int, kind: str, message: str) -> CaseRecord:
    error = CaseError(kind, message, "")
    return replace(failed(step), reason=message, error=error)


def show(records: list[CaseRecord], *, terminal: bool) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=200, no_color=True)
    with show_progress(console, quiet=False) as report:
        for number, record in enumerate(records, start=1):
            report(record, number, len(records))
    return [line for line in file.getvalue().splitlines() if "failed: " in line]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_reason_is_shown_once_and_its_cases_are_counted(*, terminal: bool) -> None:
    """Numbers and names of requests do not make another reason."""
    gone = [fail(1, "ServiceGoneError", "http://a refused the last 3 connections")] * 28
    busy = [
        fail(2, "ServiceError", "answered 503 (request 1a2b3c4d5e): queue 7"),
        fail(3, "ServiceError", "answered 503 (request x-17): queue 12"),
    ]
    shown = show([*gone, *busy, fail(1, "Other", "else")], terminal=terminal)
    assert len(shown) == 5
    assert "seed 42: http://a refused the last 3 connections" in shown[0]
    assert "answered 503 (request 1a2b3c4d5e)" in shown[1]
    assert "Other: else" in shown[2]
    assert "27 more cases for the same reason as logo/1" in shown[3]
    assert "1 more case for the same reason as logo/2" in shown[4]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("", "refs/cat a"),
        ("/{name}.png", "refs/cat a"),
        ("/{name}_{seed}.png", "refs/cat a seed 42"),
    ],
)
def test_finished_pictures_without_a_seed_are_named_without_one(pattern: str, name: str) -> None:
    made = fail(1, "AnswerError", "there is no picture")
    model = Model("a", f"outputs:results{pattern}")
    case = replace(made.case, family="refs", step=0, own="cat", model=model)
    assert show([replace(made, case=case)], terminal=False) == [
        f"failed: {name}: there is no picture"
    ]


def test_another_status_is_another_reason() -> None:
    """However alike the sentences are."""
    messages = ("answered 503 (request a): no", "answered 429 (request b): no", "not found")
    assert len(show([fail(1, "A", one) for one in messages], terminal=False)) == 3
