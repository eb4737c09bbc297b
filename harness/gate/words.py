"""What a change looks like, in words: `the fill is blurrier`, with the number that shows it best.

Each `Sign` knows one number and what its change means. Of those that changed beyond their margin,
the most telling one is named: a shift or a ghost says more than "it looks different".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from editproof.harness.gate.numbers import Numbers
from editproof.harness.gate.scoring import Scored
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.metrics.residue.unedited import ALL_UNEDITED
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.vocabulary import ASPECTS, Aspect, Region

FILL: tuple[Region, ...] = ("edit", "ring", "all")
PICTURE: tuple[Region, ...] = ("all", "keep", "edit")
"""Where a number is looked for, by what changed."""

WHOLE: tuple[Region, ...] = ("all",)
MOVED: tuple[Region, ...] = ("all", "keep", "protect")
"""Where a shift is one: what was replaced may look like something that moved."""

SPREAD = 0.5
"""Outside the edit at least this share as visible as inside: it is the picture that changed, not
the fill.
"""

LEAST_PX = 0.05
"""A shift below this is none."""

LIGHTNESS_OF_LEVEL = 100 / 255
"""L* of one 8-bit level, about."""

LEAST_RIM = 0.6
"""Where the whole edit changed in lightness by at least this share of its rim, there is no rim to
speak of.
"""

COLOUR_OF_DEGREE = 2.0
"""ΔE00 that strong colours change by where all hues turn by a degree, about."""

COLOUR_OF_LIGHTNESS = 2.0
"""ΔE00 of an L*, at most."""

COLOUR_OF_ALL = 100.0
"""ΔE00 between the input and what belongs there, at most: a ghost is a share of it."""

GREY_DB = 60.0
"""A chroma ratio beyond this is of a picture without colour, and no percentage."""

Phrase = Callable[[str, float, float], str]
"""`phrase(subject, before, after)`; empty: it says nothing."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A number, and what its change looks like."""

    metric: str
    stat: str
    telling: float
    """How much it says, beside other signs that changed by as many margins."""
    phrase: Phrase
    regions: tuple[Region, ...] = ()
    """Where it is looked for; empty: where the change is."""
    judged: str = ""
    """The statistic that says by how many margins it changed; empty: `stat`."""
    beside: NumberKey | None = None
    """The mean that the sign is held against; None: its own metric's, where it is told of."""
    least_beside_mean: float = 0.0
    """How many times the change of that mean this must be; else the sign is silent."""
    anywhere: bool = False
    """Whether it is told of the region where it changed most, instead of the first."""
    most_colour: float = math.inf
    """ΔE00 that the mean colour error of the edit may change by, for each unit of this number.
    Beyond it the sign is silent: the whole edit changed, and this number followed.
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


def _phrase_around_zero(over: str, more: str, less: str, under: str) -> Phrase:
    """For a number whose right value is 0: what it looks like above it, nearer to it from below and
    from above, and below.
    """

    def phrase(subject: str, before: float, after: float) -> str:
        if after > before:
            return f"{subject} is {over if after > -before else more}"
        return f"{subject} is {under if -after > before else less}" if after < before else ""

    return phrase


def _phrase_plainly(worse: str, better: str, *, higher_is_worse: bool = True) -> Phrase:
    """For a number with a good end; the subject is in the words."""

    def phrase(subject: str, before: float, after: float) -> str:
        is_worse = (after > before) == higher_is_worse
        return (worse if is_worse else better).format(subject=subject) if after != before else ""

    return phrase


def _say_saturation(subject: str, before: float, after: float) -> str:
    if max(abs(before), abs(after)) > GREY_DB:
        return f"{subject} lost its colours" if after < before else f"{subject} took on a tint"
    share = 100 * (10 ** ((after - before) / 20) - 1)
    if abs(share) < 1:
        return ""
    where = "" if subject == "the picture" else f" of {subject}"
    return f"colours{where} are {abs(share):.0f} % {'paler' if share < 0 else 'stronger'}"


def _say_lightness(subject: str, before: float, after: float) -> str:
    return f"{subject} is {abs(after - before):.1f} L* {'lighter' if after > before else 'darker'}"


def _say_lightness_of_place(subject: str, before: float, after: float) -> str:
    if abs(after) <= abs(before):
        return f"a place in {subject} is nearer to its right lightness"
    return f"a place in {_say_lightness(subject, before, after)}"


def _say_hue(subject: str, before: float, after: float) -> str:
    where = "" if subject == "the picture" else f" of {subject}"
    return (
        f"colours{where} turned {'back ' if abs(after) < abs(before) else ''}by"
        f" {abs(after - before):.1f}°"
    )


def _say_ghost(_subject: str, before: float, after: float) -> str:
    share = 100 * abs(after)
    if abs(after) > abs(before):
        what = "can still be seen" if after > 0 else "shows as a negative"
        return (
            f"{share:.0f} % of what was removed {what}"
            if share >= 1
            else f"a trace of what was removed {what}"
        )
    return "less of what was removed can be seen"


def _say_unedited(_subject: str, before: float, after: float) -> str:
    if after < before:
        return "less of the input is left unedited"
    if after >= ALL_UNEDITED:
        return "nothing was edited"
    return f"{100 * after:.0f} % of the edit is still the input"


def _say_rim(_subject: str, before: float, after: float) -> str:
    if abs(after) > abs(before):
        return f"there is a {'bright' if after > 0 else 'dark'} rim around the edit"
    return "the rim around the edit is fainter"


def _phrase_shift(positive: str, negative: str) -> Phrase:
    def phrase(subject: str, before: float, after: float) -> str:
        if abs(after - before) < LEAST_PX:
            return ""
        if abs(after) > abs(before):
            return f"{subject} sits {abs(after):.1f} px too {positive if after > 0 else negative}"
        return f"{subject} sits nearer to its place"

    return phrase


def _say_scale(subject: str, before: float, after: float) -> str:
    if abs(after) <= abs(before):
        return f"{subject} has its right size again"
    return f"{subject} is {abs(after):.2g} % too {'large' if after > 0 else 'small'}"


def _say_rotation(subject: str, before: float, after: float) -> str:
    if abs(after) <= abs(before):
        return f"{subject} is upright again"
    return (
        f"{subject} is turned by {abs(after):.2g}°"
        f" {'clockwise' if after > 0 else 'counter-clockwise'}"
    )


_DETAIL = _phrase_around_zero("harsher", "sharper", "less harsh", "blurrier")

SIGNS: tuple[Sign, ...] = (
    Sign("registration", "scale", 3.0, _say_scale, WHOLE),
    Sign("registration", "rotation", 3.0, _say_rotation, WHOLE),
    Sign("registration", "dx", 2.0, _phrase_shift("far right", "far left"), MOVED, judged="shift"),
    Sign("registration", "dy", 2.0, _phrase_shift("low", "high"), MOVED, judged="shift"),
    Sign(
        "text_residue",
        "covered",
        4.0,
        _phrase_plainly(
            "the removed text can still be read", "the removed text can no longer be read"
        ),
        ("edit",),
    ),
    Sign("ghost", "amplitude", 2.0, _say_ghost, ("edit",), most_colour=COLOUR_OF_ALL),
    Sign("unedited", "share", 4.0, _say_unedited, ("edit",)),
    Sign(
        "seam_energy",
        "residual",
        1.5,
        _phrase_plainly("tile borders show", "tile borders show less"),
        ("seams",),
    ),
    Sign(
        "seam_grid",
        "horizontal",
        1.5,
        _phrase_plainly("a grid of tiles shows", "the grid of tiles shows less"),
        ("all",),
    ),
    Sign(
        "seam_grid",
        "vertical",
        1.5,
        _phrase_plainly("a grid of tiles shows", "the grid of tiles shows less"),
        ("all",),
    ),
    Sign(
        "halo",
        "rim",
        1.5,
        _say_rim,
        ("edit", "ring"),
        anywhere=True,
        beside=NumberKey("lightness_bias", "edit", "mean"),
        least_beside_mean=1 / (LEAST_RIM * LIGHTNESS_OF_LEVEL),
        most_colour=LIGHTNESS_OF_LEVEL,
    ),
    Sign(
        "micro_legibility",
        "mean",
        1.5,
        _phrase_plainly(
            "fine print is harder to read", "fine print is easier to read", higher_is_worse=False
        ),
        ("protect",),
    ),
    Sign(
        "cer",
        "mean",
        3.0,
        _phrase_plainly("letters became other letters", "letters are right again"),
        ("protect",),
    ),
    Sign("hue_offset", "mean", 1.2, _say_hue, most_colour=COLOUR_OF_DEGREE),
    Sign("chroma_ratio", "mean", 1.0, _say_saturation),
    Sign("lightness_bias", "mean", 1.0, _say_lightness, most_colour=COLOUR_OF_LIGHTNESS),
    Sign("lightness_bias", "worst", 1.1, _say_lightness_of_place, least_beside_mean=4.0),
    Sign(
        "banding",
        "mean",
        1.0,
        _phrase_plainly("{subject} comes in steps", "{subject} is smoother in tone"),
    ),
    Sign(
        "delta_e00",
        "mean",
        0.4,
        _phrase_plainly("colours of {subject} are further off", "colours of {subject} are nearer"),
    ),
    Sign("spectral_energy", "octave_5", 1.0, _DETAIL),
    Sign("spectral_energy", "octave_4", 1.0, _DETAIL),
    Sign(
        "sharpness",
        "mean",
        1.0,
        _phrase_around_zero("too sharp", "sharper", "less harsh", "softer"),
    ),
    Sign(
        "grain",
        "mean",
        0.8,
        _phrase_around_zero(
            "grainier", "nearer to its grain", "less grainy", "too smooth, its grain is weaker"
        ),
    ),
    Sign(
        "local_contrast",
        "mean",
        0.7,
        _phrase_around_zero("harsher in contrast", "higher in contrast", "less harsh", "flatter"),
    ),
    Sign(
        "outside_change",
        "share",
        0.2,
        _phrase_plainly("pixels outside the edit changed", "fewer pixels outside the edit changed"),
        ("keep", "ring"),
    ),
    Sign(
        "outside_change",
        "worst",
        0.2,
        _phrase_plainly(
            "a place outside the edit changed", "the worst place outside the edit changed less"
        ),
        ("keep",),
    ),
    Sign(
        "lpips",
        "mean",
        0.5,
        _phrase_plainly(
            "{subject} no longer looks like what belongs there",
            "{subject} looks more like what belongs there",
        ),
    ),
    Sign(
        "ssim",
        "mean",
        0.4,
        _phrase_plainly(
            "{subject} lost structure", "{subject} has more structure", higher_is_worse=False
        ),
    ),
    Sign(
        "psnr",
        "mean",
        0.3,
        _phrase_plainly(
            "{subject} is further from what belongs there",
            "{subject} is nearer to what belongs there",
            higher_is_worse=False,
        ),
    ),
)
"""Every number that says what a change looks like."""


def list_extra_keys() -> Iterator[NumberKey]:
    """Numbers that signs need and no rule judges."""
    for sign in SIGNS:
        for region in sign.regions or dict.fromkeys((*FILL, *PICTURE, "border", "protect")):
            yield NumberKey(sign.metric, region, sign.stat)


def describe_visibility(jod: float) -> str:
    """How visible a difference is, in words."""
    steps = ((1.0, "obvious"), (0.3, "clearly visible"), (0.1, "visible"))
    return next((word for least, word in steps if jod >= least), "just visible")


def rank_aspects(points: np.ndarray) -> list[Aspect]:
    """Aspects with any points, most first."""
    return [ASPECTS[index] for index in np.argsort(-points, kind="stable") if points[index] >= 1]
