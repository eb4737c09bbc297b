"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from editproof.harness.metrics.core.luma import mean_of_channels
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Plane,
    Value,
)
from editproof.harness.metrics.core.pooling import PreparedPicture, pool, prepare_picture
from editproof.harness.metrics.core.strips import compute_by_strips

MIN_MSE = 1e-10
"""Floor of the mean squared error. Equal images score 100 dB, which tables and gates can hold."""


def residual_map(prepared: PreparedPicture, actual: Image) -> Plane:
    """Root mean squared error over R, G and B at every pixel. H×W in [0, 1]."""
    return np.sqrt(_squared_error(prepared, actual))


def _measure(prepared: PreparedPicture, actual: Image) -> list[Value]:
    # "lower" pools the squared error; converted, the worst window is the one with the lowest PSNR.
    return pool(
        _squared_error(prepared, actual), prepared.covers, better="lower", convert=_decibels
    )


def _squared_error(prepared: PreparedPicture, actual: Image) -> Plane:
    return compute_by_strips(
        lambda rows: mean_of_channels(np.square(actual[rows] - prepared.expected[rows])),
        *actual.shape[:2],
    )


def _decibels(mse: float) -> float:
    return -10 * math.log10(max(mse, MIN_MSE))


PSNR = Metric(
    name="psnr",
    variant="",
    version=1,
    unit="dB",
    better="higher",
    range=(0.0, 100.0),
    stats=("mean", "worst"),
    source="ITU-T J.340; peak 1.0, mean squared error over R, G and B",
    formula="10 log10(1 / mean((actual - expected)^2))",
    sees="Any difference in any pixel, by its size: noise, blur, shifts, wrong colours.",
    misses=(
        "How a difference looks: a shift by one pixel costs as much as a smear. Over a large"
        " region, a small hole averages out (see the worst window)."
    ),
    example="soft_fill",
    aspect="structure",
    prepare=prepare_picture,
    measure=_measure,
    margins={"mean": 0.5, "worst": 1.0},
    unseen=50.0,
    golden={"mean": 32.948, "worst": 28.1708},
    map=residual_map,
    map_unit="of full scale",
    map_better="lower",
)
