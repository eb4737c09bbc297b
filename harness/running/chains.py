"""Chains: what a turn edits, and what becomes of it where the turn before made no picture."""

from __future__ import annotations

from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.errors import EditproofError


class EarlierTurnError(EditproofError):
    """A turn has nothing to edit, because an earlier one failed."""


def check_turn_before(case: Case, before: CaseRecord | None) -> CaseRecord:
    """The record of the turn before. Raises EarlierTurnError where it failed."""
    if before is None or not case.follows(before.case):
        raise EarlierTurnError(
            f"turn {case.turn - 1} did not end, so later turns have nothing to edit. Run the case"
            " again"
        )
    if before.error is None:
        return before
    if before.error.kind == EarlierTurnError.__name__:
        raise EarlierTurnError(before.reason)
    raise EarlierTurnError(
        f"turn {case.turn - 1} failed, so later turns have nothing to edit: {before.reason}"
    )


def refuse_turn(case: Case, before: CaseRecord) -> CaseRecord:
    """The record of a turn after a refusal: it has nothing to edit either, and is no error."""
    already = before.reason if _is_stopped(before) else ""
    reason = already or (
        f"turn {before.case.turn} was refused, so later turns have nothing to edit: {before.reason}"
    )
    return CaseRecord(case, before.status, reason, 0.0, cached=False)


def _is_stopped(record: CaseRecord) -> bool:
    """Whether the pipeline was not asked."""
    return record.case.turn > 1 and "input" not in record.blobs
