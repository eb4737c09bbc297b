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

from harness import runs
from harness.cli import app
from harness.types import REGIONS, ExitCode, Finding, Model, Outcome, Verdict
from reports import github, gitlab, markdown, publish
from reports.groups import broken
from reports.junit import junit
from reports.verdict import Checkout, rows
from reports.verdict_table import MAX_LINES, MAX_ROWS, TIGHTEST, verdict_lines, verdict_table

HERE = Checkout(Path("/repo/work"), Path("/repo"))
EVIL = "a\x1b[2J\x00\ufffe%0A,x:y\r\n::error::b|`c`<script>@team #1 ##[error] [l](http://e.x)\ud800\N{RIGHT-TO-LEFT OVERRIDE}"
"""Everything that some reader would take for more than text."""

FINDING = Finding(
    "baseline",
    "logo",
    "ns",
    "psnr@1",
    "edit",
    "mean",
    Outcome.REGRESSED,
    0.5,
    1.25,
    -0.75,
    "dB",
    "id",
    3,
    "logo · ns: fell",
)


@pytest.fixture
def manifest(run: runs.Run) -> runs.Manifest:
    """Of a suite with two models."""
    return run.manifest


def verdict(*findings: Finding, invalid: tuple[str, ...] = (), code: ExitCode = ExitCode.REGRESSION) -> Verdict:
    return Verdict(ExitCode.INCOMPLETE if invalid else code, invalid, findings, "")


def many(count: int, outcome: Outcome = Outcome.REGRESSED, text: str = "fell") -> tuple[Finding, ...]:
    return tuple(
        replace(FINDING, family=f"family{index}", outcome=outcome, text=f"family{index} ns {text}")
        for index in range(count)
    )


def shown(judged: Verdict, width: int = 160) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(verdict_table(judged))
    return stream.getvalue()


# The table


def test_the_table_is_worst_first_and_says_how_bad() -> None:
    """Rule, family, model, change, interval, headroom and stage, of what is no pass; what needs a person first."""
    worse = replace(FINDING, interval=(0.5, 2.0), stage="inpaint")
    weak = replace(FINDING, family="thin_text", outcome=Outcome.UNDERPOWERED)
    passed = replace(FINDING, family="passing", outcome=Outcome.PASS)
    text = shown(verdict(passed, weak, worse))
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    assert lines[0] == [
        "outcome", "rule", "family", "model", "change", "interval", "headroom", "first bad stage"
    ]  # fmt: skip
    assert lines[2] == [
        "regressed", "baseline PSNR mean in edit", "logo", "ns", "1.25 dB worse", "0.50 to 2.00 dB", "−0.75 dB", "inpaint"
    ]  # fmt: skip
    assert lines[3][:3] == ["underpowered", "baseline PSNR mean in edit", "thin_text"]
    assert "passing" not in text


def test_a_pass_at_risk_is_shown_before_it_fails() -> None:
    """After what failed; a build is not failed by it, nor annotated."""
    risky = replace(FINDING, family="risky", outcome=Outcome.PASS, at_risk=True, mean_change=0.2, worst=0.4, samples=3)
    plainly = replace(FINDING, family="plainly", outcome=Outcome.PASS)
    text = shown(verdict(plainly, risky, FINDING))
    assert "plainly" not in text
    assert text.index("logo") < text.index("at risk")
    assert "0.20 dB worse (worst 0.40 dB)" in text


def test_the_table_leaves_out_columns_that_would_be_empty() -> None:
    """Without statistics and without blame there is neither interval nor stage."""
    text = shown(verdict(FINDING))
    assert "interval" not in text
    assert "stage" not in text


def test_where_all_passed_the_table_shows_the_tightest() -> None:
    """A pass shows what is nearest to its limit."""
    text = shown(verdict(*many(TIGHTEST + 1, Outcome.PASS), code=ExitCode.OK))
    assert "nearest to their limits" in text
    assert f"family{TIGHTEST - 1} " in text
    assert f"family{TIGHTEST} " not in text


def test_the_table_counts_what_it_leaves_out() -> None:
    """Of many findings the first are shown and the others counted; a run that was not judged says so."""
    text = shown(verdict(*many(MAX_ROWS + 3), invalid=("a case failed",)))
    assert "and 3 more" in text
    assert "provisional" in text
    assert verdict_table(verdict(invalid=("nothing was judged",))) is None


# The lines


def test_verdict_lines(run: runs.Run) -> None:
    """What made the run invalid comes first, then findings worst first; passes are not listed."""
    assert run.verdict is not None
    lines = verdict_lines(run.verdict)
    assert [line.partition(":")[0] for line in lines] == [
        "not judged",
        "regressed",
        "regressed",
        "underpowered",
        "improved",
    ]
    assert lines[1].startswith("regressed: microprint × <script>alert(1)</script>: LPIPS in edit reaches 0.2481")


def test_verdict_lines_are_few() -> None:
    """Of many families ten are listed and the others counted."""
    lines = verdict_lines(verdict(*many(25)))
    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == "… and 15 more"


def test_a_line_stands_for_its_family_model_and_stage() -> None:
    """A regression moves many numbers at once: the worst is told in full, the others are counted."""
    found = [
        replace(FINDING, stage="inpaint", metric=metric, region=region, stat=stat)
        for metric in ("psnr@1", "ssim@1")
        for region in ("edit", "ring")
        for stat in ("mean", "worst")
    ]
    (line,) = verdict_lines(verdict(*found))
    assert line == "regressed: logo · ns: fell … and 7 more checks of 2 metrics"


# JUnit


def cases_of(data: bytes) -> Mapping[str, ET.Element]:
    return {f"{case.get('classname')} {case.get('name')}": case for case in ET.fromstring(data).iter("testcase")}  # noqa: S314


def outcome_of(case: ET.Element) -> str:
    return case[0].tag if len(case) else "passed"


def test_junit_has_a_case_for_each_rule_family_and_model(manifest: runs.Manifest) -> None:
    """Regressed fails with the text, underpowered and waived are skipped, improved and passed pass."""
    outcomes = (Outcome.REGRESSED, Outcome.UNDERPOWERED, Outcome.WAIVED, Outcome.IMPROVED, Outcome.PASS)
    found = [replace(FINDING, family=outcome.value, outcome=outcome) for outcome in outcomes]
    cases = cases_of(junit(manifest, verdict(*found)))
    names = [f"editproof.smoke.{outcome.value} baseline PSNR mean in edit [ns]" for outcome in outcomes]
    assert [outcome_of(cases[name]) for name in names] == ["failure", "skipped", "skipped", "passed", "passed"]
    assert "fell" in (cases[names[0]][0].get("message") or "")
    assert outcome_of(cases["editproof.smoke.validity the run can be judged"]) == "passed"


def test_junit_of_a_run_that_could_not_be_judged_has_errors_only(manifest: runs.Manifest) -> None:
    """Its reasons are errors; its checks are neither failures nor passes."""
    found = (FINDING, replace(FINDING, outcome=Outcome.PASS, region="keep"))
    cases = cases_of(junit(manifest, verdict(*found, invalid=("3 cases are missing", "1 case failed"))))
    assert sorted(map(outcome_of, cases.values())) == ["error", "error", "skipped", "skipped"]


def test_junit_counts_agree_with_its_cases(manifest: runs.Manifest) -> None:
    """A test suite's numbers are those of its test cases, in the attributes and the order that both schemas ask for."""
    root = ET.fromstring(junit(manifest, verdict(*many(3), replace(FINDING, outcome=Outcome.WAIVED))))  # noqa: S314
    assert root.attrib == {}
    for index, suite in enumerate(root):
        children = [child.tag for child in suite]
        cases = suite.findall("testcase")
        assert children == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        assert suite.get("id") == str(index)
        assert suite.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(sum(case.find(tag) is not None for case in cases))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp") or "")


def test_junit_names_are_distinct(manifest: runs.Manifest) -> None:
    """Two budgets on one number, of other limits, are two test cases, whose names do not depend on what was found."""
    easy, hard = replace(FINDING, limit=1.0), replace(FINDING, limit=2.0, outcome=Outcome.PASS)
    swapped = (replace(easy, outcome=Outcome.PASS), replace(hard, outcome=Outcome.REGRESSED))
    failed = [
        [name for name, case in cases_of(junit(manifest, verdict(*pair))).items() if outcome_of(case) == "failure"]
        for pair in ((easy, hard), swapped)
    ]
    assert failed[0][0].endswith("in edit [ns]")
    assert failed[1][0].endswith("in edit (2) [ns]")


def test_junit_of_hundreds_of_checks_is_small(manifest: runs.Manifest) -> None:
    """A thousand failed checks with their texts are less than a megabyte."""
    text = "logo · ns: outside_change share in ring went from 0.2843 to 0.8458, 0.5614 worse; the margin is 0.01 (logo/1 ns)"
    assert len(junit(manifest, verdict(*many(1000, text=text)))) < 1_000_000


# Rules of conduct


def test_rules_of_conduct_count_scenes(manifest: runs.Manifest) -> None:
    """They name neither a region nor decimals: `How edits end`, `1 scene worse`, none allowed."""
    status = replace(
        FINDING,
        rule="status",
        metric="status",
        region="all",
        stat="scenes",
        limit=0.0,
        worst=1.0,
        headroom=-1.0,
        unit="scenes",
    )
    (row,) = rows(verdict(status))
    assert (row.rule, row.measure, row.allowed) == ("How edits end", "How edits end", "none allowed")
    assert (row.change, row.headroom) == ("1 scene worse", "−1 scene")
    (seed,) = rows(verdict(replace(status, rule="seed", metric="seed", worst=3.0)))
    assert (seed.rule, seed.change) == ("Effect of the seed", "3 scenes worse")
    assert "editproof.smoke.logo How edits end [ns]" in cases_of(junit(manifest, verdict(status)))
    assert broken(verdict(status)) == "ns got worse in logo"


# GitHub


def test_annotations_are_at_most_ten_of_a_level(manifest: runs.Manifest) -> None:
    """What GitHub would drop without a word is counted in one line more."""
    unclear = [replace(finding, model="patch") for finding in many(11, Outcome.UNDERPOWERED)]
    lines = github.workflow_commands(manifest, verdict(*many(14), *unclear), HERE)
    levels = [line.split(" ")[0] for line in lines]
    assert levels == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"]
    assert "and 5 more" in lines[-1]
    assert "family0" in lines[0]


def test_an_annotation_stands_for_its_family_model_and_stage(manifest: runs.Manifest) -> None:
    """Ten annotations must not be ten numbers of one family: the worst is told, the others are counted."""
    found = [
        replace(FINDING, family=family, stage="blend", region=region) for region in REGIONS for family in ("a", "b")
    ]
    lines = github.workflow_commands(manifest, verdict(*found), HERE)
    assert [unescaped(line) for line in lines] == [
        f"::error title=editproof: regressed: {family} × ns, first at blend::{family} × ns: logo · ns: fell … and 5 more "
        "checks of 1 metric"
        for family in ("a", "b")
    ]


def test_annotations_of_a_run_that_could_not_be_judged_are_its_reasons(manifest: runs.Manifest) -> None:
    """Never a regression."""
    lines = github.workflow_commands(manifest, verdict(FINDING, invalid=("3 cases are missing",)), HERE)
    assert lines == ["::error title=editproof%3A could not be judged::3 cases are missing"]


def test_annotations_of_a_pass_are_none(manifest: runs.Manifest) -> None:
    """Nothing to look at."""
    assert not github.workflow_commands(manifest, verdict(*many(3, Outcome.PASS), code=ExitCode.OK), HERE)


def unescaped(text: str) -> str:
    """As the runner reads it."""
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_a_command_is_read_back_as_it_was_meant() -> None:
    """Taken apart as the runner does, title and message are what they were, and there is nothing else."""
    line = github.command("error", "a,b:c%2C=d", "50 % , : ::warning::x\r\ny", file="my,file.py")
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
def test_a_finding_points_at_the_pipelines_file(manifest: runs.Manifest, spec: str, file: str) -> None:
    """Where it lies in the repository; another place would be dropped, or leak what the machine looks like."""
    named = replace(manifest, suite=replace(manifest.suite, models=(Model("ns", spec),)))
    (line,) = github.workflow_commands(named, verdict(FINDING), HERE)
    assert line.startswith(f"::error file={file},line=1,title=" if file else "::error title=")
    (entry,) = json.loads(gitlab.code_quality(named, verdict(FINDING), HERE))
    assert entry["location"] == {"path": file or "editproof.toml", "lines": {"begin": 1}}


# GitLab


def test_code_quality_lists_what_needs_a_person(manifest: runs.Manifest) -> None:
    """Every entry has GitLab's fields; passes and improvements are none."""
    outcomes = (Outcome.REGRESSED, Outcome.UNDERPOWERED, Outcome.WAIVED, Outcome.IMPROVED, Outcome.PASS)
    found = [replace(FINDING, family=outcome.value, outcome=outcome) for outcome in outcomes]
    entries = json.loads(gitlab.code_quality(manifest, verdict(*found), HERE))
    assert [entry["severity"] for entry in entries] == ["critical", "minor", "info"]
    assert set(entries[0]) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    assert json.loads(gitlab.code_quality(manifest, verdict(code=ExitCode.OK), HERE)) == []


def test_a_fingerprint_outlives_its_numbers(manifest: runs.Manifest) -> None:
    """The same finding, a little worse, under the next version of its metric, is the same to GitLab; another is not."""

    def fingerprint(finding: Finding) -> str:
        return str(json.loads(gitlab.code_quality(manifest, verdict(finding), HERE))[0]["fingerprint"])

    later = replace(FINDING, worst=2.0, headroom=-1.5, metric="psnr@2", text="fell further")
    assert fingerprint(later) == fingerprint(FINDING)
    assert fingerprint(replace(FINDING, region="keep")) != fingerprint(FINDING)


# Markdown


def test_a_comment_starts_with_its_marker_and_the_worst(manifest: runs.Manifest) -> None:
    """A script finds the comment by its first line; ten rows are open, the others folded, nothing is lost."""
    found = (*many(12), *many(2, Outcome.PASS))
    text = markdown.comment(manifest, verdict(*found))
    assert text.splitlines()[:2] == [markdown.MARKER, "### editproof: regression"]
    above, folded = text.split("<details>", 1)
    assert above.count("| regressed |") == 10
    assert folded.count("| regressed |") == 2
    assert folded.count("| pass |") == 2
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("texts", ["x" * 5000, "`" * 5000, "\N{GRINNING FACE}" * 5000], ids=["plain", "markup", "wide"])
@pytest.mark.parametrize("reasons", [0, 400])
def test_a_comment_and_a_summary_keep_their_limits(manifest: runs.Manifest, texts: str, reasons: int) -> None:
    """However much there is to say, GitHub takes it whole, and is told how much was left out."""
    judged = verdict(*many(1000, text=texts), invalid=(texts,) * reasons)
    text = markdown.comment(manifest, judged)
    assert markdown.MAX_COMMENT / 2 < len(text) <= markdown.MAX_COMMENT
    assert re.search(r"… and \d+ more", text)
    assert text.count("<details>") == text.count("</details>")
    summary = markdown.summary(manifest, judged)
    assert len(text) < len(summary.encode()) <= markdown.MAX_SUMMARY


@pytest.mark.parametrize("room", [0, 10, 200, 500, 1500, 3000])
def test_a_summary_keeps_to_the_room_that_is_left(manifest: runs.Manifest, room: int) -> None:
    """Where an earlier command of the step has filled its summary, ours is shorter, down to nothing."""
    summary = markdown.summary(manifest, verdict(*many(50), invalid=("no",) * 50), room)
    assert len(summary.encode()) <= room
    assert bool(summary) == (room >= 500)


def test_notes_are_in_the_comment(manifest: runs.Manifest) -> None:
    """An expired waiver changes nothing and must be seen."""
    judged = replace(verdict(FINDING), notes=("the waiver of Ann for logo has expired",))
    assert "- the waiver of Ann for logo has expired" in markdown.comment(manifest, judged)


def test_what_is_written_is_only_text(manifest: runs.Manifest) -> None:
    """Markdown, HTML, links and mentions in a name are shown, not obeyed."""
    text = markdown.escaped("a|b `c` <b> @team #1 http://x [l](u) *e* ~~s~~ $m$ \\|")
    assert not re.search(r"[|`<>@\[\]*~$\\]|://", text)
    assert "&#64;\N{ZERO WIDTH SPACE}team" in text


# Hostile names, everywhere


def test_hostile_names_are_only_text(manifest: runs.Manifest, tmp_path: Path) -> None:
    """No output is broken, nor made to say or do something else, by a name or a reason that comes from outside."""
    bad = replace(FINDING, family=EVIL, model=EVIL, stage=EVIL, text=EVIL, rule=EVIL, unit=EVIL, metric=EVIL)
    suite = replace(manifest.suite, name=EVIL, models=(Model(EVIL, f"{EVIL}.py:build"),))
    evil = replace(manifest, suite=suite, created=EVIL)
    for judged in (verdict(bad), verdict(bad, invalid=(EVIL,))):
        root = ET.fromstring(junit(evil, judged))  # noqa: S314
        assert len(list(root.iter("testcase"))) == 2
        lines = github.workflow_commands(evil, judged, HERE)
        assert len(lines) == 1
        assert len(lines[0].splitlines()) == 1
        assert len(json.loads(gitlab.code_quality(evil, judged, HERE))) == 1
        text = markdown.comment(evil, judged)
        assert text.count("<") == text.replace("<script", "").count("<")
        tables = [line for line in text.splitlines() if line.startswith("| ")]
        assert {line.count("|") for line in tables} == {9}
        assert "\x1b" not in shown(judged)


def test_a_row_is_one_harmless_line() -> None:
    """No control character, and no end of line, in anything that a row says."""
    bad = replace(FINDING, family=EVIL, model=EVIL, stage=EVIL, text=EVIL, rule=EVIL, unit=EVIL)
    (row,) = rows(verdict(bad))
    texts = [row.rule, row.family, row.model, row.change, row.headroom, row.stage, row.text]
    assert all(text.isprintable() and len(text.splitlines()) == 1 for text in texts)


# Where it all goes


def asked(folder: Path, environ: Mapping[str, str], github: bool | None = None) -> publish.Wanted:
    files = (folder / "out" / name for name in ("v.xml", "v.md", "v.json"))
    return publish.wanted(
        **dict(zip(("junit", "markdown", "gitlab"), files, strict=True)), github=github, here=folder, environ=environ
    )


def test_files_are_written_and_an_earlier_verdicts_are_removed(manifest: runs.Manifest, tmp_path: Path) -> None:
    """A folder that is not there is made; before judging, what an earlier gate wrote goes."""
    files = asked(tmp_path, {})
    assert publish.publish(manifest, verdict(FINDING), files) == []
    assert all(path.stat().st_size for path in files.files)
    publish.forget(files)
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
def test_github_is_recognised(tmp_path: Path, environ: dict[str, str], github: bool | None, expected: bool) -> None:
    """By its own variable, unless the option says otherwise."""
    assert asked(tmp_path, environ, github).github is expected


def test_the_step_summary_is_added_to_what_is_there(manifest: runs.Manifest, tmp_path: Path) -> None:
    """An earlier command's summary stays, and both together keep GitHub's limit."""
    page = tmp_path / "summary.md"
    wanted = asked(tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)})
    page.write_text("earlier\n")
    assert publish.publish(manifest, verdict(FINDING), wanted)
    assert page.read_text().startswith(f"earlier\n\n{markdown.MARKER}\n")
    page.write_bytes(b"x" * (markdown.MAX_SUMMARY - 2000))
    publish.publish(manifest, verdict(*many(500)), wanted)
    assert markdown.MAX_SUMMARY - 2000 < page.stat().st_size <= markdown.MAX_SUMMARY


# The command


def test_the_gate_publishes_its_verdict(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that was asked for; on GitHub, annotations that come after all else is said, and the step summary."""
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


def test_a_gate_that_fails_leaves_no_earlier_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass of yesterday must not be uploaded where today's gate could not even start."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.xml").write_text("yesterday's")
    done = CliRunner().invoke(app, ["gate", "nowhere", "--junit", "v.xml"])
    assert done.exit_code == ExitCode.USAGE
    assert not (tmp_path / "v.xml").exists()
