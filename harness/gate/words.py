"""What a change looks like, in words: `the fill is blurrier`, with the number that shows it best.

Of the signs that changed beyond their margin, the most telling one is named: a shift or a ghost
says more than "it looks different". `signs.py` has them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from editproof.harness.gate.numbers import Numbers
from editproof.harness.gate.scoring import Scored
from editproof.harness.gate.signs import FILL, PICTURE, SIGNS, Sign
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.vocabulary import ASPECTS, Aspect, Region

SPREAD = 0.5
"""Outside the edit at least this share as visible as inside: it is the picture that changed, not
the fill.
"""


class Description(NamedTuple):
    """What a change looks like."""

    words: str
    scored: Scored
    """The case that shows it."""
    row: int
    """The rule whose number shows it best; below 0: none does."""


def describe(
    scored: Sequence[Scored], numbers: Numbers, *, worse: bool, apart: Sequence[Aspect] = ()
) -> Description:
    """What a change looks like; `scored` are its cases, the one to look at first. Only what got
    worse is told of a loss, and only what got better of a gain. `apart`: aspects that as a whole
    went the other way, and are not named.
    """
    rows = {
        key: row
        for row, key in enumerate(numbers.keys)
        if ASPECTS[numbers.aspects[row]] not in apart
    }
    told = [told for sign in SIGNS if (told := _tell(sign, scored, rows, worse=worse))]
    if told:
        return max(told, key=lambda one: one[0])[1]
    lead = scored[0]
    subject, _ = place_of(lead.difference)
    named = np.array([aspect not in apart for aspect in ASPECTS])
    points = np.where(named, lead.lost if worse else lead.won, 0.0)
    if not points.any():
        return Description(
            _by_parts(subject, lead.difference) or f"{subject} looks different", lead, -1
        )
    aspect = int(points.argmax())
    way = np.where(numbers.aspects == aspect, lead.moved if worse else -lead.moved, 0.0)
    row = int(way.argmax()) if (way > 0).any() else -1
    return Description(_by_aspect(subject, ASPECTS[aspect], worse=worse), lead, row)


def _tell(
    sign: Sign, scored: Sequence[Scored], rows: Mapping[NumberKey, int], *, worse: bool
) -> tuple[float, Description] | None:
    """What a sign says of a change, and how much: summed over its cases. None: nothing."""
    total, found = 0.0, None
    for one in scored:
        subject, regions = place_of(one.difference)
        at = _find_place(sign, one, sign.regions or regions, rows)
        if at is None:
            continue
        strength = float(one.moved[at.judged]) * (1 if worse else -1) * sign.telling
        if _is_outdone(sign, one, at, rows):
            continue
        words = (
            sign.phrase(subject, float(one.before[at.shown]), float(one.after[at.shown]))
            if strength > 0
            else ""
        )
        if words:
            total += strength
            found = found or Description(words, one, at.shown)
    return (total, found) if found else None


class _Place(NamedTuple):
    """Where a sign is told of."""

    region: Region
    shown: int
    """The rule whose number is shown."""
    judged: int
    """The rule that says by how many margins it changed."""


def _find_place(
    sign: Sign, scored: Scored, regions: Sequence[Region], rows: Mapping[NumberKey, int]
) -> _Place | None:
    """The region of a sign: the first that has its numbers, or where they changed most."""
    found = []
    for region in regions:
        shown = rows.get(NumberKey(sign.metric, region, sign.stat), -1)
        judged = rows.get(NumberKey(sign.metric, region, sign.judged or sign.stat), -1)
        if min(shown, judged) >= 0 and not np.isnan(scored.before[shown] + scored.after[shown]):
            found.append(_Place(region, shown, judged))
    if sign.anywhere:
        found.sort(key=lambda place: -abs(scored.moved[place.judged]))
    return found[0] if found else None


def _is_outdone(sign: Sign, scored: Scored, at: _Place, rows: Mapping[NumberKey, int]) -> bool:
    """Whether the edit's colour changed by more than the sign's own number can mean, or the mean
    beside it by nearly as much.
    """
    own = _find_change(scored, at.shown)
    colour = _find_change(scored, rows.get(NumberKey("delta_e00", "edit", "mean"), -1))
    beside = sign.beside or NumberKey(sign.metric, at.region, "mean")
    mean = _find_change(scored, rows.get(beside, -1))
    return colour > sign.most_colour * own or mean * sign.least_beside_mean > own


def _find_change(scored: Scored, row: int) -> float:
    """By how much a number changed; 0: it is not known."""
    return abs(float(scored.after[row] - scored.before[row])) if row >= 0 else 0.0


def place_of(difference: Difference | None) -> tuple[str, tuple[Region, ...]]:
    """What changed, in words, and where its numbers are: the fill, the picture, its rim, or what
    had to be kept.
    """
    seen = difference.regions if difference else {}
    inside, outside = seen.get("edit", 0.0), seen.get("keep", 0.0)
    if seen.get("border", 0.0) > 2 * max(inside, outside, seen.get("all", 0.0)):
        return "the picture's rim", ("border", "all")
    if seen.get("protect", 0.0) > 1.5 * max(inside, outside):
        return "the fine print", ("protect", "all")
    if (not inside and not outside) or outside >= SPREAD * inside:
        return "the picture", PICTURE
    return "the fill", FILL


BY_ASPECT: Mapping[Aspect, tuple[str, str]] = {
    "ghosts and residue": ("more is left of what was removed", "less is left of what was removed"),
    "seams": ("seams show more", "seams show less"),
    "edge of the edit": ("the edge of the edit shows more", "the edge of the edit shows less"),
    "what had to be kept": ("more changed that had to be kept", "less changed that had to be kept"),
}
"""What is said of an aspect that got worse, or better, where no sign says more; else that the
subject got worse in it.
"""


def _by_aspect(subject: str, aspect: Aspect, *, worse: bool) -> str:
    """That an aspect got worse, or better."""
    lost, won = BY_ASPECT.get(
        aspect, (f"{subject} is worse in {aspect}", f"{subject} is better in {aspect}")
    )
    return lost if worse else won


def _by_parts(subject: str, difference: Difference | None) -> str:
    """What a viewer sees most of, where no number says more."""
    parts = difference.parts if difference else {}
    if not parts:
        return ""
    words = {
        "detail": "fine detail",
        "structure": "structure",
        "tone": "brightness",
        "colour": "colour",
    }
    return f"{subject} changed in {words[max(parts, key=lambda part: parts[part])]}"


def describe_visibility(jod: float) -> str:
    """How visible a difference is, in words."""
    steps = ((1.0, "obvious"), (0.3, "clearly visible"), (0.1, "visible"))
    return next((word for least, word in steps if jod >= least), "just visible")


def rank_aspects(points: np.ndarray) -> list[Aspect]:
    """Aspects with any points, most first."""
    return [ASPECTS[index] for index in np.argsort(-points, kind="stable") if points[index] >= 1]
