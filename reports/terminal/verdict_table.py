"""The verdict in the terminal: a block of two or three lines for each finding, and a few lines.
Right at 80 columns.
"""

from __future__ import annotations

import shlex

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from editproof.harness.records.verdicts import Verdict
from editproof.harness.records.wording import count_noun
from editproof.reports.common.verdict import (
    Line,
    describe_improvement,
    explain_verdict,
    list_notes,
    list_reasons,
    open_findings,
    open_lines,
    shorten,
    sum_up,
    write_headline,
)

MAX_FINDINGS = 10
MAX_LINES = 10
STYLES = {"error": "bold red", "warning": "yellow", "good": ""}


def make_finding_blocks(verdict: Verdict) -> Group | None:
    """What needs a person, in the verdict's order: at most 10 findings and a count. None: there is
    nothing.
    """
    found = open_lines(verdict)
    if not found:
        return None
    blocks = [part for line in found[:MAX_FINDINGS] for part in _make_block(line)]
    more = len(found) - MAX_FINDINGS
    if more > 0:
        blocks.append(
            Text(f"… and {count_noun(more, 'more finding')}: verdict.json and the report list all")
        )
    return Group(*blocks)


def list_reason_lines(verdict: Verdict) -> list[str]:
    """Why the run could not be judged; at most 10 and a count."""
    return _limit_lines(
        [f"not judged: {reason}" for reason in list_reasons(verdict)], "more reason"
    )


def note_lines(verdict: Verdict) -> list[str]:
    """What a person should know though it changes nothing; at most 10 and a count."""
    return _limit_lines([f"note: {note}" for note in list_notes(verdict)], "more note")


def list_verdict(verdict: Verdict) -> list[str]:
    """The verdict, and why, or what is better: one line or two."""
    why, better = explain_verdict(verdict), describe_improvement(verdict)
    return [
        ": ".join(filter(None, ("verdict", write_headline(verdict), sum_up(verdict)))),
        *([f"because: {why}"] if why else []),
        *([f"better:  {better}"] if better else []),
    ]


def choose_next_step(verdict: Verdict, run: str) -> str:
    """The command that says which stage of the run (its folder or URL) did the first of it; empty:
    no picture needs a look, or its pipeline shows no stages.
    """
    found = (
        one for one in open_findings(verdict) if one.rule == "picture" and one.case_id and one.stage
    )
    worst = next(found, None)
    return f"editproof blame {shorten(worst.case_id)} --run {shlex.quote(run)}" if worst else ""


def _make_block(line: Line) -> list[Text | Padding]:
    # Text, not str: a name such as `[red]` is no markup.
    head = Text.assemble((line.said, STYLES[line.level]), " · ", (line.place, "bold"))
    below = [text for text in (line.story, line.evidence) if text]
    return [head, *(Padding(Text(text), (0, 0, 0, 2)) for text in below)]


def _limit_lines(lines: list[str], word: str) -> list[str]:
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], *([f"… and {count_noun(more, word)}"] if more > 0 else [])]
