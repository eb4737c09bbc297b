"""Error rates, counted from outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from editproof.harness.calibration.outcome import TrialOutcome
from editproof.harness.faults.stages import STAGE_FAULTS
from editproof.harness.records.verdicts import Outcome
from editproof.pipelines.swap import ORDER

Direction = Literal["away", "towards", "neither"]
"""Relative to the right answer."""

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

PLAIN_SHARE = 0.5
"""A direction is clear if the sum of all steps is at least this share of the most visible
change.
"""

LEAST_CHANCE = 0.01
"""Steps of a stochastic model that chance gives more often than this have no direction."""

OWN_KINDS = ("deterministic", "stochastic")
"""Model kinds in which only the fault or the change differs."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % confidence interval (Clopper & Pearson 1934); 0 to 1 if nothing was tried."""
        from scipy.stats import binomtest

        if not self.of:
            return 0.0, 1.0
        found = binomtest(self.count, self.of).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        return f"{self.count} of {self.of}"


@dataclass(frozen=True, slots=True)
class PeerRates:
    """Error rates of another gate."""

    clean: Rate
    """Clean reruns that it fails."""
    harmless: Rate
    """Invisible harmless changes that it fails."""
    repairs: Rate
    """Repairs that it fails."""
    caught: dict[float, Rate]
    """Multiple of the nominal strength -> visible faults that it fails."""
    errors: int
    """Trials in which it raised an error. They count in no rate."""
    error: str
    """The first error that it raised; empty: none."""


def select_outcomes(
    outcomes: Iterable[TrialOutcome], kind: str, *, kinds: Sequence[str] = (), share: float = 0.0
) -> list[TrialOutcome]:
    """Select outcomes by kind of trial, by model kinds (empty: all) and by strength (0: all)."""
    return [
        one
        for one in outcomes
        if one.kind == kind
        and (not kinds or one.model_kind in kinds)
        and (not share or one.share == share)
    ]


def count_rate(outcomes: Iterable[TrialOutcome], happened: Callable[[TrialOutcome], bool]) -> Rate:
    """Count how often it happened."""
    trials = list(outcomes)
    return Rate(sum(map(happened, trials)), len(trials))


def false_alarms(outcomes: Sequence[TrialOutcome]) -> dict[str, Rate]:
    """Clean reruns that fail the build, by kind of rerun."""
    clean = select_outcomes(outcomes, "clean")
    return {
        name: count_rate([one for one in clean if one.name == name], _fails)
        for name in dict.fromkeys(o.name for o in clean)
    }


def harmless_failure_rate(
    outcomes: Sequence[TrialOutcome], *, visible: bool, kinds: Sequence[str] = OWN_KINDS
) -> Rate:
    """Harmless changes that fail the build, of the visible ones or of the invisible ones."""
    return count_rate(
        (
            one
            for one in select_outcomes(outcomes, "harmless", kinds=kinds)
            if one.visible == visible
        ),
        _fails,
    )


def repair_failure_rate(
    outcomes: Sequence[TrialOutcome], *, kinds: Sequence[str] = OWN_KINDS, share: float = 0.0
) -> Rate:
    """Repairs that fail the build."""
    return count_rate(select_outcomes(outcomes, "repair", kinds=kinds, share=share), _fails)


def repair_improvement_rate(
    outcomes: Sequence[TrialOutcome], *, kinds: Sequence[str] = OWN_KINDS, share: float = 0.0
) -> Rate:
    """Visible repairs that are called an improvement."""
    visible = [
        one for one in select_outcomes(outcomes, "repair", kinds=kinds, share=share) if one.visible
    ]
    return improvement_rate(visible)


def select_direction(outcomes: Iterable[TrialOutcome], direction: Direction) -> list[TrialOutcome]:
    """Visible faults and repairs whose pictures move in that direction, by ColorVideoVDP."""
    visible = [one for one in outcomes if one.kind in {"fault", "repair"} and one.visible]
    return [
        one for one in visible if one.model_kind in OWN_KINDS and direction_of(one) == direction
    ]


def direction_of(outcome: TrialOutcome) -> Direction:
    """Direction of a trial's visible changes. An edit that ends otherwise counts as intended."""
    if not outcome.worst:
        return "away" if outcome.kind == "fault" else "towards"
    if not has_plain_steps(outcome) or outcome.chance > LEAST_CHANCE:
        return "neither"
    return "away" if outcome.step > 0 else "towards"


def failure_rate(outcomes: Iterable[TrialOutcome]) -> Rate:
    """Trials that fail the build."""
    return count_rate(outcomes, _fails)


def improvement_rate(outcomes: Iterable[TrialOutcome]) -> Rate:
    """Trials that are called an improvement."""
    return count_rate(outcomes, lambda one: one.outcome == Outcome.IMPROVED.value)


def catch_rate(
    outcomes: Sequence[TrialOutcome], share: float, *, kinds: Sequence[str] = OWN_KINDS
) -> Rate:
    """Visible faults that fail the build: a regression, or a run that cannot be judged."""
    return count_rate(
        (
            one
            for one in select_outcomes(outcomes, "fault", kinds=kinds, share=share)
            if one.visible
        ),
        _fails,
    )


def listing_rate(outcomes: Sequence[TrialOutcome], *, kinds: Sequence[str] = OWN_KINDS) -> Rate:
    """Invisible faults that changed a picture and whose pictures the gate lists as changed."""
    unseen = [
        one
        for one in select_outcomes(outcomes, "fault", kinds=kinds)
        if not one.visible and one.differs
    ]
    return count_rate(unseen, lambda one: one.changed > 0)


def stage_naming_rate(
    outcomes: Sequence[TrialOutcome], share: float, *, kinds: Sequence[str] = OWN_KINDS
) -> Rate:
    """Caught faults whose stage is named first."""
    stages = {fault.name: fault.stage for fault in STAGE_FAULTS}
    found = [
        one for one in select_outcomes(outcomes, "fault", kinds=kinds, share=share) if one.fails
    ]
    return count_rate(found, lambda one: one.stage == stages.get(one.name))


def blame_rate(outcomes: Sequence[TrialOutcome]) -> Rate:
    """Faults with swapped stages whose own stage has the largest effect."""
    right = {
        fault.name: {fault.stage, *([ORDER] if fault.settings else [])} for fault in STAGE_FAULTS
    }
    swapped = [one for one in select_outcomes(outcomes, "fault") if one.blamed]
    return count_rate(swapped, lambda one: one.blamed in right.get(one.name, set()))


def peer_names(outcomes: Iterable[TrialOutcome]) -> tuple[str, ...]:
    """Names of the other gates that were asked."""
    return tuple(dict.fromkeys(name for one in outcomes for name in one.peers))


def peer_rates(outcomes: Sequence[TrialOutcome], peer: str) -> PeerRates:
    """The rates of another gate, over the trials that it was asked about."""
    answers = [(one, one.peers[peer]) for one in outcomes if peer in one.peers]
    raised = [word.reason for _, word in answers if word.failed is None]
    known = [one for one, word in answers if word.failed is not None]

    def rate_of(of: Iterable[TrialOutcome]) -> Rate:
        return count_rate(of, lambda one: bool(one.peers[peer].failed))

    faults = [one for one in select_outcomes(known, "fault", kinds=OWN_KINDS) if one.visible]
    shares = sorted({one.share for one in faults}, reverse=True)
    return PeerRates(
        rate_of(select_outcomes(known, "clean")),
        rate_of(
            one for one in select_outcomes(known, "harmless", kinds=OWN_KINDS) if not one.visible
        ),
        rate_of(select_outcomes(known, "repair", kinds=OWN_KINDS)),
        {share: rate_of(one for one in faults if one.share == share) for share in shares},
        len(raised),
        raised[0] if raised else "",
    )


def sum_rates(rates: Iterable[Rate]) -> Rate:
    """The rate over all of them."""
    every = list(rates)
    return Rate(sum(one.count for one in every), sum(one.of for one in every))


def _fails(outcome: TrialOutcome) -> bool:
    return outcome.fails


def has_plain_steps(outcome: TrialOutcome) -> bool:
    """Whether the steps of a trial's pictures add up to much of what can be seen."""
    return abs(outcome.step) >= PLAIN_SHARE * outcome.worst
