"""What a calibration runs: the suite itself, clean reruns, harmless changes, and every fault with
its repair.

A run holds many trials, so a scene is drawn and prepared once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from editproof.harness.faults.harmless import HARMLESS, HarmlessChange
from editproof.harness.faults.stages import STAGE_FAULTS, StageFault
from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import Model, Suite
from editproof.pipelines.loader import OWN, parse
from editproof.pipelines.reference import STAGES

SHARES = (1.0, 0.5)
"""Strengths to try, in multiples of a fault's nominal strength."""
RERUNS = 200
RERUNS_A_RUN = 20
PEER_RERUNS = 20
"""Clean reruns that other gates judge. FLIP takes longer than an edit."""
FIRST_FRESH_SEED = 100_000
"""The first seed of clean reruns. No suite uses such seeds."""
HARMLESS_A_RUN = 8

WAYS = {
    "two threads": "threads=2",
    "small batches": "inpaint.payload_px=16384",
    "in by a PNG file": "png=9",
}
"""Clean reruns on the same seeds, in ways that must not change the picture: name -> parameters of
`harness/faults/planted.py:again`.
"""

OTHER_SEEDS = "other seeds"
ONE_ANOTHER = "other seeds, on both sides"
"""Names of clean reruns on fresh seeds: compared with the suite's own run, and with one another."""

BASELINE = "baseline"
"""The chunk with the suite's own run."""

Kind = Literal["baseline", "clean", "harmless", "repair", "fault", "switch"]
"""`repair`: the faulty run is the baseline of the sound one. `switch`: another model, without a
fault.
"""

ModelKind = Literal["deterministic", "stochastic", "switched"]
"""`switched`: one model's pictures are accepted, and another's are new."""

MODEL_KINDS: tuple[ModelKind, ...] = ("deterministic", "stochastic", "switched")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a trial: some columns of a run, under the suite's names."""

    run: str
    """The chunk that holds it."""
    models: tuple[tuple[str, str], ...]
    """Pairs of a name in the suite and a name in the run."""
    seeds: tuple[int, ...] = ()
    """Empty: the suite's."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that the gate compares with another one."""

    kind: Kind
    name: str
    """The fault, the harmless change, or the kind of rerun."""
    share: float
    """Share of the fault's nominal strength; 0: no fault."""
    model_kind: ModelKind
    models: str
    """Models of the suite, for people: `ns`, or `patch → ns`."""
    accepted: Side
    new: Side
    peers: bool = False
    """Whether other gates judge it as well."""
    blame: bool = False
    """Whether blame is asked for the stage."""

    @property
    def key(self) -> tuple[str, str, float, str, tuple[int, ...], tuple[int, ...]]:
        """What identifies the trial."""
        return self.kind, self.name, self.share, self.models, self.new.seeds, self.accepted.seeds


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run that holds many trials."""

    name: str
    suite: Suite
    trials: tuple[Trial, ...]
    folder: str = ""
    """A run from another environment; empty: this calibration makes the run."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much to try."""

    faults: tuple[StageFault, ...] = STAGE_FAULTS
    harmless: tuple[HarmlessChange, ...] = HARMLESS
    shares: tuple[float, ...] = SHARES
    reruns: int = RERUNS
    folders: tuple[Path, ...] = ()
    """Runs of the suite from other environments. They are tried as harmless changes."""
    in_turns: bool = False
    """Try every fault and every change with one model kind only, in turns: for a result within
    minutes.
    """


class _Models:
    """The suite's models by kind."""

    def __init__(self, suite: Suite, stochastic: Sequence[str]) -> None:
        fixed = tuple(model for model in suite.models if model.name not in stochastic)
        seeded = tuple(model for model in suite.models if model.name in stochastic)
        self.groups: dict[ModelKind, tuple[Model, ...]] = {}
        if fixed:
            self.groups["deterministic"] = fixed
        if seeded:
            self.groups["stochastic"] = seeded
        self.switches = ((seeded[0], fixed[0]), (fixed[0], seeded[0])) if fixed and seeded else ()
        """Pairs of an accepted and a new model."""

    @property
    def kinds(self) -> tuple[ModelKind, ...]:
        """The kinds that the suite has."""
        return (*self.groups, *(("switched",) if self.switches else ()))


EVERYTHING = Extent()


def plan_chunks(
    suite: Suite, extent: Extent = EVERYTHING, *, stochastic: Sequence[str] = ()
) -> list[Chunk]:
    """Plan the runs, the baseline first. `stochastic` names the models whose seed matters.

    Raises UsageError if a model is not the reference pipeline, in whose stages faults are planted.
    """
    models = _Models(suite, stochastic)
    chunks = [_plan_baseline(suite, models), *_plan_external_runs(suite, models, extent.folders)]
    chunks += _plan_harmless(suite, models, extent)
    chunks += _plan_faults(suite, models, extent)
    if not extent.in_turns:
        chunks.append(_plan_ways(suite, models))
    if stochastic:
        chunks += _plan_fresh_seeds(suite, models, extent)
    return chunks


def _plan_baseline(suite: Suite, models: _Models) -> Chunk:
    """Plan the suite's own run, and the trials of a switch without a fault."""
    trials = [
        Trial(
            "switch",
            "another model",
            0.0,
            "switched",
            _switch_label(was, now),
            _baseline_side(was, was),
            _baseline_side(was, now),
        )
        for was, now in models.switches
    ]
    return Chunk(BASELINE, suite, tuple(trials))


def _plan_external_runs(suite: Suite, models: _Models, folders: Iterable[Path]) -> Iterator[Chunk]:
    for folder in folders:
        trials = [
            Trial(
                "harmless",
                f"run {folder.name}",
                0.0,
                kind,
                _join_names(group),
                _keep_names(BASELINE, group),
                _keep_names(str(folder), group),
                peers=True,
            )
            for kind, group in models.groups.items()
        ]
        yield Chunk(str(folder), suite, tuple(trials), str(folder))


def _plan_harmless(suite: Suite, models: _Models, extent: Extent) -> Iterator[Chunk]:
    changes = iter(enumerate(extent.harmless))
    number = 0
    while group := list(
        islice(changes, len(extent.harmless) if extent.in_turns else HARMLESS_A_RUN)
    ):
        name = f"harmless-{number:02}"
        run_models: dict[str, Model] = {}
        trials = [
            _plan_change(name, change, kind, models.groups[kind], run_models)
            for index, change in group
            for kind in _choose_kinds(tuple(models.groups), index, extent)
        ]
        yield Chunk(name, replace(suite, models=tuple(run_models.values())), tuple(trials))
        number += 1


def _plan_change(
    run: str,
    change: HarmlessChange,
    kind: ModelKind,
    group: Sequence[Model],
    run_models: dict[str, Model],
) -> Trial:
    """Plan one harmless change of some models, and add the changed models to `run_models`."""

    def add_model(model: Model, side: str) -> str:
        called = f"{model.name} {change.name} {side}"
        run_models[called] = Model(
            called, _make_spec("harmless", f"kind={change.name}&side={side}", model)
        )
        return called

    new = Side(run, tuple((model.name, add_model(model, "after")) for model in group))
    accepted = _keep_names(BASELINE, group)
    if change.before:
        accepted = Side(run, tuple((model.name, add_model(model, "before")) for model in group))
    return Trial("harmless", change.name, 0.0, kind, _join_names(group), accepted, new, peers=True)


def _plan_faults(suite: Suite, models: _Models, extent: Extent) -> Iterator[Chunk]:
    order = {fault.name: index for index, fault in enumerate(extent.faults)}
    for name, faults in _group_faults(extent):
        run_models: dict[str, Model] = {}
        trials: list[Trial] = []
        for fault in faults:
            for share in (
                extent.shares if not fault.settings else (1.0,)
            ):  # a setting is there or is not
                for kind in _choose_kinds(models.kinds, order[fault.name], extent):
                    trials += _plan_fault(name, fault, share, kind, models, run_models)
        wanted = tuple(_drop_repeats(trials, extent))
        used = {
            called
            for trial in wanted
            for side in (trial.accepted, trial.new)
            for _, called in side.models
        }
        planted = tuple(model for called, model in run_models.items() if called in used)
        yield Chunk(name, replace(suite, models=planted), wanted)


def _group_faults(extent: Extent) -> Iterator[tuple[str, list[StageFault]]]:
    """Faults by the run that holds them: one run for each stage, or one for all if they take turns,
    since starting a run takes longer then.
    """
    by_stage = {
        stage: [fault for fault in extent.faults if fault.stage == stage] for stage, _ in STAGES
    }
    if extent.in_turns:
        yield "faults", [fault for faults in by_stage.values() for fault in faults]
        return
    yield from ((f"faults-{stage}", faults) for stage, faults in by_stage.items() if faults)


def _plan_fault(
    run: str,
    fault: StageFault,
    share: float,
    kind: ModelKind,
    models: _Models,
    run_models: dict[str, Model],
) -> Iterator[Trial]:
    """Plan a fault and its repair, and add the faulty models to `run_models`."""

    def add_model(model: Model) -> str:
        called = f"{model.name} {fault.name} {share:g}"
        run_models[called] = Model(
            called,
            _make_spec("build", f"fault={fault.name}&strength={share * fault.nominal:g}", model),
        )
        return called

    has_peers = kind != "switched"
    if has_peers:
        group = models.groups[kind]
        sound, faulty = (
            _keep_names(BASELINE, group),
            Side(run, tuple((model.name, add_model(model)) for model in group)),
        )
        blame = share == 1.0 and kind == "deterministic"
        yield Trial(
            "fault", fault.name, share, kind, _join_names(group), sound, faulty, has_peers, blame
        )
        yield Trial("repair", fault.name, share, kind, _join_names(group), faulty, sound, has_peers)
        return
    for was, now in models.switches:
        label = _switch_label(was, now)
        faulty = Side(run, ((was.name, add_model(now)),))
        yield Trial("fault", fault.name, share, kind, label, _baseline_side(was, was), faulty)
        yield Trial(
            "repair",
            fault.name,
            share,
            kind,
            label,
            Side(run, ((was.name, add_model(was)),)),
            _baseline_side(was, now),
        )


def _drop_repeats(trials: Iterable[Trial], extent: Extent) -> Iterator[Trial]:
    """If kinds take turns, keep the first direction of a switch only, blame nobody, and let other
    gates judge faults only: for most of them a repair is the same as its fault.
    """
    seen: set[tuple[str, str, float]] = set()
    for trial in trials:
        key = trial.kind, trial.name, trial.share
        if not extent.in_turns:
            yield trial
        elif key not in seen:
            yield replace(trial, blame=False, peers=trial.peers and trial.kind == "fault")
        seen.add(key)


def _choose_kinds(kinds: Sequence[ModelKind], index: int, extent: Extent) -> Sequence[ModelKind]:
    """All kinds; in turns, the first kind for two of three, since it is the quickest, and the
    others for the rest.
    """
    if not extent.in_turns:
        return kinds
    others = kinds[1:] or kinds
    return (others[index // 3 % len(others)],) if index % 3 == 2 else (kinds[0],)


def _plan_ways(suite: Suite, models: _Models) -> Chunk:
    run_models: dict[str, Model] = {}
    trials: list[Trial] = []
    for way, params in WAYS.items():
        for kind, group in models.groups.items():
            pairs = []
            for model in group:
                called = f"{model.name} {way}"
                run_models[called] = Model(called, _make_spec("again", params, model))
                pairs.append((model.name, called))
            new = Side("clean-ways", tuple(pairs))
            trials.append(
                Trial(
                    "clean", way, 0.0, kind, _join_names(group), _keep_names(BASELINE, group), new
                )
            )
    return Chunk("clean-ways", replace(suite, models=tuple(run_models.values())), tuple(trials))


def _plan_fresh_seeds(suite: Suite, models: _Models, extent: Extent) -> Iterator[Chunk]:
    """Plan reruns on fresh seeds, as many seeds as the suite has.

    Each is judged twice: against the suite's own run and against the next rerun, since one baseline
    may happen to be easy. Deterministic models are left out, since nothing would change.
    """
    group = models.groups["stochastic"]
    label, count = _join_names(group), len(suite.seeds)
    for number, start in enumerate(range(0, extent.reruns, RERUNS_A_RUN)):
        name = f"clean-seeds-{number:02}"
        firsts = [
            FIRST_FRESH_SEED + rerun * count
            for rerun in range(start, min(start + RERUNS_A_RUN, extent.reruns))
        ]
        sides = [
            replace(_keep_names(name, group), seeds=tuple(range(first, first + count)))
            for first in firsts
        ]
        trials = [
            Trial(
                "clean",
                OTHER_SEEDS,
                0.0,
                "stochastic",
                label,
                _keep_names(BASELINE, group),
                side,
                start + index < PEER_RERUNS,
            )
            for index, side in enumerate(sides)
        ]
        if len(sides) > 1 and not extent.in_turns:
            following = (*sides[1:], sides[0])
            trials += [
                Trial("clean", ONE_ANOTHER, 0.0, "stochastic", label, other, side)
                for side, other in zip(sides, following, strict=True)
            ]
        seeds = tuple(seed for side in sides for seed in side.seeds)
        yield Chunk(name, replace(suite, models=group, seeds=seeds), tuple(trials))


def _keep_names(run: str, group: Iterable[Model]) -> Side:
    """These models under their own names."""
    return Side(run, tuple((model.name, model.name) for model in group))


def _baseline_side(was: Model, now: Model) -> Side:
    """A side of the suite's own run: one model under another's name."""
    return Side(BASELINE, ((was.name, now.name),))


def _join_names(group: Iterable[Model]) -> str:
    return ", ".join(model.name for model in group)


def _switch_label(was: Model, now: Model) -> str:
    return f"{was.name} → {now.name}"


def _make_spec(factory: str, params: str, model: Model) -> str:
    if parse(model.spec).module != OWN:
        raise UsageError(
            f"{model.spec} is not the reference pipeline, in whose stages faults are planted. Name"
            " its models only"
        )
    run_models = model.spec.partition("?")[2]
    return (
        f"editproof.harness.faults.planted:{factory}?{'&'.join(filter(None, [params, run_models]))}"
    )
