"""What a verdict becomes for build servers and people, on runs that mean no good."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.records import runs
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.types import (
    Change,
    Evidence,
    Finding,
    Judgement,
    Model,
    Outcome,
    Verdict,
)
from editproof.reports.ci import github, gitlab, markdown, publish
from editproof.reports.ci.junit import write_junit
from editproof.reports.common.text import make_case_table
from editproof.reports.common.verdict import (
    JOD,
    Checkout,
    count_changed,
    describe_jod,
    describe_visibility,
    explain_verdict,
    list_jod_lines,
    make_line,
    open_lines,
    sum_up,
    write_headline,
)
from editproof.reports.terminal.verdict_table import (
    MAX_FINDINGS,
    choose_next_step,
    list_reason_lines,
    list_verdict,
    make_finding_blocks,
)

pytestmark = pytest.mark.smoke

HERE = Checkout(Path("/repo/work"), Path("/repo"))
EVIL = (
    "a\x1b[2J\x00\ufffe%0A,x:y\r\n::error::b|`c`<script>@team #1 ##[error]"
    " [l](http://e.x)\ud800\N{RIGHT-TO-LEFT OVERRIDE}"
)
"""Everything that some reader would take for more than text."""
WIDTH = 80

PSNR = Evidence("psnr@1", "edit", "mean", "dB", 34.2, 31.1, 0.5, -2.6)
FINDING = Finding(
    "picture",
    Outcome.REGRESSED,
    ("logo",),
    ("ns",),
    "id",
    ("id", "other"),
    "the fill is blurrier",
    "In logo with ns the fill is blurrier.",
    "detail",
    ("detail",),
    (),
    1.32,
    "inpaint",
    PSNR,
    fails=True,
)
BUDGET = replace(
    FINDING,
    rule="budget",
    aspect="",
    lost=(),
    jod=None,
    stage="",
    words="PSNR is past its budget",
    text="In logo with ns PSNR is past its budget.",
    evidence=replace(PSNR, before=None, limit=32.0),
)


@pytest.fixture
def manifest(run: runs.Run) -> Manifest:
    """Of a suite with two models."""
    return run.manifest


def verdict(
    *findings: Finding,
    invalid: tuple[str, ...] = (),
    code: ExitCode = ExitCode.REGRESSION,
    outcome: Outcome = Outcome.REGRESSED,
    judgements: tuple[Judgement, ...] = (),
    changes: tuple[Change, ...] = (),
    unchanged: int = 0,
) -> Verdict:
    code = ExitCode.INCOMPLETE if invalid else code
    return Verdict(code, outcome, invalid, findings, judgements, changes, unchanged, "")


def of(outcome: Outcome, **changed: object) -> Finding:
    fails = {"fails": outcome is Outcome.REGRESSED}
    return replace(FINDING, outcome=outcome, **{**fails, **changed})  # type: ignore[arg-type]


def many(
    count: int, outcome: Outcome = Outcome.REGRESSED, text: str = "blurrier"
) -> tuple[Finding, ...]:
    return tuple(
        of(outcome, families=(f"family{index}",), words=text, text=text) for index in range(count)
    )


def judgement(
    family: str, outcome: Outcome, aspect: str = "detail", model: str = "ns"
) -> Judgement:
    return Judgement(family, model, aspect, outcome, 1.0, 0.0, 0.4, 3)


def changed(
    count: int, outcome: Outcome = Outcome.INVISIBLE, jod: float = 0.02
) -> tuple[Change, ...]:
    return tuple(Change(f"case{index}", outcome, jod / 2, jod) for index in range(count))


def shown(judged: Verdict, width: int = WIDTH) -> str:
    stream = io.StringIO()
    blocks = make_finding_blocks(judged)
    if blocks:
        Console(file=stream, width=width).print(blocks)
    return stream.getvalue()


# Words


@pytest.mark.parametrize(
    ("jod", "word"),
    [
        (3.0, "obvious"),
        (1.0, "obvious"),
        (0.99, "clearly visible"),
        (0.3, "clearly visible"),
        (0.1, "visible"),
        (0.09, "just visible"),
        (0.0, "just visible"),
    ],
)
def test_visibility_has_words(jod: float, word: str) -> None:
    """One scale for all outputs."""
    assert describe_visibility(jod) == word


def test_what_nobody_sees_is_not_called_visible() -> None:
    """Whatever was measured; what is not known is not said."""
    assert describe_jod(0.02, Outcome.INVISIBLE) == "invisible, 0.02 JOD"
    assert describe_jod(0.001, Outcome.UNCHANGED) == "invisible, less than 0.01 JOD"
    assert describe_jod(None) == ""


def test_a_line_says_everything_once() -> None:
    """What it looks like, how visible it is, how many cases, the first stage, the number; no change
    is called good or bad.
    """
    line = make_line(FINDING)
    assert line.place == "logo · ns"
    assert line.story == "the fill is blurrier · obvious, 1.32 JOD · 2 cases · first at inpaint"
    assert line.number == "PSNR mean in edit: 34.20 → 31.10 dB (margin 0.50 dB)"
    everything = f"{line.said} {line.place} {line.story} {line.number}"
    assert not re.search("better|improved", everything)


def test_every_rule_says_what_it_is_held_to() -> None:
    """A budget, a limit of time, what is counted; a number that was not judged is not there."""
    assert make_line(BUDGET).number == "PSNR mean in edit: 31.10 dB (budget 32.00 dB)"
    seconds = Evidence("seconds", "all", "max", "s", None, 3.0, 2.0, -1.0)
    slow = replace(BUDGET, rule="limit", evidence=seconds)
    assert make_line(slow).number == "Time of an edit: 3.00 s (limit 2.00 s)"
    cost = replace(slow, rule="cost", evidence=replace(seconds, before=2.0, limit=0.2))
    assert make_line(cost).number.startswith("Time of an edit: 2.00 → 3.00")
    ends = replace(
        BUDGET, rule="status", evidence=Evidence("scenes", "all", "count", "scenes", None, 1, 0, -1)
    )
    assert make_line(ends).number == "1 scene (none allowed)"
    assert make_line(replace(FINDING, evidence=None)).number == ""


def test_what_fails_the_build_is_said_where_it_is_not_clear() -> None:
    """A regression does, unless it says that it does not; a trade does where it says so."""
    found = [
        FINDING,
        replace(FINDING, fails=False),
        of(Outcome.TRADED),
        replace(of(Outcome.TRADED), fails=True),
    ]
    assert [make_line(one).said for one in found] == [
        "regressed",
        "regressed, does not fail the build",
        "traded, does not fail the build",
        "traded, fails the build",
    ]


@pytest.mark.parametrize(
    ("judged", "word"),
    [
        (verdict(code=ExitCode.OK, outcome=Outcome.IMPROVED), "pass"),
        (verdict(FINDING), "regression"),
        (verdict(BUDGET, of(Outcome.TRADED, fails=True)), "regression"),
        (verdict(replace(of(Outcome.TRADED), fails=True)), "fail: traded"),
        (verdict(code=ExitCode.INCOMPLETE, outcome=Outcome.UNDERPOWERED), "underpowered"),
        (
            verdict(code=ExitCode.INCOMPLETE, outcome=Outcome.UNDERPOWERED, invalid=("no",)),
            "could not be judged",
        ),
        (replace(verdict(code=ExitCode.OK), invalid=("no",)), "could not be judged"),
        (verdict(code=ExitCode.INCOMPLETE, outcome=Outcome.ERROR), "could not be judged"),
    ],
)
def test_headline(judged: Verdict, word: str) -> None:
    """A pass is a run that was judged, and that nothing failed."""
    assert write_headline(judged) == word


def test_a_pass_says_in_one_line_what_changed() -> None:
    """How many pictures are the accepted ones, how many changed invisibly and by how much, and what
    got better where.
    """
    judged = verdict(
        of(Outcome.IMPROVED),
        code=ExitCode.OK,
        outcome=Outcome.IMPROVED,
        judgements=(
            judgement("logo", Outcome.IMPROVED, model="patch"),
            judgement("moire", Outcome.UNCHANGED),
        ),
        changes=(*changed(3, Outcome.IMPROVED, 0.4), *changed(9)),
        unchanged=24,
    )
    assert list_verdict(judged) == [
        (
            "verdict: pass: 24 pictures unchanged, 9 changed invisibly (JOD at most 0.02), 3"
            " improved: logo · patch"
        )
    ]
    assert shown(judged) == ""


def test_what_is_visible_is_said_of_a_pass_too() -> None:
    """Somebody who lets changes pass should know that there are some."""
    judged = verdict(
        of(Outcome.CHANGED), code=ExitCode.OK, changes=changed(1, Outcome.CHANGED), unchanged=2
    )
    assert list_verdict(judged) == [
        "verdict: pass: 1 finding; 1 picture visibly changed, 2 unchanged"
    ]
    assert "changed · logo · ns" in shown(judged)


def test_a_run_without_a_baseline_says_so() -> None:
    """It kept its budgets, and no picture was compared."""
    assert (
        sum_up(verdict(code=ExitCode.OK))
        == "every budget and limit is kept; no picture was compared with an accepted one"
    )
    assert count_changed(verdict()) == ""


def test_because_names_the_causes() -> None:
    """What failed the build, in which families, with which models, at which stage; of many the
    first two.
    """
    assert (
        explain_verdict(verdict(FINDING, of(Outcome.CHANGED)))
        == "the fill is blurrier in logo with ns, first at inpaint"
    )
    assert explain_verdict(verdict(*many(5))).endswith("; and 3 more findings")
    unsure = verdict(
        of(Outcome.UNDERPOWERED), code=ExitCode.INCOMPLETE, outcome=Outcome.UNDERPOWERED
    )
    assert explain_verdict(unsure) == "the fill is blurrier in logo with ns, first at inpaint"
    assert explain_verdict(verdict(code=ExitCode.OK)) == ""


def test_long_lists_of_names_are_counted() -> None:
    """However many families and models there are."""
    line = make_line(replace(FINDING, families=tuple("abcdefg"), models=tuple("mnopq")))
    assert line.place == "a, b, c, d and 3 more · m, n, o and 2 more"


# The terminal


def test_a_block_is_right_at_80_columns() -> None:
    """Outcome and place; what it looks like; the number. No word is broken."""
    lines = [
        line.rstrip()
        for line in shown(
            verdict(FINDING, of(Outcome.UNDERPOWERED, jod=None, stage=""))
        ).splitlines()
    ]
    assert lines == [
        "regressed · logo · ns",
        "  the fill is blurrier · obvious, 1.32 JOD · 2 cases · first at inpaint",
        "  PSNR mean in edit: 34.20 → 31.10 dB (margin 0.50 dB)",
        "underpowered · logo · ns",
        "  the fill is blurrier · 2 cases",
        "  PSNR mean in edit: 34.20 → 31.10 dB (margin 0.50 dB)",
    ]


def test_long_words_wrap_between_words() -> None:
    """Nothing is wider than the terminal, and no line is a letter."""
    wordy = replace(
        FINDING, words="the fill is blurrier and " * 9, families=("a_family_of_a_long_name",) * 4
    )
    lines = shown(verdict(wordy)).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(len(line.strip()) > 3 for line in lines)


def test_the_table_of_cases_is_right_at_80_columns(run: runs.Run) -> None:
    """No column is squeezed to a letter a line, whatever a case is called."""
    stream = io.StringIO()
    name, model = (
        "a name that is much longer than any column",
        Model("a_model_of_a_name_that_is_long", ""),
    )
    cases = [replace(record.case, own=name, model=model) for record in run.records]
    named = [replace(record, case=case) for record, case in zip(run.records, cases, strict=True)]
    Console(file=stream, width=WIDTH).print(make_case_table(run.with_records(tuple(named))))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].split()[-1] == "worst"
    assert "a name th…" in stream.getvalue()
    assert "a_model_of" in stream.getvalue()


def test_findings_keep_the_verdicts_order_and_are_few() -> None:
    """Of many ten are shown and the others counted; what needs nobody is left out."""
    found = (
        *many(MAX_FINDINGS + 3),
        of(Outcome.IMPROVED),
        replace(BUDGET, outcome=Outcome.PASS, fails=False),
    )
    text = shown(verdict(*found))
    assert text.index("family0 ") < text.index("family1 ") < text.index("family9 ")
    assert "family10" not in text
    assert "… and 3 more findings" in text
    assert make_finding_blocks(verdict(invalid=("nothing was judged",))) is None


def test_jod_is_explained_where_it_is_spoken_of() -> None:
    """By findings, or by what changed invisibly."""
    assert list_jod_lines(verdict(FINDING)) == list_jod_lines(verdict(changes=changed(1))) == [JOD]
    assert list_jod_lines(verdict(BUDGET)) == []


def test_a_limit_at_risk_is_shown_before_it_fails() -> None:
    """After what failed; a build is not failed by it."""
    risky = replace(BUDGET, outcome=Outcome.PASS, fails=False, at_risk=True, families=("risky",))
    assert shown(verdict(FINDING, risky)).index("regressed") < shown(verdict(FINDING, risky)).index(
        "at risk · risky"
    )


def test_reasons_are_listed_and_few() -> None:
    """Why a run could not be judged, before its verdict."""
    assert list_reason_lines(verdict(invalid=("3 cases are missing",))) == [
        "not judged: 3 cases are missing"
    ]
    assert list_reason_lines(verdict(invalid=("no",) * 12))[-1] == "… and 2 more reasons"


def test_next_step_leads_to_the_first_picture() -> None:
    """`blame` answers for pictures alone."""
    assert (
        choose_next_step(verdict(BUDGET, FINDING), Path("runs/a b"))
        == "editproof blame id --run 'runs/a b'"
    )
    assert choose_next_step(verdict(BUDGET), Path("runs/a")) == ""


# JUnit


def cases_of(data: bytes) -> Mapping[str, ET.Element]:
    root = ET.fromstring(data)  # noqa: S314
    return {f"{case.get('classname')} {case.get('name')}": case for case in root.iter("testcase")}


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


def test_annotations_are_at_most_ten_of_a_level(manifest: Manifest) -> None:
    """What GitHub would drop without a word is counted in one line more."""
    lines = github.write_commands(
        manifest, verdict(*many(14), *many(11, Outcome.UNDERPOWERED)), HERE
    )
    levels = [line.split(" ")[0] for line in lines]
    assert levels == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"]
    assert "and 5 more" in lines[-1]
    assert "family0" in lines[0]


def test_an_annotation_is_a_finding(manifest: Manifest) -> None:
    """Its outcome and place, its sentence, how visible it is, and the number."""
    lines = github.write_commands(manifest, verdict(FINDING), HERE)
    assert [unescaped(line) for line in lines] == [
        (
            "::error title=editproof: regressed: logo · ns::In logo with ns the fill is blurrier. ·"
            f" obvious, 1.32 JOD · {make_line(FINDING).number} · {JOD}"
        )
    ]


def test_annotations_of_a_run_that_could_not_be_judged_are_its_reasons(
    manifest: Manifest,
) -> None:
    """Never a regression."""
    lines = github.write_commands(
        manifest, verdict(FINDING, invalid=("3 cases are missing",)), HERE
    )
    assert lines == ["::error title=editproof%3A could not be judged::3 cases are missing"]


def test_annotations_of_a_pass_are_none(manifest: Manifest) -> None:
    """Nothing to look at."""
    assert not github.write_commands(
        manifest, verdict(*many(3, Outcome.IMPROVED), code=ExitCode.OK), HERE
    )


def unescaped(text: str) -> str:
    """As the runner reads it."""
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_a_command_is_read_back_as_it_was_meant() -> None:
    """Taken apart as the runner does, title and message are what they were, and there is nothing
    else.
    """
    line = github.format_command(
        "error", "a,b:c%2C=d", "50 % , : ::warning::x\r\ny", file="my,file.py"
    )
    assert "\n" not in line
    match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert match
    properties = dict(part.split("=", 1) for part in match[2].split(","))
    assert {name: unescaped(value) for name, value in properties.items()} == {
        "file": "my,file.py",
        "line": "1",
        "title": "a,b:c%2C=d",
    }
    assert unescaped(match[3]) == "50 % , : ::warning::x\r\ny"


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        ("mine.py:build?steps=4", "work/mine.py"),
        ("/repo/pipes/mine.py:build", "pipes/mine.py"),
        ("/elsewhere/mine.py:build", ""),
        ("../../mine.py:build", ""),
        ("reference?inpaint.model=ns", ""),
        ("package.module:build", ""),
    ],
)
def test_a_finding_points_at_the_pipelines_file(manifest: Manifest, spec: str, file: str) -> None:
    """Where it lies in the repository; another place would be dropped, or leak what the machine
    looks like.
    """
    named = replace(manifest, suite=replace(manifest.suite, models=(Model("ns", spec),)))
    (line,) = github.write_commands(named, verdict(FINDING), HERE)
    assert line.startswith(f"::error file={file},line=1,title=" if file else "::error title=")
    (entry,) = json.loads(gitlab.write_code_quality(named, verdict(FINDING), HERE))
    assert entry["location"] == {"path": file or "editproof.toml", "lines": {"begin": 1}}


# GitLab


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


def test_a_comment_starts_with_its_marker_and_why(manifest: Manifest) -> None:
    """A script finds the comment by its first line; ten findings are listed, and what they say of
    visibility is explained.
    """
    text = markdown.write_comment(manifest, verdict(*many(12), of(Outcome.IMPROVED)))
    assert text.splitlines()[:2] == [markdown.MARKER, "### editproof: regression"]
    assert "**blurrier in family0 with ns, first at inpaint" in text
    assert text.count("- **regressed**") == 10
    assert "… and 2 more" in text
    assert text.count(JOD) == 1
    assert "improved" not in text
    assert text.splitlines()[-1] == markdown.NEXT_STEP


@pytest.mark.parametrize(
    "texts", ["x" * 5000, "`" * 5000, "\N{GRINNING FACE}" * 5000], ids=["plain", "markup", "wide"]
)
@pytest.mark.parametrize("reasons", [0, 400])
def test_a_comment_and_a_summary_keep_their_limits(
    manifest: Manifest, texts: str, reasons: int
) -> None:
    """However much there is to say, a comment has 40 lines, GitHub takes both whole, and is told
    how much was left out.
    """
    judgements = tuple(judgement(f"{index}{texts}", Outcome.REGRESSED) for index in range(1000))
    changes = tuple(replace(one, case_id=f"{texts}{one.case_id}") for one in changed(1000))
    judged = verdict(
        *many(1000, text=texts), invalid=(texts,) * reasons, judgements=judgements, changes=changes
    )
    judged = replace(judged, notes=(texts,) * 100)
    text = markdown.write_comment(manifest, judged)
    assert len(text) <= markdown.MAX_COMMENT
    assert len(text.splitlines()) <= 40
    assert re.search(r"… and \d+ more", text)
    summary = markdown.write_summary(manifest, judged)
    assert len(text) < len(summary.encode()) <= markdown.MAX_SUMMARY
    assert summary.count("<details>") == summary.count("</details>")


@pytest.mark.parametrize("room", [0, 10, 200, 500, 1500, 3000])
def test_a_summary_keeps_to_the_room_that_is_left(manifest: Manifest, room: int) -> None:
    """Where an earlier command of the step has filled its summary, ours is shorter, down to
    nothing.
    """
    summary = markdown.write_summary(manifest, verdict(*many(50), invalid=("no",) * 50), room)
    assert len(summary.encode()) <= room
    assert bool(summary) == (room >= 500)


def test_a_summary_folds_the_rest(manifest: Manifest) -> None:
    """Every aspect of every family and model, the other findings, and the first 50 invisible
    changes, counted.
    """
    judged = verdict(
        *many(12), judgements=(judgement("logo", Outcome.REGRESSED),), changes=changed(60)
    )
    text = markdown.write_summary(manifest, judged)
    assert "| logo | ns | detail | regressed | 0.40 | 3 |" in text
    assert text.count("- **regressed**") == 12
    assert "Changed invisibly: 60 pictures" in text
    assert text.count(" JOD\n") == markdown.MOST_INVISIBLE
    assert "… and 10 more" in text


def test_notes_are_in_the_comment(manifest: Manifest) -> None:
    """An expired waiver changes nothing and must be seen."""
    judged = replace(verdict(FINDING), notes=("the waiver of Ann for logo has expired",))
    assert "- the waiver of Ann for logo has expired" in markdown.write_comment(manifest, judged)


def test_what_is_written_is_only_text(manifest: Manifest) -> None:
    """Markdown, HTML, links and mentions in a name are shown, not obeyed."""
    text = markdown.escape_text("a|b `c` <b> @team #1 http://x [l](u) *e* ~~s~~ $m$ \\|")
    assert not re.search(r"[|`<>@\[\]*~$\\]|://", text)
    assert "&#64;\N{ZERO WIDTH SPACE}team" in text


# Hostile names, everywhere


def evil() -> Finding:
    """A finding that comes from outside altogether."""
    return replace(
        FINDING,
        families=(EVIL,),
        models=(EVIL,),
        stage=EVIL,
        text=EVIL,
        words=EVIL,
        rule=EVIL,
        aspect=EVIL,
        evidence=replace(PSNR, metric=EVIL, unit=EVIL, stat=EVIL),
    )


def test_hostile_names_are_only_text(manifest: Manifest) -> None:
    """No output is broken, nor made to say or do something else, by a name or a reason that comes
    from outside.
    """
    suite = replace(manifest.suite, name=EVIL, models=(Model(EVIL, f"{EVIL}.py:build"),))
    named = replace(manifest, suite=suite, created=EVIL)
    more = {
        "judgements": (judgement(EVIL, Outcome.REGRESSED, EVIL, EVIL),),
        "changes": (Change(EVIL, Outcome.INVISIBLE, 0, 0),),
    }
    for judged in (verdict(evil(), **more), verdict(evil(), invalid=(EVIL,), **more)):  # type: ignore[arg-type]
        root = ET.fromstring(write_junit(named, judged))  # noqa: S314
        assert len(list(root.iter("testcase"))) == 3
        lines = github.write_commands(named, judged, HERE)
        assert len(lines) == 1
        assert len(lines[0].splitlines()) == 1
        assert len(json.loads(gitlab.write_code_quality(named, judged, HERE))) == 1
        for text in (markdown.write_comment(named, judged), markdown.write_summary(named, judged)):
            assert "<script" not in text
            assert "@team" not in text
            tables = [line for line in text.splitlines() if line.startswith("| ")]
            assert {line.count("|") for line in tables} <= {7}
        assert "\x1b" not in shown(judged)
        assert all(line.isprintable() for line in list_verdict(judged))


def test_a_line_is_one_harmless_line() -> None:
    """No control character, and no end of line, in anything that a line says."""
    (line,) = open_lines(verdict(evil()))
    texts = [line.said, line.rule, line.place, line.story, line.number, line.measure, line.text]
    assert all(text.isprintable() and len(text.splitlines()) == 1 for text in texts)


# Where it all goes


def asked(
    folder: Path, environ: Mapping[str, str], github: bool | None = None
) -> publish.OutputFiles:
    files = (folder / "out" / name for name in ("v.xml", "v.md", "v.json"))
    return publish.choose_outputs(
        **dict(zip(("junit", "markdown", "gitlab"), files, strict=True)),
        github=github,
        here=folder,
        environ=environ,
    )


def test_files_are_written_and_an_earlier_verdicts_are_removed(
    manifest: Manifest, tmp_path: Path
) -> None:
    """A folder that is not there is made; before judging, what an earlier gate wrote goes."""
    files = asked(tmp_path, {})
    assert publish.publish(manifest, verdict(FINDING), files) == []
    assert all(path.stat().st_size for path in files.files)
    publish.remove_outputs(files)
    assert not any(path.exists() for path in files.files)


@pytest.mark.parametrize(
    ("environ", "github", "expected"),
    [
        ({"GITHUB_ACTIONS": "true"}, None, True),
        ({"GITHUB_ACTIONS": "true"}, False, False),
        ({"GITHUB_ACTIONS": "false"}, None, False),
        ({}, True, True),
        ({}, None, False),
    ],
)
def test_github_is_recognised(
    tmp_path: Path, environ: dict[str, str], github: bool | None, expected: bool
) -> None:
    """By its own variable, unless the option says otherwise."""
    assert asked(tmp_path, environ, github).github is expected


def test_the_step_summary_is_added_to_what_is_there(manifest: Manifest, tmp_path: Path) -> None:
    """An earlier command's summary stays, and both together keep GitHub's limit."""
    page = tmp_path / "summary.md"
    wanted = asked(tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)})
    page.write_text("earlier\n")
    assert publish.publish(manifest, verdict(FINDING), wanted)
    assert page.read_text().startswith(f"earlier\n\n{markdown.MARKER}\n")
    page.write_bytes(b"x" * (markdown.MAX_SUMMARY - 2000))
    publish.publish(
        manifest,
        verdict(
            *many(500), judgements=tuple(judgement(f"f{i}", Outcome.REGRESSED) for i in range(500))
        ),
        wanted,
    )
    assert markdown.MAX_SUMMARY - 2000 < page.stat().st_size <= markdown.MAX_SUMMARY


# The command


def test_the_end_of_a_run_in_the_terminal(
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Findings first, then why it could not be judged, the verdict, the run, and what to do
    next.
    """
    from editproof.harness.commands import running
    from editproof.harness.records.runs import load

    monkeypatch.setattr(running, "console", lambda **_: Console(width=WIDTH))
    run = load(Path(shutil.copytree(run_folder, tmp_path / "run")))
    running._show(run, page=None, as_json=False, quiet=False, with_cases=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("regressed · thin_text, microprint · <script>alert(1)</script>")
    places = [
        next(i for i, line in enumerate(lines) if line.startswith(word))
        for word in ("JOD: ", "not judged: ", "verdict: could not", "run: ", "next: ")
    ]
    assert places == sorted(places)
    assert not any("verdict: pass" in line for line in lines)


def test_the_gate_publishes_its_verdict(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that was asked for; on GitHub, annotations that come after all else is said, and
    the step summary.
    """
    folder = Path(shutil.copytree(run_folder, tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    files = ["--junit", "v.xml", "--markdown", "v.md", "--gitlab", "v.json"]
    done = CliRunner().invoke(app, ["gate", str(folder), *files], env=environ)
    judged = runs.load(folder).verdict
    assert judged is not None
    assert done.exit_code == judged.exit_code == ExitCode.INCOMPLETE
    lines = done.stdout.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    said = lines.index(f"::{token}::")
    assert said > 1
    assert all(line.startswith("::error title=") for line in lines[said + 1 :])
    assert len(lines) - said - 1 == len(judged.invalid)
    assert (tmp_path / "summary.md").read_text().startswith(markdown.MARKER)
    assert cases_of((tmp_path / "v.xml").read_bytes())
    assert (tmp_path / "v.md").read_text().startswith(markdown.MARKER)
    assert json.loads((tmp_path / "v.json").read_text())[0]["severity"] == "blocker"


def test_a_gate_that_fails_leaves_no_earlier_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass of yesterday must not be uploaded where today's gate could not even start."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.xml").write_text("yesterday's")
    done = CliRunner().invoke(app, ["gate", "nowhere", "--junit", "v.xml"])
    assert done.exit_code == ExitCode.USAGE
    assert not (tmp_path / "v.xml").exists()
