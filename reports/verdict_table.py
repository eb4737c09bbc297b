"""The verdict in the terminal: a table of what is no pass, and a few lines, worst first, a group at a time."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich import box
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from harness.types import Outcome, Verdict
from harness.wording import counted
from reports.groups import leading, open_groups
from reports.verdict import NONE, Row, notes, open_rows, reasons, rows, short

MAX_ROWS = 20
MAX_OF_A_GROUP = 3
"""Rows of one family, model and stage: its worst metrics."""
MAX_LINES = 10
TIGHTEST = 5
"""How many passes are shown where all passed."""
STYLES = {"error": "bold red", "warning": "yellow", "good": ""}


def verdict_table(verdict: Verdict) -> Table | None:
    """What is no plain pass, worst first; where all passed, what is nearest to its limit. None: there are no findings."""
    found = rows(verdict)
    if not found:
        return None
    wrong = open_rows(found)
    shown = leading(open_groups(found), MAX_ROWS, MAX_OF_A_GROUP) or found[:TIGHTEST]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), caption=_caption(verdict, wrong, shown))
    table.caption_justify = "left"
    columns = _columns(shown)
    for heading, right in columns:
        justify: JustifyMethod = "right" if right else "left"
        table.add_column(heading, overflow="fold", justify=justify, no_wrap=heading == "outcome")
    for row in shown:
        style = STYLES[row.level]
        cells = _cells(row)
        # Text, not str: a name such as `[red]` is no markup.
        table.add_row(*(Text(cells[heading], style if heading == "outcome" else "") for heading, _ in columns))
    return table


def verdict_lines(verdict: Verdict) -> list[str]:
    """The verdict in plain lines: what made it invalid, then a line a group of what is no pass, worst first; at most 10 and a
    count."""
    invalid = reasons(verdict)
    lines = [f"not judged: {reason}" for reason in invalid]
    found = [row for row in rows(verdict) if row.outcome != Outcome.PASS and row.text not in invalid]
    for group in open_groups(found):
        worst, more = group.leading[0], group.more(1)
        lines.append(f"{worst.outcome}: {worst.text}{f' … and {more}' if more else ''}")
    if len(lines) > MAX_LINES:
        return [*lines[:MAX_LINES], f"… and {len(lines) - MAX_LINES} more"]
    return lines


def next_step(verdict: Verdict, folder: Path) -> str:
    """The command that says which stage did the worst of it; empty: nothing got worse than the baseline."""
    worst = next((f for f in verdict.findings if f.outcome is Outcome.REGRESSED and f.rule == "baseline"), None)
    if worst is None or not worst.case_id:
        return ""
    return f"editproof blame {short(worst.case_id)} --run {shlex.quote(str(folder))}"


def note_lines(verdict: Verdict) -> list[str]:
    """What a person should know though it changes nothing; at most 10 and a count."""
    lines = [f"note: {note}" for note in notes(verdict)]
    return [*lines[:MAX_LINES], *([f"… and {len(lines) - MAX_LINES} more notes"] if len(lines) > MAX_LINES else [])]


def _columns(shown: tuple[Row, ...]) -> list[tuple[str, bool]]:
    """Headings, and whether they stand right; a column that would be empty is left out."""
    columns = [("outcome", False), ("rule", False), ("family", False), ("model", False), ("change", True)]
    columns += [("interval", True)] if any(row.interval for row in shown) else []
    columns += [("headroom", True)]
    return columns + ([("first bad stage", False)] if any(row.stage for row in shown) else [])


def _cells(row: Row) -> dict[str, str]:
    return {
        "outcome": row.word,
        "rule": row.rule,
        "family": row.family,
        "model": row.model,
        "change": row.change,
        "interval": row.interval or NONE,
        "headroom": row.headroom,
        "first bad stage": row.stage or NONE,
    }


def _caption(verdict: Verdict, wrong: tuple[Row, ...], shown: tuple[Row, ...]) -> str:
    parts = []
    if verdict.invalid:
        parts.append("provisional: the run could not be judged")
    if not wrong:
        parts.append("all checks pass; these are nearest to their limits")
    if len(wrong) > len(shown):
        parts.append(f"and {counted(len(wrong) - len(shown), 'more check')}: verdict.json and the report list all")
    return "; ".join(parts)
