"""JUnit XML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from editproof.harness.records import runs
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Evidence, Outcome
from editproof.reports.ci.junit import write_junit
from tests.reports.verdicts import (
    BUDGET,
    FINDING,
    cases_of,
    judgement,
    many,
    of,
    verdict,
)

pytestmark = pytest.mark.smoke


def outcome_of(case: ET.Element) -> str:
    return case[0].tag if len(case) else "passed"


def ends(data: bytes) -> dict[str, str]:
    return {
        name.removeprefix("editproof.smoke."): outcome_of(case)
        for name, case in cases_of(data).items()
    }


def test_junit_has_a_case_for_each_aspect_of_a_family_and_model(manifest: Manifest) -> None:
    """It fails where a finding that fails the build covers it; what is loud and does not fail is
    skipped, with words.
    """
    outcomes = (
        Outcome.REGRESSED,
        Outcome.UNDERPOWERED,
        Outcome.WAIVED,
        Outcome.CHANGED,
        Outcome.IMPROVED,
    )
    judgements = tuple(judgement(outcome.value, outcome) for outcome in outcomes)
    found = tuple(of(outcome, families=(outcome.value,)) for outcome in outcomes)
    judged = verdict(*found, judgements=(*judgements, judgement("logo", Outcome.INVISIBLE)))
    assert ends(write_junit(manifest, judged)) == {
        "validity the run can be judged": "passed",
        "regressed detail [ns]": "failure",
        "underpowered detail [ns]": "skipped",
        "waived detail [ns]": "skipped",
        "changed detail [ns]": "skipped",
        "improved detail [ns]": "system-out",
        "logo detail [ns]": "system-out",
    }
    case = cases_of(write_junit(manifest, judged))["editproof.smoke.regressed detail [ns]"]
    assert case[0].get("message") == FINDING.text


def test_a_finding_fails_what_it_is_about_and_nothing_beside(manifest: Manifest) -> None:
    """Of two families and two aspects, those that got worse; an aspect that got better passes."""
    found = replace(FINDING, families=("logo", "moire"), lost=("detail",), won=("seams",))
    judged = verdict(
        found,
        judgements=(
            judgement("logo", Outcome.REGRESSED),
            judgement("logo", Outcome.IMPROVED, "seams"),
            judgement("moire", Outcome.UNCHANGED),
            judgement("moire", Outcome.REGRESSED, model="patch"),
        ),
    )
    assert ends(write_junit(manifest, judged)) == {
        "validity the run can be judged": "passed",
        "logo detail [ns]": "failure",
        "logo seams [ns]": "system-out",
        "moire detail [ns]": "system-out",
        "moire detail [patch]": "skipped",
    }


def test_no_failure_is_lost(manifest: Manifest) -> None:
    """A rule about no picture, and a finding that no judgement stands for, have test cases of their
    own.
    """
    status = replace(
        BUDGET, rule="status", evidence=Evidence("scenes", "all", "count", "scenes", None, 1, 0, -1)
    )
    risky = replace(BUDGET, outcome=Outcome.PASS, fails=False, at_risk=True, families=("moire",))
    judged = verdict(FINDING, BUDGET, BUDGET, status, risky)
    assert ends(write_junit(manifest, judged)) == {
        "validity the run can be judged": "passed",
        "rules and conduct picture PSNR mean in edit: logo [ns]": "failure",
        "rules and conduct budget PSNR mean in edit: logo [ns]": "failure",
        "rules and conduct budget PSNR mean in edit: logo [ns] (2)": "failure",
        "rules and conduct status Scenes: logo [ns]": "failure",
        "rules and conduct budget PSNR mean in edit: moire [ns]": "skipped",
    }


def test_junit_of_a_run_that_could_not_be_judged_has_errors_only(manifest: Manifest) -> None:
    """Its reasons are errors; its checks are neither failures nor passes."""
    judgements = (judgement("logo", Outcome.REGRESSED), judgement("moire", Outcome.UNCHANGED))
    judged = verdict(
        FINDING, BUDGET, judgements=judgements, invalid=("3 cases are missing", "1 case failed")
    )
    assert sorted(ends(write_junit(manifest, judged)).values()) == [
        "error",
        "error",
        "skipped",
        "skipped",
        "skipped",
    ]


def test_junit_counts_agree_with_its_cases(run: runs.Run) -> None:
    """What a suite says of its cases is what they are."""
    assert run.verdict
    for judged in (run.verdict, replace(run.verdict, invalid=())):
        for suite in ET.fromstring(write_junit(run.manifest, judged)):  # noqa: S314
            cases = list(suite.iter("testcase"))
            assert int(suite.get("tests") or -1) == len(cases)
            for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                assert int(suite.get(key) or -1) == sum(
                    case.find(tag) is not None for case in cases
                )
            assert next(child.tag for child in suite) == "properties"
            assert [child.tag for child in suite][-2:] == ["system-out", "system-err"]


def test_junit_of_hundreds_of_judgements_is_small(manifest: Manifest) -> None:
    """A thousand failed ones with their texts are less than a megabyte."""
    found = many(
        1000,
        text=(
            "In logo with ns the fill is blurrier, and the seams of the tiling show in the"
            " background."
        ),
    )
    judgements = tuple(judgement(f"family{index}", Outcome.REGRESSED) for index in range(1000))
    assert len(write_junit(manifest, verdict(*found, judgements=judgements))) < 1_000_000


# GitHub
