"""What GitHub Actions shows: annotations, by workflow commands that the runner reads from a step's
output.

The runner keeps the first 10 errors and the first 10 warnings of a step and drops the others
without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.types import Verdict
from editproof.reports.common.verdict import (
    Checkout,
    Level,
    headline,
    jod_lines,
    level_of,
    line_of,
    open_findings,
    reasons,
    short,
)

MAX_ANNOTATIONS = 10
"""Of each level, in one step."""
MAX_TITLE = 200


def workflow_commands(manifest: Manifest, verdict: Verdict, checkout: Checkout) -> list[str]:
    """Workflow commands, one a finding, in the verdict's order; what is more than GitHub shows is
    counted.

    Of a run that could not be judged, the reasons are errors, and its findings say nothing yet.
    """
    if verdict.invalid:
        lines = [
            command("error", f"editproof: {headline(verdict)}", reason)
            for reason in reasons(verdict)
        ]
        return _limited([lines])
    about = jod_lines(verdict)
    levels: dict[Level, list[str]] = {"error": [], "warning": []}
    for finding in open_findings(verdict):
        line = line_of(finding)
        text = " · ".join(part for part in (line.text, line.seen, line.number) if part)
        if about and line.seen:
            text, about = f"{text} · {about[0]}", []  # once is enough
        file = checkout.source(manifest, finding.models)
        levels[level_of(finding)].append(
            command(line.level, f"editproof: {line.said}: {line.place}", text, file)
        )
    return _limited(levels.values())


def command(level: str, title: str, message: str, file: str = "") -> str:
    """One workflow command; nothing in its texts can end it, add a property, or start another."""
    place = f"file={_property(file)},line=1," if file else ""
    return f"::{level} {place}title={_property(short(title, MAX_TITLE))}::{_data(message)}"


def _limited(levels: Iterable[Sequence[str]]) -> list[str]:
    lines = list(levels)
    shown = [line for level in lines for line in level[:MAX_ANNOTATIONS]]
    more = sum(len(level) for level in lines) - len(shown)
    if more:
        shown.append(
            command(
                "notice", "editproof", f"and {more} more: the step summary and the report list them"
            )
        )
    return shown


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
