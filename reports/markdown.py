"""The verdict in Markdown: a comment on a pull request, and the summary of a GitHub step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from harness.runs import Manifest
from harness.types import Outcome, Verdict
from reports.groups import broken, leading, open_groups
from reports.verdict import NONE, Row, headline, notes, reasons, rows, sentence, short

MARKER = "<!-- editproof -->"
"""The first line: a script finds the comment by it, to update instead of adding another."""

MAX_COMMENT = 65_536
"""Characters; GitHub refuses a longer one."""
MAX_SUMMARY = 1024 * 1024
"""Bytes that one step may write; GitHub drops a larger summary whole."""

TOP = 10
"""Rows that are not folded."""
TOP_OF_A_GROUP = 3
"""Of one family, model and stage."""
MAX_CELL = 160
RESERVE = 1000
"""Room for what closes the lists."""

ACTIVE = frozenset("\\`*_{}[]<>#!|~&$@:^")
"""What Markdown, HTML or GitHub would take for something else than itself."""

HEADINGS = ("outcome", "rule", "family", "model", "change", "interval", "headroom", "first bad stage")
TABLE = (f"| {' | '.join(HEADINGS)} |", f"|{' --- |' * len(HEADINGS)}")
NEXT_STEP = (
    "Pictures, numbers and samples of every case: the report in the run's folder (`editproof report` writes it)."
)


def comment(manifest: Manifest, verdict: Verdict) -> str:
    """A comment for a pull request: worst first, details folded, never longer than GitHub takes."""
    return _document(manifest, verdict, MAX_COMMENT, len)


def summary(manifest: Manifest, verdict: Verdict, room: int = MAX_SUMMARY) -> str:
    """The same for a step summary of which `room` bytes are left; empty where not even the verdict fits in."""
    return _document(manifest, verdict, room, lambda text: len(text.encode("utf-8", "replace")))


def escaped(text: str) -> str:
    """A foreign text that stays text: no markup, no HTML, no link, and no mention of anybody."""
    return "".join(
        f"&#{ord(char)};" + ("\N{ZERO WIDTH SPACE}" if char in "@#" else "") if char in ACTIVE else char
        for char in text
    )


def _document(manifest: Manifest, verdict: Verdict, limit: int, size: Callable[[str], int]) -> str:
    lines = [MARKER, f"### editproof: {headline(verdict)}", "", escaped(sentence(manifest, verdict)), ""]
    what = broken(verdict)
    lines += [f"**{escaped(what)}**", ""] if what else []
    close = ["", NEXT_STEP, ""]
    least = "\n".join([*lines, *close])

    def room() -> int:
        return limit - size("\n".join([*lines, *close])) - RESERVE

    found = rows(verdict)
    groups = open_groups(found)
    top = leading(groups, TOP, TOP_OF_A_GROUP)
    lines += _listed([f"- {escaped(reason)}" for reason in reasons(verdict)], room() // 2, size)
    if verdict.invalid and found:
        lines += ["What follows is provisional: it was measured, but nothing may be concluded from it yet.", ""]
    lines += _table([_cells(row) for row in top], room(), size)
    words = [
        f"- {escaped(group.leading[0].text)}{f' … and {group.more(1)}' if group.more(1) else ''}"
        for group in groups
        if group.leading[0].outcome != Outcome.ERROR
    ]
    lines += _folded("What was found, in words", _listed(words, room() // 2, size))
    lines += _folded("Notes", _listed([f"- {escaped(note)}" for note in notes(verdict)], room() // 2, size))
    shown = set(top)
    rest = [row for row in found if row not in shown]
    lines += _folded(f"The other checks: {len(rest)}, worst first", _table([_cells(row) for row in rest], room(), size))
    return next((text for text in ("\n".join([*lines, *close]), least) if size(text) <= limit), "")


def _cells(row: Row) -> str:
    cells = (
        row.word,
        row.rule,
        row.family,
        row.model,
        row.change,
        row.interval or NONE,
        row.headroom,
        row.stage or NONE,
    )
    return f"| {' | '.join(escaped(short(cell, MAX_CELL)) for cell in cells)} |"


def _table(body: Sequence[str], room: int, size: Callable[[str], int]) -> list[str]:
    heading = [*TABLE] if body else []
    kept = _fitting(body, room - size("\n".join(heading)), size)
    return [*heading, *kept, "", *_more(len(body) - len(kept))] if kept else _more(len(body))


def _listed(items: Sequence[str], room: int, size: Callable[[str], int]) -> list[str]:
    kept = _fitting(items, room, size)
    more = _more(len(items) - len(kept))
    return [*kept, "", *more] if kept else more


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "</details>", ""] if lines else []


def _fitting(lines: Iterable[str], room: int, size: Callable[[str], int]) -> list[str]:
    """As many of the lines, from the first, as there is room for."""
    kept = []
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _more(count: int) -> list[str]:
    return [f"… and {count} more: `verdict.json` and the report list all.", ""] if count else []
