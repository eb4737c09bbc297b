"""What all outputs say alike of a run: what became of its cases."""

from __future__ import annotations

from editproof.harness.records.accepted_cases import load_pairs
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import OUTCOMES, Finding, Outcome
from editproof.harness.records.vocabulary import Region

STATES = {
    "error": "Error",
    "refused": "Refused",
    "needs_review": "Needs review",
    "regressed": "Regressed",
    "traded": "Traded",
    "underpowered": "Perhaps worse",
    "changed": "Changed",
    "not judged": "Not judged",
    "waived": "Waived",
    "missing": "Not run",
    "improved": "Improved",
    "invisible": "Changed invisibly",
    "unchanged": "Unchanged",
    "done": "Done",
}
"""What became of a case, in the order in which people must look. `done`: it has ended, and was
compared with nothing.
"""

FAILED = frozenset({"error", "refused", "needs_review"})
"""States without a picture that a customer gets."""

WINDOW_PX = 64
"""Edge of the window that `worst` is taken over, in output pixels."""

KEY_NUMBERS: tuple[tuple[str, Region, str], ...] = (
    ("psnr", "edit", "mean"),
    ("ssim", "edit", "mean"),
    ("lpips", "edit", "mean"),
    ("delta_e00", "edit", "mean"),
)
"""What one line about a case shows."""


def find_states(run: Run) -> dict[str, str]:
    """Case id -> what became of it, in the order of the manifest."""
    judged = _find_judged(run)
    same = find_unchanged(run)
    ended = {}
    for record in run.records:
        known = judged.get(record.case.id, "unchanged" if record.case.id in same else record.status)
        ended[record.case.id] = known if record.status == "done" else record.status
    return {case.id: ended.get(case.id, "missing") for case in run.manifest.cases}


def find_unchanged(run: Run) -> frozenset[str]:
    """Ids of the cases whose picture is an accepted one, bit for bit."""
    return frozenset(load_pairs(run.folder).unchanged)


def list_findings(run: Run) -> tuple[Finding, ...]:
    """The verdict's findings, in its order."""
    return run.verdict.findings if run.verdict else ()


def _find_judged(run: Run) -> dict[str, str]:
    """Case id -> the worst that the verdict says of it."""
    if run.verdict is None:
        return {}
    said: dict[str, list[Outcome]] = {
        change.case_id: [change.outcome] for change in run.verdict.changes
    }
    for finding in run.verdict.findings:
        for case_id in finding.cases if finding.outcome is not Outcome.PASS else ():
            said.setdefault(case_id, []).append(finding.outcome)
    return {case_id: min(outcomes, key=OUTCOMES.index).value for case_id, outcomes in said.items()}


def list_models(run: Run) -> tuple[str, ...]:
    """Names of the models, in the suite's order."""
    return tuple(dict.fromkeys(case.model.name for case in run.manifest.cases))


def list_families(run: Run) -> tuple[str, ...]:
    """Names of the families, in the suite's order."""
    return tuple(dict.fromkeys(case.family for case in run.manifest.cases))
