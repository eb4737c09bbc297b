"""Colour difference by CIEDE2000."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.length import length
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import Covers, make_covers, pool
from editproof.harness.metrics.core.strips import STRIP_PX, compute_by_strips

Wide = npt.NDArray[np.float64]

XYZ_FROM_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ],
)
D65 = np.array([0.95047, 1.0, 1.08883])
"""IEC 61966-2-1, CIE 15, with the digits of scikit-image and OpenCV."""

POW25_7 = 25.0**7


class PreparedLab(NamedTuple):
    """The expected image in CIELAB, H×W×3, and the regions."""

    lab: Wide
    covers: Covers


def delta_e_map(expected_lab: Wide, actual: Image) -> Plane:
    """CIEDE2000 of every pixel, H×W. 0 is equal, and about 1 is just noticeable."""
    return compute_by_strips(
        lambda rows: ciede2000(expected_lab[rows], lab(actual[rows])), *actual.shape[:2]
    )


def lab(image: Image) -> Wide:
    """CIELAB under D65 of an sRGB image, H×W×3: L* in [0, 100], a* and b*."""
    encoded = image.astype(np.float64)
    linear = np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)
    xyz = cv2.transform(linear, XYZ_FROM_RGB / D65[:, None])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.asarray(cv2.transform(root, _LAB_FROM_ROOT), np.float64)


_LAB_FROM_ROOT = np.array([[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], np.float64)


def ciede2000(one: Wide, other: Wide) -> Wide:
    """Colour difference of two CIELAB images of one shape, …×3 (Sharma, Wu & Dalal 2005, eq. 2-22;
    kL = kC = kH = 1).

    Hues are vectors and not angles, so only one arc tangent and one sine of the paper's
    trigonometry remain.
    """
    l1, a1, b1 = np.moveaxis(one, -1, 0).copy()
    l2, a2, b2 = np.moveaxis(other, -1, 0).copy()
    stretch = 1.5 - 0.5 * _chroma_weight((length(a1, b1) + length(a2, b2)) / 2)
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = length(a1, b1), length(a2, b2)
    chroma = (c1 + c2) / 2
    cos, sin = _mean_hue(a1, b1, c1, a2, b2, c2)
    lightness = np.square((l1 + l2) / 2 - 50)
    dl = (l2 - l1) / (1 + 0.015 * lightness / np.sqrt(20 + lightness))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = _hue_difference(a1, b1, a2, b2, c1 * c2) / (1 + 0.015 * chroma * _hue_weight(cos, sin))
    return np.asarray(
        np.sqrt(
            np.maximum(dl * dl + dc * dc + dh * dh + _rotation_term(chroma, cos, sin) * dc * dh, 0)
        )
    )


def _chroma_weight(chroma: Wide) -> Wide:
    """sqrt(C^7 / (C^7 + 25^7))"""
    cube = chroma * chroma * chroma
    power = cube * cube * chroma
    return np.asarray(np.sqrt(power / (power + POW25_7)))


def _mean_hue(a1: Wide, b1: Wide, c1: Wide, a2: Wide, b2: Wide, c2: Wide) -> tuple[Wide, Wide]:
    """Cosine and sine of the hue halfway between two colours (eq. 14). A grey has no hue and takes
    the other's.
    """
    inverse1, inverse2 = (1 / np.where(c > 0, c, np.inf) for c in (c1, c2))
    x1, y1 = a1 * inverse1, b1 * inverse1
    x, y = x1 + a2 * inverse2, y1 + b2 * inverse2
    halfway = length(x, y)
    # Of two opposite hues the mean is a quarter turn past the one below 180°.
    turned = np.where((y1 > 0) | ((y1 == 0) & (x1 > 0)), 1.0, -1.0)
    opposite = halfway < 1e-12
    inverse = 1 / np.where(opposite, np.inf, halfway)
    return np.where(opposite, -turned * y1, x * inverse), np.where(
        opposite, turned * x1, y * inverse
    )


def _hue_difference(a1: Wide, b1: Wide, a2: Wide, b2: Wide, product: Wide) -> Wide:
    """2 sqrt(C1 C2) sin(Δh / 2) (eq. 11), from the vectors' cross and dot product. `product` is C1
    C2.
    """
    cross, dot = a1 * b2 - a2 * b1, a1 * a2 + b1 * b2
    near = cross / np.sqrt(np.maximum((product + dot) / 2, 1e-300))
    far = np.copysign(np.sqrt(np.maximum(2 * (product - dot), 0)), cross)
    return np.where(dot >= 0, near, far)


def _hue_weight(cos: Wide, sin: Wide) -> Wide:
    """T (eq. 15), with cosines of multiples of the hue from the addition theorems."""
    cos2, sin2 = cos * cos - sin * sin, 2 * cos * sin
    cos3, sin3 = cos2 * cos - sin2 * sin, sin2 * cos + cos2 * sin
    cos4, sin4 = cos2 * cos2 - sin2 * sin2, 2 * cos2 * sin2
    (p30, q30), (p6, q6), (p63, q63) = ((np.cos(t), np.sin(t)) for t in np.radians((30, 6, 63)))
    return np.asarray(
        1
        - 0.17 * (cos * p30 + sin * q30)
        + 0.24 * cos2
        + 0.32 * (cos3 * p6 - sin3 * q6)
        - 0.20 * (cos4 * p63 + sin4 * q63)
    )


def _rotation_term(chroma: Wide, cos: Wide, sin: Wide) -> Wide:
    """R_T (eq. 16, 17, 21): the interaction of hue and chroma in blue."""
    hue = np.degrees(np.arctan2(sin, cos))
    hue = np.where(hue < 0, hue + 360, hue)
    turn = np.radians(60) * np.exp(-np.square((hue - 275) / 25))
    return np.asarray(-2 * _chroma_weight(chroma) * np.sin(turn.astype(np.float32)))


def _prepare(reference: Reference) -> PreparedLab:
    expected = require_part(reference.expected)
    strips = np.array_split(expected, -(-expected.shape[0] * expected.shape[1] // STRIP_PX))
    return PreparedLab(
        np.concatenate([lab(strip) for strip in strips]), make_covers(reference.areas)
    )


def _measure(prepared: PreparedLab, actual: Image) -> list[Value]:
    return pool(_map(prepared, actual), prepared.covers, better="lower", tails=("p95", "p99"))


def _map(prepared: PreparedLab, actual: Image) -> Plane:
    return delta_e_map(prepared.lab, actual)


DELTA_E00 = Metric(
    name="delta_e00",
    variant="",
    version=1,
    unit="ΔE00",
    better="lower",
    range=(0.0, 150.0),
    stats=("mean", "p95", "p99", "worst"),
    source="CIE 142-2001 (Sharma, Wu & Dalal 2005), sRGB under D65",
    formula="CIEDE2000(Lab(actual), Lab(expected)) of every pixel",
    sees=(
        "Differences in colour and lightness, in steps that an eye just notices: tints, drift,"
        " washed-out fills."
    ),
    misses=(
        "Structure. It compares pixel by pixel, so fine noise counts. A smooth wrong shape"
        " of the right colour hardly counts (see ssim, lpips)."
    ),
    example="washed_out",
    aspect="colour and tone",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.15, "p95": 0.4, "worst": 0.5},
    unseen=0.5,
    golden={"mean": 2.2325, "p95": 8.1344, "p99": 10.6178, "worst": 5.65434},
    map=_map,
)
