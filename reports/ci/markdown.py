"""The verdict in Markdown: a comment on a pull request, and the summary of a GitHub step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Judgement, Outcome, Verdict
from editproof.harness.records.wording import count_noun, name_case
from editproof.reports.common import numbers
from editproof.reports.common.verdict import (
    Line,
    explain_verdict,
    list_jod_lines,
    list_notes,
    list_reasons,
    open_lines,
    shorten,
    sum_up,
    write_headline,
    write_sentence,
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
    " it). To decide: `editproof review`."
)


@dataclass(frozen=True, slots=True)
class Upload:
    """What a build server keeps of the run: the run's folder, with its report, in an archive."""

    url: str
    """Of the page from which it can be downloaded."""
    archive: str
    """Name of the file that comes."""

    @property
    def next_step(self) -> str:
        """Where the pictures are, and how a person decides about them."""
        return (
            f"Pictures and numbers of every case: [{self.archive}]({self.url}) has the report. To"
            f" decide, download it and run `editproof review {self.archive}`."
        )


Size = Callable[[str], int]


def write_comment(manifest: Manifest, verdict: Verdict, upload: Upload | None = None) -> str:
    """A comment for a pull request: at most 40 lines, what fails the build first. `upload`: what is
    kept of the run, which the comment links.
    """
    last = upload.next_step if upload else NEXT_STEP
    lines = [*_write_opening(manifest, verdict), *_write_notes(verdict, MOST_NOTES)]
    return "\n".join([*_choose_fitting(lines, MAX_COMMENT - RESERVE, len), last, ""])


def write_summary(
    manifest: Manifest, verdict: Verdict, room: int = MAX_SUMMARY, upload: Upload | None = None
) -> str:
    """The same and all the rest, folded, for a step summary of which `room` bytes are left.

    Empty where not even the verdict fits in.
    """
    lines = _write_head(manifest, verdict)
    close = [upload.next_step if upload else NEXT_STEP, ""]
    least = "\n".join([*lines, *close])

    def left() -> int:
        return room - _count_bytes("\n".join([*lines, *close])) - RESERVE

    lines += _choose_fitting(_write_body(verdict), left(), _count_bytes)
    for title, heading, items in _write_details(manifest, verdict):
        lines += _fold_lines(title, _write_list(heading, items, left(), _count_bytes))
    return next(
        (text for text in ("\n".join([*lines, *close]), least) if _count_bytes(text) <= room), ""
    )


def escape_text(text: str) -> str:
    """A foreign text that stays text: no markup, no HTML, no link, and no mention of anybody."""
    return "".join(
        (
            f"&#{ord(char)};" + ("\N{ZERO WIDTH SPACE}" if char in "@#" else "")
            if char in ACTIVE
            else char
        )
        for char in text
    )


def _write_opening(manifest: Manifest, verdict: Verdict) -> list[str]:
    return [*_write_head(manifest, verdict), *_write_body(verdict)]


def _write_head(manifest: Manifest, verdict: Verdict) -> list[str]:
    why = shorten(explain_verdict(verdict), MAX_STORY)
    lines = [MARKER, f"### editproof: {escape_text(write_headline(verdict))}", ""]
    lines += [f"**{escape_text(why)}**", ""] if why else []
    return [
        *lines,
        " ".join(
            map(escape_text, (write_sentence(manifest, verdict), _write_sentence(sum_up(verdict))))
        ),
        "",
    ]


def _write_body(verdict: Verdict) -> list[str]:
    """Why it could not be judged, and the findings."""
    invalid = [f"- {escape_text(shorten(reason, MAX_STORY))}" for reason in list_reasons(verdict)]
    lines = _write_paragraph([*invalid[:MOST_REASONS], *_count_more(len(invalid) - MOST_REASONS)])
    found = open_lines(verdict)
    if invalid and found:
        lines += ["What follows is provisional: nothing may be concluded from it yet.", ""]
    lines += _write_paragraph([*map(_write_item, found[:TOP]), *_count_more(len(found) - TOP)])
    return [*lines, *_write_paragraph(list_jod_lines(verdict))]


def _write_item(line: Line) -> str:
    """A finding in one line of a list."""
    number = f"; {line.evidence}" if line.evidence else ""
    story = escape_text(shorten(f"{line.story}{number}", MAX_STORY))
    return (
        f"- **{escape_text(line.said)}** in {escape_text(shorten(line.place, MAX_STORY))}: {story}"
    )


def _write_notes(verdict: Verdict, most: int) -> list[str]:
    found = [f"- {escape_text(shorten(note, MAX_STORY))}" for note in list_notes(verdict)]
    return _write_paragraph([*found[:most], *_count_more(len(found) - most)])


def _write_details(
    manifest: Manifest, verdict: Verdict
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """What a summary folds: a title, the heading of a table or nothing, and lines."""
    found = open_lines(verdict)
    rest = [_write_item(line) for line in found[TOP:]]
    yield f"The other findings: {len(rest)}", (), rest
    yield (
        "Outcomes by family, model and aspect",
        OUTCOMES_TABLE,
        [_write_judgement(one) for one in verdict.judgements],
    )
    names = {case.id: name_case(case) for case in manifest.cases}
    unseen = [change for change in verdict.changes if change.outcome is Outcome.INVISIBLE]
    listed = [
        f"- {escape_text(shorten(names.get(change.case_id, change.case_id), MAX_STORY))}:"
        f" {escape_text(numbers.format_jod(change.worst))} JOD"
        for change in unseen[:MOST_INVISIBLE]
    ]
    yield (
        f"Changed invisibly: {count_noun(len(unseen), 'picture')}",
        (),
        [*listed, *_count_more(len(unseen) - MOST_INVISIBLE)],
    )
    yield "Notes", (), [f"- {escape_text(note)}" for note in list_notes(verdict)]


def _write_judgement(one: Judgement) -> str:
    cells = (
        one.family,
        one.model,
        one.aspect,
        one.outcome,
        numbers.format_jod(one.jod),
        f"{one.cases:,}",
    )
    return f"| {' | '.join(escape_text(shorten(cell, MAX_STORY)) for cell in cells)} |"


def _write_list(heading: Sequence[str], items: Sequence[str], room: int, size: Size) -> list[str]:
    if not items:
        return []
    kept = _choose_fitting(items, room - size("\n".join(heading)), size)
    more = _count_more(len(items) - len(kept))
    return [*heading, *kept, *(["", *more] if more else []), ""] if kept else [*more, ""]


def _fold_lines(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "</details>", ""] if lines else []


def _choose_fitting(lines: Iterable[str], room: int, size: Size) -> list[str]:
    """As many of the lines, from the first, as there is room for."""
    kept = []
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _write_paragraph(lines: Sequence[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _count_more(count: int) -> list[str]:
    return [f"- … and {count} more: `verdict.json` and the report list all."] if count > 0 else []


def _write_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _count_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
