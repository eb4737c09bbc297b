"""What all outputs say alike of a run: what became of its cases, and in which order people look at findings."""

from __future__ import annotations

from harness.runs import Run
from harness.types import CaseRecord, Finding, Outcome, Region

STATES = {
    "error": "Error",
    "refused": "Refused",
    "needs_review": "Needs review",
    "regressed": "Regressed",
    "missing": "Not run",
    "done": "Done",
}
"""What became of a case, in the order in which people must look."""

FAILED = frozenset({"error", "refused", "needs_review"})
"""States without a picture that a customer gets."""

OUTCOMES = (
    Outcome.ERROR,
    Outcome.REGRESSED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
    Outcome.IMPROVED,
    Outcome.PASS,
)
"""In the order in which people must look."""

WINDOW_PX = 64
"""Edge of the window that `worst` is taken over, in output pixels."""

KEY_NUMBERS: tuple[tuple[str, Region, str], ...] = (
    ("psnr", "edit", "mean"),
    ("ssim", "edit", "mean"),
    ("lpips", "edit", "mean"),
    ("delta_e00", "edit", "mean"),
)
"""What one line about a case shows."""


def describe(finding: Finding) -> str:
    """A finding in one line, with the family and the model that it is about."""
    if finding.family in finding.text and finding.model in finding.text:
        return finding.text
    return f"{finding.family} × {finding.model}: {finding.text}"


def states(run: Run) -> dict[str, str]:
    """Case id -> what became of it, in the order of the manifest."""
    past = regressed(run)
    ended = {record.case.id: state(record, past) for record in run.records}
    return {case.id: ended.get(case.id, "missing") for case in run.manifest.cases}


def findings(run: Run) -> tuple[Finding, ...]:
    """The verdict's findings, those that need a person first, else in the verdict's order."""
    found = run.verdict.findings if run.verdict else ()
    return tuple(sorted(found, key=lambda finding: OUTCOMES.index(finding.outcome)))


def regressed(run: Run) -> frozenset[str]:
    """Ids of the cases that a regressed finding names."""
    return frozenset(finding.case_id for finding in findings(run) if finding.outcome is Outcome.REGRESSED)


def models(run: Run) -> tuple[str, ...]:
    """Names of the models, in the suite's order."""
    return tuple(dict.fromkeys(case.model.name for case in run.manifest.cases))


def families(run: Run) -> tuple[str, ...]:
    """Names of the families, in the suite's order."""
    return tuple(dict.fromkeys(case.family for case in run.manifest.cases))


def state(record: CaseRecord, past: frozenset[str]) -> str:
    """What became of a case: one of STATES, or the pipeline's own word."""
    return "regressed" if record.status == "done" and record.case.id in past else record.status
