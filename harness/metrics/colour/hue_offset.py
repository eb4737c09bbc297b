"""Hue offset: how far, and in which direction, did hues rotate?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from editproof.harness.metrics.colour.cielab import Lab, lab32
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import Cover, Covers, make_covers, unmeasured_values
from editproof.harness.metrics.core.sums import STATS, Numbers, Sums, mean_and_worst, sum_region
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

MIN_CHROMA = 5.0
"""Root mean square C* of the expected picture below which a region or window has no clear hue."""

MIN_KEPT = 0.1
"""Share of its chroma that a region must keep for its hue to be measured."""

GREY = (
    f"its colours are too grey: below a C* of {MIN_CHROMA:g}, or less than {MIN_KEPT:.0%} of what"
    " it should be"
)


class PreparedHues(NamedTuple):
    """The expected image's Lab, H×W×3, how colourful each region is, and the regions."""

    lab: Lab
    strength: Mapping[Region, tuple[Sums, Sums]]
    """Σ C*² of each region, and its pixel count."""
    covers: Covers


def _prepare(reference: Reference) -> PreparedHues:
    expected = lab32(require_part(reference.expected))
    covers = make_covers(reference.areas)
    square = np.square(expected[..., 1:]).sum(axis=-1)
    strength = {
        region: (sum_region(square, cover), sum_region(np.ones_like(square), cover))
        for region, cover in covers.items()
    }
    return PreparedHues(expected, strength, covers)


def _measure(prepared: PreparedHues, actual: Image) -> list[Value]:
    along, across = _hue_products(prepared.lab, lab32(actual))
    values = []
    for region, cover in prepared.covers.items():
        values += _measure_region(region, cover, prepared.strength[region], along, across)
    return values


def _measure_region(
    region: Region, cover: Cover, strength: tuple[Sums, Sums], along: Plane, across: Plane
) -> list[Value]:
    if not cover.pixels:
        return unmeasured_values([region], STATS, EMPTY)
    planes = (sum_region(along, cover), sum_region(across, cover), *strength)
    return mean_and_worst(
        region, cover, _angle, *planes, no_mean=GREY, no_window=f"in every window {GREY}"
    )


def _angle(along: Numbers, across: Numbers, square: Numbers, pixels: Numbers) -> Numbers:
    """The rotation in degrees that best maps the expected colours to the actual ones; NaN where
    they are too grey.
    """
    coloured = (square >= MIN_CHROMA**2 * pixels) & (np.hypot(along, across) >= MIN_KEPT * square)
    return np.asarray(np.where(coloured, np.degrees(np.arctan2(across, along)), np.nan))


def _hue_products(expected: Lab, actual: Lab) -> tuple[Plane, Plane]:
    """Inner and outer product of expected and actual (a*, b*) at every pixel: cosine and sine of
    the rotation, times both C*.
    """
    (a, b), (other_a, other_b) = ((lab[..., 1], lab[..., 2]) for lab in (expected, actual))
    return a * other_a + b * other_b, a * other_b - b * other_a


def _map(prepared: PreparedHues, actual: Image) -> Plane:
    """The signed hue difference ΔH* of every pixel, in units of Lab, so that greys do not count."""
    along, across = _hue_products(prepared.lab, lab32(actual))
    angle = np.arctan2(across, along)
    return np.asarray(2 * np.sqrt(np.hypot(along, across)) * np.sin(angle / 2), np.float32)


HUE_OFFSET = Metric(
    name="hue_offset",
    variant="",
    version=1,
    unit="°",
    better="zero",
    range=(-180.0, 180.0),
    stats=STATS,
    source=(
        "Hue angle of CIELAB (CIE 15:2004); the least-squares rotation in the a* b* plane"
        " (Procrustes)"
    ),
    formula=(
        "atan2(sum(a b' - b a'), sum(a a' + b b')), with expected (a, b) and actual (a',"
        " b'): hue differences weighted by C C'"
    ),
    sees=(
        "Rotated hues: white balance, a wrong colour matrix, swapped primaries. Positive is"
        " counter-clockwise in the a* b* plane, from red towards yellow."
    ),
    misses=(
        "Colours that faded and greys that took on a tint (see chroma_ratio, delta_e00), and"
        " rotations that cancel within a window (see its map)."
    ),
    example="hue_drift",
    aspect="colour and tone",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.5, "worst": 3.0},
    golden={"mean": -0.241478, "worst": -3.75501},
    map=_map,
    map_unit="ΔH*",
)
