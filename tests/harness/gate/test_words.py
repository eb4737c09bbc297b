"""What a change looks like, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from editproof.harness.gate.numbers import Numbers
from editproof.harness.gate.scoring import Scored
from editproof.harness.gate.signs import SIGNS, Sign, list_extra_keys
from editproof.harness.gate.words import describe, describe_visibility, place_of
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.pairing import Scene
from editproof.harness.records.vocabulary import ASPECTS, Aspect, Region

pytestmark = pytest.mark.smoke

FILL = Difference(0.1, 0.5, regions={"edit": 1.0, "keep": 0.1}, parts={"detail": 0.5, "tone": 0.1})

PHRASES = [
    (
        "registration",
        "scale",
        0.0,
        2.0,
        "the fill is 2 % too large",
        "the fill has its right size again",
    ),
    (
        "registration",
        "rotation",
        0.0,
        -1.5,
        "the fill is turned by 1.5° counter-clockwise",
        "the fill is upright again",
    ),
    (
        "registration",
        "dx",
        0.0,
        -2.0,
        "the fill sits 2.0 px too far left",
        "the fill sits nearer to its place",
    ),
    (
        "registration",
        "dy",
        0.0,
        2.0,
        "the fill sits 2.0 px too low",
        "the fill sits nearer to its place",
    ),
    (
        "text_residue",
        "covered",
        0.0,
        0.9,
        "the removed text can still be read",
        "the removed text can no longer be read",
    ),
    (
        "ghost",
        "amplitude",
        0.0,
        0.3,
        "30 % of what was removed can still be seen",
        "less of what was removed can be seen",
    ),
    (
        "unedited",
        "share",
        0.0,
        0.4,
        "40 % of the edit is still the input",
        "less of the input is left unedited",
    ),
    ("seam_energy", "residual", 0.0, 1.0, "tile borders show", "tile borders show less"),
    ("seam_grid", "horizontal", 0.0, 1.0, "a grid of tiles shows", "the grid of tiles shows less"),
    ("seam_grid", "vertical", 0.0, 1.0, "a grid of tiles shows", "the grid of tiles shows less"),
    (
        "halo",
        "rim",
        0.0,
        -1.0,
        "there is a dark rim around the edit",
        "the rim around the edit is fainter",
    ),
    (
        "micro_legibility",
        "mean",
        1.0,
        0.5,
        "fine print is harder to read",
        "fine print is easier to read",
    ),
    ("cer", "mean", 0.0, 0.5, "letters became other letters", "letters are right again"),
    (
        "hue_offset",
        "mean",
        0.0,
        8.0,
        "colours of the fill turned by 8.0°",
        "colours of the fill turned back by 8.0°",
    ),
    (
        "chroma_ratio",
        "mean",
        0.0,
        -6.0,
        "colours of the fill are 50 % paler",
        "colours of the fill are 100 % stronger",
    ),
    ("lightness_bias", "mean", 0.0, 3.0, "the fill is 3.0 L* lighter", "the fill is 3.0 L* darker"),
    (
        "lightness_bias",
        "worst",
        0.0,
        -9.0,
        "a place in the fill is 9.0 L* darker",
        "a place in the fill is nearer to its right lightness",
    ),
    ("banding", "mean", 0.0, 1.0, "the fill comes in steps", "the fill is smoother in tone"),
    (
        "delta_e00",
        "mean",
        0.0,
        3.0,
        "colours of the fill are further off",
        "colours of the fill are nearer",
    ),
    ("spectral_energy", "octave_5", 0.0, -6.0, "the fill is blurrier", "the fill is sharper"),
    ("spectral_energy", "octave_4", 0.0, 6.0, "the fill is harsher", "the fill is less harsh"),
    ("sharpness", "mean", 0.0, -6.0, "the fill is softer", "the fill is sharper"),
    (
        "grain",
        "mean",
        0.0,
        -6.0,
        "the fill is too smooth, its grain is weaker",
        "the fill is nearer to its grain",
    ),
    (
        "local_contrast",
        "mean",
        0.0,
        6.0,
        "the fill is harsher in contrast",
        "the fill is less harsh",
    ),
    (
        "outside_change",
        "share",
        0.0,
        0.1,
        "pixels outside the edit changed",
        "fewer pixels outside the edit changed",
    ),
    (
        "outside_change",
        "worst",
        0.0,
        9.0,
        "a place outside the edit changed",
        "the worst place outside the edit changed less",
    ),
    (
        "lpips",
        "mean",
        0.0,
        0.5,
        "the fill no longer looks like what belongs there",
        "the fill looks more like what belongs there",
    ),
    ("ssim", "mean", 1.0, 0.5, "the fill lost structure", "the fill has more structure"),
    (
        "psnr",
        "mean",
        40.0,
        30.0,
        "the fill is further from what belongs there",
        "the fill is nearer to what belongs there",
    ),
]


def numbers_of(keys: Sequence[NumberKey]) -> Numbers:
    """These numbers, of which no values are asked."""
    return Numbers(tuple(keys), np.zeros(len(keys), np.intp), {}, (), {}, ())


def told(sign: Sign, before: float, after: float, *, worse: bool, moved: float = 2.0) -> str:
    """What is said where this number alone moved, for the worse or the better."""
    region: Region = (sign.regions or ("edit",))[0]
    names = dict.fromkeys([sign.stat, sign.judged or sign.stat])
    keys = [NumberKey(sign.metric, region, stat) for stat in names]
    change = [0.0] * (len(keys) - 1) + [moved if worse else -moved]
    nothing = np.zeros(len(ASPECTS))
    scored = Scored(
        Scene("logo", "1", "ns", "pairs", (0,), (0,), (0,)),
        (0,),
        nothing,
        nothing,
        np.array(change),
        np.full(len(keys), before),
        np.full(len(keys), after),
        np.ones(len(keys)),
        FILL,
        0.5,
        answered=True,
    )
    return describe([scored], numbers_of(keys), worse=worse).words


@pytest.mark.parametrize(("metric", "stat", "good", "bad", "worse", "better"), PHRASES)
def test_each_sign_says_what_got_worse_and_what_got_better(
    metric: str, stat: str, good: float, bad: float, worse: str, better: str
) -> None:
    """From good to bad, and back; a gain never borrows the words of a loss."""
    (sign,) = (one for one in SIGNS if (one.metric, one.stat) == (metric, stat))
    assert told(sign, good, bad, worse=True) == worse
    assert told(sign, bad, good, worse=False) == better


def test_every_sign_is_in_the_table() -> None:
    """So that none is worded without anybody looking."""
    assert [(sign.metric, sign.stat) for sign in SIGNS] == [row[:2] for row in PHRASES]
    assert not {row[4] for row in PHRASES} & {row[5] for row in PHRASES}


def test_a_number_that_moved_the_other_way_says_nothing() -> None:
    """Then the parts of the difference do."""
    (ssim,) = (sign for sign in SIGNS if sign.metric == "ssim")
    assert told(ssim, 0.5, 1.0, worse=True, moved=-2.0) == "the fill changed in fine detail"


RIM = NumberKey("halo", "edit", "rim")
HUE = NumberKey("hue_offset", "edit", "mean")
GHOST = NumberKey("ghost", "edit", "amplitude")
LIGHTNESS = NumberKey("lightness_bias", "edit", "mean")
COLOUR = NumberKey("delta_e00", "edit", "mean")
FURTHER = "colours of the fill are further off"


@pytest.mark.parametrize(
    ("sign", "value", "beside", "change", "words"),
    [
        (RIM, 10.0, COLOUR, 1.0, "there is a bright rim around the edit"),
        (RIM, 10.0, COLOUR, 40.0, FURTHER),
        (RIM, 10.0, LIGHTNESS, 1.0, "there is a bright rim around the edit"),
        (RIM, 10.0, LIGHTNESS, 4.0, "the fill is 4.0 L* lighter"),
        (HUE, 9.0, COLOUR, 3.0, "colours of the fill turned by 9.0°"),
        (HUE, 0.9, COLOUR, 30.0, FURTHER),
        (GHOST, 0.02, COLOUR, 1.0, "2 % of what was removed can still be seen"),
        (GHOST, 0.02, COLOUR, 30.0, FURTHER),
        (LIGHTNESS, 3.0, COLOUR, 3.0, "the fill is 3.0 L* lighter"),
        (LIGHTNESS, 0.6, COLOUR, 30.0, FURTHER),
    ],
)
def test_a_number_that_explains_too_little_of_a_change_is_not_named(
    sign: NumberKey, value: float, beside: NumberKey, change: float, words: str
) -> None:
    """A rim of 10 levels explains about 4 ΔE00, and not 40; it is none where all of the edit is
    lighter. Where red and blue change places, hues may turn by a degree on the mean.
    """
    scene = Scene("logo", "1", "ns", "pairs", (0,), (0,), (0,))
    nothing, zeros = np.zeros(len(ASPECTS)), np.zeros(2)
    moved, after = np.full(2, 10.0), np.array([value, change])
    scored = Scored(
        scene, (0,), nothing, nothing, moved, zeros, after, zeros + 1, FILL, 5.0, answered=True
    )
    assert describe([scored], numbers_of([sign, beside]), worse=True).words == words


@pytest.mark.parametrize(
    ("aspect", "worse", "words"),
    [
        ("detail", True, "the fill is worse in detail"),
        ("colour and tone", False, "the fill is better in colour and tone"),
        ("seams", True, "seams show more"),
        ("what had to be kept", False, "less changed that had to be kept"),
    ],
)
def test_where_no_sign_fits_the_aspect_is_said(aspect: Aspect, worse: bool, words: str) -> None:
    """The one that lost most, or won most."""
    points, nothing = np.zeros(len(ASPECTS)), np.zeros(len(ASPECTS))
    points[ASPECTS.index(aspect)] = 4.0
    sides = (points, nothing) if worse else (nothing, points)
    scene = Scene("logo", "1", "ns", "pairs", (0,), (0,), (0,))
    none = np.zeros(0)
    scored = Scored(scene, (0,), *sides, none, none, none, none, FILL, 0.5, answered=True)
    assert describe([scored], numbers_of(()), worse=worse).words == words


@pytest.mark.parametrize(
    ("regions", "subject"),
    [
        ({}, "the picture"),
        ({"edit": 1.0, "keep": 0.2}, "the fill"),
        ({"edit": 1.0, "keep": 0.6}, "the picture"),
        ({"edit": 0.2, "keep": 0.1, "protect": 0.5}, "the fine print"),
        ({"edit": 0.1, "keep": 0.1, "border": 0.9, "all": 0.2}, "the picture's rim"),
    ],
)
def test_the_subject_is_where_the_difference_is_seen(
    regions: dict[str, float], subject: str
) -> None:
    """As visible outside as inside: it is the picture."""
    assert place_of(Difference(0.1, 0.5, regions=regions))[0] == subject


def test_visibility_has_four_words_and_signs_their_numbers() -> None:
    """From just visible to obvious."""
    assert [describe_visibility(jod) for jod in (0.05, 0.1, 0.3, 1.0)] == [
        "just visible",
        "visible",
        "clearly visible",
        "obvious",
    ]
    assert NumberKey("registration", "all", "dx") in set(list_extra_keys())
