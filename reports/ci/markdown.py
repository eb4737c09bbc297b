"""The verdict in Markdown: a comment on a pull request, and the summary of a GitHub step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.types import Judgement, Outcome, Verdict
from editproof.harness.records.wording import count_noun, name_case
from editproof.reports.common import numbers
from editproof.reports.common.verdict import (
    Line,
    because,
    headline,
    jod_lines,
    notes,
    open_lines,
    reasons,
    sentence,
    short,
    summed,
)

MARKER = "<!-- editproof -->"
"""The first line: a script finds the comment by it, to update instead of adding another."""

MAX_COMMENT = 65_536
"""Characters; GitHub refuses a longer one."""
MAX_SUMMARY = 1024 * 1024
"""Bytes that one step may write; GitHub drops a larger summary whole."""

TOP = 10
"""Findings that are not folded."""
MOST_REASONS = 6
MOST_NOTES = 5
"""With these a comment has at most 40 lines."""
MOST_INVISIBLE = 50
"""Pictures that changed invisibly and are listed; the others are counted."""
MAX_STORY = 300
"""Characters of what a finding says of itself."""
RESERVE = 1000
"""Room for what closes the lists."""

ACTIVE = frozenset("\\`*_{}[]<>#!|~&$@:^")
"""What Markdown, HTML or GitHub would take for something else than itself."""

OUTCOMES_TABLE = (
    "| family | model | aspect | outcome | JOD | cases |",
    "| --- | --- | --- | --- | --- | --- |",
)
NEXT_STEP = (
    "Pictures and numbers of every case: the report in the run's folder (`editproof report` writes"
    " it)."
)

Size = Callable[[str], int]


def comment(manifest: Manifest, verdict: Verdict) -> str:
    """A comment for a pull request: at most 40 lines, what fails the build first."""
    lines = [*_opening(manifest, verdict), *_notes(verdict, MOST_NOTES)]
    return "\n".join([*_fitting(lines, MAX_COMMENT - RESERVE, len), NEXT_STEP, ""])


def summary(manifest: Manifest, verdict: Verdict, room: int = MAX_SUMMARY) -> str:
    """The same and all the rest, folded, for a step summary of which `room` bytes are left.

    Empty where not even the verdict fits in.
    """
    lines = _head(manifest, verdict)
    close = [NEXT_STEP, ""]
    least = "\n".join([*lines, *close])

    def left() -> int:
        return room - _bytes("\n".join([*lines, *close])) - RESERVE

    lines += _fitting(_body(verdict), left(), _bytes)
    for title, heading, items in _details(manifest, verdict):
        lines += _folded(title, _listed(heading, items, left(), _bytes))
    return next((text for text in ("\n".join([*lines, *close]), least) if _bytes(text) <= room), "")


def escaped(text: str) -> str:
    """A foreign text that stays text: no markup, no HTML, no link, and no mention of anybody."""
    return "".join(
        (
            f"&#{ord(char)};" + ("\N{ZERO WIDTH SPACE}" if char in "@#" else "")
            if char in ACTIVE
            else char
        )
        for char in text
    )


def _opening(manifest: Manifest, verdict: Verdict) -> list[str]:
    return [*_head(manifest, verdict), *_body(verdict)]


def _head(manifest: Manifest, verdict: Verdict) -> list[str]:
    why = short(because(verdict), MAX_STORY)
    lines = [MARKER, f"### editproof: {escaped(headline(verdict))}", ""]
    lines += [f"**{escaped(why)}**", ""] if why else []
    return [
        *lines,
        f"{escaped(sentence(manifest, verdict))} {escaped(_sentence_of(summed(verdict)))}",
        "",
    ]


def _body(verdict: Verdict) -> list[str]:
    """Why it could not be judged, and the findings."""
    invalid = [f"- {escaped(short(reason, MAX_STORY))}" for reason in reasons(verdict)]
    lines = _paragraph([*invalid[:MOST_REASONS], *_more(len(invalid) - MOST_REASONS)])
    found = open_lines(verdict)
    if invalid and found:
        lines += ["What follows is provisional: nothing may be concluded from it yet.", ""]
    lines += _paragraph([*map(_item, found[:TOP]), *_more(len(found) - TOP)])
    return [*lines, *_paragraph(jod_lines(verdict))]


def _item(line: Line) -> str:
    """A finding in one line of a list."""
    number = f"; {line.number}" if line.number else ""
    story = escaped(short(f"{line.story}{number}", MAX_STORY))
    return f"- **{escaped(line.said)}** in {escaped(short(line.place, MAX_STORY))}: {story}"


def _notes(verdict: Verdict, most: int) -> list[str]:
    found = [f"- {escaped(short(note, MAX_STORY))}" for note in notes(verdict)]
    return _paragraph([*found[:most], *_more(len(found) - most)])


def _details(
    manifest: Manifest, verdict: Verdict
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """What a summary folds: a title, the heading of a table or nothing, and lines."""
    found = open_lines(verdict)
    rest = [_item(line) for line in found[TOP:]]
    yield f"The other findings: {len(rest)}", (), rest
    yield (
        "Outcomes by family, model and aspect",
        OUTCOMES_TABLE,
        [_judged(one) for one in verdict.judgements],
    )
    names = {case.id: name_case(case) for case in manifest.cases}
    unseen = [change for change in verdict.changes if change.outcome is Outcome.INVISIBLE]
    listed = [
        f"- {escaped(short(names.get(change.case_id, change.case_id), MAX_STORY))}:"
        f" {escaped(numbers.jod(change.worst))} JOD"
        for change in unseen[:MOST_INVISIBLE]
    ]
    yield (
        f"Changed invisibly: {count_noun(len(unseen), 'picture')}",
        (),
        [*listed, *_more(len(unseen) - MOST_INVISIBLE)],
    )
    yield "Notes", (), [f"- {escaped(note)}" for note in notes(verdict)]


def _judged(one: Judgement) -> str:
    cells = (one.family, one.model, one.aspect, one.outcome, numbers.jod(one.jod), f"{one.cases:,}")
    return f"| {' | '.join(escaped(short(cell, MAX_STORY)) for cell in cells)} |"


def _listed(heading: Sequence[str], items: Sequence[str], room: int, size: Size) -> list[str]:
    if not items:
        return []
    kept = _fitting(items, room - size("\n".join(heading)), size)
    more = _more(len(items) - len(kept))
    return [*heading, *kept, *(["", *more] if more else []), ""] if kept else [*more, ""]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "</details>", ""] if lines else []


def _fitting(lines: Iterable[str], room: int, size: Size) -> list[str]:
    """As many of the lines, from the first, as there is room for."""
    kept = []
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _paragraph(lines: Sequence[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _more(count: int) -> list[str]:
    return [f"- … and {count} more: `verdict.json` and the report list all."] if count > 0 else []


def _sentence_of(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
