"""Colour difference by CIEDE2000."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.metrics.metric import Areas, Image, Metric, Plane, Reference, Value, known
from harness.metrics.pooling import pool


class Prepared(NamedTuple):
    """The expected image in CIELAB, H×W×3, and the regions."""

    lab: npt.NDArray[np.float64]
    areas: Areas


def delta_e_map(expected_lab: npt.NDArray[np.float64], actual: Image) -> npt.NDArray[np.float64]:
    """CIEDE2000 of every pixel. H×W, 0 is equal, about 1 is just noticeable."""
    from skimage.color import deltaE_ciede2000

    return np.asarray(deltaE_ciede2000(expected_lab, lab(actual)), np.float64)


def lab(image: Image) -> npt.NDArray[np.float64]:
    """CIELAB under D65 of an sRGB-encoded image. H×W×3: L* in [0, 100], a* and b*."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(image.astype(np.float64)), np.float64)


def _prepare(reference: Reference) -> Prepared:
    return Prepared(lab(known(reference.expected)), reference.areas)


def _measure(prepared: Prepared, actual: Image) -> list[Value]:
    return pool(_map(prepared, actual), prepared.areas, better="lower", tail="p99")


def _map(prepared: Prepared, actual: Image) -> Plane:
    return delta_e_map(prepared.lab, actual)


DELTA_E00 = Metric(
    name="delta_e00",
    variant="",
    version=1,
    unit="ΔE00",
    better="lower",
    range=(0.0, 150.0),
    stats=("mean", "p99", "worst"),
    source="CIE 142-2001 (Sharma, Wu & Dalal 2005), sRGB under D65",
    formula="CIEDE2000(Lab(actual), Lab(expected)) of every pixel",
    sees="Colour and lightness that differ, in steps of what an eye just notices: tints, drift, washed-out fills.",
    misses=(
        "Structure: it compares pixel by pixel, so fine noise counts and a smooth but wrong shape of the right "
        "colour hardly does (see ssim, lpips)."
    ),
    prepare=_prepare,
    measure=_measure,
    golden={"mean": 2.2325, "p99": 10.61777, "worst": 5.65434},
    map=_map,
)
