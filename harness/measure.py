"""Measure an edit: what depends on the right answer alone is prepared once, for all models and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics.metric import Image, Metric, Reference
from harness.metrics.pooling import unmeasured
from harness.types import Measurement


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known about the right answer, ready to measure edits against it."""

    reference: Reference
    parts: dict[str, Any]
    """What each metric made of the reference, by metric name; a metric that lacks something is not in it."""


def prepare(reference: Reference, metrics: Sequence[Metric]) -> Prepared:
    """Do everything that depends on the right answer only."""
    return Prepared(reference, {m.name: m.prepare(reference) for m in metrics if not m.missing(reference)})


def measure(prepared: Prepared, metrics: Sequence[Metric], image: Image) -> tuple[Measurement, ...]:
    """Every statistic of every region. `image` is the 8-bit picture that a customer gets, as float32 at output size."""
    rows: list[Measurement] = []
    for metric in metrics:
        if metric.name not in prepared.parts:
            rows += reasons(metric, metric.missing(prepared.reference))
            continue
        values = metric.measure(prepared.parts[metric.name], image)
        rows += (
            Measurement(metric.identity, v.region, v.stat, v.value, metric.unit_of(v.stat), v.reason, v.y, v.x)
            for v in values
        )
    return tuple(rows)


def reasons(metric: Metric, reason: str) -> tuple[Measurement, ...]:
    """What stands in the table where a metric could not measure."""
    values = unmeasured(metric.regions, metric.stats, reason)
    return tuple(Measurement(metric.identity, v.region, v.stat, None, metric.unit_of(v.stat), reason) for v in values)


def as_delivered(image: Image) -> Image:
    """The picture after rounding to 8 bits: what is stored, looked at and measured."""
    return np.asarray(np.round(image * 255) / 255, np.float32)
