"""From outcomes to rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.calibration.peers import PEERS
from harness.calibration.trials import TrialOutcome
from harness.faults.stages import STAGE_FAULTS, StageFault
from pipelines.swap import ORDER


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened."""

    count: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval, exact (Clopper & Pearson 1934); 0 to 1 where nothing was tried."""
        from scipy.stats import beta

        low = float(beta.ppf(0.025, self.count, self.of - self.count + 1)) if self.count else 0.0
        high = float(beta.ppf(0.975, self.count + 1, self.of - self.count)) if self.count < self.of else 1.0
        return low, high

    def __str__(self) -> str:
        return f"{self.count} of {self.of}"


@dataclass(frozen=True, slots=True)
class FaultRates:
    """What became of a fault at every strength."""

    fault: StageFault
    by_share: dict[float, TrialOutcome]
    """Multiple of the nominal strength -> what became of it; largest first."""

    @property
    def smallest(self) -> float | None:
        """The smallest strength from which on it was always caught, in the fault's unit; None: not even the largest was."""
        found = None
        for share in sorted(self.by_share, reverse=True):
            if not self.by_share[share].caught:
                break
            found = share * self.fault.nominal
        return found

    @property
    def named(self) -> bool:
        """Whether the stage that it was planted in is named first, at the largest strength."""
        return self.by_share[max(self.by_share)].stage == self.fault.stage


def fault_rates(outcomes: Iterable[TrialOutcome]) -> list[FaultRates]:
    """Every fault that was tried, in the catalogue's order."""
    found: dict[str, dict[float, TrialOutcome]] = {}
    for outcome in outcomes:
        if outcome.kind == "fault":
            found.setdefault(outcome.name, {})[outcome.share] = outcome
    return [
        FaultRates(fault, dict(sorted(found[fault.name].items(), reverse=True)))
        for fault in STAGE_FAULTS
        if fault.name in found
    ]


def alarms(outcomes: Sequence[TrialOutcome], *, peer: str = "") -> dict[str, Rate]:
    """False alarms among the clean reruns, by what was done again; of a peer, among those that it was asked about."""
    clean = [outcome for outcome in outcomes if outcome.kind == "clean" and (not peer or outcome.peers)]
    names = dict.fromkeys(outcome.name for outcome in clean)
    return {
        name: Rate(
            sum(one.peers[peer] if peer else one.caught for one in clean if one.name == name),
            sum(one.name == name for one in clean),
        )
        for name in names
    }


def total(rates: Iterable[Rate]) -> Rate:
    """All of them together."""
    listed = list(rates)
    return Rate(sum(rate.count for rate in listed), sum(rate.of for rate in listed))


def caught(faults: Sequence[FaultRates], share: float, *, peer: str = "", model: str = "") -> Rate:
    """Faults caught at a multiple of their nominal strength: by the gate, on one model's cases alone, or by a peer."""
    tried = [rates.by_share[share] for rates in faults if share in rates.by_share]
    if peer:
        return Rate(sum(one.peers.get(peer, False) for one in tried), len(tried))
    if model:
        return Rate(sum(one.alone.get(model, False) for one in tried), len(tried))
    return Rate(sum(one.caught for one in tried), len(tried))


def blamed(faults: Sequence[FaultRates]) -> Rate:
    """Of the faults for which stages were swapped, those whose stage answers for most of it."""
    asked = [(rates.fault, one) for rates in faults for one in rates.by_share.values() if one.blamed]
    return Rate(
        sum(one.blamed in {fault.stage, *([ORDER] if fault.settings else [])} for fault, one in asked), len(asked)
    )


def named_first(faults: Sequence[FaultRates], share: float) -> Rate:
    """Of the faults caught at that strength, those whose stage the worst finding names."""
    tried = [rates for rates in faults if share in rates.by_share and rates.by_share[share].caught]
    return Rate(sum(rates.by_share[share].stage == rates.fault.stage for rates in tried), len(tried))


PEER_NAMES = tuple(peer.name for peer in PEERS)
