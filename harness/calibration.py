"""How good is the gate? Faults are planted, clean pipelines run again, and the gate judges all of it as it judges any run.

    OUT/baseline/                the suite as it is: what is accepted
    OUT/faults-STAGE/            every fault of a stage, at every strength, planted in every model
    OUT/clean-seeds-NN/          stochastic models on seeds that nobody has used, as many reruns as fit into a run
    OUT/clean-ways/              the same seeds in other ways: two threads, other batches, PNG files between the stages
    OUT/trials.jsonl             what became of each trial: the gate's word, the stage that it names, what other gates say

A run of each kind holds many trials, so that a scene is drawn and prepared once for all of them; `Part` takes one trial out
of it, under the baseline's names. Every run resumes where it was stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.errors import UsageError
from harness.faults.stages import STAGE_FAULTS, StageFault
from harness.runs import Manifest
from harness.sheet import ABSENT, Grid, Key, Sheet
from harness.types import Case, Model, Suite
from pipelines.loader import OWN, parse
from pipelines.reference import STAGES

SHARES = (1.0, 0.5, 0.25)
"""Strengths that are tried, in multiples of a fault's nominal one."""
RERUNS = 200
RERUNS_A_RUN = 20
FIRST_FRESH_SEED = 100_000
"""Clean reruns count seeds from here: no suite uses them."""

WAYS = {
    "two threads": "threads=2",
    "small batches": "inpaint.payload_px=16384",
    "in by a PNG file": "png=9",
}
"""Clean reruns on the same seeds, in ways that must not matter: name -> parameters of `harness.faults.planted:again`."""

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
            for share in shares:
                planted = [_planted(model, fault, share) for model in suite.models]
                models += planted
                pairs = tuple((was.name, now.name) for was, now in zip(suite.models, planted, strict=True))
                trials.append(Trial("fault", fault.name, share, pairs))
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
    """Each rerun has as many fresh seeds as the suite has; deterministic models come from the baseline."""
    models = tuple(model for model in suite.models if model.name in stochastic)
    count = len(suite.seeds)
    pairs = tuple((model.name, model.name) for model in models)
    for number, start in enumerate(range(0, reruns, RERUNS_A_RUN)):
        trials = []
        for rerun in range(start, min(start + RERUNS_A_RUN, reruns)):
            first = FIRST_FRESH_SEED + rerun * count
            trials.append(Trial("clean", "other seeds", 0.0, pairs, tuple(range(first, first + count))))
        seeds = tuple(seed for trial in trials for seed in trial.seeds)
        yield Chunk(f"clean-seeds-{number:02}", replace(suite, models=models, seeds=seeds), tuple(trials))


def _spec(factory: str, params: str, model: Model) -> str:
    if parse(model.spec).module != OWN:
        raise UsageError(f"{model.spec}: faults are planted in the reference pipeline's stages; name models of it only")
    own = model.spec.partition("?")[2]
    return f"harness.faults.planted:{factory}?{'&'.join(filter(None, [params, own]))}"


@dataclass(frozen=True)
class Part(Sheet):
    """One trial of a run, under the names of the suite: numbers that were read once for all trials."""

    numbers: Grid
    rows: dict[Key, int]

    def grid(self, keys: Sequence[Key]) -> Grid:
        """These numbers; ABSENT where the run has none."""
        at = np.array([self.rows.get(key, -1) for key in keys], np.intp)
        there = (at >= 0)[:, None]
        values = np.where(there, self.numbers.values[at], np.nan)
        return Grid(values, np.where(there, self.numbers.states[at], ABSENT), self.numbers.reasons)

    def keys(self) -> tuple[Key, ...]:
        """Every number that the run has."""
        return tuple(self.rows)


class Whole:
    """A run of many trials, read once."""

    def __init__(self, sheet: Sheet, suite: Suite) -> None:
        """`suite`: what was calibrated, whose names and rules hold."""
        self._sheet, self._suite = sheet, suite
        keys = sheet.keys()
        self._numbers, self._rows = sheet.grid(keys), {key: row for row, key in enumerate(keys)}

    def part(self, trial: Trial, known: dict[tuple[str, str, int], str]) -> tuple[Part, dict[str, str]]:
        """A trial as a run of the suite, and which of its cases is which of this run. `known`: scene, model and seed ->
        id in the baseline; a seed that is not in it gets an id of its own.
        """
        suite = {model.name: model for model in self._suite.models}
        called = {now: was for was, now in trial.models}
        columns, cases, origin = [], [], {}
        for column, case in enumerate(self._sheet.manifest.cases):
            if case.model.name not in called or (trial.seeds and case.seed not in trial.seeds):
                continue
            model = suite[called[case.model.name]]
            case_id = known.get((case.scene, model.name, case.seed), f"{case.id}-{model.name}")
            renamed = replace(case, id=case_id, model=model)
            columns.append(column)
            cases.append(renamed)
            origin[case_id] = case.id
        manifest = self._manifest(trial, tuple(cases))
        ended = {mine: self._sheet.ended[theirs] for mine, theirs in origin.items() if theirs in self._sheet.ended}
        grid = Grid(self._numbers.values[:, columns], self._numbers.states[:, columns], self._numbers.reasons)
        return Part(self._sheet.folder, manifest, ended, None, grid, self._rows), origin

    def _manifest(self, trial: Trial, cases: tuple[Case, ...]) -> Manifest:
        whole = self._sheet.manifest
        called = dict(trial.models)
        suite = replace(
            self._suite,
            models=tuple(model for model in self._suite.models if model.name in called),
            seeds=trial.seeds or self._suite.seeds,
        )
        pipelines = {was: whole.pipelines[now] for was, now in trial.models}
        return replace(whole, suite=suite, pipelines=pipelines, cases=cases)
