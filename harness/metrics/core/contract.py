"""What every metric must satisfy, ours and those of other packages. It is checked on the golden
pair before the metric is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache

from editproof.harness.metrics.core.golden import check_golden, get_pair
from editproof.harness.metrics.core.metric import Metric, Value, require_part
from editproof.harness.records.errors import EditproofError, IncompleteError, join_one_line


@cache
def check_metric(metric: Metric) -> None:
    """Raise IncompleteError unless the metric satisfies its own declaration and has the right
    values on the golden pair.

    A metric that does is checked once in each process.
    """
    try:
        found = next(find_problems(metric), "")
    except EditproofError:
        raise
    except Exception as error:  # anybody's code
        raise IncompleteError(
            f"the metric {metric.identity} can't be used: it failed: {join_one_line(error)}"
        ) from error
    if found:
        raise IncompleteError(f"the metric {metric.identity} can't be used: {found}")
    check_golden(metric)


def find_problems(metric: Metric) -> Iterator[str]:
    """Say what is wrong with a metric, the first problem first."""
    reference, actual = get_pair(metric)
    if metric.missing(reference):
        return
    prepared = metric.prepare(reference)
    values = metric.measure(prepared, actual)
    yield from _find_undeclared(metric, values)
    yield from _find_impossible(metric, values)
    if metric.measure(prepared, actual) != values:
        yield "the same picture, measured twice, gives two numbers"
    if "expected" in metric.needs:
        yield from _find_imperfect(
            metric, metric.measure(prepared, require_part(reference.expected))
        )


def _find_undeclared(metric: Metric, values: Sequence[Value]) -> Iterator[str]:
    """Regions whose statistics differ from the declared ones."""
    for region in metric.regions:
        stats = tuple(value.stat for value in values if value.region == region)
        if stats != metric.stats:
            yield (
                f"in {region} it returns {', '.join(stats) or 'nothing'}, but it declares"
                f" {', '.join(metric.stats)}"
            )


def _find_impossible(metric: Metric, values: Sequence[Value]) -> Iterator[str]:
    """Values outside the metric's range, and values without either a number or a reason."""
    for value in values:
        if (value.value is None) != bool(value.reason):
            yield (
                f"{value.stat} in {value.region} has"
                f" {'no value and no reason' if value.value is None else 'both'}"
            )
        elif value.value is not None and (fault := metric.impossible(value.value)):
            yield f"{value.stat} in {value.region} is {fault}"


def _find_imperfect(metric: Metric, values: Sequence[Value]) -> Iterator[str]:
    """Values of the right answer itself that are not the best possible."""
    best = metric.range[1] if metric.better == "higher" else 0.0
    for value in values:
        if value.value is not None and not math.isclose(
            value.value, best, rel_tol=1e-6, abs_tol=1e-6
        ):
            yield (
                f"{value.stat} in {value.region} of the right answer itself is {value.value:g}; it"
                f" should be {best:g}"
            )
