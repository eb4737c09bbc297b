"""Is it better or worse? The third question of the gate, asked of what changed visibly, aspect by
aspect.

Every number's change for the worse is counted in its margins. Within a margin it is nothing;
beyond, it counts, up to `MOST` margins. An aspect's losses and gains are the sums over its numbers.
They are summed, since one number of two hundred decides nothing, and since a fault moves many of
them one way.

*Pairs*: a visible picture counts as it is. *Seeds*: the pictures of a scene are samples. An aspect
counts where its numbers moved by more than chance explains, over the family, in a scene, or in a
single picture (`seeds.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from editproof.harness.gate.looks import Look, Looks
from editproof.harness.gate.noise_floors import NoiseFloor
from editproof.harness.gate.numbers import Margins, Numbers
from editproof.harness.gate.statistics import Values
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.records.pairing import Scene
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import ASPECTS, Aspect

MOST = 10.0
"""Margins that one number counts at most: a dead picture is no hundred times as bad as a bad one.
"""

STEP_JOD = 0.1
"""Margin of the step towards the right answer, or away from it, of each part of a visible
difference.
"""

PART_ASPECTS: Mapping[str, Aspect] = {
    "detail": "detail",
    "structure": "structure",
    "tone": "colour and tone",
    "colour": "colour and tone",
}
"""Which aspect each part of a difference speaks for."""


@dataclass(frozen=True)
class Scored:
    """What one visible case, or the seeds of one scene, lost and won."""

    scene: Scene
    columns: tuple[int, ...]
    """Of the run: what counts, the one to look at first."""
    lost: Values
    """By aspect, in margins."""
    won: Values
    moved: Values
    """By rule, in margins: above 0 worse, 0 within its margin."""
    before: Values
    after: Values
    """By rule, as measured: of the case, or means over the scene's seeds."""
    margins: Values
    difference: Difference | None
    """Of the case to look at."""
    jod: float | None
    """How visible: of the case; of seeds, beyond what they differ among one another."""
    answered: bool
    """Whether a right answer is known, so that numbers can say what is better."""
    p: float | None = None
    """How likely it is by chance; None: nothing is left to chance."""
    step: float | None = None
    """How much further from the right answer, in JOD; below 0: nearer. None: the right answer is
    not known, or chance explains it.
    """

    @property
    def weight(self) -> float:
        """Share of the scene's pictures: a scene counts once, whether its pictures are judged one
        by one or together.
        """
        return len(self.columns) / max(len(self.scene.ours), 1)

    @property
    def judged(self) -> bool:
        """Whether any number, or the right answer itself, says better or worse."""
        return bool((self.lost + self.won).sum() >= 1)


def clip_margins(moved: Values) -> Values:
    """Changes in margins, of which the first one is nothing, up to MOST; 0 where there is no
    number.
    """
    known = np.nan_to_num(moved, posinf=MOST + 1, neginf=-MOST - 1)
    return np.asarray(np.sign(known) * np.clip(np.abs(known) - 1, 0, MOST), np.float64)


def judge_pairs(
    run: Run, scenes: Iterable[Scene], looks: Looks, numbers: Numbers, noise: NoiseFloor
) -> Iterator[Scored]:
    """Every visible picture that is compared as a pair."""
    known = Margins(run, numbers.keys, noise)
    shown = [
        (scene, look)
        for scene in scenes
        for look in looks.list_changed(scene.ours)
        if look.state in {"visible", "unknown"}
    ]
    if not shown:
        return
    ours = np.stack([numbers.ours[look.column] for _, look in shown])
    theirs = np.stack([numbers.theirs[look.answer][look.partner] for _, look in shown])
    margins = [known.find(scene.family, scene.model, cases=1) for scene, _ in shown]
    moved = clip_margins(in_margins(ours - theirs, np.stack(margins)))
    lost, won = by_aspect(numbers, moved)
    has_moved = np.asarray(moved.any(axis=1))
    for place, (scene, look) in enumerate(shown):
        if look.state == "visible" or has_moved[place]:
            parts = (moved[place], lost[place], won[place], margins[place])
            yield _score_pair(scene, look, numbers, *parts)


def _score_pair(
    scene: Scene,
    look: Look,
    numbers: Numbers,
    moved: Values,
    lost: Values,
    won: Values,
    margins: Values,
) -> Scored:
    count_steps(lost, won, [look.difference])
    return Scored(
        scene,
        (look.column,),
        lost,
        won,
        moved,
        numbers.raw_theirs[look.answer][look.partner],
        numbers.raw_ours[look.column],
        margins,
        look.difference,
        look.difference.jod if look.difference else None,
        is_answered(numbers, numbers.raw_ours[look.column]),
        step=look.difference.step if look.difference and look.difference.steps else None,
    )


def is_answered(numbers: Numbers, values: Values) -> bool:
    """Whether any number says how near to a right answer a picture is."""
    return bool((~np.isnan(values) & (numbers.aspects == ASPECTS.index("structure"))).any())


def by_aspect(numbers: Numbers, moved: Values) -> tuple[Values, Values]:
    """What each aspect lost and won: … × aspects, of … × rules."""
    lost, won = np.zeros((2, len(ASPECTS), *moved.shape[:-1]))
    np.add.at(lost, numbers.aspects, np.clip(moved, 0, None).T)
    np.add.at(won, numbers.aspects, np.clip(-moved, 0, None).T)
    return lost.T, won.T


def count_steps(lost: Values, won: Values, differences: Sequence[Difference | None]) -> None:
    """Add the mean step of each part of these differences, in margins, to what its aspect lost or
    won.
    """
    known = [one.steps for one in differences if one is not None]
    for part, aspect in PART_ASPECTS.items():
        steps = [one[part].after - one[part].before if part in one else 0.0 for one in known]
        moved = _clip_margin(sum(steps) / len(steps) / STEP_JOD) if steps else 0.0
        (lost if moved > 0 else won)[ASPECTS.index(aspect)] += abs(moved)


def _clip_margin(moved: float) -> float:
    """As `clip_margins`, of one number."""
    if math.isnan(moved):
        return 0.0
    return math.copysign(min(max(abs(moved) - 1, 0.0), MOST), moved)


def in_margins(changes: Values, margins: Values) -> Values:
    """Changes in margins; NaN: the rule does not cover them. Where the margin is 0, any change is
    beyond it.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        counted = np.where(margins > 0, changes / margins, np.sign(changes) * np.inf)
    return np.asarray(np.where(np.isnan(margins) | np.isnan(changes), np.nan, counted), np.float64)
