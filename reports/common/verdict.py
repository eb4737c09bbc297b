"""A verdict in words: what the terminal, a pull request, a build server and the report show of it.

Everything here is made from the manifest and the verdict alone, and every text is one line without
control characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import Manifest, metric_name
from editproof.harness.records.verdicts import OUTCOMES, Change, Evidence, Finding, Outcome, Verdict
from editproof.harness.records.wording import count_noun, format_measure, format_title
from editproof.reports.common import numbers
from editproof.reports.common.text import strip_foreign

Level = Literal["error", "warning", "good"]

JOD = "JOD: at 1, 75 % of people prefer the other picture."
"""What the number means: every output that shows one says so once."""

VISIBLE = ((1.0, "obvious"), (0.3, "clearly visible"), (0.1, "visible"))
"""JOD from which on a difference is called so, largest first; below the last it is `just visible`.
"""

QUIET = frozenset({Outcome.IMPROVED, Outcome.INVISIBLE, Outcome.UNCHANGED, Outcome.PASS})
"""Outcomes that need nobody, unless they fail the build."""

INVISIBLE = frozenset({Outcome.INVISIBLE, Outcome.UNCHANGED, Outcome.PASS})
"""Outcomes of what nobody can see, however many JOD were measured."""

UNKNOWN = "how its pictures changed is not known"
"""Of a run that an older version judged."""

PICTURES = {
    Outcome.ERROR: "could not be judged",
    Outcome.REGRESSED: "regressed",
    Outcome.TRADED: "traded",
    Outcome.UNDERPOWERED: "perhaps worse",
    Outcome.CHANGED: "visibly changed",
    Outcome.NOT_JUDGED: "not judged",
    Outcome.WAIVED: "waived",
    Outcome.PASS: "unchanged",
    Outcome.UNCHANGED: "changed no more than seeds do",
    Outcome.INVISIBLE: "changed invisibly",
    Outcome.IMPROVED: "improved",
}
"""What is said of pictures beside the accepted ones, in this order; `pass` stands for those that
are the accepted ones.
"""

COUNTED = frozenset({"status", "seed"})
"""Rules that count scenes, and measure no picture."""
HELD_TO = {"budget": "budget", "limit": "limit"}
"""What a rule's limit is called; of any other it is a margin."""

PAST = {"budget": "over budget", "limit": "over a limit"}
"""What is said of a number that does not keep such a rule: no picture need have got worse."""

NAMED_FAMILIES = 4
NAMED_MODELS = 3
NAMED_PLACES = 3
NAMED_FINDINGS = 2
"""Names in a sentence, before the others are counted."""
MAX_NAME = 60
MAX_TEXT = 1000
"""Characters of a foreign text that are shown: a name must not push the others out."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, in words."""

    level: Level
    """`error` fails the build; `warning` needs a look; `good` needs nobody."""
    outcome: str
    """An Outcome, or `at risk`."""
    said: str
    """The outcome; and whether it fails the build, where the outcome alone leaves that open."""
    rule: str
    families: str
    models: str
    words: str
    """What it looks like."""
    seen: str
    """How visible it is: `obvious, 1.32 JOD`. Empty: not known."""
    cases: str
    """`4 cases`. Empty: it counts none."""
    stage: str
    """Empty: not known."""
    measure: str
    """`PSNR mean in edit`. Empty: no number was judged."""
    number: str
    """`PSNR mean in edit: 34.20 → 31.10 dB (margin 0.50 dB)`. Empty: no number was judged."""
    interval: str
    """95 % confidence interval of the change. Empty: there is none."""
    text: str
    """The finding in one sentence."""
    identity: tuple[str, ...]
    """What the finding is about, without its numbers: the same in every run."""

    @property
    def place(self) -> str:
        """Families and models: `logo, moire · ns`."""
        return f"{self.families} · {self.models}"

    @property
    def evidence(self) -> str:
        """The number, where the words do not give it already, as those of a written limit do."""
        return "" if self.rule in PAST else self.number

    @property
    def story(self) -> str:
        """What it looks like, how visible it is, in how many cases, and where it begins."""
        first = f"first at {self.stage}" if self.stage else ""
        return " · ".join(part for part in (self.words, self.seen, self.cases, first) if part)


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where the repository lies, so that a finding can point at a file in it."""

    here: Path
    """Where relative pipelines start."""
    root: Path

    def source(self, manifest: Manifest, models: Sequence[str]) -> str:
        """The file of the first of these models that has one, relative to the repository; empty:
        none, or it lies elsewhere.
        """
        specs = {known.name: known.spec for known in manifest.suite.models}
        found = (self._find_file(specs.get(model, "")) for model in models)
        return next((path for path in found if path), "")

    def _find_file(self, spec: str) -> str:
        module = spec.partition("?")[0].rpartition(":")[0]
        path = self.here / module
        if not module.endswith(".py") or ".." in path.parts or not path.is_relative_to(self.root):
            return ""
        return strip_foreign(path.relative_to(self.root).as_posix())


def make_line(finding: Finding) -> Line:
    """One finding in words."""
    evidence = finding.evidence
    low, high = (evidence and evidence.interval) or (0.0, 0.0)
    outcome = "at risk" if is_at_risk(finding) else finding.outcome.value
    return Line(
        level=choose_level(finding),
        outcome=outcome,
        said=_describe_outcome(finding, outcome),
        rule=shorten(finding.rule),
        families=name_first(finding.families, NAMED_FAMILIES),
        models=name_first(finding.models, NAMED_MODELS),
        words=shorten(finding.whole_words or finding.text),
        seen=describe_jod(finding.jod, finding.outcome),
        cases=count_noun(len(finding.cases), "case") if finding.cases else "",
        stage=shorten(finding.stage, MAX_NAME),
        measure=shorten(describe_measure(finding.rule, evidence)) if evidence else "",
        number=shorten(_number(finding.rule, evidence)) if evidence else "",
        interval=(
            f"{numbers.number(low, evidence.unit)} to {_quantity(high, evidence)}"
            if evidence and evidence.interval
            else ""
        ),
        text=shorten(finding.text or finding.whole_words),
        identity=_list_subjects(finding),
    )


def open_findings(verdict: Verdict) -> tuple[Finding, ...]:
    """The findings that need a person, in the verdict's order."""
    return tuple(finding for finding in verdict.findings if is_open(finding))


def open_lines(verdict: Verdict) -> tuple[Line, ...]:
    """The findings that need a person, in words."""
    return tuple(map(make_line, open_findings(verdict)))


def is_open(finding: Finding) -> bool:
    """Whether it needs a person."""
    if finding.accepted:
        return False
    return finding.fails or finding.outcome not in QUIET or is_at_risk(finding)


def is_at_risk(finding: Finding) -> bool:
    """Whether a limit is kept with hardly anything left of it."""
    return finding.at_risk and finding.outcome is Outcome.PASS


def choose_level(finding: Finding) -> Level:
    """How loud a finding is."""
    if finding.fails or finding.outcome is Outcome.ERROR:
        return "error"
    return "warning" if is_open(finding) else "good"


def describe_visibility(jod: float) -> str:
    """How visible a difference of that many JOD is, in words."""
    return next((word for least, word in VISIBLE if jod >= least), "just visible")


def describe_jod(jod: float | None, outcome: Outcome | None = None) -> str:
    """The same with the number, or that nobody can see it; empty where it is not known."""
    if jod is None:
        return ""
    words = "invisible" if outcome in INVISIBLE else describe_visibility(jod)
    return f"{words}, {numbers.format_jod(jod)} JOD"


def list_jod_lines(verdict: Verdict) -> list[str]:
    """What JOD is, where the verdict speaks of any."""
    found = any(finding.jod is not None for finding in open_findings(verdict))
    return (
        [JOD]
        if found or any(change.outcome is Outcome.INVISIBLE for change in verdict.changes)
        else []
    )


def write_headline(verdict: Verdict) -> str:
    """The verdict in a word or four. A pass is a run that was judged, and that nothing failed."""
    failing = [finding for finding in verdict.findings if finding.fails]
    if verdict.preliminary:
        return "preliminary: fails so far" if failing else "preliminary: nothing fails so far"
    if verdict.invalid:
        return "could not be judged"
    if verdict.exit_code is ExitCode.REGRESSION:
        if failing and all(finding.rule in PAST for finding in failing):
            return PAST[failing[0].rule]
        worst = min(
            (finding.outcome for finding in failing),
            key=OUTCOMES.index,
            default=Outcome.REGRESSED,
        )
        return "regression" if worst in {Outcome.REGRESSED, Outcome.ERROR} else f"fail: {worst}"
    if verdict.exit_code is ExitCode.OK:
        return "pass"
    return "underpowered" if verdict.outcome is Outcome.UNDERPOWERED else "could not be judged"


def sum_up(verdict: Verdict) -> str:
    """What became of the pictures and how many findings there are, on one line; empty: the run
    could not be judged, and nothing was found either.
    """
    found = open_findings(verdict)
    failing = sum(finding.fails for finding in found)
    word = "preliminary" if verdict.preliminary else "provisional"
    said = (
        [count_noun(len(found), f"{word} finding" if verdict.invalid else "finding")]
        if found
        else []
    )
    if failing and not verdict.invalid:
        said = [
            (
                f"{failing:,} of {count_noun(len(found), 'finding')}"
                f" {'fails' if failing == 1 else 'fail'} the build"
            )
        ]
    if (
        verdict.exit_code is ExitCode.INCOMPLETE
        and verdict.outcome is Outcome.UNDERPOWERED
        and not verdict.invalid
    ):
        said += ["too few seeds to be sure"]
    pictures = count_changed(verdict) or ("" if verdict.invalid else _describe_uncompared(verdict))
    return "; ".join([*said, *([pictures] if pictures else [])])


def count_changed(verdict: Verdict) -> str:
    """`24 pictures unchanged, 9 changed invisibly (JOD at most 0.02), 3 improved: logo · patch`;
    empty: none was compared.
    """
    told: list[str] = []
    for outcome, word in PICTURES.items():
        own = [change for change in verdict.changes if change.outcome is outcome]
        number = len(own) + (verdict.unchanged if outcome is Outcome.PASS else 0)
        if number:
            noun = "" if told else "picture " if number == 1 else "pictures "
            told.append(f"{number:,} {noun}{word}{_count_more(outcome, own, verdict)}")
    return ", ".join(told)


def explain_verdict(verdict: Verdict) -> str:
    """Why the verdict is not a pass: `the fill is blurrier in logo and moire with ns, first at
    inpaint`.

    Empty where it is one, and where the reasons why the run could not be judged say it.
    """
    if verdict.exit_code is ExitCode.OK or verdict.invalid:
        return ""
    found = [finding for finding in verdict.findings if finding.fails]
    found = found or [
        finding
        for finding in verdict.findings
        if finding.outcome is verdict.outcome and is_open(finding)
    ]
    return _name_causes(found)


def write_reason(verdict: Verdict) -> str:
    """Why the verdict is what it is, in one sentence for people who have not seen the run."""
    first = list_reasons(verdict)[:1]
    return next(iter(first), explain_verdict(verdict) or sum_up(verdict)).rstrip(".")


def describe_improvement(verdict: Verdict) -> str:
    """What a pass is the better for: `the fill is sharper in logo with ns`; empty: nothing."""
    if verdict.exit_code is not ExitCode.OK:
        return ""
    found = [one for one in verdict.findings if one.outcome is Outcome.IMPROVED]
    return _name_causes(found)


def write_sentence(manifest: Manifest, verdict: Verdict) -> str:
    """What was judged, and against what."""
    suite = manifest.suite
    against = "budgets and the baseline" if verdict.baseline else "budgets"
    return (
        f"Suite {shorten(suite.name, MAX_NAME)}: {count_noun(len(manifest.cases), 'case')} of "
        f"{count_noun(len(suite.models), 'model')}, judged against {against}."
    )


def list_reasons(verdict: Verdict) -> tuple[str, ...]:
    """Why the run could not be judged."""
    return tuple(shorten(reason) for reason in verdict.invalid)


def list_notes(verdict: Verdict) -> tuple[str, ...]:
    """What a person should know though it changes nothing."""
    return tuple(shorten(note) for note in verdict.notes)


def describe_measure(rule: str, evidence: Evidence) -> str:
    """What a number measures, in words."""
    if rule in {"limit", "cost", *COUNTED}:
        return format_title(evidence.metric)
    return format_measure(evidence.metric, evidence.stat, evidence.region)


def name_first(names: Sequence[str], most: int) -> str:
    """The first names, and how many more."""
    said, more = [shorten(name, MAX_NAME) for name in names[:most]], len(names) - most
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def shorten(text: str, most: int = MAX_TEXT) -> str:
    """A foreign text, plain, on one line, and no longer than `most`."""
    line = strip_foreign(" ".join(text[: 2 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _describe_outcome(finding: Finding, outcome: str) -> str:
    if finding.outcome is Outcome.REGRESSED and finding.rule in PAST:
        return PAST[finding.rule]
    if finding.fails and finding.outcome not in {Outcome.REGRESSED, Outcome.ERROR}:
        return f"{outcome}, fails the build"
    if not finding.fails and finding.outcome in {Outcome.REGRESSED, Outcome.TRADED}:
        return f"{outcome}, does not fail the build"
    return outcome


def _number(rule: str, evidence: Evidence) -> str:
    if rule in COUNTED:
        allowed = (
            f"limit {_quantity(evidence.limit, evidence)}" if evidence.limit else "none allowed"
        )
        return f"{_quantity(evidence.after, evidence)} ({allowed})"
    value = _quantity(evidence.after, evidence)
    if evidence.before is not None:
        value = f"{numbers.number(evidence.before, evidence.unit)} → {value}"
    held_to = HELD_TO.get(rule, "margin" if evidence.limit else "")  # some numbers have none
    limit = f" ({held_to} {_quantity(evidence.limit, evidence)})" if held_to else ""
    return f"{describe_measure(rule, evidence)}: {value}{limit}"


def _quantity(value: float, evidence: Evidence) -> str:
    return strip_foreign(numbers.format_quantity(value, evidence.unit))


def _name_causes(found: Sequence[Finding]) -> str:
    more = len(found) - NAMED_FINDINGS
    said = [_describe_cause(finding) for finding in found[:NAMED_FINDINGS]]
    return "; ".join([*said, *([f"and {count_noun(more, 'more finding')}"] if more > 0 else [])])


def _describe_cause(finding: Finding) -> str:
    line = make_line(finding)
    first = f", first at {line.stage}" if line.stage else ""
    return f"{shorten(line.words, 200)} in {line.families} with {line.models}{first}"


def _count_more(outcome: Outcome, changes: Sequence[Change], verdict: Verdict) -> str:
    if outcome is Outcome.INVISIBLE and changes:
        return f" (JOD {numbers.format_most_jod(max(change.worst for change in changes))})"
    if outcome is not Outcome.IMPROVED:
        return ""
    loud = {(one.family, one.model) for one in verdict.judgements if one.outcome not in QUIET}
    found = dict.fromkeys(
        (one.family, one.model) for one in verdict.judgements if one.outcome is outcome
    )
    places = [
        f"{shorten(family, MAX_NAME)} · {shorten(model, MAX_NAME)}"
        for family, model in found
        if (family, model) not in loud
    ]
    return f": {name_first(places, NAMED_PLACES)}" if places else ""


def _describe_uncompared(verdict: Verdict) -> str:
    if verdict.baseline:
        return UNKNOWN
    kept = "every budget and limit is kept" if verdict.exit_code is ExitCode.OK else ""
    none = "no picture was compared with an accepted one"
    return f"{kept}; {none}" if kept else none


def _list_subjects(finding: Finding) -> tuple[str, ...]:
    evidence = finding.evidence
    number = (
        (metric_name(evidence.metric), evidence.region, evidence.stat)
        if evidence and not finding.aspect
        else ()
    )
    return (
        finding.rule,
        finding.aspect,
        " ".join(finding.families),
        " ".join(finding.models),
        *number,
    )
