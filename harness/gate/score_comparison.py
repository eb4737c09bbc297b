"""How likely the scores of new pictures are by chance, beside those of the accepted ones: by
family, by scene and by picture. Pure functions on arrays; `seeds.py` says what they are of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from editproof.harness.gate.samples import group_places
from editproof.harness.gate.statistics import (
    MOST_FREEDOM,
    TRUST,
    Flags,
    Values,
    correct_by_holm,
    shrink_variances,
    two_sided_probability,
)

Group = tuple[object, ...]
"""Family and model, and the turn."""

LEAST = 1.0
"""Margins, on the mean of an aspect's numbers, that a family's scene or a picture must have moved
by. Metrics have heavy tails: statistics alone take one clean picture in forty for another one, and
three accepted seeds that happen to agree."""

MANY = 500
"""From so many scenes on, a picture's noise is drawn towards the common one of all scenes, its own
included.
"""


@dataclass(frozen=True)
class Tested:
    """How likely each change is by chance, corrected for how many there are: scenes × aspects."""

    change: Values
    """Of the mean score; above 0: worse."""
    is_far: Flags
    """Whether the mean score moved by LEAST margins."""
    family: Values
    scene: Values
    pictures: tuple[Values, ...]
    """For each scene: aspects × pictures."""
    family_by_aspect: Values
    """As `family`, but corrected for how many families there are, not for the aspects."""
    family_change: Values
    """Sum of the changes of the scene's family."""
    error: Values
    """Standard error of a scene's change."""
    freedom: Values
    """Degrees of freedom of that error; 0: no scene has several pictures on one side."""


def compare_scores(scores: Sequence[tuple[Values, Values]], groups: Sequence[Group]) -> Tested:
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
    of_keys = np.stack([raw[groups.index(key)] for key in keys])
    corrected = correct_by_holm(of_keys.ravel()).reshape(of_keys.shape)
    by_aspect = np.stack([correct_by_holm(column) for column in of_keys.T], axis=1)
    rows = [keys.index(group) for group in groups]
    ends = np.cumsum([one.size for one in pictures])[:-1]
    each = np.split(correct_by_holm(np.concatenate([one.ravel() for one in pictures])), ends)
    moved = [np.abs(new - old.mean(axis=1, keepdims=True)) >= LEAST for new, old in scores]
    return Tested(
        change,
        np.abs(change) >= LEAST,
        corrected[rows],
        correct_by_holm(scene.ravel()).reshape(scene.shape),
        tuple(
            np.where(far, one.reshape(far.shape), 1.0) for one, far in zip(each, moved, strict=True)
        ),
        by_aspect[rows],
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
