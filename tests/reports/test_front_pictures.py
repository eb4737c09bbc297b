"""What is said of a case on the first screen."""

from __future__ import annotations

import pytest

from editproof.reports.html.front_pictures import describe_case
from tests.harness.made import measured


@pytest.mark.parametrize(
    ("state", "change", "sentence"),
    [
        ("unchanged", 0.0, "It is the accepted picture, bit for bit."),
        ("waived", 0.0, "It is the accepted picture, bit for bit."),
        ("unchanged", 0.4, "It differs no more than seeds do."),
        ("invisible", 0.01, "It changed, and nobody can see it."),
        ("regressed", 5.0, "The difference from the baseline is obvious."),
        ("pass", None, "There is no accepted picture to compare with."),
    ],
)
def test_a_case_is_described_by_what_became_of_it(
    state: str, change: float | None, sentence: str
) -> None:
    assert describe_case(measured(35.0), state, change) == sentence
