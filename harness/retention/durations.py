"""Durations as people write them: `30 days`, `12 hours`."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
MAX_DURATION = timedelta(days=36_500)

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) (minute|hour|day|week)s?", re.ASCII)


def parse_duration(text: str, name: str) -> timedelta:
    """A duration above 0 and up to 100 years. Raises ValueError with the name of the setting or
    option.
    """
    match = _DURATION.fullmatch(text)
    duration = float(match[1]) * UNITS[match[2]] if match else timedelta()
    if not timedelta() < duration <= MAX_DURATION:
        raise ValueError(
            f"{name} is {text!r}, which is not a duration: write a number above 0 and a unit"
            f' ({", ".join(f"{unit}s" for unit in UNITS)}), such as "30 days"'
        )
    return duration
