"""Changes that are alike, so that a person decides about them once.

Two changes are alike where the gate gives them one outcome, one first stage and one aspect, where
they lie in the same part of the picture, lead the same way, and differ in visibility by less than
a factor of two. The members of a group stand with the least typical first: that is where a bad one
among good ones shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from editproof.harness.gate.words import place_of
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.review.changes import ChangedCase

PARTS = ("detail", "structure", "tone", "colour")
"""What a difference is made of."""

FACTOR = 2.0
"""Two changes are alike up to this ratio of their JOD."""

LEAST_JOD = 0.1
"""Below this, JOD are noise: they count as this much."""

LEAST_COSINE = 0.95
"""Between what two differences are made of."""

PLAIN_SHARE = 0.3
"""So large a share of a difference must lead towards the right answer, or away, to be a way."""


@dataclass(frozen=True, slots=True)
class Group:
    """Changes to decide about at once."""

    members: tuple[ChangedCase, ...]
    """The least typical first."""

    @property
    def typical(self) -> ChangedCase:
        """The member that stands for the others."""
        return self.members[-1]

    @property
    def part(self) -> str:
        """What the difference is made of above all: detail, structure, tone or colour; empty: not
        known.
        """
        seen = self.typical.difference
        return max(seen.parts, key=lambda name: seen.parts[name]) if seen and seen.parts else ""

    @property
    def jod(self) -> float:
        """Of the most visible member."""
        return max(member.jod for member in self.members)


class _Kind(NamedTuple):
    """What must be equal."""

    outcome: str
    stage: str
    aspect: str
    words: str
    model: str
    place: str
    way: int


def group_changes(changes: Iterable[ChangedCase]) -> tuple[Group, ...]:
    """The groups: those that ask for a decision first, the most visible first."""
    kinds: dict[_Kind, list[ChangedCase]] = {}
    for change in changes:
        kinds.setdefault(_find_kind(change), []).append(change)
    groups = [group for same in kinds.values() for group in _split(same)]
    return tuple(
        sorted(groups, key=lambda one: (not one.typical.asks, -one.jod, -len(one.members)))
    )


def _find_kind(change: ChangedCase) -> _Kind:
    seen = change.difference
    return _Kind(
        change.outcome.value,
        change.stage,
        change.aspect,
        "" if change.aspect else change.words,
        change.case.model.name,
        place_of(seen)[0] if seen else "",
        _find_way(seen) if seen else 0,
    )


def _find_way(seen: Difference) -> int:
    """1: away from the right answer; -1: towards it; 0: neither is plain."""
    if abs(seen.step) < PLAIN_SHARE * max(seen.jod, LEAST_JOD):
        return 0
    return 1 if seen.step > 0 else -1


def _split(changes: Sequence[ChangedCase]) -> Iterable[Group]:
    """Groups of changes of one kind: each change joins the first group whose most visible member
    is alike, in order of visibility.
    """
    leaders: list[ChangedCase] = []
    found: list[list[ChangedCase]] = []
    for change in sorted(changes, key=lambda one: -one.jod):
        place = next(
            (place for place, leader in enumerate(leaders) if _is_alike(change, leader)), None
        )
        if place is None:
            leaders.append(change)
            found.append([change])
        else:
            found[place].append(change)
    return [Group(_sort_by_oddness(members)) for members in found]


def _is_alike(one: ChangedCase, other: ChangedCase) -> bool:
    if (one.picture, one.accepted) == (other.picture, other.accepted):
        return True
    if not one.accepted or not other.accepted:
        return one.accepted == other.accepted  # both are new
    least, most = sorted(max(change.jod, LEAST_JOD) for change in (one, other))
    return most < FACTOR * least and _compare_parts(one, other) >= LEAST_COSINE


def _compare_parts(one: ChangedCase, other: ChangedCase) -> float:
    """Cosine between what two differences are made of; 1 where either is not known."""
    ours, theirs = _make_parts(one), _make_parts(other)
    length = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return float(ours @ theirs) / length if length else 1.0


def _make_parts(change: ChangedCase) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    parts = change.difference.parts if change.difference else {}
    return np.array([parts.get(name, 0.0) for name in PARTS])


def _sort_by_oddness(members: Sequence[ChangedCase]) -> tuple[ChangedCase, ...]:
    """Those farthest from the middle of the group first."""
    points = np.array([_make_point(member) for member in members])
    spread = points.std(axis=0) + 1e-9
    away = np.abs((points - np.median(points, axis=0)) / spread).max(axis=1)
    return tuple(members[place] for place in np.argsort(-away, kind="stable"))


def _make_point(change: ChangedCase) -> list[float]:
    seen = change.difference
    if seen is None:
        return [change.jod]
    regions = [seen.regions.get(name, 0.0) for name in ("edit", "ring", "keep", "protect")]
    return [seen.whole, seen.worst, seen.shift, seen.step, *_make_parts(change), *regions]
