"""The statistics of a comparison: pure functions on arrays of paired changes. Rules are rows, cases
are columns.

A *change* is what a case's measurement changed by against the baseline, turned so that above 0 is
worse; NaN: the rule has no such number for that case. A *scene* is one step of a family, or
one of the user's own cases. Its columns are its seeds.

A t-test of its paired changes says whether a family got worse. A rerun draws as the accepted run
drew, so clean changes are symmetric about 0, whatever a metric's own distribution is. For those a
t-test is cautious at levels below 8 %, also where scenes differ in their noise (Ibragimov & Müller
2010, doi:10.1198/jbes.2009.08046). A sign-flip test would need no assumption. But 9 pairs never get
below p = 0.002 by it, and dozens of rules at a time need less.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.records.vocabulary import Better

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.intp]

CONFIDENCE = 0.95
"""Of the intervals that findings show: two-sided, not corrected."""

MOST_SEEDS = 100
"""Beyond so many seeds, more of them are no advice."""

TRUST = 0.5
"""Degrees of freedom that each scene lends the common variance at most: a few scenes that happen to
agree prove little.
"""

MOST_FREEDOM = 1000.0
"""Scenes whose noise is taken for one and the same have so many degrees of freedom."""


class Scenes(NamedTuple):
    """Which columns are seeds of one scene."""

    order: Counts
    """Columns, scene by scene."""
    starts: Counts
    """Where each scene begins in `order`."""
    of_column: Counts
    """Each column's scene."""

    def sum_by_scene(self, values: Values) -> Values:
        """Rules × scenes: sums over each scene's seeds."""
        return np.asarray(np.add.reduceat(values[:, self.order], self.starts, axis=1), np.float64)


class Means(NamedTuple):
    """The mean change of every rule over all its cases, and how sure it is. NaN: nothing to say it
    from.
    """

    samples: Counts
    mean: Values
    spread: Values
    """Standard deviation of one change."""

    @property
    def error(self) -> Values:
        """Standard error of the mean."""
        return np.asarray(self.spread / np.sqrt(np.maximum(self.samples, 1)), np.float64)

    @property
    def _freedom(self) -> Values:
        return np.asarray(self.samples - 1, np.float64)

    def p(self) -> Values:
        """How likely such a mean is, or a larger one, where nothing changed: one-sided. NaN: one
        sample can't say.
        """
        return tail_probability(self.mean, self.error, self._freedom)

    def interval(self) -> tuple[Values, Values]:
        """Both ends of the 95 % confidence interval of the mean."""
        reach = quantile(0.5 + CONFIDENCE / 2, self._freedom) * self.error
        return self.mean - reach, self.mean + reach


def measure_worsening(now: Values, then: Values, better: Better) -> Values:
    """How much worse `now` is, in the metric's unit; below 0: better."""
    if better == "higher":
        return then - now
    return now - then if better == "lower" else np.abs(now) - np.abs(then)


def measure_badness(values: Values, better: Better) -> Values:
    """The values, turned so that more is worse."""
    return measure_worsening(values, np.zeros(1), better)


def group_scenes(labels: npt.NDArray[Any]) -> Scenes:
    """Group columns by their scene's label; there must be one at least."""
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    of_column = np.empty(len(order), np.intp)
    of_column[order] = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(order)]))
    return Scenes(order, starts, of_column)


def means(changes: Values) -> Means:
    """The mean change of every rule."""
    samples = (~np.isnan(changes)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(changes, axis=1) / samples
        spread = np.sqrt(np.nansum((changes - mean[:, None]) ** 2, axis=1) / (samples - 1))
    return Means(
        samples, np.where(samples > 0, mean, np.nan), np.where(samples > 1, spread, np.nan)
    )


def noise(changes: Values, scenes: Scenes) -> tuple[Values, Counts]:
    """Standard deviation of one change between the seeds of a scene, pooled over scenes, and its
    degrees of freedom.

    NaN and 0: no scene has two seeds.
    """
    there = ~np.isnan(changes)
    filled = np.where(there, changes, 0.0)
    count = scenes.sum_by_scene(there.astype(np.float64))
    centre = scenes.sum_by_scene(filled) / np.maximum(count, 1)
    residual = np.where(there, filled - centre[:, scenes.of_column], 0.0)
    freedom = np.maximum(count - 1, 0).sum(axis=1).astype(np.intp)
    squares = (residual**2).sum(axis=1)
    return np.where(freedom > 0, np.sqrt(squares / np.maximum(freedom, 1)), np.nan), freedom


def tail_probability(mean: Values, error: Values, freedom: Values) -> Values:
    """How likely a mean this large or larger is by chance: Student's t. Without any spread a change
    above 0 is certain.
    """
    from scipy.special import stdtr

    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(error > 0, mean / error, np.where(mean > 0, np.inf, 0.0))
    return np.asarray(np.where(np.isnan(error), np.nan, stdtr(freedom, -t)), np.float64)


def two_sided_probability(change: Values, error: Values, freedom: Values) -> Values:
    """How likely a change this large is by chance, either way; NaN without a degree of freedom."""
    told = np.where(freedom > 0, error, np.nan)
    return np.asarray(np.minimum(2 * tail_probability(np.abs(change), told, freedom), 1.0), float)


def quantile(level: float, freedom: Values) -> Values:
    """Student's t that a share `level` stays below; NaN without a degree of freedom."""
    from scipy.special import stdtrit

    return np.asarray(
        np.where(freedom > 0, stdtrit(np.maximum(freedom, 1), level), np.nan), np.float64
    )


def correct_by_holm(p: Values) -> Values:
    """Correct each p for all that are known (Holm 1979). NaN stays NaN.

    The chance of any false alarm in the run is then at most the level that they are compared with.
    The rules may depend on each other.
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    ranked = known[np.argsort(p[known], kind="stable")]
    factors = len(ranked) - np.arange(len(ranked))
    adjusted[ranked] = np.minimum(np.maximum.accumulate(p[ranked] * factors), 1.0)
    return adjusted


def shrink_variances(variance: Values, freedom: Values) -> tuple[Values, Values]:
    """The variances of scenes × aspects, drawn towards their common one, and their degrees of
    freedom (Smyth 2004).
    """
    from scipy.special import digamma, polygamma

    drawn, free = (
        np.array(variance),
        np.repeat(freedom[:, None], variance.shape[1], axis=1).astype(np.float64),
    )
    for column in range(variance.shape[1]):
        known = (freedom > 0) & (variance[:, column] > 0)
        if known.sum() < 3:
            continue
        half = freedom[known] / 2
        logs = np.log(variance[known, column]) - digamma(half) + np.log(half)
        spread = float(logs.var(ddof=1) - polygamma(1, half).mean())
        prior = 2 * _inverse_trigamma(spread) if spread > 0 else MOST_FREEDOM
        prior = min(prior, TRUST * float(known.sum()))
        common = math.exp(float(logs.mean()) + float(digamma(prior / 2)) - math.log(prior / 2))
        own = np.where(np.isnan(variance[:, column]), 0.0, variance[:, column])
        drawn[:, column] = (prior * common + freedom * own) / (prior + freedom)
        free[:, column] = prior + freedom
    return np.where(np.isnan(variance), np.nan, drawn), free


def _inverse_trigamma(value: float) -> float:
    """By Newton's method, as Smyth gives it."""
    from scipy.special import polygamma

    found = 0.5 + 1 / value
    for _ in range(20):
        step = float(polygamma(1, found))
        found += step * (1 - step / value) / float(polygamma(2, found))
    return found
