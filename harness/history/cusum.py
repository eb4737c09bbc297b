"""Drift: many small changes in one direction, none of which anybody would call a change.

Each night is held against the nights before it. What it is off, in standard deviations, beyond an
allowance, is added up, for each direction by itself, and never falls below 0: a cumulative sum
(Page 1954). A sum above the limit is an alarm. Mean and standard deviation come from the nights
themselves, so the sum needs no trial period (self-starting, Hawkins 1987): each night is compared
with all before it by Student's t, and its p is turned into a standard normal number. What the seeds
tell of the noise counts as further degrees of freedom (`night_noise.py`).

The limit follows from the run length: the nights from one false alarm to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.history.night_noise import NO_PRIOR, Prior

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ALLOWANCE = 1.0
"""Standard deviations that a night may be off before anything is added up: half of the shift that
is found fastest.
"""

LEAST_SPREAD = 0.1
"""Margins: no night is held to less, and nights that are bit-equal are held to this."""

MOST_SCORE = 5.0
"""Standard deviations that one night counts at most. Where the limit is low it counts less: one odd
night alone is not drift.
"""

MOST_LEARNT = 4.0
"""Standard deviations up to which a night is learnt from: a changed night does not hide the next.
"""


class Alarm(NamedTuple):
    """Where the sum passed the limit: places in the stretch."""

    since: int
    """The last night before the sum began to rise."""
    night: int
    """The night at which it passed the limit."""


def find_limit(run_length: float) -> float:
    """The limit at which a two-sided sum of normal numbers gives one false alarm in so many
    nights.
    """
    from scipy.optimize import brentq

    return float(brentq(lambda limit: measure_run_length(limit) - run_length, 0, 300))


def measure_run_length(limit: float, allowance: float = ALLOWANCE) -> float:
    """Nights from one false alarm to the next, both directions together, by the approximation of
    Siegmund (1985).
    """
    reach = 2 * allowance * (limit + 1.166)
    return (math.exp(reach) - reach - 1) / (4 * allowance**2)


def find_drifts(
    stretches: Sequence[Values], limit: float, priors: Sequence[Prior] = ()
) -> list[tuple[Alarm, ...]]:
    """The alarms of each stretch, in their order. A stretch has no gaps. `priors`: of each what is
    known of its noise; empty: nothing.

    After an alarm the sum begins again, with that night as the first of its level.
    """
    found: list[list[Alarm]] = [[] for _ in stretches]
    moving = [row for row, values in enumerate(stretches) if len(values) > 2 and np.ptp(values)]
    if moving:
        known = [priors[row] if priors else NO_PRIOR for row in moving]
        sums = _Sums(known, limit)
        longest = max(len(stretches[row]) for row in moving)
        for night in range(longest):
            values = np.array(
                [stretches[row][night] if night < len(stretches[row]) else np.nan for row in moving]
            )
            for place, since in sums.add(night, values):
                found[moving[place]].append(Alarm(since, night))
    return [tuple(alarms) for alarms in found]


class _Sums:
    """The sums of many stretches, night by night."""

    def __init__(self, priors: Sequence[Prior], limit: float) -> None:
        stretches = len(priors)
        self._prior = np.array([prior.variance for prior in priors])
        self._prior_freedom = np.array([prior.freedom for prior in priors])
        self._limit = limit
        self._most = min(MOST_SCORE, limit + ALLOWANCE)
        self._nights = np.zeros(stretches)
        """That were learnt from."""
        self._mean = np.zeros(stretches)
        self._squares = np.zeros(stretches)
        self._sums = np.zeros((2, stretches))
        self._since = np.zeros((2, stretches), np.intp)

    def add(self, night: int, values: Values) -> list[tuple[int, int]]:
        """Add a night, NaN where a stretch has ended. Give each alarm: its stretch, and the night
        before its sum began to rise.
        """
        there = ~np.isnan(values)
        freedom = self._find_freedom()
        squares = self._squares + self._prior * self._prior_freedom
        spread = np.sqrt(squares / freedom)
        held_to = np.maximum(spread, LEAST_SPREAD)
        off = np.where(there, (values - self._mean) / held_to, 0.0)
        judged = there & (self._nights >= 2)
        score = np.where(judged, _score(off, freedom, self._nights, spread == 0), 0.0)
        score = np.clip(score, -self._most, self._most)
        for side, turned in enumerate((score, -score)):
            self._sums[side] = np.maximum(0.0, self._sums[side] + turned - ALLOWANCE)
            self._since[side] = np.where(self._sums[side] > 0, self._since[side], night)
        self._learn(values, off * held_to, spread, judged)
        return self._take_alarms(night, values)

    def _find_freedom(self) -> Values:
        own = np.maximum(self._nights - 1, 0)
        return np.asarray(np.maximum(own + self._prior_freedom, 1), np.float64)

    def _learn(self, values: Values, off: Values, spread: Values, judged: Flags) -> None:
        from scipy.special import ndtr, stdtrit

        freedom = self._find_freedom()
        most = stdtrit(freedom, ndtr(MOST_LEARNT)) * np.sqrt(1 + 1 / np.maximum(self._nights, 1))
        reach = np.where(spread > 0, most, MOST_LEARNT) * np.maximum(spread, LEAST_SPREAD)
        learnt = np.where(judged, np.clip(off, -reach, reach), off)
        self._nights += ~np.isnan(values)
        self._mean += learnt / np.maximum(self._nights, 1)
        self._squares += learnt**2 * (self._nights - 1) / np.maximum(self._nights, 1)

    def _take_alarms(self, night: int, values: Values) -> list[tuple[int, int]]:
        side = self._sums.argmax(axis=0)
        places = np.flatnonzero(self._sums.max(axis=0) > self._limit)
        alarms = [(int(place), int(self._since[side[place], place])) for place in places]
        self._nights[places], self._mean[places], self._squares[places] = 1, values[places], 0
        self._sums[:, places], self._since[:, places] = 0, night
        return alarms


def _score(off: Values, freedom: Values, nights: Values, is_exact: Flags) -> Values:
    """Nights as standard normal numbers, from how far they are off the mean of the nights before.
    `is_exact`: these were bit-equal, so their spread is known.
    """
    from scipy.special import ndtri, stdtr

    reach = np.sqrt(1 + 1 / np.maximum(nights, 1))
    tail = np.maximum(stdtr(freedom, -np.abs(off) / reach), 1e-300)
    score = np.where(is_exact, off, np.sign(off) * -ndtri(tail))
    return np.asarray(score, np.float64)
