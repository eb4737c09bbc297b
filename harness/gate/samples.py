"""The pictures of scenes as samples: their numbers in margins, and a score for each aspect.

Scenes with as many pictures are computed together, since there may be a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from editproof.harness.gate.numbers import Margins, Numbers
from editproof.harness.gate.scoring import MOST, in_margins
from editproof.harness.gate.statistics import Values
from editproof.harness.records.pairing import Scene
from editproof.harness.records.vocabulary import ASPECTS


@dataclass(frozen=True)
class Sample:
    """The pictures of a scene: rules × pictures, in margins about the accepted mean; above 0:
    worse.
    """

    scene: Scene
    new: Values
    old: Values
    margins: Values
    before: Values
    after: Values
    """By rule, as measured: means over the pictures."""
    new_scores: Values
    old_scores: Values
    """Aspects × pictures, about halfway between both sides: what is counted up to MOST margins is
    counted alike on both.
    """


def draw_samples(scenes: Sequence[Scene], numbers: Numbers, known: Margins) -> list[Sample]:
    """The sample of each scene."""
    found: dict[int, Sample] = {}
    kinds = [(one.family, one.model, len(one.ours), len(one.theirs)) for one in scenes]
    for places in group_places(kinds):
        alike = [scenes[place] for place in places]
        found |= zip(places, _draw_alike(alike, numbers, known), strict=True)
    return [found[place] for place in range(len(scenes))]


def group_places(kinds: Iterable[Hashable]) -> Iterable[list[int]]:
    """The places of each kind, in their order."""
    found: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        found.setdefault(kind, []).append(place)
    return found.values()


def _draw_alike(scenes: Sequence[Scene], numbers: Numbers, known: Margins) -> Iterable[Sample]:
    """The samples of scenes of one family and model, with as many pictures."""
    first = scenes[0]
    margins = known.find(first.family, first.model, cases=len(first.ours))
    ours, theirs = [one.ours for one in scenes], [one.theirs for one in scenes]
    new, old = _gather(numbers.ours, ours), _gather(numbers.theirs[0], theirs)
    raw_new, raw_old = _gather(numbers.raw_ours, ours), _gather(numbers.raw_theirs[0], theirs)
    centre = mean_pictures(old)[..., None]
    new, old = (in_margins(side - centre, margins[:, None]) for side in (new, old))
    middle = mean_pictures(new)[..., None] / 2
    scores = score(numbers, new - middle), score(numbers, old - middle)
    before, after = mean_pictures(raw_old), mean_pictures(raw_new)
    parts = (new, old, before, after, *scores)
    for scene, one, other, was, now, *scored in zip(scenes, *parts, strict=True):
        yield Sample(scene, one, other, margins, was, now, *scored)


def _gather(by_column: Mapping[int, Values], columns: Sequence[Sequence[int]]) -> Values:
    """Scenes × rules × pictures."""
    rows = np.array([[by_column[column] for column in some] for some in columns])
    return np.ascontiguousarray(np.swapaxes(rows, 1, 2))


def mean_pictures(values: Values) -> Values:
    """The mean over pictures, the last axis; NaN where a picture has no number."""
    return np.asarray(values.mean(axis=-1), np.float64)


def score(numbers: Numbers, moved: Values) -> Values:
    """… × aspects × pictures, of … × rules × pictures: the mean of an aspect's numbers, each
    counted up to MOST margins; NaN: it has none.
    """
    clipped = np.clip(moved, -MOST, MOST)
    there = ~np.isnan(clipped)
    filled = np.where(there, clipped, 0.0)
    rows = [numbers.aspects == place for place in range(len(ASPECTS))]
    count = np.stack([there[..., row, :].sum(axis=-2) for row in rows], axis=-2)
    total = np.stack([filled[..., row, :].sum(axis=-2) for row in rows], axis=-2)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), np.float64)
