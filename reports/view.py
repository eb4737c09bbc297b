"""What the report says of a run, without any markup: headline, order, grid, tables, worst windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.runs import MetricInfo, Run, metric_name
from harness.types import REGIONS, Case, CaseRecord, ExitCode, Finding, Measurement, Outcome, Region
from reports import numbers

Tone = Literal["good", "bad", "warn", "plain"]

STATES = {
    "error": "Error",
    "refused": "Refused",
    "needs_review": "Needs review",
    "regressed": "Regressed",
    "missing": "Not run",
    "done": "Done",
}
"""What became of a case, in the order in which people must look."""

OUTCOMES = (
    Outcome.ERROR,
    Outcome.REGRESSED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
    Outcome.IMPROVED,
    Outcome.PASS,
)
"""In the order in which people must look."""

WINDOW_PX = 64
"""Edge of the window that `worst` is taken over, in output pixels."""

MAX_WINDOWS = 6
"""More than that on one picture hide it."""

KEY_NUMBERS: tuple[tuple[str, Region, str], ...] = (
    ("psnr", "edit", "mean"),
    ("ssim", "edit", "mean"),
    ("lpips", "edit", "mean"),
    ("delta_e00", "edit", "mean"),
)
"""What one line about a case shows."""


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line in the list of cases."""

    case: Case
    state: str
    record: CaseRecord | None
    """None: not run."""
    values: tuple[str, ...]
    """One text for each of KEY_NUMBERS."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One family and model in the grid."""

    record: CaseRecord
    """The worst case."""
    state: str
    """The worst case's state."""
    cases: int
    failed: int
    """Cases of this cell that ended in any other way than done."""
    values: tuple[str, ...]
    """Of the worst case; one text for each of KEY_NUMBERS."""


@dataclass(frozen=True, slots=True)
class Score:
    """One cell in the table of numbers."""

    text: str
    reason: str
    """Why there is no value; empty: there is one, or the region was not asked for."""
    note: int
    """Number of the footnote that carries the reason; 0: none."""
    past: bool
    """A finding says that this value is past its limit."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One metric and statistic, over the regions."""

    metric: str
    identity: str
    span: int
    """Rows of the same metric that start here; 0: it goes on."""
    stat: str
    unit: str
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """All numbers of a case."""

    regions: tuple[Region, ...]
    rows: tuple[ScoreRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The place where one or more metrics are worst."""

    letter: str
    y: int
    x: int
    """Centre, in output pixels."""
    text: str


def headline(run: Run) -> Headline:
    """The verdict in a word, and why."""
    verdict = run.verdict
    if verdict is None:
        return Headline("NOT JUDGED YET", "plain", "No gate has judged this run yet; `editproof gate` does.")
    if verdict.exit_code is ExitCode.OK:
        improved = sum(finding.outcome is Outcome.IMPROVED for finding in verdict.findings)
        why = f"All {len(verdict.findings)} checks keep their limits"
        return Headline("PASS", "good", f"{why}, {improved} of them improved." if improved else f"{why}.")
    if verdict.exit_code is ExitCode.REGRESSION:
        bad = [finding for finding in verdict.findings if finding.outcome is Outcome.REGRESSED]
        why = f"{len(bad)} of {len(verdict.findings)} checks are past their limit."
        return Headline("REGRESSION", "bad", f"{why} Worst: {describe(bad[0])}" if bad else why)
    why = verdict.invalid[0] if verdict.invalid else "No reason was given."
    more = f" (and {len(verdict.invalid) - 1} more below)" if len(verdict.invalid) > 1 else ""
    return Headline("COULD NOT BE JUDGED", "warn", why + more)


def describe(finding: Finding) -> str:
    """A finding in one line, with the family and the model that it is about."""
    if finding.family in finding.text and finding.model in finding.text:
        return finding.text
    return f"{finding.family} × {finding.model}: {finding.text}"


def counts(run: Run) -> tuple[Count, ...]:
    """The numbers beside the verdict."""
    findings = run.verdict.findings if run.verdict else ()
    total = len(run.manifest.cases)
    finished = f"{len(run.records)}" if len(run.records) == total else f"{len(run.records)} of {total}"
    return (
        Count("cases", finished, "warn" if run.missing else "plain"),
        _count("errors", (record.status == "error" for record in run.records), "bad"),
        _count("need review", (record.status == "needs_review" for record in run.records), "warn"),
        _count("refused", (record.status == "refused" for record in run.records), "warn"),
        _count("regressed", (finding.outcome is Outcome.REGRESSED for finding in findings), "bad"),
        _count("improved", (finding.outcome is Outcome.IMPROVED for finding in findings), "good"),
    )


def findings(run: Run) -> tuple[Finding, ...]:
    """The verdict's findings, those that need a person first, else in the verdict's order."""
    found = run.verdict.findings if run.verdict else ()
    return tuple(sorted(found, key=lambda finding: OUTCOMES.index(finding.outcome)))


def regressed(run: Run) -> frozenset[str]:
    """Ids of the cases that a regressed finding names."""
    return frozenset(finding.case_id for finding in findings(run) if finding.outcome is Outcome.REGRESSED)


def entries(run: Run) -> tuple[Entry, ...]:
    """All cases of the run, failures first, each group in the order of the manifest."""
    past = regressed(run)
    records = {record.case.id: record for record in run.records}
    found = [_entry(case, records.get(case.id), past) for case in run.manifest.cases]
    order = {state: index for index, state in enumerate(STATES)}
    return tuple(sorted(found, key=lambda entry: order.get(entry.state, 0)))


def grid(run: Run) -> dict[str, dict[str, Cell]]:
    """Family -> model -> its worst case, one that is not done before any other; pairs without a case are left out."""
    past = regressed(run)
    pairs: dict[tuple[str, str], list[CaseRecord]] = {}
    for record in run.records:
        pairs.setdefault((record.case.family, record.case.model.name), []).append(record)
    cells: dict[str, dict[str, Cell]] = {}
    for (family, model), records in pairs.items():
        failed = [record for record in records if state(record, past) != "done"]
        shown = numbers.worst(failed or records)
        cells.setdefault(family, {})[model] = Cell(
            shown, state(shown, past), len(records), len(failed), key_numbers(shown)
        )
    return cells


def models(run: Run) -> tuple[str, ...]:
    """Names of the models, in the suite's order."""
    return tuple(dict.fromkeys(case.model.name for case in run.manifest.cases))


def families(run: Run) -> tuple[str, ...]:
    """Names of the families, in the suite's order."""
    return tuple(dict.fromkeys(case.family for case in run.manifest.cases))


def state(record: CaseRecord, past: frozenset[str]) -> str:
    """What became of a case: one of STATES, or the pipeline's own word."""
    return "regressed" if record.status == "done" and record.case.id in past else record.status


def key_numbers(record: CaseRecord | None) -> tuple[str, ...]:
    """One text for each of KEY_NUMBERS."""
    return tuple(_short(record, *key) for key in KEY_NUMBERS)


def score_table(record: CaseRecord, about: Sequence[Finding]) -> ScoreTable:
    """All numbers of a case; `about` are the findings that name it."""
    found = [row for row in record.measurements if row.metric not in _unmeasured(record)]
    measured = {(row.metric, row.stat, row.region): row for row in found}
    keys = tuple(dict.fromkeys((row.metric, row.stat) for row in found))
    asked = {row.region for row in found}
    regions = tuple(region for region in REGIONS if region in asked)
    past = {(metric_name(item.metric), item.stat, item.region) for item in about if item.outcome is Outcome.REGRESSED}
    notes: dict[str, int] = {}
    rows: list[ScoreRow] = []
    before = ""
    for metric, stat in keys:
        cells = {region: measured.get((metric, stat, region)) for region in regions}
        scores = tuple(
            _score(cell, notes, past=(metric_name(metric), stat, region) in past) for region, cell in cells.items()
        )
        unit = next((cell.unit for cell in cells.values() if cell), "")
        span = 0 if metric == before else sum(key[0] == metric for key in keys)
        rows.append(ScoreRow(numbers.title(metric), metric, span, stat.replace("_", " "), unit, scores))
        before = metric
    return ScoreTable(regions, tuple(rows), (*notes, *_blanks(record)))


def _unmeasured(record: CaseRecord) -> dict[str, str]:
    """Metrics that have no value anywhere, for one reason, and the reason."""
    reasons: dict[str, set[str]] = {}
    for row in record.measurements:
        reasons.setdefault(row.metric, set()).add("" if row.value is not None else row.reason)
    return {metric: min(why) for metric, why in reasons.items() if len(why) == 1 and min(why)}


def _blanks(record: CaseRecord) -> Iterable[str]:
    """What stands below the table of the metrics that have no row in it, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for metric, reason in _unmeasured(record).items():
        by_reason.setdefault(reason, []).append(numbers.title(metric))
    return (f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def windows(record: CaseRecord, metrics: Mapping[str, MetricInfo]) -> tuple[Window, ...]:
    """Where each metric is worst over all regions; metrics that point to the same place share a window. At most MAX_WINDOWS."""
    found: dict[str, tuple[float, Measurement]] = {}
    for row in record.measurements:
        if row.value is None or row.y is None or row.x is None:
            continue
        better = metrics[metric_name(row.metric)].better
        if better != "higher" and row.value == 0:  # nothing is wrong anywhere
            continue
        bad = numbers.badness(better, row.value)
        if row.metric not in found or bad > found[row.metric][0]:
            found[row.metric] = (bad, row)
    places: dict[tuple[int, int], list[str]] = {}
    for _, row in found.values():
        if row.value is not None and row.y is not None and row.x is not None:
            text = f"{numbers.title(row.metric)} {numbers.quantity(row.value, row.unit)} in {row.region}"
            places.setdefault((row.y, row.x), []).append(text)
    return tuple(
        Window("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 26], y, x, "; ".join(texts))
        for index, ((y, x), texts) in enumerate(list(places.items())[:MAX_WINDOWS])
    )


def _count(label: str, flags: Iterable[bool], tone: Tone) -> Count:
    count = sum(flags)
    return Count(label, str(count), tone if count else "plain")


def _entry(case: Case, record: CaseRecord | None, past: frozenset[str]) -> Entry:
    return Entry(case, state(record, past) if record else "missing", record, key_numbers(record))


def _short(record: CaseRecord | None, metric: str, region: Region, stat: str) -> str:
    row = numbers.find(record, metric, region, stat) if record else None
    return "—" if row is None or row.value is None else numbers.number(row.value, row.unit)


def _score(row: Measurement | None, notes: dict[str, int], *, past: bool) -> Score:
    if row is None:
        return Score("", "", 0, past)
    if row.value is not None:
        return Score(numbers.number(row.value, row.unit), "", 0, past)
    reason = row.reason or "no reason was recorded"
    return Score("—", reason, notes.setdefault(reason, len(notes) + 1), past)
