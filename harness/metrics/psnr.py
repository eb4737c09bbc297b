"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from harness.metrics.metric import Areas, Image, Metric, Value
from harness.metrics.pooling import pool

MIN_MSE = 1e-10
"""Floor of the mean squared error: equal images score 100 dB, a number that tables and gates can hold."""


def _prepare(expected: Image) -> Image:
    return expected


def _measure(expected: Image, actual: Image, areas: Areas) -> list[Value]:
    error = np.square(actual - expected, dtype=np.float32).mean(axis=-1)
    # "lower" pools the squared error; converted, the worst window is the one with the lowest PSNR.
    return pool(error, areas, better="lower", convert=_decibels)


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
    prepare=_prepare,
    measure=_measure,
)
