"""Lightness bias: is the picture lighter or darker than it should be, and where?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from editproof.harness.metrics.colour.cielab import lab32
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import Covers, make_covers, pool


class PreparedLightness(NamedTuple):
    """The expected image's L*, H×W, and the regions."""

    lightness: Plane
    covers: Covers


def _prepare(reference: Reference) -> PreparedLightness:
    return PreparedLightness(
        _lightness(require_part(reference.expected)), make_covers(reference.areas)
    )


def _measure(prepared: PreparedLightness, actual: Image) -> list[Value]:
    return pool(_map(prepared, actual), prepared.covers, better="zero")


def _map(prepared: PreparedLightness, actual: Image) -> Plane:
    """L* of actual minus L* of expected."""
    return np.asarray(_lightness(actual) - prepared.lightness, np.float32)


def _lightness(image: Image) -> Plane:
    return np.ascontiguousarray(lab32(image)[..., 0])


LIGHTNESS_BIAS = Metric(
    name="lightness_bias",
    variant="",
    version=1,
    unit="L*",
    better="zero",
    range=(-100.0, 100.0),
    stats=("mean", "worst"),
    source="CIE 15:2004, L* under D65",
    formula="mean(L*(actual) - L*(expected))",
    sees=(
        "Changes of exposure, gamma or tone curve: negative is darker than expected, positive is"
        " lighter."
    ),
    misses=(
        "Errors that cancel within a window, such as noise and shifted edges (see psnr,"
        " registration). Differences in colour at equal lightness (see hue_offset,"
        " chroma_ratio)."
    ),
    example="lightness_drift",
    aspect="colour and tone",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.15, "worst": 0.5},
    golden={"mean": 0.102777, "worst": -1.08481},
    map=_map,
)
