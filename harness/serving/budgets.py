"""Whether stages keep to their time budgets: the `budget_ms` of their settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from editproof.harness.serving.bodies import BudgetReport, BudgetsAnswer, StageReport
from editproof.harness.serving.database import EditRecord
from editproof.harness.serving.service import Service
from editproof.pipelines.reference import SECTIONS, STAGES

LATEST = 1000
"""Edits that the shares are of."""


def find_budget_ms(stage: str, settings: Mapping[str, Any]) -> float:
    """The budget of a stage as a trace names it, `inpaint[patch]` too; 0: it has none."""
    name = stage.partition("[")[0]
    return float(settings.get(f"{SECTIONS.get(name, name)}.budget_ms", 0.0))


def report_stages(record: EditRecord) -> list[StageReport]:
    """The stages of an edit, each with the budget that it had."""
    settings = record.question["settings"]
    return [
        StageReport(**stage, budget_ms=find_budget_ms(stage["name"], settings))
        for stage in record.stages
    ]


def report_budgets(service: Service, owner: str) -> BudgetsAnswer:
    """How often each stage kept to its budget in the owner's latest edits. Every edit counts by the
    budget that it was made with.
    """
    latest = (
        select(EditRecord)
        .where(EditRecord.owner == owner)
        .order_by(EditRecord.made_at.desc())
        .limit(LATEST)
    )
    with service.database.reading() as session:
        records = session.scalars(latest).all()
    counts = Counter(verdict for record in records for verdict in _list_verdicts(record))
    settings = service.config.as_settings()
    stages = [
        BudgetReport(
            stage=name,
            budget_ms=find_budget_ms(name, settings),
            kept=counts[name, True],
            missed=counts[name, False],
        )
        for name, _ in STAGES
    ]
    return BudgetsAnswer(edits=len(records), stages=stages)


def _list_verdicts(record: EditRecord) -> Iterator[tuple[str, bool]]:
    """For each stage with a budget, whether it kept it."""
    for stage in report_stages(record):
        if stage.is_kept is not None:
            yield stage.name.partition("[")[0], stage.is_kept
