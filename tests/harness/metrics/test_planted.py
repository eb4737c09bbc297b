"""Faults at half their usual size, on photographs: each is told from noise of half a level by a
clear factor.
"""

from __future__ import annotations

from functools import partial

import pytest

from editproof.harness.metrics.colour.banding import BANDING
from editproof.harness.metrics.colour.chroma_ratio import CHROMA_RATIO
from editproof.harness.metrics.colour.hue_offset import HUE_OFFSET
from editproof.harness.metrics.colour.lightness_bias import LIGHTNESS_BIAS
from editproof.harness.metrics.core.metric import Metric
from editproof.harness.metrics.detail.grain import GRAIN
from editproof.harness.metrics.detail.sharpness import SHARPNESS
from editproof.harness.metrics.geometry.registration import REGISTRATION
from editproof.harness.records.vocabulary import Region
from tests.grids import diagonal
from tests.harness.metrics.planted import (
    BENIGN,
    PHOTOGRAPHS,
    Fault,
    blur,
    measure_all,
    photograph,
    plant,
    quantise,
    recolour,
    shift,
    smooth_patch,
    split_reference,
)

FACTOR = 5
"""How many times what a benign change reads a fault must read."""

FAULTS: dict[str, tuple[Metric, Region, str, Fault]] = {
    "hue 1°": (HUE_OFFSET, "all", "mean", partial(recolour, degrees=1)),
    "L* 0.5": (LIGHTNESS_BIAS, "all", "mean", partial(recolour, lightness=0.5)),
    "chroma -2.5 %": (CHROMA_RATIO, "all", "mean", partial(recolour, gain=0.975)),
    "blur 0.4 px": (SHARPNESS, "all", "mean", partial(blur, sigma=0.4)),
    "blur 0.6 px": (SHARPNESS, "all", "worst", partial(blur, sigma=0.6)),
    "shift 1/4 px": (REGISTRATION, "all", "shift", partial(shift, dy=0, dx=0.25)),
    "shift 1/4 px of the edit": (REGISTRATION, "edit", "shift", partial(shift, dy=0.25, dx=0)),
    "shift 1/4 px of a window": (REGISTRATION, "all", "worst", partial(shift, dy=0.25, dx=0)),
    "grain lost in the edit": (GRAIN, "edit", "fine", smooth_patch),
    "5 bits": (BANDING, "all", "mean", partial(quantise, bits=5)),
    "6 bits": (BANDING, "all", "mean", partial(quantise, bits=6)),
}


@pytest.mark.parametrize(("fault", "name"), diagonal(list(FAULTS), PHOTOGRAPHS))
def test_a_small_fault_is_told_from_a_benign_change(fault: str, name: str) -> None:
    """By its own metric, whatever the photograph."""
    metric, region, stat, damage = FAULTS[fault]
    picture = photograph(name)
    reference = split_reference(picture)
    benign = max(
        abs(measure_all(metric, reference, change(picture))[region, stat])
        for change in BENIGN.values()
    )
    assert (
        abs(measure_all(metric, reference, plant(damage)(picture))[region, stat]) > FACTOR * benign
    )
