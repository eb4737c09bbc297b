"""What GitHub Actions shows: annotations, by workflow commands that the runner reads from a step's
output.

The runner keeps the first 10 errors and the first 10 warnings of a step and drops the others
without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Verdict
from editproof.reports.common.verdict import (
    Checkout,
    Level,
    choose_level,
    list_jod_lines,
    list_reasons,
    make_line,
    open_findings,
    shorten,
    write_headline,
)

MAX_ANNOTATIONS = 10
"""Of each level, in one step."""
MAX_TITLE = 200


def write_commands(manifest: Manifest, verdict: Verdict, checkout: Checkout) -> list[str]:
    """Workflow commands, one a finding, in the verdict's order; what is more than GitHub shows is
    counted.

    Of a run that could not be judged, the reasons are errors, and its findings say nothing yet.
    """
    if verdict.invalid:
        lines = [
            format_command("error", f"editproof: {write_headline(verdict)}", reason)
            for reason in list_reasons(verdict)
        ]
        return _limit_levels([lines])
    about = list_jod_lines(verdict)
    levels: dict[Level, list[str]] = {"error": [], "warning": []}
    for finding in open_findings(verdict):
        line = make_line(finding)
        text = " · ".join(part for part in (line.text, line.seen, line.evidence) if part)
        if about and line.seen:
            text, about = f"{text} · {about[0]}", []  # once is enough
        file = checkout.source(manifest, finding.models)
        levels[choose_level(finding)].append(
            format_command(line.level, f"editproof: {line.said}: {line.place}", text, file)
        )
    return _limit_levels(levels.values())


def format_command(level: str, title: str, message: str, file: str = "") -> str:
    """One workflow command; nothing in its texts can end it, add a property, or start another."""
    place = f"file={_escape_property(file)},line=1," if file else ""
    title = _escape_property(shorten(title, MAX_TITLE))
    return f"::{level} {place}title={title}::{_escape_data(message)}"


def _limit_levels(levels: Iterable[Sequence[str]]) -> list[str]:
    lines = list(levels)
    shown = [line for level in lines for line in level[:MAX_ANNOTATIONS]]
    more = sum(len(level) for level in lines) - len(shown)
    if more:
        shown.append(
            format_command(
                "notice", "editproof", f"and {more} more: the step summary and the report list them"
            )
        )
    return shown


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
