"""Family scan_annotation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from editproof.vectors import get_vector
from editproof.vectors.families.scan_annotation import draw

VECTOR = get_vector("scan_annotation")
STEPS = range(1, len(VECTOR.ladder) + 1)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(2))
def test_mark_over_print(step: int, size: int, seed: int) -> None:
    """The bar stands in the margin; every other mark touches a row of print, and print is left
    around it to keep.
    """
    scene = VECTOR.render(seed, size, step=step)
    mark, *rows = scene.truth
    assert mark.kind == "annotation"
    touched = any(
        row.y0 < mark.y1 and mark.y0 < row.y1 and row.x0 < mark.x1 and mark.x0 < row.x1
        for row in rows
    )
    assert touched == (mark.label != "bar")
    assert scene.protect["print"].mean() > 0.1


@pytest.mark.parametrize("step", STEPS)
def test_print_is_protected(step: int) -> None:
    """Every dark pixel of the print that the mark does not cover is protected."""
    rung = {**VECTOR.ladder[step - 1], "ground": "plain"}
    scene = VECTOR.draw(1, 256, 2, **rung)
    dark = (scene.clean.max(axis=2) < 0.4) & (scene.edit == 0)
    assert dark.mean() > 0.01
    assert scene.protect["print"][dark].all()


def test_skew() -> None:
    """A skewed page has its rows at the angle asked for: a row is higher by the fall over its
    width.
    """
    flat, skewed = (
        draw(
            1,
            256,
            2,
            mark="circle",
            opacity=0.9,
            height_px=9.0,
            skew_deg=skew,
            quality=90,
            ground="plain",
        ).truth[1]
        for skew in (0.0, 1.5)
    )
    fall_px = math.tan(math.radians(1.5)) * (flat.x1 - flat.x0)
    assert (skewed.y1 - skewed.y0) - (flat.y1 - flat.y0) == pytest.approx(fall_px, abs=2.5)


def test_corners_are_darker() -> None:
    """The page's corners are a fifth darker than its middle, in the expected output too."""
    clean = draw(
        1,
        256,
        1,
        mark="circle",
        opacity=0.9,
        height_px=9.0,
        skew_deg=0.0,
        quality=90,
        ground="plain",
    ).clean
    paper = np.median(clean[118:138, 118:138].max(axis=2).reshape(-1)[-80:])
    assert clean[:4, :4].mean(axis=(0, 1)).max() / max(
        paper, clean[100:160].max()
    ) == pytest.approx(0.8, abs=0.05)


def test_highlighter() -> None:
    """The print beneath the highlighter is still there in the input; beneath the scribble it is
    not.
    """
    for step, seen in ((4, True), (5, False)):
        scene = VECTOR.draw(1, 256, 1, **{**VECTOR.ladder[step - 1], "ground": "plain"})
        inside = scene.overlay > 0.98 * scene.overlay.max()
        relation = np.corrcoef(scene.input[inside][:, 1], scene.clean[inside][:, 1])[0, 1]
        assert (relation > 0.8) == seen


def test_bad_mark() -> None:
    """An unknown mark raises and lists those that there are."""
    with pytest.raises(ValueError, match="bar, circle, highlighter, stamp, scribble"):
        draw(
            0,
            64,
            1,
            mark="coffee",
            opacity=1.0,
            height_px=5.0,
            skew_deg=0.0,
            quality=90,
            ground="plain",
        )
