"""The verdict in the terminal: one row a finding, worst first."""

from __future__ import annotations

from rich import box
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from harness.types import Verdict
from reports.verdict import NONE, Row, open_rows, rows

MAX_ROWS = 20
TIGHTEST = 5
"""How many passes are shown where all passed."""
STYLES = {"error": "bold red", "warning": "yellow", "good": ""}


def verdict_table(verdict: Verdict) -> Table | None:
    """What is no plain pass, worst first; where all passed, what is nearest to its limit. None: there are no findings."""
    found = rows(verdict)
    if not found:
        return None
    wrong = open_rows(found)
    shown = wrong[:MAX_ROWS] or found[:TIGHTEST]
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
        parts.append(f"and {len(wrong) - len(shown)} more: verdict.json and the report list all")
    return "; ".join(parts)
