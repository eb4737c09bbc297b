"""A baseline, read: what a run is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from editproof.harness.records.runs import Run


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is compared with."""

    run: Run
    """What was accepted first for each case."""
    also: tuple[Run, ...] = ()
    """Further right answers that were accepted for some of its cases: the nearest one counts."""
