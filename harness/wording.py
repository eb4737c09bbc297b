"""How the gate names things to a person."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Case

NAMED = 3
"""How many cases a message names."""


def case_name(case: Case) -> str:
    """A case: `logo/2 patch seed 42`."""
    return f"{case.scene} {case.model.name} seed {case.seed}"


def where(family: str, model: str, metric: str, region: str, stat: str) -> str:
    """What a rule looks at."""
    return f"{family} · {model}: {metric} {stat} in {region}"


def number(value: float, unit: str) -> str:
    """A number with its unit."""
    return f"{value:.4g} {unit}".rstrip()


def names(listed: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(listed) - NAMED
    return "; ".join(listed[:NAMED]) + (f"; and {more} more" if more > 0 else "")
