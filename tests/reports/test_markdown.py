"""The comment on a pull request, and the step summary."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.suites import Model
from editproof.harness.records.verdicts import Change, Outcome
from editproof.reports.ci import github, gitlab, markdown
from editproof.reports.ci.junit import write_junit
from editproof.reports.common.verdict import (
    JOD,
)
from editproof.reports.terminal.verdict_table import (
    list_verdict,
)
from tests.reports.verdicts import (
    EVIL,
    FINDING,
    HERE,
    changed,
    evil,
    judgement,
    many,
    of,
    shown,
    verdict,
)

pytestmark = pytest.mark.smoke


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
