"""Where edits are made: what a run asks of this machine's workers, or of a cluster's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import Model
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.suites.cases import Environment


class Engine(Protocol):
    """Makes edits and measures them. The records do not depend on which engine it is."""

    def describe(self, models: Sequence[Model]) -> dict[str, PipelineInfo]:
        """Load every pipeline once, and give what it is, by model. Raises UsageError."""
        ...

    def find_environment(self) -> Environment:
        """What of the place determines numbers. Raises UsageError where it can't be used."""
        ...

    def drop(self, model: str) -> None:
        """Begin no more edits of a model."""
        ...

    def make_edits(
        self, setup: WorkerSetup, work: Sequence[EditWork], ends_at: float | None
    ) -> Iterable[Sequence[CaseRecord]]:
        """Do the work and give the records of cases that ended together, as they end. From
        `ends_at` on, seconds of the monotonic clock, nothing is begun. Raises IncompleteError where
        the place is gone.
        """
        ...
