"""A metric made from one function: the short way for a package's own metric."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Reference,
    Value,
    require_part,
)
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Better, Region

Number = Callable[[Image, Image, Area], float]
"""(expected, actual, region) -> a number; NaN where it is undefined. Images are H×W×3 sRGB in [0,
1], the region is H×W.
"""


def metric(
    name: str,
    *,
    better: Better,
    range: tuple[float, float],  # noqa: A002 - what Metric calls it
    unit: str = "",
    version: int = 1,
    source: str = "",
    formula: str = "",
    sees: str = "",
    misses: str = "",
) -> Callable[[Number], Metric]:
    """Make a Metric of the function below: its one statistic is `mean`, over every region of the
    scene.

    Raise `version` when its values change: numbers of two versions are never compared.

    @metric("redness", better="zero", range=(-1, 1), sees="A red cast.")
    def REDNESS(expected, actual, region):
        return float((actual - expected)[region][:, 0].mean())
    """

    def make_metric(number: Number) -> Metric:
        @wraps(number)  # so that whoever looks for the code finds the user's
        def measure(reference: Reference, actual: Image) -> list[Value]:
            return [
                _measure_region(number, reference, actual, region) for region in reference.areas
            ]

        return Metric(
            name=name,
            variant="",
            version=version,
            unit=unit,
            better=better,
            range=range,
            stats=("mean",),
            source=source,
            formula=formula,
            sees=sees or (number.__doc__ or "").strip().partition("\n")[0],
            misses=misses,
            example="",
            prepare=lambda reference: reference,
            measure=measure,
            golden={},
        )

    return make_metric


def _measure_region(number: Number, reference: Reference, actual: Image, region: Region) -> Value:
    area = reference.areas[region]
    if not area.any():
        return Value(region, "mean", None, EMPTY)
    value = float(number(require_part(reference.expected), actual, area))
    return (
        Value(region, "mean", value)
        if np.isfinite(value)
        else Value(region, "mean", None, "the function gave no number")
    )
