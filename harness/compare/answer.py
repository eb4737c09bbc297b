"""Is B better than A? The gate's three questions about two models, aspect by aspect, and the answer
in two sentences.

The gate judges B as a run and A as its baseline, both under one model's name. So pairing,
visibility, margins and statistics are the gate's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.gate import judge as gate
from editproof.harness.gate.causes import PLAIN
from editproof.harness.gate.limits import group_columns
from editproof.harness.gate.looks import LookOptions, Looks
from editproof.harness.gate.noise_floors import NoiseFloor
from editproof.harness.gate.numbers import find_aspect, list_keys
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.comparison import AspectAnswer, AspectOutcome, Cost, Pictures, Take
from editproof.harness.records.number_grid import MEASURED
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Outcome
from editproof.harness.records.vocabulary import ASPECTS
from editproof.harness.records.wording import count_noun

DEAR = 1.1
"""Time or memory is mentioned if it is this many times the other's."""

CHEAPER = 1.25
"""If the pictures do not decide, take the side that needs this many times less time."""

PLURAL = frozenset({"ghosts and residue", "seams"})
"""Aspects that take a plural verb."""


MOVED: tuple[AspectOutcome, ...] = ("better", "worse", "traded")
MOVED_WORDS: Mapping[AspectOutcome, str] = {
    "better": "better",
    "worse": "worse",
    "traded": "better here and worse there",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says about B beside A."""

    pictures: Pictures
    aspects: tuple[AspectAnswer, ...]
    shown: frozenset[tuple[str, str]]
    """Families and models with a picture that differs visibly, or may."""
    notes: tuple[str, ...]
    seen_by: str

    def with_outcome(self, outcome: AspectOutcome) -> list[AspectAnswer]:
        """The aspects with that outcome, largest change first."""
        return sorted(
            (one for one in self.aspects if one.outcome == outcome),
            key=lambda one: -(one.lost + one.won),
        )


def judge_models(
    a: Run,
    b: Run,
    labels: Sequence[tuple[str, str, str]],
    *,
    noise: NoiseFloor,
    looking: LookOptions,
) -> Judgement:
    """Compare B with A as the gate does. `labels` has a model of A, one of B, and their common
    name.
    """
    before = rename_models(a, {of_a: label for of_a, _, label in labels})
    after = rename_models(b, {of_b: label for _, of_b, label in labels})
    found = gate.compare(after, Baseline(before), group_columns(after), gate.Rules(noise), looking)
    measured = _measured_aspects(before, after, noise)
    looks = found.looks
    shown = {
        (scene.family, scene.model)
        for scene in found.pairing.scenes
        if looks.of(scene.ours, "visible") or looks.of(scene.ours, "unknown")
    }
    return Judgement(
        _count_pictures(before, after, looks),
        tuple(_judge_aspect(place, found, measured) for place in range(len(ASPECTS))),
        frozenset(shown),
        tuple(one.text for one in found.findings if one.outcome is Outcome.UNDERPOWERED),
        looks.seen_by,
    )


def rename_models(run: Run, names: Mapping[str, str]) -> Run:
    """A run with these models only, under new names."""
    manifest = run.manifest
    cases = tuple(
        replace(case, model=replace(case.model, name=names[case.model.name]))
        for case in manifest.cases
        if case.model.name in names
    )
    models = tuple(
        replace(model, name=names[model.name])
        for model in manifest.suite.models
        if model.name in names
    )
    pipelines = {names[name]: known for name, known in manifest.pipelines.items() if name in names}
    ended = {case.id: run.endings[case.id] for case in cases if case.id in run.endings}
    renamed = replace(
        manifest, cases=cases, pipelines=pipelines, suite=replace(manifest.suite, models=models)
    )
    return replace(run, manifest=renamed, endings=ended)


def _measured_aspects(a: Run, b: Run, noise: NoiseFloor) -> frozenset[str]:
    """Aspects in which both sides have a number that is compared."""
    keys = list_keys(b, a, noise)
    there = [(run.number_grid(keys).states == MEASURED).any(axis=1) for run in (a, b)]
    return frozenset(
        find_aspect(b, key.metric)
        for key, both in zip(keys, there[0] & there[1], strict=True)
        if both
    )


def _count_pictures(a: Run, b: Run, looks: Looks) -> Pictures:
    states = [look.state for look in looks.by_column.values()]
    alone = {"a": 0, "b": 0}
    for look in looks.by_column.values():
        made = [
            bool(run.endings[run.manifest.cases[column].id].actual)
            for run, column in ((a, look.partner), (b, look.column))
        ]
        if look.state == "no picture" and made[0] != made[1]:
            alone["a" if made[0] else "b"] += 1
    return Pictures(
        same=len(looks.unchanged),
        unseen=states.count("invisible"),
        seen=states.count("visible"),
        unknown=states.count("unknown"),
        only_a=alone["a"],
        only_b=alone["b"],
    )


def _judge_aspect(
    place: int, found: gate.BaselineComparison, measured: frozenset[str]
) -> AspectAnswer:
    """Sum up what was lost and won in one aspect."""
    lost = float(sum(one.lost[place] for one in found.scored))
    won = float(sum(one.won[place] for one in found.scored))
    moved = [one.jod or 0.0 for one in found.scored if one.lost[place] + one.won[place] >= 1]
    outcome: AspectOutcome = "even"
    if lost + won >= 1:
        outcome = "better" if won > PLAIN * lost else "worse" if lost > PLAIN * won else "traded"
    elif ASPECTS[place] not in measured:
        outcome = "not measured"
    return AspectAnswer(
        ASPECTS[place], outcome, round(lost, 3), round(won, 3), round(max(moved, default=0.0), 3)
    )


def choose_side(judged: Judgement, costs: Sequence[Cost]) -> Take:
    """Choose which side to take. A side that refuses edits is not chosen for its pictures alone."""
    votes = {
        vote for vote in (_vote_by_aspects(judged.aspects), _vote_by_count(judged.pictures)) if vote
    }
    if votes:
        return votes.pop() if len(votes) == 1 else "either"
    dearer = _time_ratio(costs)
    if dearer is None or 1 / CHEAPER < dearer < CHEAPER:
        return "either"
    return "a" if dearer > 1 else "b"


def _vote_by_aspects(aspects: Iterable[AspectAnswer]) -> Take | None:
    """Vote by total loss and gain, in margins. A side that is worse in more aspects than it is
    better gets no vote.
    """
    moved = [one for one in aspects if one.outcome in MOVED]
    lost, won = sum(one.lost for one in moved), sum(one.won for one in moved)
    ahead = sum(one.outcome == "better" for one in moved) - sum(
        one.outcome == "worse" for one in moved
    )
    if not moved:
        return None
    if won > PLAIN * lost and ahead >= 0:
        return "b"
    return "a" if lost > PLAIN * won and ahead <= 0 else "either"


def _vote_by_count(pictures: Pictures) -> Take | None:
    if pictures.only_a == pictures.only_b:
        return None
    return "a" if pictures.only_a > pictures.only_b else "b"


def write_answer(judged: Judgement, costs: Sequence[Cost], take: Take) -> str:
    """Say how B compares with A, what it costs, and which to take."""
    parts = [
        f"{_describe_b(judged)}{_describe_cost(costs)}.",
        *_describe_refusals(judged.pictures),
        _advise(judged, take),
    ]
    if judged.notes and take == "b":
        parts.append("But look first at what is not proved.")
    return " ".join(parts)


def _describe_b(judged: Judgement) -> str:
    """Describe B's pictures, without the cost."""
    seen, known = judged.pictures, judged.pictures.compared
    if any(judged.with_outcome(outcome) for outcome in MOVED):
        return _describe_moved(judged)
    if not known:
        return "There is no picture that both A and B made"
    if seen.same == known:
        return "B makes the same pictures as A, bit for bit"
    if not seen.seen and not seen.unknown:
        return f"B differs in {seen.unseen} of {known} pictures, and nobody can see it"
    if not seen.seen:
        return (
            f"The pictures of {seen.unknown} of {known} pairs are gone, and no number changed by"
            " more than its margin"
        )
    return (
        f"B differs visibly in {seen.seen} of {known} pictures, and is neither better nor worse on"
        " any aspect"
    )


def _describe_moved(judged: Judgement) -> str:
    """Count the aspects in which B is better, worse or both; the first count names the total."""
    found = {outcome: judged.with_outcome(outcome) for outcome in MOVED}
    order = [outcome for outcome in MOVED if found[outcome]]
    if "traded" not in order[:1]:
        order += [outcome for outcome in MOVED[:2] if outcome not in order]
    measured = sum(one.outcome != "not measured" for one in judged.aspects)
    parts = []
    for place, outcome in enumerate(order):
        of_all = "" if place else f" of {count_noun(measured, 'aspect')}"
        parts.append(
            f"{MOVED_WORDS[outcome]} on {len(found[outcome]) or 'none'}{of_all}"
            f"{_list_aspects(found[outcome])}"
        )
    return f"B is {', '.join(parts)}"


def _list_aspects(aspects: Sequence[AspectAnswer]) -> str:
    """` (detail, seams)`; empty if there is none."""
    return f" ({', '.join(one.aspect for one in aspects)})" if aspects else ""


def _describe_refusals(pictures: Pictures) -> Iterable[str]:
    if pictures.only_a:
        yield f"B made no picture in {pictures.only_a} of the pairs in which A did."
    if pictures.only_b:
        yield f"A made no picture in {pictures.only_b} of the pairs in which B did."


def _describe_cost(costs: Sequence[Cost]) -> str:
    """`; 1.7 × the time and 2 × the memory`; empty if the cost is about the same."""
    cpu, time, memory = _time_ratio(costs, "cpu"), _time_ratio(costs), _memory_ratio(costs)
    time_name = "the processor time" if cpu is not None else "the time"
    parts = [
        f"{ratio:.2g} × {what}"
        for ratio, what in ((time, time_name), (memory, "the memory"))
        if ratio and _is_notable(ratio)
    ]
    return f"; {' and '.join(parts)}" if parts else ""


def _is_notable(ratio: float) -> bool:
    return ratio >= DEAR or ratio <= 1 / DEAR


def _time_ratio(costs: Sequence[Cost], kind: str = "") -> float | None:
    """B's time for an edit over A's: processor time if both sides have it, else wall time."""
    for name in (kind,) if kind else ("cpu", "seconds"):
        known = [(getattr(one, f"{name}_a"), getattr(one, f"{name}_b")) for one in costs]
        both = [
            (before, after) for before, after in known if before is not None and after is not None
        ]
        total = np.sum(both, axis=0) if both else np.zeros(2)
        if total[0] > 0:
            return float(total[1] / total[0])
    return None


def _memory_ratio(costs: Sequence[Cost]) -> float | None:
    """B's peak memory over A's."""
    both = [(one.memory_a, one.memory_b) for one in costs if one.memory_a and one.memory_b]
    return max(after for _, after in both) / max(before for before, _ in both) if both else None


def _advise(judged: Judgement, take: Take) -> str:
    """Name the side to take, and what speaks against it."""
    better, worse = (
        [one.aspect for one in judged.with_outcome(outcome)] for outcome in ("better", "worse")
    )
    if take == "either":
        if better and worse:
            return f"Take B for {_join_words(better, 'and')}, A for {_join_words(worse, 'and')}."
        if better or worse or judged.with_outcome("traded"):
            return "It depends on the scene: look at the pictures."
        return "Take either."
    side, against = ("Take B", worse) if take == "b" else ("Keep A", better)
    if against:
        verb = "matter" if len(against) > 1 or against[0] in PLURAL else "matters"
        return f"{side} unless {_join_words(against, 'or')} {verb} more to you."
    moved = (
        better
        or worse
        or judged.with_outcome("traded")
        or judged.pictures.only_a
        or judged.pictures.only_b
    )
    return f"{side}." if moved else f"{side}: it costs less."


def _join_words(words: Sequence[str], last: str) -> str:
    """`detail`, `detail or seams`, `detail, seams or legibility`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
