"""GitLab's code quality report: one entry for each finding that needs a person."""

from __future__ import annotations

import hashlib
import json

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Finding, Outcome, Verdict
from editproof.reports.common.verdict import Checkout, list_reasons, make_line, open_findings

NO_FILE = "editproof.toml"
"""Where a finding lies whose pipeline is no file of the repository: GitLab asks for a path."""

SEVERITY = {
    Outcome.ERROR: "blocker",
    Outcome.REGRESSED: "major",
    Outcome.TRADED: "major",
    Outcome.WAIVED: "info",
    Outcome.PASS: "info",
}
"""Of what does not fail the build; of any other outcome it is minor."""
FAILS = "critical"


def write_code_quality(manifest: Manifest, verdict: Verdict, checkout: Checkout) -> bytes:
    """The file: a JSON list, in the verdict's order. A run that could not be judged has its reasons
    in it and no findings.
    """
    if verdict.invalid:
        entries = [
            _make_entry("validity", reason, "blocker", NO_FILE, ("validity", reason))
            for reason in list_reasons(verdict)
        ]
    else:
        entries = [_of_finding(manifest, finding, checkout) for finding in open_findings(verdict)]
    return json.dumps(entries, indent=1, ensure_ascii=False).encode()


def _of_finding(manifest: Manifest, finding: Finding, checkout: Checkout) -> dict[str, object]:
    line = make_line(finding)
    severity = FAILS if finding.fails else SEVERITY.get(finding.outcome, "minor")
    path = checkout.source(manifest, finding.models) or NO_FILE
    return _make_entry(line.rule, f"{line.said}: {line.text}", severity, path, line.identity)


def _make_entry(
    name: str, text: str, severity: str, path: str, identity: tuple[str, ...]
) -> dict[str, object]:
    """The fingerprint goes by what the finding is about, so GitLab knows it again when its numbers
    change.
    """
    return {
        "description": text,
        "check_name": f"editproof: {name}",
        "fingerprint": (
            hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()
        ),
        "severity": severity,
        "location": {"path": path, "lines": {"begin": 1}},
    }
