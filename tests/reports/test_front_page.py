"""What the front page says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import runs
from harness.types import ExitCode, Finding, Outcome, Verdict
from reports import front_page, view


def judged(run: runs.Run, *findings: Finding, code: ExitCode = ExitCode.REGRESSION) -> runs.Run:
    """The run with another verdict."""
    return replace(run, verdict=Verdict(code, (), findings, "baselines/smoke"))


def finding(run: runs.Run, outcome: Outcome, *, stage: str = "", rule: str = "baseline", step: int = 0) -> Finding:
    """A finding about a case of the run."""
    case = run.manifest.cases[step]
    return Finding(
        rule, case.family, case.model.name, "lpips[alex]@1", "edit", "mean", outcome, 0.02, 0.05, -0.03, "", case.id, 3,
        "LPIPS rose", interval=(0.03, 0.07), mean_change=0.05, samples=3, stage=stage,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "invalid", "word"),
    [
        (ExitCode.OK, (), "PASS"),
        (ExitCode.REGRESSION, (), "REGRESSION"),
        (ExitCode.INCOMPLETE, ("3 cases are missing: resume the run",), "COULD NOT BE JUDGED"),
        (None, (), "NOT JUDGED YET"),
    ],
)
def test_headline(run: runs.Run, code: ExitCode | None, invalid: tuple[str, ...], word: str) -> None:
    """The headline is the gate's exit code in words, with the reason where there is one."""
    verdict = None if code is None else Verdict(code, invalid, (), "")
    found = front_page.headline(replace(run, verdict=verdict))
    assert found.word == word
    assert all(reason in found.why for reason in invalid)


def test_counts_lead_to_their_cases(run: runs.Run) -> None:
    """What is not zero leads to the list of those cases, what is zero leads nowhere."""
    found = {count.label: count for count in front_page.counts(run, view.states(run))}
    assert (found["errors"].text, found["errors"].href) == ("1", "#status=error")
    assert (found["refused"].text, found["refused"].href) == ("0", "")
    assert found["cases"].text == "23 of 24"


def test_findings_are_grouped_by_family_model_and_stage(run: runs.Run) -> None:
    """Two findings of one family and model that broke at different stages are two groups; same stage, one."""
    found = front_page.groups(
        judged(
            run,
            finding(run, Outcome.REGRESSED, stage="inpaint"),
            finding(run, Outcome.REGRESSED, stage="blend"),
            finding(run, Outcome.UNDERPOWERED, stage="inpaint"),
        )
    )
    assert [(group.stage, len(group.lines)) for group in found.open] == [("inpaint", 1), ("blend", 1)]
    assert found.open[0].more == "1 more check of 1 metric"


def test_line_leads_to_the_case_in_the_mode_that_shows_it(run: runs.Run) -> None:
    """A finding's link opens its case with the heat map of its metric, and says change and interval."""
    (group,) = front_page.groups(judged(run, finding(run, Outcome.REGRESSED))).open
    (line,) = group.lines
    assert line.href == f"#case={run.manifest.cases[0].id}&mode=heat&metric=lpips"
    assert line.row.change.startswith("0.0500 worse")
    assert line.row.interval == "0.0300 to 0.0700"


def test_case_without_result_has_no_link(run: runs.Run) -> None:
    """A finding about a case that was not run leads nowhere."""
    (group,) = front_page.groups(judged(run, finding(run, Outcome.ERROR, step=-1))).open
    assert group.lines[0].href == ""


def test_long_groups_are_counted(run: runs.Run) -> None:
    """A group shows the worst of four metrics; the rest is folded by metric, and beyond a page's limit counted."""
    one = finding(run, Outcome.REGRESSED)
    found = [replace(one, metric=f"{name}@1", stat=stat) for stat in ("mean", "worst") for name in "abcdef"]
    (group,) = front_page.groups(judged(run, *found)).open
    assert [line.row.measure for line in group.lines] == [f"{name} mean in edit" for name in "ABCD"]
    assert group.more == "8 more checks of 6 metrics"
    assert {metric: len(lines) for metric, lines in group.folded.items()} == {
        "E": 2,
        "F": 2,
        "A": 1,
        "B": 1,
        "C": 1,
        "D": 1,
    }
    (group,) = front_page.groups(judged(run, *[one] * (front_page.MAX_FOLDED + 11))).open
    assert group.left_out == 10


def test_picture_shows_what_a_person_sees(run: runs.Run) -> None:
    """Of the metrics whose worst place is seen, the one that is furthest past its limit gives the picture."""
    one = replace(finding(run, Outcome.REGRESSED), limit=1.0)
    found = [
        replace(one, metric=metric, headroom=headroom)
        for metric, headroom in (("registration@1", -9.0), ("delta_e00@1", -3.0), ("lpips[alex]@1", -2.0))
    ]
    (group,) = front_page.groups(judged(run, *found)).open
    assert group.pictured.metric == "delta_e00@1"


def test_conduct_has_no_heat_map(run: runs.Run) -> None:
    """A finding about how edits end leads to its case, and to no map."""
    one = replace(finding(run, Outcome.REGRESSED, rule="status"), metric="status", unit="scenes")
    (group,) = front_page.groups(judged(run, one)).open
    assert group.lines[0].href == f"#case={run.manifest.cases[0].id}"


def test_headline_says_what_broke(run: runs.Run) -> None:
    """Model, family and stage, then how many checks of all."""
    found = judged(run, finding(run, Outcome.REGRESSED, stage="blend"), finding(run, Outcome.PASS))
    case = run.manifest.cases[0]
    expected = f"{case.model.name} got worse in {case.family}, first at blend. 1 of 2 checks is past the limit."
    assert front_page.headline(found).why == expected


def test_passes_are_one_line_a_family_and_model(run: runs.Run) -> None:
    """Of what keeps its limits the check with the least room stands for the others."""
    near = replace(finding(run, Outcome.PASS), headroom=0.01)
    far = replace(near, headroom=0.02, stat="worst")
    (kept,) = front_page.kept(judged(run, far, near, code=ExitCode.OK))
    assert (kept.checks, kept.nearest.finding.stat) == (2, "mean")


def test_changes_are_said_in_a_sentence(run: runs.Run) -> None:
    """What changed since the baseline: how many comparisons, and how they ended."""
    found = judged(run, finding(run, Outcome.REGRESSED), finding(run, Outcome.IMPROVED), finding(run, Outcome.PASS))
    assert front_page.changes(found) == "Of 3 comparisons 1 worse, 1 better, 1 within their margin."
    assert front_page.changes(replace(run, verdict=None)) == ""


def test_map_shows_the_worst(run: runs.Run) -> None:
    """A cell says the worst that is known of its family and model, in a word and a shape."""
    cells = front_page.family_map(run, view.states(run))
    broken = run.manifest.cases[-1].model.name
    assert cells["microprint"][broken].text == "1 failed"
    assert cells["logo"]["ns"].tone == "good"
    assert cells["tiled_seams"]["ns"].text == "1 kept"
