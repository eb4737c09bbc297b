"""From outcomes to rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from editproof.harness.calibration.outcome import TrialOutcome
from editproof.harness.faults.stages import STAGE_FAULTS
from editproof.harness.records.types import Outcome
from editproof.pipelines.swap import ORDER

OWN_KINDS = ("deterministic", "stochastic")
"""Model kinds in which nothing but the fault or the change differs."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval, exact (Clopper & Pearson 1934); 0 to 1 where nothing was
        tried.
        """
        from scipy.stats import beta

        low = float(beta.ppf(0.025, self.count, self.of - self.count + 1)) if self.count else 0.0
        high = (
            float(beta.ppf(0.975, self.count + 1, self.of - self.count))
            if self.count < self.of
            else 1.0
        )
        return low, high

    def __str__(self) -> str:
        return f"{self.count} of {self.of}"


@dataclass(frozen=True, slots=True)
class PeerRates:
    """How often another gate is wrong, and how often it is right."""

    clean: Rate
    """Clean reruns that it fails."""
    harmless: Rate
    """Invisible harmless changes that it fails."""
    repairs: Rate
    """Repairs that it fails."""
    caught: dict[float, Rate]
    """Multiple of the nominal strength -> visible faults that it fails."""
    errors: int
    """Trials in which it raised. They count in no rate."""
    error: str
    """What it raised first; empty: nothing."""


def chosen(
    outcomes: Iterable[TrialOutcome], kind: str, *, kinds: Sequence[str] = (), share: float = 0.0
) -> list[TrialOutcome]:
    """Outcomes of a kind of trial; of these model kinds (none: all) and at this strength (0:
    all).
    """
    return [
        one
        for one in outcomes
        if one.kind == kind
        and (not kinds or one.model_kind in kinds)
        and (not share or one.share == share)
    ]


def rate(outcomes: Iterable[TrialOutcome], happened: Callable[[TrialOutcome], bool]) -> Rate:
    """How often it happened."""
    listed = list(outcomes)
    return Rate(sum(map(happened, listed)), len(listed))


def alarms(outcomes: Sequence[TrialOutcome]) -> dict[str, Rate]:
    """Clean reruns that fail the build, by what was done again."""
    clean = chosen(outcomes, "clean")
    return {
        name: rate([one for one in clean if one.name == name], _fails)
        for name in dict.fromkeys(o.name for o in clean)
    }


def harmless_failed(
    outcomes: Sequence[TrialOutcome], *, visible: bool, kinds: Sequence[str] = OWN_KINDS
) -> Rate:
    """Harmless changes that fail the build, among those that somebody can see or among those that
    nobody can.
    """
    return rate(
        (one for one in chosen(outcomes, "harmless", kinds=kinds) if one.visible == visible), _fails
    )


def repairs_failed(
    outcomes: Sequence[TrialOutcome], *, kinds: Sequence[str] = OWN_KINDS, share: float = 0.0
) -> Rate:
    """Repairs that fail the build."""
    return rate(chosen(outcomes, "repair", kinds=kinds, share=share), _fails)


def repairs_improved(
    outcomes: Sequence[TrialOutcome], *, kinds: Sequence[str] = OWN_KINDS, share: float = 0.0
) -> Rate:
    """Visible repairs that are called an improvement."""
    visible = [one for one in chosen(outcomes, "repair", kinds=kinds, share=share) if one.visible]
    return rate(visible, lambda one: one.outcome == Outcome.IMPROVED.value)


def helpful(outcomes: Iterable[TrialOutcome], kind: str) -> list[TrialOutcome]:
    """Visible faults that lead towards the right answer, or repairs that lead away from it, as a
    viewer sees it: on these scenes the planted change helps.
    """
    sign = 1 if kind == "fault" else -1
    return [
        one
        for one in chosen(outcomes, kind, kinds=OWN_KINDS)
        if one.visible and sign * one.step < 0
    ]


def caught(
    outcomes: Sequence[TrialOutcome], share: float, *, kinds: Sequence[str] = OWN_KINDS
) -> Rate:
    """Visible faults that fail the build: a regression, or a run that can't be judged."""
    return rate(
        (one for one in chosen(outcomes, "fault", kinds=kinds, share=share) if one.visible), _fails
    )


def listed(outcomes: Sequence[TrialOutcome], *, kinds: Sequence[str] = OWN_KINDS) -> Rate:
    """Faults that nobody can see and that changed a picture, of which the gate lists pictures as
    changed.
    """
    unseen = [
        one for one in chosen(outcomes, "fault", kinds=kinds) if not one.visible and one.differs
    ]
    return rate(unseen, lambda one: one.changed > 0)


def named_first(
    outcomes: Sequence[TrialOutcome], share: float, *, kinds: Sequence[str] = OWN_KINDS
) -> Rate:
    """Faults that are caught, whose stage is named first."""
    stages = {fault.name: fault.stage for fault in STAGE_FAULTS}
    found = [one for one in chosen(outcomes, "fault", kinds=kinds, share=share) if one.fails]
    return rate(found, lambda one: one.stage == stages.get(one.name))


def blamed(outcomes: Sequence[TrialOutcome]) -> Rate:
    """Faults for which stages were swapped, whose stage answers for most of it."""
    right = {
        fault.name: {fault.stage, *([ORDER] if fault.settings else [])} for fault in STAGE_FAULTS
    }
    asked = [one for one in chosen(outcomes, "fault") if one.blamed]
    return rate(asked, lambda one: one.blamed in right.get(one.name, set()))


def peer_names(outcomes: Iterable[TrialOutcome]) -> tuple[str, ...]:
    """Every other gate that was asked."""
    return tuple(dict.fromkeys(name for one in outcomes for name in one.peers))


def peer_rates(outcomes: Sequence[TrialOutcome], peer: str) -> PeerRates:
    """What another gate says of the trials that it was asked about."""
    said = [(one, one.peers[peer]) for one in outcomes if peer in one.peers]
    raised = [word.reason for _, word in said if word.failed is None]
    known = [one for one, word in said if word.failed is not None]

    def failed(of: Iterable[TrialOutcome]) -> Rate:
        return rate(of, lambda one: bool(one.peers[peer].failed))

    faults = [one for one in chosen(known, "fault", kinds=OWN_KINDS) if one.visible]
    shares = sorted({one.share for one in faults}, reverse=True)
    return PeerRates(
        failed(chosen(known, "clean")),
        failed(one for one in chosen(known, "harmless", kinds=OWN_KINDS) if not one.visible),
        failed(chosen(known, "repair", kinds=OWN_KINDS)),
        {share: failed(one for one in faults if one.share == share) for share in shares},
        len(raised),
        raised[0] if raised else "",
    )


def total(rates: Iterable[Rate]) -> Rate:
    """All of them together."""
    every = list(rates)
    return Rate(sum(one.count for one in every), sum(one.of for one in every))


def _fails(outcome: TrialOutcome) -> bool:
    return outcome.fails
