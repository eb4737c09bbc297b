"""Do the new pictures of a stochastic model lie nearer to the right answer, or further away?

Each new picture is looked at beside an accepted one of its scene, and ColorVideoVDP says which of
the two is nearer, by how many JOD: its *step*. Of a model that did not change, steps are chance:
their mean is 0. So a t-test asks whether the mean is more than chance, two ways: over all scenes
of a model, each with its own noise (Welch 1947, doi:10.1093/biomet/34.1-2.28), and in a single
scene. The variances of all scenes are drawn towards their common one, as in `seeds.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np

from editproof.harness.gate.looks import Looks
from editproof.harness.gate.scoring import STEP_JOD
from editproof.harness.gate.statistics import (
    Flags,
    Values,
    shrink_variances,
    two_sided_probability,
)
from editproof.harness.records.pairing import Scene, Subject

ALARM = 0.0003
"""Chance of one false alarm or more among the models of a run, and among its scenes."""

LARGE_JOD = 0.5
"""A scene that stands alone must have moved by this much."""


def prove_steps(
    scenes: Sequence[Scene],
    groups: Sequence[Hashable],
    looks: Looks,
    reseeded: Collection[str] = (),
) -> dict[Subject, float]:
    """Mean step of each scene where it is more than chance, in JOD; above 0: further away.
    `groups`: which scenes are averaged together. `reseeded`: models of which a single scene proves
    nothing, so the one that moved most does not count.
    """
    known = [
        (scene, group, steps)
        for scene, group in zip(scenes, groups, strict=True)
        if (steps := _list_steps(scene, looks)) is not None
    ]
    if not known:
        return {}
    samples = [steps for *_, steps in known]
    means, squares, freedom, drawn = _measure_noise(samples)
    alone = two_sided_probability(means, np.sqrt(squares), drawn) * len(known)
    may_stand_alone = np.array([scene.model not in reseeded for scene, *_ in known])
    told = (alone <= ALARM) & (np.abs(means) >= LARGE_JOD) & may_stand_alone
    labels = [group for _, group, _ in known]
    for label in dict.fromkeys(labels):
        at = np.array([one == label for one in labels])
        counted = at if may_stand_alone[at].all() else _leave_out_most(at, means)
        if not counted.any():
            continue
        p = _test_together(means[counted], squares[counted], freedom[counted])
        if p * len(set(labels)) <= ALARM:
            way = np.sign(means[counted].sum())
            told |= at & (np.sign(means) == way) & (np.abs(means) >= STEP_JOD)
    return {
        scene.subject: float(mean)
        for (scene, *_), mean, is_told in zip(known, means, told, strict=True)
        if is_told
    }


def _leave_out_most(at: Flags, means: Values) -> Flags:
    """The same scenes without the one that moved most."""
    most = np.where(at, np.abs(means), -1).argmax()
    return np.asarray(at & (np.arange(len(means)) != most), bool)


def measure_chance(samples: Sequence[Values]) -> float:
    """How likely steps like these are by chance, over all scenes: each a sample of two or more."""
    return _test_together(*_measure_noise(samples)[:3])


def _measure_noise(samples: Sequence[Values]) -> tuple[Values, Values, Values, Values]:
    """Of each scene: the mean, its squared error, the sample's degrees of freedom, and those of a
    variance that is drawn towards the common one.
    """
    means = np.array([steps.mean() for steps in samples])
    count = np.array([len(steps) for steps in samples], np.float64)
    own = np.array([[steps.var(ddof=1)] for steps in samples])
    variance, drawn = shrink_variances(own, count - 1)
    return means, np.fmax(own, variance)[:, 0] / count, count - 1, drawn[:, 0]


def _test_together(means: Values, squares: Values, freedom: Values) -> float:
    """Welch's test of the sum of the means, with Satterthwaite's degrees of freedom. Without any
    spread a change is certain.
    """
    total = squares.sum()
    if not total:
        return 0.0 if means.sum() else 1.0
    free = total**2 / (squares**2 / freedom).sum()
    return float(two_sided_probability(means.sum(), np.sqrt(total), free))


def _list_steps(scene: Scene, looks: Looks) -> Values | None:
    """The step of each picture; None: one is not known, or they share an accepted picture, so that
    nothing tells how much that one differs by chance.
    """
    if len(scene.ours) < 2 or len(set(scene.partners)) < len(scene.ours):
        return None
    steps = [_find_step(column, looks) for column in scene.ours]
    return np.array(steps) if None not in steps else None


def _find_step(column: int, looks: Looks) -> float | None:
    """How much further from the right answer a picture is than the accepted one; None: that is not
    known.
    """
    difference = looks.find_difference(column)
    if difference is None:
        return None if column in looks.by_column else 0.0
    return difference.step if difference.steps or not difference.visible else None
