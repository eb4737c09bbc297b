"""A verdict row by row, in words: what the terminal, a pull request and a build server show of it.

Everything here is made from the manifest and the verdict alone, and every text is one line without control characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from harness.runs import Manifest, metric_name
from harness.types import ExitCode, Finding, Outcome, Verdict
from harness.wording import counted
from reports import numbers, view
from reports.text import plain

Level = Literal["error", "warning", "good"]

LEVELS: dict[Outcome, Level] = {
    Outcome.ERROR: "error",
    Outcome.REGRESSED: "error",
    Outcome.UNDERPOWERED: "warning",
    Outcome.WAIVED: "warning",
}
"""How loud an outcome is; any other is good."""

WORDS = {
    ExitCode.OK: "pass",
    ExitCode.REGRESSION: "regression",
    ExitCode.USAGE: "could not be judged",
    ExitCode.INCOMPLETE: "could not be judged",
}

CONDUCT = frozenset({"status", "seed", "edit"})
"""Rules that count scenes, and measure no picture."""

NONE = "—"
MAX_TEXT = 1000
"""Characters of a foreign text that are shown: a name must not push the others out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding, in words."""

    level: Level
    outcome: str
    at_risk: bool
    """It passes, and little more would make it fail."""
    rule: str
    """`budget PSNR mean in edit`, with a number where a suite asks the same twice with two limits."""
    kind: str
    """`baseline`, `budget`, `limit`, `status`, `seed` or `edit`."""
    metric: str
    """`PSNR`; of a rule of conduct what it is about."""
    measure: str
    """`PSNR mean in edit`."""
    family: str
    model: str
    change: str
    """Size of the change, on average and at worst; against a budget or a limit the worst value."""
    interval: str
    """Empty: there is none."""
    allowed: str
    """`margin 0.50 dB`."""
    headroom: str
    stage: str
    """Empty: not known."""
    text: str
    """The finding in one line."""
    identity: tuple[str, ...]
    """What the finding is about, without its numbers: the same in every run."""

    @property
    def open(self) -> bool:
        """It is no plain pass."""
        return self.outcome != Outcome.PASS or self.at_risk

    @property
    def word(self) -> str:
        """The outcome, as a table says it."""
        return "at risk" if self.at_risk else self.outcome


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where the repository lies, so that a finding can point at a file in it."""

    here: Path
    """Where relative pipelines start."""
    root: Path

    def source(self, manifest: Manifest, model: str) -> str:
        """The file of that model's pipeline, relative to the repository; empty: none, or it lies elsewhere."""
        spec = next((known.spec for known in manifest.suite.models if plain(known.name) == model), "")
        module = spec.partition("?")[0].rpartition(":")[0]
        path = self.here / module
        if not module.endswith(".py") or ".." in path.parts or not path.is_relative_to(self.root):
            return ""
        return plain(path.relative_to(self.root).as_posix())


@lru_cache(maxsize=1)
def rows(verdict: Verdict) -> tuple[Row, ...]:
    """Every finding, worst first; kept, since whatever shows a verdict asks for them."""
    ordered = ranked(verdict)
    return tuple(_row(finding, number) for finding, number in zip(ordered, _numbers(ordered), strict=True))


def ranked(verdict: Verdict) -> tuple[Finding, ...]:
    """The findings in the order of their rows."""
    return tuple(
        sorted(verdict.findings, key=lambda finding: (view.OUTCOMES.index(finding.outcome), not _at_risk(finding)))
    )


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """Why the run could not be judged."""
    return tuple(short(reason) for reason in verdict.invalid)


def notes(verdict: Verdict) -> tuple[str, ...]:
    """What a person should know though it changes nothing."""
    return tuple(short(note) for note in verdict.notes)


def open_rows(found: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that are no plain pass."""
    return tuple(row for row in found if row.open)


def headline(verdict: Verdict) -> str:
    """The verdict in a word or four."""
    return WORDS[verdict.exit_code]


def sentence(manifest: Manifest, verdict: Verdict) -> str:
    """What was judged, against what, and how much of it is past its limit."""
    suite = manifest.suite
    against = "budgets and the baseline" if verdict.baseline else "budgets"
    past = sum(finding.outcome is Outcome.REGRESSED for finding in verdict.findings)
    return (
        f"Suite {short(suite.name)}: {counted(len(manifest.cases), 'case')} of {counted(len(suite.models), 'model')}, "
        f"{counted(len(verdict.findings), 'check')} against {against}, {past} past their limit."
    )


def short(text: str, most: int = MAX_TEXT) -> str:
    """A foreign text, plain, on one line, and no longer than `most`."""
    line = plain(" ".join(text[: 2 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _row(finding: Finding, number: int) -> Row:
    judged = finding.outcome is not Outcome.ERROR
    again = f" ({number})" if number > 1 else ""
    low, high = finding.interval or (0.0, 0.0)
    measure = measured(finding)
    return Row(
        level=LEVELS.get(finding.outcome, "good"),
        outcome=finding.outcome.value,
        at_risk=_at_risk(finding),
        rule=short(measure if finding.rule in CONDUCT else f"{finding.rule} {measure}{again}"),
        kind=short(finding.rule),
        metric=short(numbers.title(finding.metric)),
        measure=short(measure),
        family=short(finding.family),
        model=short(finding.model),
        change=_change(finding) if judged else NONE,
        interval=f"{numbers.number(low, finding.unit)} to {_quantity(high, finding)}" if finding.interval else "",
        allowed=_allowed(finding) if judged else NONE,
        headroom=_quantity(finding.headroom, finding) if judged else NONE,
        stage=short(finding.stage),
        text=short(view.describe(finding)),
        identity=(*_about(finding), str(number)),
    )


def measured(finding: Finding) -> str:
    """What a finding measures, in words."""
    title = numbers.title(finding.metric)
    if finding.rule == "limit" or finding.rule in CONDUCT:
        return title
    return f"{title} {finding.stat.replace('_', ' ')} in {finding.region}"


def _at_risk(finding: Finding) -> bool:
    return finding.at_risk and finding.outcome is Outcome.PASS


def _change(finding: Finding) -> str:
    if finding.rule in CONDUCT:
        return _worse(finding.worst, finding)
    if finding.rule != "baseline":
        return _quantity(finding.worst, finding)
    if finding.mean_change is None or finding.samples < 2:
        return _worse(finding.worst, finding)
    return f"{_worse(finding.mean_change, finding)} (worst {_quantity(finding.worst, finding)})"


def _worse(change: float, finding: Finding) -> str:
    return f"{_quantity(abs(change), finding)} {'worse' if change > 0 else 'better'}" if change else "none"


def _allowed(finding: Finding) -> str:
    if finding.rule in CONDUCT:
        return "none allowed"
    return f"{'margin' if finding.rule == 'baseline' else short(finding.rule)} {_quantity(finding.limit, finding)}"


def _quantity(value: float, finding: Finding) -> str:
    return plain(numbers.quantity(value, finding.unit))


def _about(finding: Finding) -> tuple[str, ...]:
    name = metric_name(finding.metric)
    return (finding.rule, finding.family, finding.model, name, finding.region, finding.stat)


def _numbers(findings: Sequence[Finding]) -> list[int]:
    """1 for each finding, and 2, 3 … where several are about the same, by their limits."""
    limits: dict[tuple[str, ...], list[tuple[float, int]]] = {}
    for index, finding in enumerate(findings):
        limits.setdefault(_about(finding), []).append((finding.limit, index))
    place = {index: number for same in limits.values() for number, (_, index) in enumerate(sorted(same), start=1)}
    return [place[index] for index in range(len(findings))]
