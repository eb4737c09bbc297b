"""What a history shows: change points and drifts of every series of a suite, worst first.

Change points come from `e_divisive.py`, and where nights are bit-equal from the nights themselves.
All series are tested together: Benjamini and Hochberg's procedure holds the share of false change
points (`false_discovery`). Between two change points the sum of `cusum.py` looks for drift.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from editproof.harness.history import cusum, e_divisive
from editproof.harness.history.night_noise import Prior, SeedErrors, find_priors
from editproof.harness.history.series import SeriesTable, find_segments, number_environments
from editproof.harness.metrics.core.visibility import WORST_JOD
from editproof.harness.records.nights import (
    ChangePoint,
    Drift,
    FlakyCase,
    Segment,
    SeriesTrend,
    Trends,
)

Values = npt.NDArray[np.float64]

FALSE_DISCOVERY = 0.003
"""The share of false change points that is accepted, over all series of the suite."""

YEARS_APART = 10
"""From one false alarm of drift to the next, over all series of the suite together."""

LEAST_SIZE = 0.5
"""Margins: the least change of level that is a change point. Half of what can be seen: a change of
just one margin is not always measured as one.
"""

LEAST_EXACT = 0.1
"""Margins: the least change between bit-equal nights, where the picture changed visibly. An aspect
that moved less is not what changed.
"""


@dataclass(frozen=True)
class _Stretch:
    """A segment of a series, without gaps."""

    row: int
    """Of its series."""
    nights: tuple[int, ...]
    values: Values
    jods: Values
    prior: Prior
    """What is known of its noise beside its nights."""
    is_exact: bool
    """Whether most of its nights are bit-equal to the night before."""


@dataclass(frozen=True)
class _Found:
    """What was found in a stretch. Nights are places in the stretch."""

    stretch: _Stretch
    places: e_divisive.Places
    alarms: tuple[cusum.Alarm, ...] = ()

    def list_levels(self) -> list[tuple[int, Values]]:
        """Where each level begins, and its values."""
        values = self.stretch.values
        edges = [0, *(place for place, _ in self.places), len(values)]
        return [(start, values[start:end]) for start, end in itertools.pairwise(edges)]


def find_trends(suite: str, table: SeriesTable, flaky: Sequence[FlakyCase] = ()) -> Trends:
    """What the series of a suite show."""
    environments = number_environments(table.nights)
    segments = [
        find_segments(table.nights, environments, values, made_of)
        for values, made_of in zip(table.values, table.made_of, strict=True)
    ]
    stretches = _take_stretches(table, segments)
    run_length = max(len(table.keys), 1) * YEARS_APART * 365
    by_row: dict[int, list[_Found]] = {}
    for found in _find_drifts(_find_places(stretches), cusum.find_limit(run_length)):
        by_row.setdefault(found.stretch.row, []).append(found)
    series = [
        _describe(table, row, segments[row], by_row.get(row, [])) for row in range(len(table.keys))
    ]
    return Trends(
        suite,
        table.nights,
        tuple(sorted(series, key=_rank)),
        tuple(flaky),
        FALSE_DISCOVERY,
        run_length,
    )


def _take_stretches(table: SeriesTable, segments: Sequence[Sequence[Segment]]) -> list[_Stretch]:
    """Every segment of every series."""
    taken = [(row, list(one.nights)) for row, own in enumerate(segments) for one in own]
    values = [table.values[row, nights] for row, nights in taken]
    priors = find_priors(
        values,
        [
            SeedErrors(table.errors[row, nights], table.freedom[row, nights])
            for row, nights in taken
        ],
        [table.keys[row][1] for row, _ in taken],
    )
    return [
        _Stretch(row, tuple(nights), own, table.jods[row, nights], prior, _is_exact(own))
        for (row, nights), own, prior in zip(taken, values, priors, strict=True)
    ]


def _is_exact(values: Values) -> bool:
    equal = int((np.diff(values) == 0).sum())
    return len(values) > 1 and 2 * equal >= len(values) - 1


def _find_places(stretches: Sequence[_Stretch]) -> list[_Found]:
    """Places of change of each stretch, all tested together."""
    found = [
        _Found(
            one,
            _find_exact(one)
            if one.is_exact
            else e_divisive.find_places(one.values, least_size=LEAST_SIZE, prior=one.prior),
        )
        for one in stretches
    ]
    most = _find_most_p([p for _, p in one.places] for one in found if not one.stretch.is_exact)
    return [
        one
        if one.stretch.is_exact
        else replace(
            one,
            places=e_divisive.keep_places(
                one.stretch.values,
                [place for place, _ in one.places],
                most,
                LEAST_SIZE,
                one.stretch.prior,
            ),
        )
        for one in found
    ]


def _find_exact(stretch: _Stretch) -> e_divisive.Places:
    """Nights of a bit-equal stretch that are visibly another than the night before."""
    sizes = np.abs(np.diff(stretch.values))
    seen = np.nan_to_num(np.abs(np.diff(stretch.jods)))
    visible = (sizes >= LEAST_SIZE) | ((sizes >= LEAST_EXACT) & (seen >= WORST_JOD))
    return tuple((int(place) + 1, 0.0) for place in np.flatnonzero(visible))


def _find_most_p(found: Iterable[Sequence[float]]) -> float:
    """The largest p that counts, by Benjamini and Hochberg; below 0: none does. A stretch without a
    place is a test that found nothing.
    """
    from scipy.stats import false_discovery_control

    p = np.array([one for own in found for one in (own or (1.0,))])
    if not len(p):
        return -1.0
    kept = p[false_discovery_control(p, method="bh") <= FALSE_DISCOVERY]
    return float(kept.max()) if len(kept) else -1.0


def _find_drifts(found: Sequence[_Found], limit: float) -> list[_Found]:
    """The drifts of each stretch, looked for on each of its levels."""
    levels = [
        (at, start, values) for at, one in enumerate(found) for start, values in one.list_levels()
    ]
    alarms: list[list[cusum.Alarm]] = [[] for _ in found]
    drifts = cusum.find_drifts(
        [values for _, _, values in levels], limit, [found[at].stretch.prior for at, _, _ in levels]
    )
    for (at, start, _), own in zip(levels, drifts, strict=True):
        alarms[at] += [cusum.Alarm(start + one.since, start + one.night) for one in own]
    return [replace(one, alarms=tuple(own)) for one, own in zip(found, alarms, strict=True)]


def _describe(
    table: SeriesTable, row: int, segments: tuple[Segment, ...], found: Sequence[_Found]
) -> SeriesTrend:
    points = [point for one in found for point in _make_points(one)]
    drifts = [drift for one in found for drift in _make_drifts(one)]
    newest = max(found, key=lambda one: one.stretch.nights[-1], default=None)
    family, model, aspect = table.keys[row]
    return SeriesTrend(
        family,
        model,
        aspect,
        _list_values(table.values[row]),
        _measure_noise(newest) if newest else 0.0,
        segments,
        tuple(sorted(points, key=lambda one: one.night)),
        tuple(sorted(drifts, key=lambda one: one.night)),
        _measure_loss(newest) if newest else 0.0,
        _list_values(table.accepted[row]),
    )


def _list_values(values: Values) -> tuple[float | None, ...]:
    """Values without NaN; empty: there is none."""
    if np.isnan(values).all():
        return ()
    return tuple(None if np.isnan(value) else float(value) for value in values)


def _measure_noise(found: _Found) -> float:
    """Standard deviation within the levels."""
    levels = [values for _, values in found.list_levels()]
    freedom = sum(len(values) - 1 for values in levels)
    squares = sum(float(np.square(values - values.mean()).sum()) for values in levels)
    return (squares / freedom) ** 0.5 if freedom else 0.0


def _make_points(found: _Found) -> list[ChangePoint]:
    means = [float(values.mean()) for _, values in found.list_levels()]
    nights = found.stretch.nights
    points = [
        ChangePoint(nights[place], nights[place - 1], after - before, p)
        for (place, p), (before, after) in zip(found.places, itertools.pairwise(means), strict=True)
    ]
    return [
        replace(point, recovered=_find_recovery(points[at + 1 :], means[at], means[at + 2 :]))
        for at, point in enumerate(points)
    ]


def _find_recovery(
    later: Sequence[ChangePoint], level: float, means: Sequence[float]
) -> int | None:
    """The night at which a later change brought the level back."""
    return next(
        (
            point.night
            for point, mean in zip(later, means, strict=True)
            if abs(mean - level) < LEAST_SIZE
        ),
        None,
    )


def _make_drifts(found: _Found) -> list[Drift]:
    stretch = found.stretch
    starts = [start for start, _ in found.list_levels()]
    drifts: list[Drift] = []
    for at, alarm in enumerate(found.alarms):
        earlier = [one.night for one in found.alarms[:at]]
        first = max(start for start in (*starts, *earlier) if start <= alarm.since)
        before = float(stretch.values[first : alarm.since + 1].mean())
        size = float(stretch.values[alarm.night]) - before
        drifts.append(Drift(stretch.nights[alarm.since], stretch.nights[alarm.night], size))
    return drifts


def _measure_loss(found: _Found) -> float:
    """How much worse the last level is than the first; 0: nothing was found."""
    if not found.places and not found.alarms:
        return 0.0
    values = found.stretch.values
    changes = [place for place, _ in found.places]
    first = min([*changes, *(alarm.since + 1 for alarm in found.alarms)])
    last = max([*changes, *(alarm.night for alarm in found.alarms)])
    return float(values[last:].mean() - values[:first].mean())


def _rank(trend: SeriesTrend) -> tuple[object, ...]:
    """Worst first; then what changed and came back; then by name."""
    is_found = bool(trend.points or trend.drifts)
    return (-round(trend.loss, 9) if trend.loss > 0 else 0.0, not is_found, trend.name)
