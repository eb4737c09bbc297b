"""Did a stochastic model get better or worse? Statistics where the pictures of a scene are samples.

Of every scene there are some accepted pictures and some new ones, on other seeds, or one where a
side is deterministic. Each picture gets one score an aspect: the mean of its numbers, in margins,
about the accepted mean. Scores are compared with Student's t, three ways, so that an average hides
no dead scene and a scene no dead picture:

*family*: the mean change over its scenes; each with its own noise (Welch 1947,
doi:10.1093/biomet/34.1-2.28) *scene*: its own pictures before and after *picture*: one new picture
beside the accepted ones of its scene

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
from itertools import repeat

import numpy as np

from editproof.harness.gate.looks import Looks
from editproof.harness.gate.noise_floors import NoiseFloor
from editproof.harness.gate.numbers import Margins, Numbers
from editproof.harness.gate.samples import (
    Sample,
    draw_samples,
    group_places,
    mean_pictures,
)
from editproof.harness.gate.scoring import (
    Scored,
    by_aspect,
    clip_margins,
    count_steps,
    is_answered,
)
from editproof.harness.gate.statistics import (
    MOST_FREEDOM,
    MOST_SEEDS,
    TRUST,
    Flags,
    Values,
    correct_by_holm,
    quantile,
    shrink_variances,
    two_sided_probability,
)
from editproof.harness.gate.steps import ALARM as STEP_ALARM
from editproof.harness.gate.steps import LARGE_JOD, prove_steps
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.records.pairing import Scene
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import ASPECTS

Group = tuple[object, ...]
"""Family and model, and the turn."""

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
and differ from them by this much more than seeds do. Chance explains it less often than LARGE_P.
"""

LEAST = 1.0
"""Margins, on the mean of an aspect's numbers, that a family's scene or a picture must have moved
by. Metrics have heavy tails: statistics alone take one clean picture in forty for another one, and
three accepted seeds that happen to agree."""

FEW_SCENES = 3
"""Of a model that only drew on other seeds, a family of fewer scenes proves nothing."""

EVERY_ASPECT: Flags = np.ones(len(ASPECTS), bool)
NOTHING: Values = np.zeros(len(ASPECTS))

MANY = 500
"""From so many scenes on, a picture's noise is drawn towards the common one of all scenes, its own
included.
"""


@dataclass(frozen=True)
class Unproved:
    """A large loss that chance may explain."""

    scored: Scored
    seeds_needed: int | None = None
    """How many seeds a scene would tell; None: more seeds would not, or can't be had."""
    is_noise_known: bool = True
    """Whether any scene has several pictures on one side."""


@dataclass(frozen=True)
class Tested:
    """How likely each change is by chance, corrected for how many there are: scenes × aspects."""

    change: Values
    """Of the mean score; above 0: worse."""
    family: Values
    scene: Values
    pictures: tuple[Values, ...]
    """For each scene: aspects × pictures."""
    raw_family: Values
    """Not corrected."""
    family_change: Values
    """Sum of the changes of the scene's family."""
    error: Values
    """Standard error of a scene's change."""
    freedom: Values
    """Degrees of freedom of that error; 0: no scene has several pictures on one side."""


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
    tested = test(scores, groups)
    models = [(model, turn) for _, model, turn in groups]
    steps = prove_steps([one.scene for one in samples], models, looks, reseeded)
    sizes = Counter(groups)
    together = [sizes[group] >= FEW_SCENES for group in groups]
    moved: list[Scored] = []
    unproved: list[Unproved] = []
    for place, sample in enumerate(samples):
        if not looks.of(sample.scene.ours, "visible") and not looks.of(
            sample.scene.ours, "unknown"
        ):
            continue
        if not tested.freedom[place].any():
            seen = _score_sample(sample, numbers, looks, EVERY_ASPECT, sample.scene.ours, None)
            if _is_large(seen, sample, looks) and sample.scene.model not in reseeded:
                unproved.append(Unproved(seen, is_noise_known=False))
            elif seen.moved.any() or looks.of(sample.scene.ours, "visible"):
                moved.append(replace(seen, lost=NOTHING, won=NOTHING))
            continue
        step = steps.get(sample.scene.subject)
        if sample.scene.model in reseeded:
            of_family = _is_of_family(tested, place) & together[place]
            if of_family.any() or step is not None:
                moved.append(_score_moved(sample, numbers, looks, tested, place, of_family, step))
            continue
        found = [
            one for one in _find_moved(sample, numbers, looks, tested, place, step) if one.judged
        ]
        moved += found
        if not found and (large := _find_unproved(sample, numbers, looks, tested, place)):
            unproved.append(large)
    return moved, unproved


def test(scores: Sequence[tuple[Values, Values]], groups: Sequence[Group]) -> Tested:
    """Compare new scores with old ones, aspects × pictures of each scene; `groups`: which scenes
    are averaged together.
    """
    count = np.array([(new.shape[1], old.shape[1]) for new, old in scores], np.float64)
    freedom = np.maximum(count.sum(axis=1) - 2, 0)
    alike = [
        (
            places,
            np.stack([scores[place][0] for place in places]),
            np.stack([scores[place][1] for place in places]),
        )
        for places in group_places((new.shape[1], old.shape[1]) for new, old in scores)
    ]
    change, squares = np.empty((2, len(scores), len(scores[0][0])))
    for places, new, old in alike:
        change[places] = new.mean(axis=-1) - old.mean(axis=-1)
        squares[places] = _sum_squares(new) + _sum_squares(old)
    own = squares / np.maximum(freedom, 1)[:, None]
    variance, free = shrink_variances(own, freedom)
    error = np.sqrt(variance * (1 / count[:, :1] + 1 / count[:, 1:]))
    scene = two_sided_probability(change, error, free)
    others = np.count_nonzero(freedom) - (freedom > 0)
    common = [np.stack(parts) for parts in zip(*_list_common(own, freedom), strict=True)]
    pictures = [np.empty(0)] * len(scores)
    for places, new, old in alike:
        of_others = common[0][places], common[1][places], others[places]
        tested = _test_pictures(new, old, freedom[places[0]], *of_others)
        for place, p in zip(places, tested, strict=True):
            pictures[place] = p
    told = (
        freedom[:, None] > 0
    )  # one picture on each side says nothing of noise, and none is not that it is 0
    spread = np.sqrt(np.fmax(own, variance) * (1 / count[:, :1] + 1 / count[:, 1:]))
    raw = _group_families(
        np.where(told, change, np.nan), np.where(told, spread, np.nan), freedom, groups
    )
    keys = list(dict.fromkeys(groups))
    corrected = correct_by_holm(np.concatenate([raw[groups.index(key)] for key in keys])).reshape(
        len(keys), -1
    )
    ends = np.cumsum([one.size for one in pictures])[:-1]
    each = np.split(correct_by_holm(np.concatenate([one.ravel() for one in pictures])), ends)
    far_enough = np.abs(change) >= LEAST
    moved = [np.abs(new - old.mean(axis=1, keepdims=True)) >= LEAST for new, old in scores]
    return Tested(
        change,
        np.where(far_enough, np.stack([corrected[keys.index(group)] for group in groups]), 1.0),
        np.where(far_enough, correct_by_holm(scene.ravel()).reshape(scene.shape), 1.0),
        tuple(
            np.where(far, one.reshape(far.shape), 1.0) for one, far in zip(each, moved, strict=True)
        ),
        raw,
        _sum_family_changes(change, raw),
        error,
        free,
    )


def _sum_squares(scores: Values) -> Values:
    """Over pictures, the last axis, about their mean."""
    about = scores.mean(axis=-1, keepdims=True)
    return np.asarray(((scores - about) ** 2).sum(axis=-1), np.float64)


def _list_common(own: Values, freedom: Values) -> Iterator[tuple[Values, Values]]:
    """For each scene the common variance of the others by aspect, and its degrees of freedom: a
    dead picture would hide in the spread that it makes itself. Of MANY scenes one counts so little
    that all have that of all.
    """
    if len(freedom) < MANY:
        for at in range(len(freedom)):
            others = np.where(np.arange(len(freedom)) == at, 0.0, freedom)
            drawn, free = shrink_variances(own, others)
            yield drawn[at], free[at]
        return
    drawn, free = shrink_variances(np.vstack([own, own[:1]]), np.append(freedom, 0.0))
    yield from repeat((drawn[-1], free[-1]), len(freedom))


def _test_pictures(
    new: Values, old: Values, freedom: float, common: Values, prior: Values, others: Values
) -> Values:
    """How likely each new picture is by chance: scenes × aspects × pictures, of scenes with as many
    pictures. Its noise is that of all the scene's other pictures, drawn towards the common one of
    so many other scenes, which has `prior` degrees of freedom.
    """
    left = freedom - 1
    if left < 0:
        return np.full(new.shape, np.nan)
    about = new.mean(axis=-1, keepdims=True)
    count = new.shape[-1]
    rest = _sum_squares(new)[..., None] - np.square(new - about) * count / max(
        count - 1, 1
    )  # without the picture itself
    squares = (
        np.maximum(rest if count > 1 else np.zeros_like(new), 0.0) + _sum_squares(old)[..., None]
    )
    # few scenes tell little of how alike they are: of clean runs whose scenes differ in noise, 1 of
    # 3 would raise an alarm
    weight = np.minimum(np.where(prior > 0, prior, 0.0), TRUST * others[:, None])[..., None]
    free = weight + left
    variance = (weight * np.nan_to_num(common)[..., None] + squares) / np.maximum(free, 1e-9)
    error = np.sqrt(variance * (1 + 1 / old.shape[-1]))
    return two_sided_probability(
        new - old.mean(axis=-1, keepdims=True), error, np.broadcast_to(free, new.shape)
    )


def _group_families(
    change: Values, error: Values, freedom: Values, groups: Sequence[Group]
) -> Values:
    """How likely each family's mean change is by chance, at each of its scenes; not corrected.
    `error`: each scene's own, or the one drawn towards all scenes' where that is larger. Of three
    seeds that agree by chance the own one is too small; of the noisiest scene, which decides, the
    other is.
    """
    found = np.full(change.shape, np.nan)
    for group in dict.fromkeys(groups):
        at = np.array([other == group for other in groups])
        squares = np.square(error[at])
        scenes = (~np.isnan(change[at])).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.nansum(squares, axis=0)
            free = total**2 / np.nansum(squares**2 / freedom[at][:, None], axis=0)
            mean, wide = np.nansum(change[at], axis=0) / scenes, np.sqrt(total) / scenes
            free = np.where(total > 0, free, MOST_FREEDOM)
        found[at] = two_sided_probability(
            mean, np.where(scenes > 0, wide, np.nan), np.nan_to_num(free, nan=0.0)
        )
    return found


def _sum_family_changes(change: Values, raw_family: Values) -> Values:
    """For each scene the sum of the changes of its family: of the scenes with the same p."""
    sums: dict[bytes, Values] = {}
    for p in raw_family:
        if p.tobytes() not in sums:
            same = (raw_family == p) | np.isnan(raw_family)
            sums[p.tobytes()] = np.where(same, np.nan_to_num(change), 0.0).sum(axis=0)
    return np.stack([sums[p.tobytes()] for p in raw_family])


def _find_moved(
    sample: Sample, numbers: Numbers, looks: Looks, tested: Tested, place: int, step: float | None
) -> Iterator[Scored]:
    """The scene where it, or its family, moved by more than chance explains; else those of its
    pictures that did. `step`: of the scene, in JOD, where that is more than chance.
    """
    significant = _is_of_family(tested, place) | (tested.scene[place] <= SCENE_ALARM)
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
    """Whether a single picture is hardly further from the right answer than the accepted ones, and
    hardly more visible than seeds: one picture in many happens to have an odd number.
    """
    difference = looks.find_difference(column)
    beyond = _measure_beyond_seeds(scene, looks, [column])
    return bool(difference and difference.steps) and beyond is not None and beyond < LARGE_JOD


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


def _find_unproved(
    sample: Sample, numbers: Numbers, looks: Looks, tested: Tested, place: int
) -> Unproved | None:
    """The scene's loss where it is large, and chance may explain it."""
    p = np.fmin(tested.raw_family[place], np.nan_to_num(tested.scene[place], nan=1.0))
    worse = (tested.change[place] > 0) & (p <= LARGE_P)
    if not worse.any():
        return None
    scored = _score_sample(sample, numbers, looks, worse, sample.scene.ours, float(p[worse].min()))
    if not _is_large(scored, sample, looks):
        return None
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
    return Unproved(scored, needed)


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
