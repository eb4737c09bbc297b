"""Which cases of A and B are compared: by model, scene and seed.

A deterministic side stands for every seed of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.records.pairing import is_stochastic
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import count_noun
from editproof.harness.records.wording import name_few as named

SCALES = range(1, 9)
"""That a suite may have."""


class PairGroup(NamedTuple):
    """The pairs of one family and model, as columns of A and of B."""

    family: str
    model: str
    a: list[int]
    b: list[int]
    exact: bool
    """Whether both sides are deterministic."""


def match_models(a: Run, b: Run, models: tuple[str, str] | None) -> dict[str, str]:
    """Model of B -> the model of A that it is compared with."""
    ours, theirs = model_names(a), model_names(b)
    if models is None:
        common = [name for name in theirs if name in ours]
        if not common and len(ours) == len(theirs) == 1:
            common = theirs
            return {theirs[0]: ours[0]}
        if not common:
            raise UsageError(
                f"A ran {named(ours)}, B {named(theirs)}: no model in common. "
                f"Say which to compare: --models {ours[0]},{theirs[0]}"
            )
        return {name: name for name in common}
    for name, known, side in ((models[0], ours, "A"), (models[1], theirs, "B")):
        if name not in known:
            raise UsageError(f"--models: {side} has no model {name!r}; it has {named(known)}")
    if models[0] == models[1] and a.folder == b.folder:
        raise UsageError(
            f"--models: {models[0]} is compared with itself. Name two models of the run"
        )
    return {models[1]: models[0]}


def model_names(run: Run) -> list[str]:
    """The models of a run, in the order of its cases."""
    return list(dict.fromkeys(case.model.name for case in run.manifest.cases))


def pair_cases(a: Run, b: Run, swaps: Mapping[str, str]) -> tuple[list[PairGroup], list[str]]:
    """Pairs by family and model, and what has no partner."""
    ours, theirs = _columns_by_scene(a), _columns_by_scene(b)
    names = {of_b: _cases_by_name(a, of_a) for of_b, of_a in swaps.items()}
    groups: dict[tuple[str, str], PairGroup] = {}
    alone = 0
    for (scene, model), columns in theirs.items():
        if model not in swaps:
            continue
        before = ours.get((scene, swaps[model]), [])
        exact = not is_stochastic(a, swaps[model]) and not is_stochastic(b, model)
        pairs = _pair_seeds(a, b, before, columns, swaps[model], model)
        first = b.manifest.cases[columns[0]]
        there = names[model].get(first.scene)
        alone += not pairs and not (there and _scene_key(there) != _scene_key(first))
        family = first.family
        label = label_of(swaps[model], model)
        group = groups.setdefault((family, label), PairGroup(family, label, [], [], exact))
        group.a.extend(left for left, _ in pairs)
        group.b.extend(right for _, right in pairs)
    found = [group for group in groups.values() if group.a]
    unlike = list(_list_unlike(a, b, swaps))
    if not found:
        raise UsageError(
            f"A and B have no scene in common: {'; '.join(unlike)}"
            if unlike
            else "A and B have no finished case in common. Finish both runs with `editproof run`"
        )
    left_out = unlike
    if alone:
        left_out.append(f"{count_noun(alone, 'scene')} of B without a finished case in A")
    compared = {column for group in found for column in group.a}
    missed = sum(
        case.model.name in swaps.values()
        and case.id in a.endings
        and a.column_of[case.id] not in compared
        for case in a.manifest.cases
    )
    if missed:
        left_out.append(f"{count_noun(missed, 'case')} of A without a partner in B")
    other = [name for name in model_names(b) if name not in {*swaps, *model_names(a)}]
    if other:
        left_out.append(f"A has no model that is called {named(other)}")
    return found, left_out


def _list_unlike(a: Run, b: Run, swaps: Mapping[str, str]) -> Iterator[str]:
    """Which models were not asked the same scenes, since they can't do the same, and what to do."""
    for of_b, of_a in swaps.items():
        ours, theirs = _cases_by_name(a, of_a), _cases_by_name(b, of_b)
        both = [(ours[name], theirs[name]) for name in theirs if name in ours]
        label = f"{of_a} (A) and {of_b} (B)"
        scales = {(one.scale, two.scale) for one, two in both if one.scale != two.scale}
        for scale_a, scale_b in sorted(scales):
            yield (
                f"{label} were asked at ×{scale_a} and ×{scale_b}, and models are compared at one"
                f" scale only. {_advise_scale(a, of_a, b, of_b)}"
            )
        alike = [(one, two) for one, two in both if one.scale == two.scale]
        if any(one.size != two.size for one, two in alike):
            yield (
                f"{label} were asked for scenes of other sizes. Run them with a suite whose size"
                " both take"
            )
        given = [one.scene for one, two in alike if one.given_mask != two.given_mask]
        if given:
            yield (
                f"{label} were not asked the same in {count_noun(len(given), 'scene')}: only one of"
                f" them was handed the true mask ({named(given)})"
            )


def _cases_by_name(run: Run, model: str) -> dict[str, Case]:
    return {case.scene: case for case in run.manifest.cases if case.model.name == model}


def _advise_scale(a: Run, of_a: str, b: Run, of_b: str) -> str:
    """What to run so that both are asked at one scale."""
    makes_a, makes_b = (
        run.manifest.pipelines[model].capabilities.scales for run, model in ((a, of_a), (b, of_b))
    )
    common = [scale for scale in SCALES if all(not m or scale in m for m in (makes_a, makes_b))]
    if not common:
        return "There is no scale that both make"
    asked = a.manifest.suite.scale
    scale = min(common, key=lambda one: (abs(one - asked), one))
    return f"Run both with --scale {scale}"


def average_turns(
    change: npt.NDArray[np.float64], of_a: Sequence[Case], of_b: Sequence[Case]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.str_]]:
    """The mean change of each pair of chains, and its scene's name. A turn is made from the one
    before, so the turns of a chain are one sample.
    """
    chains: dict[tuple[object, ...], list[float]] = {}
    names: dict[tuple[object, ...], str] = {}
    for one, other, value in zip(of_a, of_b, change, strict=True):
        chain = (one.chain, other.chain)
        chains.setdefault(chain, []).append(float(value))
        names[chain] = other.first_turn_name
    return np.array([np.mean(own) for own in chains.values()]), np.array(list(names.values()))


def label_of(of_a: str, of_b: str) -> str:
    """The common name of two models: `ns`, or `ns → patch`."""
    return of_b if of_a == of_b else f"{of_a} → {of_b}"


def _columns_by_scene(run: Run) -> dict[tuple[tuple[object, ...], str], list[int]]:
    """Scene and model -> columns of its finished cases, in the manifest's order."""
    found: dict[tuple[tuple[object, ...], str], list[int]] = {}
    for column, case in enumerate(run.manifest.cases):
        if case.id in run.endings:
            found.setdefault((_scene_key(case), case.model.name), []).append(column)
    return found


def _scene_key(case: Case) -> tuple[object, ...]:
    return (case.family, case.name, case.size, case.scale, case.scene_seed, case.given_mask)


def _pair_seeds(
    a: Run, b: Run, ours: Sequence[int], theirs: Sequence[int], model_a: str, model_b: str
) -> list[tuple[int, int]]:
    """Pair the same seeds. A deterministic side's case is paired with every seed of the other.
    Different seeds are paired in order.
    """
    if not ours or not theirs:
        return []
    if not is_stochastic(a, model_a):
        return [(ours[0], column) for column in theirs]
    if not is_stochastic(b, model_b):
        return [(column, theirs[0]) for column in ours]
    seeds = {a.manifest.cases[column].seed: column for column in ours}
    same = [
        (seeds[seed], column)
        for column in theirs
        if (seed := b.manifest.cases[column].seed) in seeds
    ]
    return same or list(zip(ours, theirs, strict=False))
