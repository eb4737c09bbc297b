"""What all outputs say alike of a verdict, and the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from editproof.harness.records import runs
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.suites import Model
from editproof.harness.records.verdicts import Evidence, Outcome, Verdict
from editproof.reports.common.text import make_case_table
from editproof.reports.common.verdict import (
    JOD,
    count_changed,
    describe_jod,
    describe_visibility,
    explain_verdict,
    list_jod_lines,
    make_line,
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
from tests.reports.verdicts import (
    BUDGET,
    FINDING,
    WIDTH,
    changed,
    judgement,
    many,
    of,
    shown,
    verdict,
)

pytestmark = pytest.mark.smoke


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
        (verdict(BUDGET), "over budget"),
        (verdict(BUDGET, of(Outcome.TRADED, fails=True)), "regression"),
        (verdict(replace(of(Outcome.TRADED), fails=True)), "fail: traded"),
        (verdict(code=ExitCode.INCOMPLETE, outcome=Outcome.UNDERPOWERED), "underpowered"),
        (
            verdict(code=ExitCode.INCOMPLETE, outcome=Outcome.UNDERPOWERED, invalid=("no",)),
            "could not be judged",
        ),
        (replace(verdict(code=ExitCode.OK), invalid=("no",)), "could not be judged"),
        (verdict(code=ExitCode.INCOMPLETE, outcome=Outcome.ERROR), "could not be judged"),
        (
            replace(verdict(FINDING, invalid=("no",)), preliminary=True),
            "preliminary: fails so far",
        ),
        (
            replace(verdict(invalid=("no",)), preliminary=True),
            "preliminary: nothing fails so far",
        ),
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
        ),
        "better:  the fill is blurrier in logo with ns, first at inpaint",
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
        choose_next_step(verdict(BUDGET, FINDING), "runs/a b")
        == "editproof blame id --run 'runs/a b'"
    )
    assert choose_next_step(verdict(BUDGET), "runs/a") == ""
    assert choose_next_step(verdict(replace(FINDING, stage="")), "runs/a") == ""


def test_a_number_past_a_budget_is_not_called_worse() -> None:
    """Nothing need have changed: it is over its budget, and said so."""
    assert make_line(BUDGET).said == "over budget"
    assert make_line(replace(BUDGET, rule="limit")).said == "over a limit"
    assert make_line(replace(BUDGET, outcome=Outcome.PASS, fails=False)).said == "pass"


# JUnit
