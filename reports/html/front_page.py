"""What the front page says of a run, without any markup: verdict, counts, findings, the map of
families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import OUTCOMES, Finding, Judgement, Outcome
from editproof.harness.records.wording import count_noun, name_case
from editproof.reports.common import numbers, verdict, view

Tone = Literal["good", "bad", "warn", "plain"]

MAX_CARDS = 120
"""Findings that are listed: beyond, a page is no longer read."""

MAX_LINKS = 24
"""Cases of a finding that are linked one by one; the list has all."""

MAX_INVISIBLE = 200
"""Pictures that changed invisibly and are listed; the others are counted."""

TONES: Mapping[Outcome, Tone] = {
    Outcome.ERROR: "bad",
    Outcome.REGRESSED: "bad",
    Outcome.TRADED: "warn",
    Outcome.UNDERPOWERED: "warn",
    Outcome.CHANGED: "warn",
    Outcome.NOT_JUDGED: "warn",
    Outcome.WAIVED: "warn",
    Outcome.IMPROVED: "good",
    Outcome.INVISIBLE: "plain",
    Outcome.UNCHANGED: "plain",
    Outcome.PASS: "plain",
}
MARKS: Mapping[Outcome, str] = {
    Outcome.ERROR: "✕",
    Outcome.REGRESSED: "▼",
    Outcome.TRADED: "⇅",
    Outcome.UNDERPOWERED: "?",
    Outcome.CHANGED: "≠",
    Outcome.NOT_JUDGED: "–",
    Outcome.WAIVED: "∼",
    Outcome.IMPROVED: "▲",
    Outcome.INVISIBLE: "≈",
    Outcome.UNCHANGED: "=",
    Outcome.PASS: "✓",
}
"""A shape for each, since a colour alone tells nothing to some."""


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
    term: str = ""
    """The glossary's word for it; empty: there is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """A case that a finding counts."""

    case_id: str
    name: str
    href: str
    """Empty: it has no result."""


@dataclass(frozen=True, slots=True)
class Card:
    """One finding."""

    line: verdict.Line
    finding: Finding
    tone: Tone
    href: str
    """The case to look at, in the mode that shows it; empty: there is none."""
    places: tuple[Place, ...]
    """The first of its cases."""
    more: int
    """Cases that are not linked one by one."""
    listing: str
    """The list of all its cases; empty: it counts none."""
    own: bool
    """Whether its cases are the user's own: each is then shown, not only the first."""


@dataclass(frozen=True, slots=True)
class Cards:
    """The findings: what needs a person, and what got better or can't be seen."""

    open: tuple[Card, ...]
    quiet: tuple[Card, ...]
    left_out: int
    """Findings that are not listed."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A picture that changed, and nobody can see it."""

    place: Place
    whole: str
    worst: str
    """JOD, over the whole picture and in the worst window."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One family and model on the map."""

    tone: Tone
    mark: str
    text: str
    title: str
    """Every aspect and what became of it."""
    href: str
    """The list of its cases; empty: it has none."""
    cases: int


@dataclass(frozen=True, slots=True)
class _Cases:
    """The run's cases by id, and which of them have ended."""

    names: Mapping[str, str]
    ended: frozenset[str]
    own: frozenset[str]

    @classmethod
    def of(cls, run: Run) -> _Cases:
        cases = run.manifest.cases
        names = {case.id: name_case(case) for case in cases}
        ended = frozenset(record.case.id for record in run.records)
        return cls(names, ended, frozenset(case.id for case in cases if case.own))

    def place(self, case_id: str, finding: Finding | None = None) -> Place:
        return Place(
            case_id,
            self.names.get(case_id, case_id),
            link(case_id, finding) if case_id in self.ended else "",
        )


def choose_headline(run: Run) -> Headline:
    """The verdict in a word, and why."""
    judged = run.verdict
    if judged is None:
        return Headline(
            "NOT JUDGED YET", "plain", "This run has not been judged. Run `editproof gate`."
        )
    word = verdict.write_headline(judged).upper()
    if judged.invalid:
        more = f" (and {len(judged.invalid) - 1} more below)" if len(judged.invalid) > 1 else ""
        return Headline(word, "warn", judged.invalid[0] + more)
    why = verdict.explain_verdict(judged)
    return Headline(
        word,
        _ENDINGS.get(judged.exit_code, "warn"),
        f"{why[:1].upper()}{why[1:]}." if why else "Nothing fails the build.",
    )


def count_all(run: Run, states: Mapping[str, str]) -> tuple[Count, ...]:
    """The numbers beside the verdict: pictures, findings, and edits without a picture; `states` are
    the cases', by id.
    """
    total, missing = len(run.manifest.cases), len(run.missing)
    finished = f"{total - missing:,}" if not missing else f"{total - missing:,} of {total:,}"
    of = {state: sum(other == state for other in states.values()) for state in view.STATES}
    shown: list[tuple[str, int, Tone, str]] = [
        *_count_pictures(run),
        *_count_findings(run),
        *(
            (label, of[state], tone, f"#status={state}")
            for label, state, tone in _ENDS
            if of[state]
        ),
    ]
    return (
        Count(
            "cases",
            finished,
            "warn" if missing else "plain",
            "#status=missing" if missing else "",
            "case",
        ),
        *(
            Count(
                label,
                f"{n:,}",
                tone if n else "plain",
                href if n else "",
                _TERMS.get(label, label.partition(" finding")[0]),
            )
            for label, n, tone, href in shown
        ),
    )


_TERMS = {
    "invisibly changed": "invisible",
    "visibly changed": "visible",
    "need review": "review",
}
_ENDINGS: Mapping[ExitCode, Tone] = {ExitCode.OK: "good", ExitCode.REGRESSION: "bad"}
_ENDS: tuple[tuple[str, str, Tone], ...] = (
    ("errors", "error", "bad"),
    ("need review", "needs_review", "warn"),
    ("refused", "refused", "warn"),
)


def describe_pictures(run: Run) -> str:
    """What became of the pictures beside the accepted ones, in a sentence; empty: there is no
    baseline.
    """
    if run.verdict is None or not run.verdict.baseline:
        return ""
    said = verdict.count_changed(run.verdict)
    return f"{said}." if said else f"{verdict.UNKNOWN}."


def make_cards(run: Run) -> Cards:
    """The findings, in the verdict's order; a budget that is kept is none."""
    cases = _Cases.of(run)
    numbered = enumerate(view.list_findings(run), start=1)
    made = [
        _make_card(cases, number, one)
        for number, one in numbered
        if verdict.is_open(one) or one.outcome != Outcome.PASS
    ]
    found = [card for card in made if verdict.is_open(card.finding)]
    quiet = [card for card in made if not verdict.is_open(card.finding)]
    left_out = max(0, len(found) - MAX_CARDS) + max(0, len(quiet) - MAX_CARDS)
    return Cards(tuple(found[:MAX_CARDS]), tuple(quiet[:MAX_CARDS]), left_out)


def list_invisible(run: Run) -> tuple[Unseen, ...]:
    """The pictures that changed invisibly, the most visible first; at most MAX_INVISIBLE."""
    found = (
        [one for one in run.verdict.changes if one.outcome is Outcome.INVISIBLE]
        if run.verdict
        else []
    )
    cases = _Cases.of(run)
    return tuple(
        Unseen(
            cases.place(one.case_id), numbers.format_jod(one.whole), numbers.format_jod(one.worst)
        )
        for one in found[:MAX_INVISIBLE]
    )


def make_family_map(run: Run, states: Mapping[str, str]) -> dict[str, dict[str, Cell]]:
    """Family -> model -> how it stands; pairs without a case are left out."""
    found: dict[tuple[str, str], list[tuple[Outcome, str]]] = {}
    for one in run.verdict.judgements if run.verdict else ():
        found.setdefault((one.family, one.model), []).append((one.outcome, _describe_aspect(one)))
    for finding in view.list_findings(run):
        for pair in _list_pairs(finding):
            found.setdefault(pair, []).append(
                (finding.outcome, f"{verdict.make_line(finding).words}: {finding.outcome}")
            )
    cases: dict[tuple[str, str], list[str]] = {}
    for case in run.manifest.cases:
        cases.setdefault((case.family, case.model.name), []).append(states[case.id])
    result: dict[str, dict[str, Cell]] = {}
    for (family, model), ended in cases.items():
        result.setdefault(family, {})[model] = _make_cell(
            family, model, found.get((family, model), []), ended
        )
    for left_out in run.manifest.not_applicable:
        why = verdict.shorten(left_out.reason)
        cell = Cell("plain", "∅", "not applicable", why, "", 0)
        result.setdefault(left_out.family, {}).setdefault(left_out.model, cell)
    return result


def link(case_id: str, finding: Finding | None = None) -> str:
    """The address of a case; with a finding about a budget, with the map of its metric. A picture
    that changed opens as baseline beside this run.
    """
    state = {"case": case_id}
    if finding and finding.rule == "budget" and finding.evidence:
        state |= {"mode": "heat", "metric": metric_name(finding.evidence.metric)}
    return f"#{urlencode(state, errors='replace')}"


def list_link(**state: str) -> str:
    """The address of a filtered list."""
    return f"#{urlencode(state, errors='replace')}"


def _count_pictures(run: Run) -> list[tuple[str, int, Tone, str]]:
    judged = run.verdict
    if judged is None or not (judged.unchanged or judged.changes):
        return []
    outcomes = [change.outcome for change in judged.changes]
    hidden = outcomes.count(Outcome.INVISIBLE)
    seeds = outcomes.count(Outcome.UNCHANGED)
    return [
        ("unchanged", judged.unchanged + seeds, "plain", "#status=unchanged"),
        ("invisibly changed", hidden, "plain", "#status=invisible"),
        ("visibly changed", len(outcomes) - hidden - seeds, "warn", "#sort=-jod"),
    ]


def _count_findings(run: Run) -> list[tuple[str, int, Tone, str]]:
    outcomes = [
        finding.outcome
        for finding in view.list_findings(run)
        if finding.outcome is not Outcome.PASS
    ]
    numbers_of = {outcome: outcomes.count(outcome) for outcome in OUTCOMES if outcome in outcomes}
    words = {
        outcome: f"{outcome} finding{'' if number == 1 else 's'}"
        for outcome, number in numbers_of.items()
    }
    return [
        (words[outcome], number, TONES[outcome], "#findings")
        for outcome, number in numbers_of.items()
    ]


def _make_card(cases: _Cases, number: int, finding: Finding) -> Card:
    ids = tuple(dict.fromkeys(case_id for case_id in (finding.case_id, *finding.cases) if case_id))
    places = tuple(cases.place(case_id, finding) for case_id in ids[:MAX_LINKS])
    tone: Tone = (
        "bad"
        if finding.fails
        else "warn"
        if verdict.is_at_risk(finding)
        else TONES[finding.outcome]
    )
    return Card(
        line=verdict.make_line(finding),
        finding=finding,
        tone=tone,
        href=places[0].href if finding.case_id and places else "",
        places=places,
        more=max(0, len(ids) - MAX_LINKS),
        listing=list_link(finding=str(number)) if ids else "",
        own=len(ids) > 1 and not cases.own.isdisjoint(ids),
    )


def _list_pairs(finding: Finding) -> list[tuple[str, str]]:
    """The families and models of a rule about no picture: what pictures show stands in the
    judgements.
    """
    if finding.rule == "picture" or finding.outcome is Outcome.PASS:
        return []
    return [(family, model) for family in finding.families for model in finding.models]


def _describe_aspect(one: Judgement) -> str:
    jod = "" if one.outcome in verdict.INVISIBLE else f" ({verdict.describe_jod(one.jod)})"
    return f"{one.aspect}: {one.outcome}{jod}"


def _make_cell(
    family: str, model: str, found: Sequence[tuple[Outcome, str]], ended: Sequence[str]
) -> Cell:
    worst = min((outcome for outcome, _ in found), key=OUTCOMES.index, default=None)
    tone: Tone = TONES[worst] if worst else "plain"
    mark, text = (MARKS[worst], worst.value) if worst else ("–", "not compared")
    ends = [
        (end_tone, sign, f"{number:,} {words[number > 1]}")
        for state, end_tone, sign, words in _CELL_ENDS
        if (number := sum(one == state for one in ended))
    ]
    if ends and _LOUDNESS.index(ends[0][0]) < _LOUDNESS.index(tone):
        tone, mark, text = ends[0]
    ranked = sorted(found, key=lambda one: OUTCOMES.index(one[0]))
    said = [*(words for *_, words in ends), *(words for _, words in ranked)]
    title = f"{family} × {model}, {count_noun(len(ended), 'case')}: {'; '.join(said) or text}"
    return Cell(
        tone, mark, text, verdict.shorten(title), list_link(family=family, model=model), len(ended)
    )


_LOUDNESS: tuple[Tone, ...] = ("bad", "warn", "plain", "good")
_CELL_ENDS: tuple[tuple[str, Tone, str, tuple[str, str]], ...] = (
    ("error", "bad", "✕", ("error", "errors")),
    ("needs_review", "warn", "!", ("needs review", "need review")),
    ("refused", "warn", "⊘", ("refused", "refused")),
    ("missing", "warn", "…", ("not run", "not run")),
)
"""How edits without a picture are told apart on the map, in the header's words and colours."""
