"""What blame found out about a case."""

from __future__ import annotations

from dataclasses import dataclass

from editproof.harness.records.cases import Case
from editproof.harness.records.vocabulary import Region


@dataclass(frozen=True, slots=True)
class StageEffect:
    """The effect of one stage."""

    stage: str
    effect: float
    """Its share of the change for the worse, in the metric's unit."""
    alone: float
    """Change for the worse if only this stage of the bad pipeline is put into the good one."""
    cured: float
    """Change for the better if only this stage of the good pipeline is put into the bad one."""


@dataclass(frozen=True, slots=True)
class Blame:
    """What is known about a case that got worse."""

    case: Case
    metric: str
    """The metric's identity."""
    region: Region
    stat: str
    unit: str
    before: float | None
    """The baseline's number; None: it has none."""
    after: float | None
    first: str
    """The first stage whose artefact differs from the baseline's; empty: see `notes`."""
    shares: tuple[StageEffect, ...] = ()
    """Largest effect first. Empty: no stage was swapped, and `notes` says why."""
    good: float | None = None
    """The number of the good pipeline today, on what was edited."""
    bad: float | None = None
    crop: tuple[int, int, int, int] | None = None
    """What was edited: y0, x0, y1, x1 in input pixels; None: the whole picture."""
    edits: int = 0
    """Number of edits made."""
    notes: tuple[str, ...] = ()
    bundle: str = ""
    """Folder that reproduces the regression; empty: none was written."""
    see_again: str = ""
    """The command that reproduces it; empty: there is no bundle."""

    @property
    def stage(self) -> str:
        """The stage to look at: the one with the largest effect, else the first that differs."""
        return self.shares[0].stage if self.shares else self.first
