"""Family thin_text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.drawing.layers import Lettering, Weight, _font, bounds, text_patch
from editproof.vectors.families.thin_text import MARGIN, PHRASES, Script, draw

VECTOR = get_vector("thin_text")
STEPS = range(1, len(VECTOR.ladder) + 1)
PLAIN: dict[str, Any] = {
    "script": "latin",
    "height_px": 14,
    "weight": "regular",
    "alpha": 1.0,
    "lines": 1,
    "angle_deg": 0.0,
    "ground": "plain",
}


@pytest.mark.parametrize("step", STEPS)
def test_must_be_found(step: int) -> None:
    """The pipeline is told neither mask nor place, and is told nothing of the words in the
    metadata.
    """
    scene = VECTOR.render(2, 256, step=step)
    assert scene.mask is None
    assert not {box.label for box in scene.truth} & set(map(str, scene.metadata.values()))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(6))
def test_margin(step: int, seed: int) -> None:
    """At 256 px all lettering keeps clear of the border, and as many whole lines as asked are
    there.
    """
    scene = VECTOR.render(seed, 256, step=step)
    assert len(scene.truth) == VECTOR.ladder[step - 1]["lines"]
    for box in scene.truth:
        assert min(box.y0, box.x0) >= MARGIN * 256 - 2
        assert max(box.y1, box.x1) <= 256 * (1 - MARGIN) + 2


def test_ladder_covers() -> None:
    """The ladder has every script, level and turned lines, flat and busy grounds, and faint ink."""
    rungs = VECTOR.ladder
    assert {rung["script"] for rung in rungs} == set(PHRASES)
    assert {rung["angle_deg"] == 0 for rung in rungs} == {True, False}
    assert {"gradient", "paper", "wood", "fabric"} < {rung["ground"] for rung in rungs}
    assert min(float(rung["alpha"]) for rung in rungs) < 0.6


@pytest.mark.parametrize("script", PHRASES)
@pytest.mark.parametrize("weight", ["thin", "light", "regular", "bold"])
def test_every_character_has_a_glyph(script: Script, weight: Weight) -> None:
    """The vendored fonts hold every character of every phrase, in every weight."""
    font = _font("han" if script == "han" else "roboto", weight, 40.0)
    missing = bytes(font.getmask("\uffff"))
    for character in sorted(set("".join(PHRASES[script])) - {" "}):
        assert bytes(font.getmask(character)) != missing, character


@pytest.mark.parametrize("angle_deg", [-25.0, 0.0, 12.0])
def test_angle(angle_deg: float) -> None:
    """The ink of a long thin line lies along the angle asked for, counter-clockwise, within a
    degree.
    """
    scene = draw(4, 256, 2, **{**PLAIN, "height_px": 9, "angle_deg": angle_deg})
    y, x = np.nonzero(scene.overlay)
    (xx, xy), (_, yy) = np.cov(x, y)
    assert math.degrees(math.atan2(-2 * xy, xx - yy)) / 2 == pytest.approx(angle_deg, abs=1)


def test_turned_ink_is_kept() -> None:
    """A turn moves ink and loses none: the same line, level and turned, covers the same area within
    2 %.
    """
    level, turned = (
        draw(4, 256, 2, **{**PLAIN, "angle_deg": angle_deg}).overlay.sum(dtype=np.float64)
        for angle_deg in (0.0, 20.0)
    )
    assert level == pytest.approx(turned, rel=0.02)


@pytest.mark.parametrize("weight", ["thin", "regular"])
def test_han_is_as_high_as_asked(weight: Weight) -> None:
    """Chinese characters stand where a capital would, and are on the average as high as asked,
    within 2 %.
    """
    lettering = Lettering(weight, 100, "han")
    characters = sorted(set("".join(PHRASES["han"])))
    ends = [
        bounds(text_patch(one, lettering, y_px=200, x_px=200, scale=1))[::2] for one in characters
    ]
    assert np.mean(ends, axis=0) == pytest.approx([200, 300], abs=2)


def test_bad_script() -> None:
    """An unknown script raises and lists those that there are."""
    with pytest.raises(ValueError, match="latin, cyrillic, greek, han"):
        draw(0, 64, 1, **{**PLAIN, "script": "runes"})


def test_ink_stands_out() -> None:
    """The ink is black on a light ground and white on a dark one."""
    for seed in range(6):
        scene = draw(seed, 256, 1, **{**PLAIN, "height_px": 24, "ground": "gradient"})
        box = scene.truth[0]
        here = np.s_[box.y0 : box.y1, box.x0 : box.x1]
        inked = scene.overlay[here] > 0.99
        assert abs(float(scene.input[here][inked].mean()) - float(scene.clean[here].mean())) > 0.3
