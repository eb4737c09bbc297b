"""Chroma ratio: are colours washed out, or oversaturated?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from editproof.harness.metrics.colour.cielab import chroma, lab32
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import Covers, make_covers, unmeasured_values
from editproof.harness.metrics.core.sums import STATS, Numbers, Sums, mean_and_worst, sum_region
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

FLOOR = 3.0
"""A mean C* that is hardly visible. Lower values count as this, so that two greys are equally grey
with or without noise.
"""


class PreparedChroma(NamedTuple):
    """The expected image's C*, H×W, its sum and its pixel count in each region, and the regions."""

    chroma: Plane
    sums: Mapping[Region, tuple[Sums, Sums]]
    covers: Covers


def _prepare(reference: Reference) -> PreparedChroma:
    plane = chroma(lab32(require_part(reference.expected)))
    covers = make_covers(reference.areas)
    ones = np.ones_like(plane)
    return PreparedChroma(
        plane,
        {
            region: (sum_region(plane, cover), sum_region(ones, cover))
            for region, cover in covers.items()
        },
        covers,
    )


def _measure(prepared: PreparedChroma, actual: Image) -> list[Value]:
    plane = chroma(lab32(actual))
    values: list[Value] = []
    for region, cover in prepared.covers.items():
        if cover.pixels:
            values += mean_and_worst(
                region, cover, _decibels, sum_region(plane, cover), *prepared.sums[region]
            )
        else:
            values += unmeasured_values([region], STATS, EMPTY)
    return values


def _decibels(actual: Numbers, expected: Numbers, pixels: Numbers) -> Numbers:
    """Ratio of the actual to the expected mean, both at least the floor."""
    return np.asarray(
        20 * np.log10(np.maximum(actual, FLOOR * pixels) / np.maximum(expected, FLOOR * pixels))
    )


def _map(prepared: PreparedChroma, actual: Image) -> Plane:
    """The ratio at every pixel, in dB."""
    measured, expected = (
        np.maximum(plane, np.float32(FLOOR)) for plane in (chroma(lab32(actual)), prepared.chroma)
    )
    return np.asarray(20 * np.log10(measured / expected), np.float32)


CHROMA_RATIO = Metric(
    name="chroma_ratio",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-34.0, 34.0),
    stats=STATS,
    source="Chroma C* of CIELAB (CIE 15:2004), actual over expected",
    formula=(
        "20 log10(max(3, mean C* of actual) / max(3, mean C* of expected)), C* = sqrt(a^2 + b^2)"
    ),
    sees=(
        "Washed-out colours (negative; 5 % less is -0.4 dB), oversaturated ones, and greys that"
        " took on a tint (positive)."
    ),
    misses=(
        "Whether the colour is right: a rotated hue keeps its chroma (see hue_offset,"
        " delta_e00). Noise adds chroma of its own: 2 % of noise makes a colour photograph"
        " 0.5 dB more colourful, and a grey one 3 dB (see grain)."
    ),
    example="washed_out",
    aspect="colour and tone",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.1, "worst": 0.5},
    golden={"mean": 0.00562215, "worst": 0.56951},
    map=_map,
)
