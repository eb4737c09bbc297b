"""GitLab's code quality report: one entry for each finding that needs a person."""

from __future__ import annotations

import hashlib
import json

from harness.runs import Manifest
from harness.types import Outcome, Verdict
from reports.verdict import Checkout, Row, reasons, rows

NO_FILE = "editproof.toml"
"""Where a finding lies whose pipeline is no file of the repository: GitLab asks for a path."""

SEVERITY = {
    Outcome.REGRESSED.value: "critical",
    Outcome.UNDERPOWERED.value: "minor",
    Outcome.WAIVED.value: "info",
}
"""Outcomes that are listed."""


def code_quality(manifest: Manifest, verdict: Verdict, checkout: Checkout) -> bytes:
    """The file: a JSON list, worst first. A run that could not be judged has its reasons in it and no findings."""
    if verdict.invalid:
        entries = [_entry("validity", reason, "blocker", NO_FILE, ("validity", reason)) for reason in reasons(verdict)]
    else:
        entries = [_of_row(manifest, row, checkout) for row in rows(verdict) if row.outcome in SEVERITY]
    return json.dumps(entries, indent=1, ensure_ascii=False).encode()


def _of_row(manifest: Manifest, row: Row, checkout: Checkout) -> dict[str, object]:
    path = checkout.source(manifest, row.model) or NO_FILE
    return _entry(row.rule, row.text, SEVERITY[row.outcome], path, row.identity)


def _entry(name: str, text: str, severity: str, path: str, identity: tuple[str, ...]) -> dict[str, object]:
    """The fingerprint goes by what the finding is about, so GitLab knows it again when its numbers change."""
    return {
        "description": text,
        "check_name": f"editproof: {name}",
        "fingerprint": hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest(),
        "severity": severity,
        "location": {"path": path, "lines": {"begin": 1}},
    }
