"""Durations: `30 days` is one, and nothing that only looks like one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from editproof.harness.retention.durations import parse_duration

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    ("text", "hours"),
    [("30 days", 720), ("1 day", 24), ("12 hours", 12), ("90 minutes", 1.5), ("2.5 weeks", 420)],
)
def test_a_number_and_a_unit(text: str, hours: float) -> None:
    """One unit or several, whole or not."""
    assert parse_duration(text, "retention.runs") == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    [
        *("", "30", "days", "30days", "30  days", " 30 days", "30 days ", "30 days\n", "-1 days"),
        *("0 days", "0.0 hours", "1e3 days", "1,5 days", "inf days", "nan days", "3 months"),
        *("٣ days", "999999 weeks", "9999999 days", "30 Days", "1 day 2 hours"),
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    """The message names the setting, what it is, and what to write."""
    with pytest.raises(ValueError, match=r"retention\.runs is .*which is not a duration.*30 days"):
        parse_duration(text, "retention.runs")
