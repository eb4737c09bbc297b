"""Did a stochastic model get better or worse? Statistics where the pictures of a scene are samples.

Of every scene there are some accepted pictures and some new ones, on other seeds, or one where a
side is deterministic. Each picture gets one score an aspect: the mean of its numbers, in margins,
about the accepted mean. Scores are compared with Student's t, three ways, so that an average hides
no dead scene and a scene no dead picture:

*family*: the mean change over its scenes, each with its own noise (Welch 1947,
doi:10.1093/biomet/34.1-2.28); *scene*: its own pictures before and after; *picture*: one new
picture beside the accepted ones of its scene. What lies nearer to the right answer, or further
away, is tested as well (`steps.py`).

Three seeds say little of a scene's noise. So the variances of all scenes are estimated together,
each drawn towards their common one as far as they agree (Smyth 2004, doi:10.2202/1544-6115.1027).
All tests of a kind are corrected by Holm's method.

Where every scene has one picture on each side, nothing tells how much seeds differ. What changed
visibly then is changed, and a large loss is one that can't be proved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.gate.looks import Looks
from editproof.harness.gate.noise_floors import NoiseFloor
from editproof.harness.gate.numbers import Margins, Numbers
from editproof.harness.gate.samples import (
    Sample,
    draw_samples,
    mean_pictures,
)
from editproof.harness.gate.score_comparison import Tested, compare_scores
from editproof.harness.gate.scoring import (
    Scored,
    by_aspect,
    clip_margins,
    count_steps,
    is_answered,
)
from editproof.harness.gate.statistics import (
    MOST_SEEDS,
    Flags,
    Values,
    quantile,
)
from editproof.harness.gate.steps import ALARM as STEP_ALARM
from editproof.harness.gate.steps import LARGE_JOD, prove_steps
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.records.pairing import Scene
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import ASPECTS

ALARM = 0.0003
"""Chance of one false alarm or more among all families and aspects of a run, if scores were normal.
Metrics have heavier tails: measured on clean reruns, alarms are some three times as frequent as
that, before anything is asked of their size."""

SCENE_ALARM = 0.0003
PICTURE_ALARM = 0.0001
"""The same of scenes, and of single pictures, which lean on a few seeds each."""

LARGE_P = 0.05
"""A large loss is not passed over, though chance may explain it.

It is large where the pictures lie LARGE_JOD further from the right answer than the accepted ones,
and differ from them by this much more than seeds do. Chance explains it less often than LARGE_P,
corrected for the number of families: of many scenes, some lose much by chance.
"""

FEW_SCENES = 3
"""Of a model that only drew on other seeds, a family of fewer scenes proves nothing."""

EVERY_ASPECT: Flags = np.ones(len(ASPECTS), bool)
NOTHING: Values = np.zeros(len(ASPECTS))


@dataclass(frozen=True)
class Unproved:
    """A large loss that chance may explain."""

    scored: Scored
    seeds_needed: int | None = None
    """How many seeds a scene would tell; None: more seeds would not, or can't be had."""
    is_noise_known: bool = True
    """Whether any scene has several pictures on one side."""


def judge(
    run: Run,
    scenes: Sequence[Scene],
    looks: Looks,
    numbers: Numbers,
    noise: NoiseFloor,
    reseeded: Collection[str] = (),
) -> tuple[list[Scored], list[Unproved]]:
    """Scenes and pictures that moved visibly and by more than chance explains; and large losses
    that it may explain. `reseeded`: models of which nothing but the seeds is another. Of these a
    single scene proves nothing: it may give one of two pictures, by the seed.
    """
    margins = Margins(run, numbers.keys, noise)
    samples = draw_samples(scenes, numbers, margins)
    if not samples:
        return [], []
    scores = [(one.new_scores, one.old_scores) for one in samples]
    # A turn's pictures come from the turn before, so each turn is averaged by itself.
    groups = [
        (one.scene.family, one.scene.model, run.manifest.cases[one.scene.ours[0]].turn)
        for one in samples
    ]
    tested = compare_scores(scores, groups)
    models = [(model, turn) for _, model, turn in groups]
    steps = prove_steps([one.scene for one in samples], models, looks, reseeded)
    sizes = Counter(groups)
    together = [sizes[group] >= FEW_SCENES for group in groups]
    moved: list[Scored | Unproved] = []
    for place, sample in enumerate(samples):
        if not looks.of(sample.scene.ours, "visible") and not looks.of(
            sample.scene.ours, "unknown"
        ):
            continue
        if not tested.freedom[place].any():
            seen = _score_sample(sample, numbers, looks, EVERY_ASPECT, sample.scene.ours, None)
            if _is_large(seen, sample, looks) and sample.scene.model not in reseeded:
                moved.append(Unproved(seen, is_noise_known=False))
            elif seen.moved.any() or looks.of(sample.scene.ours, "visible"):
                moved.append(replace(seen, lost=NOTHING, won=NOTHING))
            continue
        step = steps.get(sample.scene.subject)
        if sample.scene.model in reseeded:
            of_family = _is_of_family(tested, place) & tested.is_far[place] & together[place]
            if of_family.any() or step is not None:
                moved.append(_score_moved(sample, numbers, looks, tested, place, of_family, step))
            continue
        found = [
            one for one in _find_moved(sample, numbers, looks, tested, place, step) if one.judged
        ]
        moved += found or _find_large(sample, numbers, looks, tested, place)
    return (
        [one for one in moved if isinstance(one, Scored)],
        [one for one in moved if isinstance(one, Unproved)],
    )


def _find_moved(
    sample: Sample, numbers: Numbers, looks: Looks, tested: Tested, place: int, step: float | None
) -> Iterator[Scored]:
    """The scene where it, or its family, moved by more than chance explains; else those of its
    pictures that did. `step`: of the scene, in JOD, where that is more than chance.
    """
    significant = _is_more_than_chance(tested, place) & tested.is_far[place]
    if significant.any() or step is not None:
        yield _score_moved(sample, numbers, looks, tested, place, significant, step)
        return
    for index, column in enumerate(sample.scene.ours):
        alone = tested.pictures[place][:, index] <= PICTURE_ALARM
        if alone.any() and not _is_small(sample.scene, looks, column):
            yield _score_sample(
                sample,
                numbers,
                looks,
                alone,
                (column,),
                float(tested.pictures[place][alone, index].min()),
            )


def _is_more_than_chance(tested: Tested, place: int) -> Flags:
    """The aspects in which the scene moved, or its family, and the scene with it."""
    alone = tested.scene[place] <= SCENE_ALARM
    return np.asarray(_is_of_family(tested, place) | alone, bool)


def _is_of_family(tested: Tested, place: int) -> Flags:
    """The aspects in which the scene's family moved, and the scene with it."""
    moved = tested.family[place] <= ALARM
    same_way = np.sign(tested.change[place]) == np.sign(tested.family_change[place])
    return np.asarray(moved & same_way, bool)


def _score_moved(
    sample: Sample,
    numbers: Numbers,
    looks: Looks,
    tested: Tested,
    place: int,
    aspects: Flags,
    step: float | None,
) -> Scored:
    """All pictures of a scene, in the aspects that moved."""
    known = np.fmin(tested.family[place], tested.scene[place])[aspects]
    p = float(known.min()) if known.size else STEP_ALARM
    return _score_sample(sample, numbers, looks, aspects, sample.scene.ours, p, step)


def _is_small(scene: Scene, looks: Looks, column: int) -> bool:
    """Whether a single picture is hardly seen to differ from the accepted one; or hardly more than
    seeds do, and lies hardly further from the right answer. One picture in many happens to have an
    odd number.
    """
    difference = looks.find_difference(column)
    beyond = _measure_beyond_seeds(scene, looks, [column])
    if difference is None or not difference.steps or beyond is None:
        return False
    return min(difference.jod, beyond) < LARGE_JOD


def _score_sample(
    sample: Sample,
    numbers: Numbers,
    looks: Looks,
    aspects: Flags,
    columns: tuple[int, ...],
    p: float | None,
    step: float | None = None,
) -> Scored:
    """What these pictures of a scene lost and won, on the mean, in the aspects that count."""
    chosen = [sample.scene.ours.index(column) for column in columns]
    mean = clip_margins(mean_pictures(sample.new[:, chosen]))
    moved = np.where(aspects[numbers.aspects], mean, 0.0)
    lost, won = by_aspect(numbers, moved)
    if step is not None:
        count_steps(lost, won, [looks.find_difference(column) for column in columns])
    net = lost - won
    seen = sorted(columns, key=lambda column: -_mean_jod(looks, column))
    after = mean_pictures(np.stack([numbers.raw_ours[column] for column in columns], axis=1))
    return Scored(
        scene=sample.scene,
        columns=tuple(seen),
        lost=np.clip(net, 0, None),
        won=np.clip(-net, 0, None),
        moved=moved,
        before=sample.before,
        after=after,
        margins=sample.margins,
        difference=looks.find_difference(seen[0]),
        jod=_measure_beyond_seeds(sample.scene, looks, columns),
        answered=is_answered(numbers, after),
        p=p,
        step=step,
    )


def _mean_jod(looks: Looks, column: int) -> float:
    difference = looks.find_difference(column)
    return difference.jod if difference else 0.0


def _measure_beyond_seeds(scene: Scene, looks: Looks, columns: Iterable[int]) -> float | None:
    """How visible the change is, JOD. None: it is not known.

    It is the larger of two. One is by how much more the new pictures differ from the accepted ones
    than those do among each other. The other is how far they moved from the right answer.
    """
    found = [looks.find_difference(column) for column in columns]
    seen = [difference for difference in found if difference is not None]
    if not seen:
        return None
    return max(_measure_beyond(scene, looks, seen), abs(_step(seen)), 0.0)


def _measure_beyond(scene: Scene, looks: Looks, seen: Sequence[Difference]) -> float:
    """How much more these differences are seen than those among the accepted seeds, JOD."""
    among = looks.among_seeds.get(scene.subject, ())
    usual = float(np.mean([difference.jod for difference in among])) if among else 0.0
    return (float(np.mean([difference.jod for difference in seen])) if seen else 0.0) - usual


def _step(seen: Sequence[Difference]) -> float:
    """How much further from the right answer than the accepted ones, JOD."""
    steps = [one.step for one in seen if one.steps]
    return float(np.mean(steps)) if steps else 0.0


def _is_large(scored: Scored, sample: Sample, looks: Looks) -> bool:
    """Whether a scene's loss is LARGE_JOD or more, beyond what seeds are known to differ by."""
    columns = sample.scene.ours
    seen = [one for column in columns if (one := looks.find_difference(column))]
    beyond = _measure_beyond(sample.scene, looks, seen)
    return scored.judged and min(_step(seen), beyond) >= LARGE_JOD


def _find_large(
    sample: Sample, numbers: Numbers, looks: Looks, tested: Tested, place: int
) -> Iterator[Scored | Unproved]:
    """The scene's loss where it is large. It is proved where a number says so: people see a large
    loss, so by how many margins that number moved does not matter.
    """
    told = _is_more_than_chance(tested, place)
    if (told & (tested.change[place] > 0)).any():
        scored = _score_moved(sample, numbers, looks, tested, place, told, None)
        if _is_large(scored, sample, looks):
            yield scored
            return
    alone = np.where(tested.is_far[place], np.nan_to_num(tested.scene[place], nan=1.0), 1.0)
    p = np.fmin(tested.family_by_aspect[place], alone)
    worse = (tested.change[place] > 0) & (p <= LARGE_P)
    if not worse.any():
        return
    scored = _score_sample(sample, numbers, looks, worse, sample.scene.ours, float(p[worse].min()))
    if not _is_large(scored, sample, looks):
        return
    needed = None
    if (
        min(sample.new.shape[1], sample.old.shape[1]) > 1
    ):  # a deterministic side has no more seeds to give
        spread = tested.error[place] / np.sqrt(
            1 / len(sample.scene.ours) + 1 / len(sample.scene.theirs)
        )
        at = int(
            np.argmax(np.where(worse, tested.change[place] / np.maximum(spread, 1e-12), -np.inf))
        )
        needed = count_seeds_needed(float(tested.change[place][at]), float(spread[at]))
    yield Unproved(scored, needed)


def count_seeds_needed(change: float, spread: float) -> int | None:
    """How many seeds on both sides would prove a scene's change, if change and spread stay as they
    are; None: MOST_SEEDS would not.
    """
    seeds = np.arange(2, MOST_SEEDS + 1).astype(np.float64)
    reach = (
        quantile(1 - SCENE_ALARM / len(ASPECTS) / 2, 2 * (seeds - 1)) * spread * np.sqrt(2 / seeds)
    )
    told = np.flatnonzero(change >= reach)
    return int(seeds[told[0]]) if len(told) else None
