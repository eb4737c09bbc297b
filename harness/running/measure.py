"""Measure an edit: what depends on the right answer alone is prepared once, for all models and
seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from editproof.harness.metrics.core.contract import check_metric
from editproof.harness.metrics.core.metric import (
    Image,
    Metric,
    Reference,
    Value,
    make_read_only,
    make_reference_read_only,
)
from editproof.harness.metrics.core.pooling import unmeasured_values
from editproof.harness.metrics.core.sharing import share_results
from editproof.harness.records.cases import Measurement
from editproof.harness.records.errors import EditproofError, IncompleteError, join_one_line

T = TypeVar("T")

TOGETHER_PX = 1 << 21
"""Pixels of edits that are measured together: eight of 512×512."""


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """What is known about the right answer, ready to measure edits against it."""

    reference: Reference
    parts: dict[str, Any]
    """What each metric made of the reference, by metric name; a metric that lacks something is not
    in it.
    """


def prepare(reference: Reference, metrics: Sequence[Metric]) -> PreparedReference:
    """Do everything that depends on the right answer only.

    Raises IncompleteError where a metric is not fit to be used: there is no other way to a
    measurement than through here.
    """
    untouched = make_reference_read_only(reference)
    known = [metric for metric in metrics if not metric.missing(untouched)]
    for metric in known:
        check_metric(metric)
    with nullcontext() if untouched.expected is None else share_results(untouched.expected):
        return PreparedReference(
            untouched,
            {metric.name: _call_metric(metric, metric.prepare, untouched) for metric in known},
        )


def measure(
    prepared: PreparedReference, metrics: Sequence[Metric], image: Image
) -> tuple[Measurement, ...]:
    """Every statistic of every region. `image` is the 8-bit picture that a customer gets, as
    float32 at output size.

    Raises IncompleteError, naming the metric, where one fails.
    """
    return measure_many(prepared, metrics, [image])[0]


def measure_many(
    prepared: PreparedReference, metrics: Sequence[Metric], images: Sequence[Image]
) -> list[tuple[Measurement, ...]]:
    """What `measure` gives of each of several edits of one scene; on a GPU, networks look at them
    together.
    """
    untouched = [make_read_only(image) for image in images]
    together = {
        metric.name: _call_metric(metric, _together, metric, prepared.parts[metric.name], untouched)
        for metric in metrics
        if metric.measure_many and metric.name in prepared.parts
    }
    return [
        _rows(prepared, metrics, image, {name: rows[number] for name, rows in together.items()})
        for number, image in enumerate(untouched)
    ]


def most_together(prepared: PreparedReference) -> int:
    """How many edits of a scene are measured together at most: memory is bounded, and a network's
    weights are read once.
    """
    return max(TOGETHER_PX // prepared.reference.areas["all"].size, 1)


def _rows(
    prepared: PreparedReference,
    metrics: Sequence[Metric],
    image: Image,
    measured: Mapping[str, list[Measurement]],
) -> tuple[Measurement, ...]:
    """The table of one edit; `measured` is what is known already, by metric."""
    rows: list[Measurement] = []
    with share_results(image):
        for metric in metrics:
            if metric.name not in prepared.parts:
                rows += reasons(metric, metric.missing(prepared.reference))
            elif metric.name in measured:
                rows += measured[metric.name]
            else:
                rows += _call_metric(metric, _alone, metric, prepared.parts[metric.name], image)
    return tuple(rows)


def _alone(metric: Metric, part: Any, image: Image) -> list[Measurement]:
    return [_measurement(metric, value) for value in metric.measure(part, image)]


def _together(metric: Metric, part: Any, images: Sequence[Image]) -> list[list[Measurement]]:
    """The rows of every image."""
    tables = metric.measure_many(part, images) if metric.measure_many else []
    if len(tables) != len(images):
        raise ValueError(f"measure_many gave {len(tables)} tables of {len(images)} pictures")
    return [[_measurement(metric, value) for value in values] for values in tables]


def _measurement(metric: Metric, value: Value) -> Measurement:
    """A row of the table; a number that the metric says it can't give is none."""
    number, reason = None if value.value is None else float(value.value), value.reason
    if number is not None and (fault := metric.impossible(number)):
        number, reason = None, f"the metric gave {fault}"
    y, x = (None if place is None else int(place) for place in (value.y, value.x))
    return Measurement(
        metric.identity, value.region, value.stat, number, metric.unit_of(value.stat), reason, y, x
    )


def _call_metric(metric: Metric, function: Callable[..., T], *arguments: Any) -> T:
    """What a metric's function gives; whatever it raises becomes an error that names it."""
    try:
        return function(*arguments)
    except EditproofError:
        raise
    except Exception as error:  # anybody's code
        raise IncompleteError(
            f"the metric {metric.identity} failed: {join_one_line(error)}"
        ) from error


def reasons(metric: Metric, reason: str) -> tuple[Measurement, ...]:
    """What stands in the table where a metric could not measure."""
    values = unmeasured_values(metric.regions, metric.stats, reason)
    return tuple(
        Measurement(metric.identity, v.region, v.stat, None, metric.unit_of(v.stat), reason)
        for v in values
    )


def as_delivered(image: Image) -> Image:
    """The picture after rounding to 8 bits: what is stored, looked at and measured."""
    return np.asarray(np.round(image * 255) / 255, np.float32)
