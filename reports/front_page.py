"""What the front page says of a run, without any markup: verdict, counts, groups of findings, the map of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from harness.runs import Run, metric_name
from harness.types import CaseRecord, ExitCode, Finding, Outcome
from harness.wording import counted
from reports import verdict, view
from reports.groups import Group as Found
from reports.groups import broken, by_metric, open_groups

Tone = Literal["good", "bad", "warn", "plain"]

MAX_LINES = 4
"""Findings of one group that are shown, one a metric; the others are folded."""

MAX_FOLDED = 1500
"""Findings that are folded on a page, those of the worst groups; beyond, they are counted."""

PICTURED = ("lpips", "flip", "delta_e00", "ssim")
"""Metrics whose worst place a person sees best: a group shows it of the one that is furthest past its limit."""

MAX_GROUPS = 120
"""Groups that are listed: beyond, a page is no longer read."""

TONES: Mapping[Outcome, Tone] = {
    Outcome.ERROR: "bad",
    Outcome.REGRESSED: "bad",
    Outcome.UNDERPOWERED: "warn",
    Outcome.WAIVED: "warn",
    Outcome.IMPROVED: "good",
    Outcome.PASS: "plain",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in a word, and why."""

    word: str
    tone: Tone
    why: str


@dataclass(frozen=True, slots=True)
class Count:
    """One of the numbers beside the verdict."""

    label: str
    text: str
    tone: Tone
    href: str
    """The list of these cases; empty: none."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding."""

    row: verdict.Row
    finding: Finding
    about: str
    """Which case the text names: `logo/3, seed 42`; empty: it is not in the run."""
    href: str
    """The case in the mode that shows it; empty: it has no result."""


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one family and model, at one stage."""

    family: str
    model: str
    stage: str
    """Empty: not known."""
    outcome: Outcome
    tone: Tone
    lines: tuple[Line, ...]
    more: str
    """What is not shown, in words: `62 more checks of 14 metrics`; empty: nothing."""
    folded: Mapping[str, tuple[Line, ...]]
    """By metric, what is not shown."""
    left_out: int
    """Findings that are not even folded."""
    pictured: Finding
    """The one whose case is shown."""
    href: str
    """The list of its cases."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The findings, in the order in which people must look."""

    open: tuple[Group, ...]
    improved: tuple[Group, ...]
    left_out: int
    """Findings in groups that are not listed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The checks of one family and model that keep their limits."""

    family: str
    model: str
    checks: int
    nearest: Line
    """The one with the least room left, in limits."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One family and model on the map."""

    tone: Tone
    mark: str
    text: str
    title: str
    href: str
    cases: int


def headline(run: Run) -> Headline:
    """The verdict in a word, and why."""
    judged = run.verdict
    if judged is None:
        return Headline("NOT JUDGED YET", "plain", "No gate has judged this run yet; `editproof gate` does.")
    if judged.exit_code is ExitCode.OK:
        improved = sum(finding.outcome is Outcome.IMPROVED for finding in judged.findings)
        why = f"All {len(judged.findings)} checks keep their limits"
        return Headline("PASS", "good", f"{why}, {improved} of them improved." if improved else f"{why}.")
    if judged.exit_code is ExitCode.REGRESSION:
        past = sum(finding.outcome is Outcome.REGRESSED for finding in judged.findings)
        what = broken(judged)
        count = f"{past:,} of {counted(len(judged.findings), 'check')} {'is' if past == 1 else 'are'} past the limit."
        return Headline("REGRESSION", "bad", f"{what}. {count}" if what else count)
    why = judged.invalid[0] if judged.invalid else "No reason was given."
    more = f" (and {len(judged.invalid) - 1} more below)" if len(judged.invalid) > 1 else ""
    return Headline("COULD NOT BE JUDGED", "warn", why + more)


def counts(run: Run, states: Mapping[str, str]) -> tuple[Count, ...]:
    """The numbers beside the verdict; `states` are the cases', by id."""
    total, missing = len(run.manifest.cases), len(run.missing)
    finished = f"{total - missing:,}" if not missing else f"{total - missing:,} of {total:,}"
    found = run.verdict.findings if run.verdict else ()
    checks = {outcome: sum(finding.outcome is outcome for finding in found) for outcome in Outcome}
    of = {state: sum(other == state for other in states.values()) for state in view.STATES}
    shown: list[tuple[str, int, Tone, str]] = [
        ("errors", of["error"], "bad", "#status=error"),
        ("need review", of["needs_review"], "warn", "#status=needs_review"),
        ("refused", of["refused"], "warn", "#status=refused"),
        ("checks regressed", checks[Outcome.REGRESSED], "bad", "#status=regressed" if of["regressed"] else ""),
        ("underpowered", checks[Outcome.UNDERPOWERED], "warn", ""),
        ("improved", checks[Outcome.IMPROVED], "good", ""),
    ]
    return (
        Count("cases", finished, "warn" if missing else "plain", "#status=missing" if missing else ""),
        *(Count(label, f"{n:,}", tone if n else "plain", href if n else "") for label, n, tone, href in shown),
    )


def changes(run: Run) -> str:
    """What changed since the baseline, in a sentence; empty: nothing was compared."""
    if run.verdict is None or not run.verdict.baseline:
        return ""
    found = [finding for finding in run.verdict.findings if finding.rule == "baseline"]
    if not found:
        return "Nothing was compared: no rule covers what both have."
    number = {outcome: sum(finding.outcome is outcome for finding in found) for outcome in Outcome}
    words = {
        Outcome.ERROR: "can’t be compared",
        Outcome.REGRESSED: "worse",
        Outcome.UNDERPOWERED: "perhaps worse",
        Outcome.WAIVED: "worse and waived",
        Outcome.IMPROVED: "better",
        Outcome.PASS: "within their margin",
    }
    parts = [f"{number[outcome]:,} {word}" for outcome, word in words.items() if number[outcome]]
    return f"Of {len(found):,} comparisons {', '.join(parts)}."


def groups(run: Run) -> Groups:
    """Findings by family, model and stage: what is no plain pass, worst first; then what improved."""
    lines = {line.row: line for line in _lines(run)}
    found = open_groups(tuple(lines))
    looked_at = [group for group in found if group.leading[0].outcome != Outcome.IMPROVED]
    better = [group for group in found if group.leading[0].outcome == Outcome.IMPROVED]
    hidden = sum(group.size for group in (*looked_at[MAX_GROUPS:], *better[MAX_GROUPS:]))
    room, shown = MAX_FOLDED, []
    for one in (*looked_at[:MAX_GROUPS], *better[:MAX_GROUPS]):
        group = _group(one, lines, room)
        room -= sum(map(len, group.folded.values()))
        shown.append(group)
    number = min(len(looked_at), MAX_GROUPS)
    return Groups(tuple(shown[:number]), tuple(shown[number:]), hidden)


def kept(run: Run) -> tuple[Kept, ...]:
    """The checks that keep their limits, a line a family and model, the one with the least room first."""
    by_pair: dict[tuple[str, str], list[Line]] = {}
    for line in _lines(run):
        if not line.row.open:
            by_pair.setdefault((line.finding.family, line.finding.model), []).append(line)
    found = [
        Kept(family, model, len(lines), min(lines, key=lambda line: _room(line.finding)))
        for (family, model), lines in by_pair.items()
    ]
    return tuple(sorted(found, key=lambda one: _room(one.nearest.finding)))


def family_map(run: Run, states: Mapping[str, str]) -> dict[str, dict[str, Cell]]:
    """Family -> model -> how it stands; pairs without a case are left out."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in run.verdict.findings if run.verdict else ():
        found.setdefault((finding.family, finding.model), []).append(finding)
    cases: dict[tuple[str, str], list[str]] = {}
    for case in run.manifest.cases:
        cases.setdefault((case.family, case.model.name), []).append(states[case.id])
    result: dict[str, dict[str, Cell]] = {}
    for (family, model), ended in cases.items():
        result.setdefault(family, {})[model] = _cell(family, model, found.get((family, model), []), ended)
    return result


def link(case_id: str, finding: Finding | None = None) -> str:
    """The address of a case; with a finding, in the mode that shows it."""
    state = {"case": case_id}
    if finding and finding.rule != "limit" and finding.rule not in verdict.CONDUCT:
        state |= {"mode": "heat", "metric": metric_name(finding.metric)}
    return f"#{urlencode(state, errors='replace')}"


def list_link(**state: str) -> str:
    """The address of a filtered list."""
    return f"#{urlencode(state, errors='replace')}"


def _lines(run: Run) -> list[Line]:
    if run.verdict is None:
        return []
    records = {record.case.id: record for record in run.records}
    ranked = verdict.ranked(run.verdict)
    return [_line(row, finding, records) for row, finding in zip(verdict.rows(run.verdict), ranked, strict=True)]


def _line(row: verdict.Row, finding: Finding, records: Mapping[str, CaseRecord]) -> Line:
    record = records.get(finding.case_id)
    about = f"{record.case.scene}, seed {record.case.seed}" if record else ""
    return Line(row, finding, about, link(record.case.id, finding) if record else "")


def _group(found: Found, lines: Mapping[verdict.Row, Line], room: int) -> Group:
    """A group of the page, with at most `room` findings folded."""
    own = [lines[row] for row in found.leading]
    shown = tuple(own[:MAX_LINES])
    rest = (*found.leading[MAX_LINES:], *found.others)
    folded = by_metric(rest[:room])
    first = own[0]
    tone: Tone = "warn" if first.row.at_risk else TONES[first.finding.outcome]
    return Group(
        family=first.finding.family,
        model=first.finding.model,
        stage=found.stage,
        outcome=first.finding.outcome,
        tone=tone,
        lines=shown,
        more=found.more(len(shown)),
        folded={metric: tuple(lines[row] for row in rows) for metric, rows in folded.items()},
        left_out=max(0, len(rest) - room),
        pictured=_pictured(own),
        href=list_link(family=first.finding.family, model=first.finding.model),
    )


def _pictured(lines: Sequence[Line]) -> Finding:
    """What shows best what is wrong, among what is as bad as the worst and has a case."""
    known = [line.finding for line in lines if line.href and line.finding.outcome is lines[0].finding.outcome]
    seen = [finding for finding in known if metric_name(finding.metric) in PICTURED and finding.rule != "limit"]
    furthest = max(seen, key=lambda finding: abs(finding.headroom) / (abs(finding.limit) or 1.0), default=None)
    return furthest or next(iter(known), lines[0].finding)


def _room(finding: Finding) -> float:
    return finding.headroom / max(abs(finding.limit), 1e-9)


def _cell(family: str, model: str, found: Sequence[Finding], ended: Sequence[str]) -> Cell:
    number = {outcome: sum(finding.outcome is outcome for finding in found) for outcome in Outcome}
    failed = sum(state in view.FAILED for state in ended)
    missing = sum(state == "missing" for state in ended)
    parts = [
        (failed, "bad", "✕", "failed"),
        (number[Outcome.ERROR], "bad", "✕", "not judged"),
        (number[Outcome.REGRESSED], "bad", "▼", "regressed"),
        (missing, "warn", "…", "not run"),
        (number[Outcome.UNDERPOWERED], "warn", "?", "unclear"),
        (number[Outcome.WAIVED], "warn", "∼", "waived"),
        (sum(f.at_risk and f.outcome is Outcome.PASS for f in found), "warn", "!", "at risk"),
        (number[Outcome.IMPROVED], "good", "▲", "improved"),
    ]
    said = [(count, tone, mark, word) for count, tone, mark, word in parts if count]
    if not said:
        said = [(number[Outcome.PASS], "plain", "✓", "kept")] if number[Outcome.PASS] else [(0, "plain", "–", "")]
    count, tone, mark, word = said[0]
    tones: dict[str, Tone] = {"bad": "bad", "warn": "warn", "good": "good", "plain": "plain"}
    every = ", ".join(f"{n} {what}" for n, _, _, what in said if n) or "not judged"
    return Cell(
        tones[tone],
        mark,
        f"{count:,} {word}" if count else "not judged",
        f"{family} × {model}: {every}; {len(ended):,} cases",
        list_link(family=family, model=model),
        len(ended),
    )
