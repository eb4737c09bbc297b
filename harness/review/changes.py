"""What a person has to decide: the cases of a run whose pictures are not the accepted ones.

Which pictures changed is found here, by their hashes beside the baseline at hand. The verdict that
lies in the run's folder only says what the changes look like.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.pictures.differences import DifferenceStore, PicturePair, viewing_of
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import Case
from editproof.harness.records.pairing import Pairing, list_answers, pair
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Change, Finding, Outcome, Verdict

QUIET = frozenset({Outcome.INVISIBLE, Outcome.UNCHANGED})
"""Changes that nobody can see, or no more than seeds differ: they ask for no decision."""


@dataclass(frozen=True, slots=True)
class ChangedCase:
    """One case to decide about."""

    case: Case
    picture: str
    """SHA-256; empty: the case has no picture."""
    accepted: str
    """SHA-256; empty: the baseline has none, so the case is new."""
    outcome: Outcome
    words: str
    """What it looks like."""
    stage: str
    """The first stage that differs; empty: not known."""
    aspect: str
    """The aspect that changed most; empty: not known."""
    jod: float
    difference: Difference | None = None
    """None: not known."""

    @property
    def asks(self) -> bool:
        """Whether it asks for a decision."""
        return self.outcome not in QUIET


def list_changed_cases(run: Run, baseline: Baseline | None) -> tuple[ChangedCase, ...]:
    """Every case with a picture that is not accepted, in the order of the run."""
    verdict = run.verdict
    named = _find_findings(verdict)
    changes = {change.case_id: change for change in verdict.changes} if verdict else {}
    pairing = pair(run, baseline.run) if baseline else None
    store = DifferenceStore(run.folder)
    return tuple(
        _describe(run, case, accepted, named.get(case.id), changes.get(case.id), store)
        for case, accepted in _find_changed(run, baseline, pairing)
    )


def list_other_cases(
    run: Run, baseline: Baseline | None, changed: Container[str]
) -> tuple[ChangedCase, ...]:
    """Every other case that has ended, in the order of the run: those whose picture is the accepted
    one, and those without one.
    """
    pairing = pair(run, baseline.run) if baseline else None
    found = []
    for case in run.manifest.cases:
        ended = run.endings.get(case.id)
        if ended is None or case.id in changed:
            continue
        known = ended.actual if pairing and case.id in pairing.ids else ""
        words = "as accepted" if known else ended.reason or ended.status
        jod = 0.0
        found.append(ChangedCase(case, ended.actual, known, Outcome.UNCHANGED, words, "", "", jod))
    return tuple(found)


def _find_changed(
    run: Run, baseline: Baseline | None, pairing: Pairing | None
) -> Iterator[tuple[Case, str]]:
    """Cases, and their first accepted picture; empty: there is none."""
    for case in run.manifest.cases:
        ended = run.endings.get(case.id)
        if ended is None or ended.error:
            continue
        other = pairing.ids.get(case.id) if pairing else None
        if baseline is None or other is None:
            yield case, ""
            continue
        answers = list_answers(baseline, baseline.run.column_of[other])
        if ended.actual not in answers and (ended.actual or answers):
            yield case, answers[0] if answers else ""


def _find_findings(verdict: Verdict | None) -> Mapping[str, Finding]:
    """Case id -> the finding that says most of its picture."""
    found: dict[str, Finding] = {}
    for finding in verdict.findings if verdict else ():
        if finding.outcome is Outcome.PASS:
            continue
        for case_id in finding.cases:
            if case_id not in found or (
                found[case_id].rule != "picture" and finding.rule == "picture"
            ):
                found[case_id] = finding
    return found


def _describe(
    run: Run,
    case: Case,
    accepted: str,
    finding: Finding | None,
    change: Change | None,
    store: DifferenceStore,
) -> ChangedCase:
    ended = run.endings[case.id]
    viewing = viewing_of(run.manifest.suite.viewing, case.family)
    known = accepted and ended.actual
    difference = (
        store.get(PicturePair(accepted, ended.actual, ended.expected, viewing)) if known else None
    )
    outcome = change.outcome if change else finding.outcome if finding else Outcome.NOT_JUDGED
    jod = difference.jod if difference else max(change.whole, change.worst) if change else 0.0
    return ChangedCase(
        case,
        ended.actual,
        accepted,
        outcome,
        finding.words_of(outcome) if finding else _choose_words(outcome, accepted),
        finding.stage if finding else "",
        finding.aspect_of(outcome) if finding else "",
        jod,
        difference,
    )


def _choose_words(outcome: Outcome, accepted: str) -> str:
    if not accepted:
        return "new: nothing is accepted yet"
    if outcome in QUIET:
        return "nobody can see the change" if outcome is Outcome.INVISIBLE else "as seeds differ"
    return "the picture changed"
