"""FLIP: the difference that a person sees when flipping between two pictures."""

from __future__ import annotations

import numpy as np

from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Value,
)
from editproof.harness.metrics.core.pooling import PreparedPicture, pool, prepare_picture


def flip_map(expected: Image, actual: Image) -> Plane:
    """LDR-FLIP of every pixel, H×W in [0, 1], at 67 pixels per degree: 0.7 m from a display that is
    0.7 m and 3840 px wide.
    """
    from flip_evaluator import evaluate

    # It takes no picture that is read-only.
    pictures = (np.array(image, np.float32, order="C") for image in (expected, actual))
    plane, _, _ = evaluate(*pictures, "LDR", applyMagma=False, computeMeanError=False)
    return np.asarray(plane, np.float32).reshape(actual.shape[:2])


def _measure(prepared: PreparedPicture, actual: Image) -> list[Value]:
    return pool(_map(prepared, actual), prepared.covers, better="lower", tails=("p99",))


def _map(prepared: PreparedPicture, actual: Image) -> Plane:
    return flip_map(prepared.expected, actual)


FLIP = Metric(
    name="flip",
    variant="",
    version=1,
    unit="",
    better="lower",
    range=(0.0, 1.0),
    stats=("mean", "p99", "worst"),
    source=(
        "Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström & Fairchild 2020 (LDR-FLIP), the"
        " authors' flip-evaluator"
    ),
    formula=(
        "dc^(1 - df) of every pixel. dc is a colour difference, filtered by the eye's"
        " contrast sensitivity. df is a difference of edges and points"
    ),
    sees=(
        "What an eye sees when both pictures alternate on a desktop display: colour, edges and"
        " points in one number."
    ),
    misses=(
        "What only a magnifier shows, and which property changed (see delta_e00, ssim). It takes"
        " about half a second for 512×512 px, ten times as long as the other metrics."
    ),
    example="compressed",
    aspect="structure",
    prepare=prepare_picture,
    measure=_measure,
    margins={"mean": 0.01, "worst": 0.03},
    golden={"mean": 0.106411, "p99": 0.306846, "worst": 0.201853},
    map=_map,
)
