"""GitLab's code quality report."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Finding, Outcome
from editproof.reports.ci import gitlab
from tests.reports.verdicts import BUDGET, FINDING, HERE, PSNR, of, verdict

pytestmark = pytest.mark.smoke


def test_code_quality_lists_what_needs_a_person(manifest: Manifest) -> None:
    """Every entry has GitLab's fields; improvements and what is invisible are none."""
    outcomes = (
        Outcome.REGRESSED,
        Outcome.TRADED,
        Outcome.UNDERPOWERED,
        Outcome.WAIVED,
        Outcome.IMPROVED,
        Outcome.PASS,
    )
    found = [of(outcome, families=(outcome.value,)) for outcome in outcomes]
    entries = json.loads(gitlab.write_code_quality(manifest, verdict(*found), HERE))
    assert [entry["severity"] for entry in entries] == ["critical", "major", "minor", "info"]
    assert set(entries[0]) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    assert json.loads(gitlab.write_code_quality(manifest, verdict(code=ExitCode.OK), HERE)) == []


def test_a_fingerprint_outlives_its_numbers(manifest: Manifest) -> None:
    """The same finding, a little worse, under the next version of its metric, is the same to
    GitLab; another is not.
    """

    def fingerprint(finding: Finding) -> str:
        return str(
            json.loads(gitlab.write_code_quality(manifest, verdict(finding), HERE))[0][
                "fingerprint"
            ]
        )

    later = replace(
        FINDING, evidence=replace(PSNR, after=2.0, metric="psnr@2"), text="further", jod=2.0
    )
    assert fingerprint(later) == fingerprint(FINDING)
    assert fingerprint(replace(FINDING, aspect="seams")) != fingerprint(FINDING)
    other = replace(BUDGET, evidence=replace(PSNR, region="keep"))
    assert fingerprint(other) != fingerprint(BUDGET)


# Markdown
