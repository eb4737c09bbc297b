"""From what changed to findings: one for each cause.

What changed in one model, first at one stage, is taken for one cause, whatever families it shows
in. Its losses and gains are weighed as a whole: where one side is more than `PLAIN` times the
other, the cause is a regression or an improvement. Else it is traded, unless a viewer would plainly
see it lead away from the right answer, or towards it. A cause that several models share is one
finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from editproof.harness.gate.numbers import Numbers
from editproof.harness.gate.scoring import PART_ASPECTS, Scored
from editproof.harness.gate.seeds import Unproved
from editproof.harness.gate.statistics import Values
from editproof.harness.gate.words import (
    Description,
    describe,
    describe_visibility,
    place_of,
    rank_aspects,
)
from editproof.harness.metrics.core.visibility import WHOLE_JOD
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Evidence, Finding, Outcome
from editproof.harness.records.vocabulary import ASPECTS, Aspect
from editproof.harness.records.wording import format_measure, join_words, name_case, number

PLAIN = 3.0
"""So many times as large must losses be as gains, or the other way round, for a plain answer."""

PLAIN_WAY = 0.5
"""So large a share of a visible difference must lead away from the right answer, or towards it, to
be plain to see.
"""

BESIDE_INPUT = [ASPECTS.index(aspect) for aspect in ("ghosts and residue", "what had to be kept")]
"""Aspects of which the input says what is right, where nothing else does."""

AS_A_WHOLE = "how it looks as a whole"
"""What is worse in a trade that lost no aspect, and that a viewer sees lead away from the right
answer.
"""

SHARE_NAMED = 0.1
"""An aspect is named where it has at least this share of all that was lost, or won."""


@dataclass(frozen=True)
class Cause:
    """What changed in some models, first at one stage."""

    models: tuple[str, ...]
    stage: str
    scored: tuple[Scored, ...]

    @cached_property
    def lost(self) -> Values:
        """By aspect, in margins."""
        return np.asarray(
            sum((one.weight * one.lost for one in self.scored), np.zeros(len(ASPECTS)))
        )

    @cached_property
    def won(self) -> Values:
        """By aspect, in margins."""
        return np.asarray(
            sum((one.weight * one.won for one in self.scored), np.zeros(len(ASPECTS)))
        )

    @cached_property
    def outcome(self) -> Outcome:
        """Whether it is better or worse. Without a right answer nothing can be better: what did not
        get worse is changed. Only beside the input it can be, whatever else changed.
        """
        found = self._outcome
        if found is Outcome.REGRESSED or any(one.answered for one in self.scored):
            return found
        lost, won = (float(side[BESIDE_INPUT].sum()) for side in (self.lost, self.won))
        return Outcome.REGRESSED if lost >= 1 and lost > PLAIN * won else Outcome.CHANGED

    @property
    def _outcome(self) -> Outcome:
        lost, won = float(self.lost.sum()), float(self.won.sum())
        if not any(one.judged for one in self.scored):
            return Outcome.CHANGED
        if lost > PLAIN * won:
            return Outcome.REGRESSED
        if won > PLAIN * lost:
            spoilt = self.leads_away or self._worst_seen(-1) > self._worst_seen(1)
            return Outcome.TRADED if spoilt else Outcome.IMPROVED
        if abs(self.away) < PLAIN_WAY:
            return Outcome.TRADED
        return Outcome.REGRESSED if self.away > 0 else Outcome.IMPROVED

    @property
    def away(self) -> float:
        """Which share of what a viewer sees of the cause leads away from the right answer, -1 to 1;
        below 0: towards it.

        A step that nobody can see leads nowhere, and no picture leads further than it is seen to
        differ: beside older errors, the distance to the right answer may jump by more. Nothing is
        told of other samples that a stochastic model drew, unless chance can't explain how far
        these lie from the right answer.
        """
        seen = np.array([one.weight * (one.jod or 0.0) for one in self.scored])
        steps = np.array([one.weight * _visible_step(one) for one in self.scored])
        return float(np.clip(steps, -seen, seen).sum() / max(seen.sum(), 1e-9))

    @property
    def leads_away(self) -> bool:
        """Whether a viewer plainly sees it lead away from the right answer."""
        return self.away >= PLAIN_WAY

    @property
    def loses_more(self) -> bool:
        """Whether what is lost is more visible than what is won."""
        if abs(self.away) >= PLAIN_WAY:
            return self.away > 0
        judged = [one for one in self.scored if one.judged]
        seen = np.array([one.weight * np.array(_visibility_of_sides(one)) for one in judged])
        return bool(len(seen)) and float(seen[:, 0].sum()) > float(seen[:, 1].sum())

    def _worst_seen(self, sign: int) -> float:
        """How visible the most visible case is that plainly won (1) or lost (-1)."""
        plain = (one for one in self.scored if _direction(one) == sign)
        return max((_jod_or_plain(one) for one in plain), default=0.0)


def _jod_or_plain(scored: Scored) -> float:
    """JOD; where it is not known, as if it were plain to see."""
    return 1.0 if scored.jod is None else scored.jod


def _visible_step(scored: Scored) -> float:
    """How much further from the right answer a case is, JOD; 0 where nobody can see that."""
    step = scored.step or 0.0
    return step if abs(step) >= WHOLE_JOD else 0.0


def _visibility_of_sides(scored: Scored) -> tuple[float, float]:
    """How visible what a case lost is, and what it won. What a viewer sees of an aspect is told by
    the part of the difference that speaks for it; of an aspect that no part speaks for, by its
    share in all that moved.
    """
    total = scored.lost + scored.won
    weight = _jod_or_plain(scored) * total / max(float(total.sum()), 1e-9)
    parts = scored.difference.parts if scored.difference else {}
    for aspect in dict.fromkeys(PART_ASPECTS.values()) if parts else ():
        seen = max(parts.get(part, 0.0) for part, of in PART_ASPECTS.items() if of == aspect)
        weight[ASPECTS.index(aspect)] = seen if total[ASPECTS.index(aspect)] >= 1 else 0.0
    way = (scored.lost - scored.won) / np.maximum(total, 1e-9)
    return float((weight * np.clip(way, 0, None)).sum()), float(
        (weight * np.clip(-way, 0, None)).sum()
    )


def _direction(scored: Scored) -> int:
    """1: plainly better, -1: plainly worse, 0: neither."""
    lost, won = float(scored.lost.sum()), float(scored.won.sum())
    if not scored.judged:
        return 0
    return -1 if lost > PLAIN * won else 1 if won > PLAIN * lost else 0


def join_all(scored: Scored) -> int:  # noqa: ARG001
    """Everything may be one cause."""
    return 0


def find_causes(
    scored: Iterable[Scored], stages: Mapping[int, str], apart: Callable[[Scored], int] = join_all
) -> list[Cause]:
    """Group what changed by model and first stage; `stages`: by column of the run. Changes for
    which `apart` gives different numbers are never one cause.
    """
    groups: dict[tuple[str, str, int], list[Scored]] = {}
    for one in scored:
        place = (
            one.scene.model,
            stages.get(one.columns[0], ""),
            apart(one),
        )
        groups.setdefault(place, []).append(one)
    merged: dict[tuple[str, int, Outcome], list[Cause]] = {}
    for (model, stage, number_apart), own in groups.items():
        cause = Cause((model,), stage, tuple(own))
        merged.setdefault((stage, number_apart, cause.outcome), []).append(cause)
    return [
        Cause(
            tuple(model for one in same for model in one.models),
            stage,
            tuple(s for one in same for s in one.scored),
        )
        for (stage, _, _), same in merged.items()
    ]


def make_finding(run: Run, cause: Cause, numbers: Numbers, fail_on: Sequence[str]) -> Finding:
    """The finding that says what happened."""
    outcome = cause.outcome
    worse = outcome is not Outcome.IMPROVED
    told, gain, lost, won = _describe_sides(cause, numbers)
    lead = told.scored
    aspects = rank_aspects(lead.lost if worse else lead.won)
    order = [lead, *(one for one in cause.scored if one is not lead)]
    columns = dict.fromkeys(column for one in order for column in one.columns)
    cases = [run.manifest.cases[column] for column in columns]
    finding = Finding(
        rule="picture",
        outcome=outcome,
        families=tuple(dict.fromkeys(one.scene.family for one in cause.scored)),
        models=cause.models,
        case_id=cases[0].id,
        cases=tuple(case.id for case in cases),
        words=told.words,
        text="",
        gain=gain,
        aspect=aspects[0] if aspects else "",
        lost=() if outcome is Outcome.IMPROVED else lost,
        won=() if outcome is Outcome.REGRESSED else won,
        jod=lead.jod,
        stage=cause.stage,
        evidence=_make_evidence(run, numbers, told),
        checks=sum(int((one.moved != 0).sum()) for one in cause.scored),
        fails=outcome.value in fail_on and (outcome is not Outcome.TRADED or cause.loses_more),
    )
    unnamed = AS_A_WHOLE if cause.leads_away else "little"
    return replace(finding, text=_write_sentence(run, finding, unnamed))


class _Sides(NamedTuple):
    """What a cause looks like, what is won by a trade, and the aspects that were lost and won."""

    told: Description
    gain: str
    lost: tuple[Aspect, ...]
    won: tuple[Aspect, ...]


def _describe_sides(cause: Cause, numbers: Numbers) -> _Sides:
    """A loss is told by an aspect that was lost as a whole, and a gain by one that was won. The
    aspect that is told of counts as lost, however little it lost. Where no aspect was lost, a
    viewer may still see the picture lead away from the right answer.
    """
    outcome = cause.outcome
    worse = outcome is not Outcome.IMPROVED
    lost, won = _choose_aspects(cause.lost, cause.won)
    traded = outcome is Outcome.TRADED
    leading = _find_leading(cause, outcome, lost if worse else won)
    told = describe(leading, numbers, worse=worse, apart=won if traded else ())
    if traded and told.row < 0 and not lost and cause.leads_away:
        subject, _ = place_of(told.scored.difference)
        told = told._replace(words=f"{subject} looks further from what belongs there")
    if worse and told.row >= 0 and (named := ASPECTS[numbers.aspects[told.row]]) not in lost:
        lost = (*lost, named)
    gain = ""
    if traded and won:
        gaining = _find_leading(cause, Outcome.IMPROVED, won)
        gain = describe(gaining, numbers, worse=False, apart=lost).words
    return _Sides(told, gain, lost, won)


def _find_leading(cause: Cause, outcome: Outcome, aspects: Sequence[Aspect]) -> list[Scored]:
    """The cases that went the cause's way, the most visible first. Where none did as a whole, those
    that did in one of these aspects.
    """
    way = 1 if outcome is Outcome.IMPROVED else -1
    at = [ASPECTS.index(aspect) for aspect in aspects]
    fitting = [one for one in cause.scored if _direction(one) == way] or [
        one for one in cause.scored if (one.won if way > 0 else one.lost)[at].sum() >= 1
    ]
    return sorted(
        fitting or cause.scored,
        key=lambda one: (-_jod_or_plain(one), -float((one.lost + one.won).sum())),
    )


def _choose_aspects(lost: Values, won: Values) -> tuple[tuple[Aspect, ...], tuple[Aspect, ...]]:
    """The aspects that are named as lost and as won: each on one side, and none that hardly
    counts.
    """
    net = lost - won
    total = np.array([lost.sum(), won.sum()])
    worse = [
        a
        for a in rank_aspects(np.where(net > 0, lost, 0))
        if lost[ASPECTS.index(a)] >= SHARE_NAMED * total.max()
    ]
    better = [
        a
        for a in rank_aspects(np.where(net < 0, won, 0))
        if won[ASPECTS.index(a)] >= SHARE_NAMED * total.max()
    ]
    return tuple(worse), tuple(better)


def _make_evidence(run: Run, numbers: Numbers, told: Description) -> Evidence | None:
    if told.row < 0:
        return None
    scored = told.scored
    key, row = numbers.keys[told.row], told.row
    info = run.manifest.metrics[key.metric]
    margin = float(scored.margins[row])
    before, after = float(scored.before[row]), float(scored.after[row])
    worse = _measure_worsening(info.better, before, after)
    return Evidence(
        metric=info.identity,
        region=key.region,
        stat=key.stat,
        unit=info.unit_of(key.stat),
        before=None if np.isnan(before) else before,
        after=after,
        limit=0.0 if np.isnan(margin) else margin,
        headroom=(0.0 if np.isnan(margin) else margin) - worse,
        p=scored.p,
        samples=len(scored.columns),
    )


def _measure_worsening(better: str, before: float, after: float) -> float:
    if np.isnan(before) or np.isnan(after):
        return 0.0
    if better == "zero":
        return abs(after) - abs(before)
    return before - after if better == "higher" else after - before


def _write_sentence(run: Run, finding: Finding, unnamed: str = "little") -> str:
    """The finding in one sentence; `unnamed`: what is worse in a trade that lost no aspect."""
    where = f"{join_words(finding.families)} · {join_words(finding.models)}"
    seen = (
        ""
        if finding.jod is None
        else f" ({describe_visibility(finding.jod)}, JOD {finding.jod:.2g})"
    )
    case = run.manifest.cases[run.column_of[finding.case_id]]
    place = (
        f"in {name_case(case)}"
        if len(finding.cases) == 1
        else f"in {len(finding.cases)} cases, above all {name_case(case)}"
    )
    trade = ""
    if finding.outcome is Outcome.TRADED:
        trade = (
            f". Worse: {join_words(finding.lost) or unnamed}; better:"
            f" {join_words(finding.won) or 'little'}"
        )
    return f"{where}: {finding.whole_words}{seen} {place}{_format_change(finding.evidence)}{trade}"


def _format_change(evidence: Evidence | None) -> str:
    if evidence is None or evidence.before is None:
        return ""
    measure = format_measure(evidence.metric, evidence.stat, evidence.region)
    before, after = number(evidence.before, evidence.unit), number(evidence.after, evidence.unit)
    return f". {measure} went from {before} to {after}"


def judge_case(cause: Cause, scored: Scored) -> Outcome:
    """What became of one case of a cause, or of a scene's seeds, by the rules of a cause. What one
    case loses where the cause as a whole is an improvement is the price of it: traded.
    """
    alone = Cause(cause.models, cause.stage, (scored,)).outcome
    lost = alone is Outcome.REGRESSED and cause.outcome is Outcome.IMPROVED
    return Outcome.TRADED if lost else alone


def make_unproved_finding(run: Run, unproved: Unproved, numbers: Numbers) -> Finding:
    """The finding of a large loss that chance may explain."""
    scored = unproved.scored
    aspects = rank_aspects(scored.lost)
    told = describe([scored], numbers, worse=True)
    cases = [run.manifest.cases[column] for column in scored.columns]
    advice = "Look at the pictures"
    chance = f"It may be chance, p {scored.p or 1.0:.2g}"
    if not unproved.is_noise_known:
        chance = "It may be chance: one picture of a scene does not show how much seeds differ"
        advice = "Accept a run with 3 seeds, or --repeat 3"
    elif unproved.seeds_needed:
        advice = (
            f"About {unproved.seeds_needed} seeds for each scene, on both sides, would show"
            " whether it is. Until then, look at the pictures"
        )
    finding = Finding(
        rule="picture",
        outcome=Outcome.UNDERPOWERED,
        families=(scored.scene.family,),
        models=(scored.scene.model,),
        case_id=cases[0].id,
        cases=tuple(case.id for case in cases),
        words=told.words,
        text="",
        aspect=aspects[0] if aspects else "",
        lost=tuple(aspects),
        jod=scored.jod,
        evidence=_make_evidence(run, numbers, told),
        checks=int((scored.moved != 0).sum()),
    )
    return replace(finding, text=f"{_write_sentence(run, finding)}. {chance}. {advice}")
