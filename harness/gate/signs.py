"""The numbers that say what a change looks like, each with what is said of it.

Each `Sign` knows one number and what its change means. `words.py` names the most telling one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from editproof.harness.metrics.residue.unedited import ALL_UNEDITED
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.vocabulary import Region

FILL: tuple[Region, ...] = ("edit", "ring", "all")
PICTURE: tuple[Region, ...] = ("all", "keep", "edit")
"""Where a number is looked for, by what changed."""

WHOLE: tuple[Region, ...] = ("all",)
MOVED: tuple[Region, ...] = ("all", "keep", "protect")
"""Where a shift is one: what was replaced may look like something that moved."""

LEAST_PX = 0.05
"""A shift below this is none."""

LIGHTNESS_OF_LEVEL = 100 / 255
"""L* of one 8-bit level, about."""

LEAST_RIM = 0.6
"""A rim is not named where the whole edit changed in lightness by at least this share of it."""

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
