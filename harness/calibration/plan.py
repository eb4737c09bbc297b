"""What a calibration runs: the suite as it is, every fault at every strength, and clean reruns.

A run holds many trials, so that a scene is drawn and prepared once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import UsageError
from harness.faults.stages import STAGE_FAULTS, StageFault
from harness.types import Model, Suite
from pipelines.loader import OWN, parse
from pipelines.reference import STAGES

SHARES = (1.0, 0.5)
"""Strengths that are tried, in multiples of a fault's nominal one."""
RERUNS = 200
RERUNS_A_RUN = 20
PEER_RERUNS = 20
"""Clean reruns that the peers judge: FLIP takes longer than an edit."""
FIRST_FRESH_SEED = 100_000
"""Clean reruns count seeds from here: no suite uses them."""

WAYS = {
    "two threads": "threads=2",
    "small batches": "inpaint.payload_px=16384",
    "in by a PNG file": "png=9",
}
"""Clean reruns on the same seeds, in ways that must not matter: name -> parameters of `harness.faults.planted:again`."""

OTHER_SEEDS = "other seeds"
ONE_ANOTHER = "other seeds, on both sides"
"""Names of clean reruns on fresh seeds: beside the suite's own run, and beside one another."""

Kind = Literal["baseline", "fault", "clean"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run for the gate to judge: some columns of a larger run."""

    kind: Kind
    name: str
    """The fault, or what was done again in which way."""
    share: float
    """Of the fault's nominal strength; 0: no fault."""
    models: tuple[tuple[str, str], ...]
    """Name in the suite, name in the run."""
    seeds: tuple[int, ...] = ()
    """Empty: the suite's."""
    against: tuple[int, ...] = ()
    """Seeds of the same run that stand for the baseline; empty: it is the suite's run."""
    peers: bool = False
    """Whether the peers judge it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run that holds many trials."""

    name: str
    suite: Suite
    trials: tuple[Trial, ...]


def plan(
    suite: Suite,
    *,
    faults: Sequence[StageFault] = STAGE_FAULTS,
    shares: Sequence[float] = SHARES,
    reruns: int = RERUNS,
    stochastic: Sequence[str] = (),
) -> list[Chunk]:
    """What is to be run, the baseline first. `stochastic` names the suite's models whose seed matters.

    Raises UsageError where a model is not the reference pipeline, in whose stages faults are planted.
    """
    chunks = [_baseline(suite), *_faults(suite, faults, shares), _ways(suite)]
    if stochastic:
        chunks += _fresh_seeds(suite, reruns, stochastic)
    return chunks


def _baseline(suite: Suite) -> Chunk:
    models = tuple((model.name, model.name) for model in suite.models)
    return Chunk("baseline", suite, (Trial("baseline", "", 0.0, models),))


def _faults(suite: Suite, faults: Sequence[StageFault], shares: Sequence[float]) -> Iterator[Chunk]:
    for stage, _ in STAGES:
        models: list[Model] = []
        trials: list[Trial] = []
        for fault in (fault for fault in faults if fault.stage == stage):
            for share in shares if not fault.settings else (1.0,):  # a setting is there or is not
                planted = [_planted(model, fault, share) for model in suite.models]
                models += planted
                pairs = tuple((was.name, now.name) for was, now in zip(suite.models, planted, strict=True))
                trials.append(Trial("fault", fault.name, share, pairs, peers=True))
        if trials:
            yield Chunk(f"faults-{stage}", replace(suite, models=tuple(models)), tuple(trials))


def _planted(model: Model, fault: StageFault, share: float) -> Model:
    params = f"fault={fault.name}&strength={share * fault.nominal:g}"
    return Model(f"{model.name} {fault.name} {share:g}", _spec("build", params, model))


def _ways(suite: Suite) -> Chunk:
    again = {
        way: [Model(f"{m.name} {way}", _spec("again", params, m)) for m in suite.models] for way, params in WAYS.items()
    }
    trials = [
        Trial("clean", way, 0.0, tuple((was.name, now.name) for was, now in zip(suite.models, models, strict=True)))
        for way, models in again.items()
    ]
    return Chunk("clean-ways", replace(suite, models=tuple(m for ms in again.values() for m in ms)), tuple(trials))


def _fresh_seeds(suite: Suite, reruns: int, stochastic: Sequence[str]) -> Iterator[Chunk]:
    """Each rerun has as many fresh seeds as the suite has, and is judged twice: against the suite's own run, and against the
    next rerun, since one baseline may happen to be an easy one. Deterministic models are left out: nothing of them changes.
    """
    models = tuple(model for model in suite.models if model.name in stochastic)
    count = len(suite.seeds)
    pairs = tuple((model.name, model.name) for model in models)
    for number, start in enumerate(range(0, reruns, RERUNS_A_RUN)):
        firsts = [FIRST_FRESH_SEED + rerun * count for rerun in range(start, min(start + RERUNS_A_RUN, reruns))]
        tries = [tuple(range(first, first + count)) for first in firsts]
        trials = [
            Trial("clean", OTHER_SEEDS, 0.0, pairs, seeds, peers=start + index < PEER_RERUNS)
            for index, seeds in enumerate(tries)
        ]
        if len(tries) > 1:
            following = (*tries[1:], tries[0])
            trials += [Trial("clean", ONE_ANOTHER, 0.0, pairs, *both) for both in zip(tries, following, strict=True)]
        seeds = tuple(seed for own in tries for seed in own)
        yield Chunk(f"clean-seeds-{number:02}", replace(suite, models=models, seeds=seeds), tuple(trials))


def _spec(factory: str, params: str, model: Model) -> str:
    if parse(model.spec).module != OWN:
        raise UsageError(f"{model.spec}: faults are planted in the reference pipeline's stages; name models of it only")
    own = model.spec.partition("?")[2]
    return f"harness.faults.planted:{factory}?{'&'.join(filter(None, [params, own]))}"
