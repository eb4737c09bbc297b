"""A verdict that 0.1.0 wrote is read, and its report is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.old_verdict import read_old
from editproof.harness.records.verdicts import VERDICT_SCHEMA, Outcome
from editproof.reports.html.report import write_report

FIXTURE = Path(__file__).parents[2] / "fixtures" / "v0_1_0" / "run"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of 0.1.0."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "run"))


def test_every_finding_that_is_no_pass_is_kept() -> None:
    """In words and numbers, what fails the build first."""
    data = (FIXTURE / "verdict.json").read_bytes()
    old = json.loads(data)
    verdict = read_old(data)
    assert (verdict.exit_code, verdict.outcome, verdict.schema) == (
        ExitCode.REGRESSION,
        Outcome.REGRESSED,
        VERDICT_SCHEMA,
    )
    kept = [finding for finding in old["findings"] if finding["outcome"] != "pass"]
    assert sorted(finding.text for finding in verdict.findings) == sorted(
        finding["text"] for finding in kept
    )
    first = verdict.findings[0]
    assert (first.rule, first.families, first.models) == ("picture", ("logo",), ("ns",))
    assert first.text == f"logo · ns: {first.words}"
    assert first.fails
    assert first.evidence
    assert (first.evidence.before, first.evidence.after, first.evidence.limit) == (
        45.66,
        42.34,
        0.5,
    )
    assert first.jod is None


def test_a_finding_without_values_has_no_number() -> None:
    """A change is no value: where the text does not say both, none is made up."""
    old = json.loads((FIXTURE / "verdict.json").read_text())
    one = {**old["findings"][0], "text": "it got worse"}
    (found,) = read_old(json.dumps({**old, "findings": [one]}).encode()).findings
    assert found.evidence is None
    (found,) = read_old(
        json.dumps({**old, "findings": [{**one, "rule": "budget"}]}).encode()
    ).findings
    assert found.evidence
    assert (found.evidence.before, found.evidence.after) == (None, one["worst"])


def test_its_report_is_written(folder: Path) -> None:
    """With the verdict and the old words."""
    run = runs.load(folder)
    assert run.verdict
    text = write_report(run).read_text(encoding="utf-8")
    assert "REGRESSION</h1>" in text
    assert run.verdict.findings[0].words in text


def test_a_newer_verdict_is_refused(folder: Path) -> None:
    """And so is a damaged one."""
    path = folder / "verdict.json"
    path.write_text(json.dumps({"schema": VERDICT_SCHEMA + 1}))
    with pytest.raises(UsageError, match="reads up to"):
        runs.load_verdict(folder)
    path.write_text('{"schema": 1}')
    with pytest.raises(UsageError, match="damaged"):
        runs.load_verdict(folder)
