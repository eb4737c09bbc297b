"""How far a series moves from night to night while nothing changes.

A few nights tell that badly. Their seeds tell it, too: the mean of a night moves by the spread
between its seeds over the root of their number. How well that holds is measured over all series of
a model, and counts as so many degrees of freedom (Smyth 2004, doi:10.2202/1544-6115.1027). They are
none where seeds say nothing of the nights, so then only the nights count. They are at most those
of the spread between the seeds itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

LEAST_SERIES = 5
"""Series of a model: fewer can't say how well their seeds tell."""

ODD_P = 0.001
"""How unlikely nights may be by what their seeds tell; else it does not hold for them."""


class Prior(NamedTuple):
    """What is known of the variance of a stretch before its nights are looked at."""

    variance: float
    freedom: float
    """How many degrees of freedom it is worth; 0: nothing is known."""


NO_PRIOR = Prior(0.0, 0.0)


class SeedErrors(NamedTuple):
    """What seeds tell of the nights of a stretch."""

    errors: Values
    """Standard error of each night's score; NaN: not known."""
    freedom: Values
    """Degrees of freedom of each error."""


def find_priors(
    stretches: Sequence[Values], errors: Sequence[SeedErrors], models: Sequence[Hashable]
) -> list[Prior]:
    """The prior of each stretch. `models`: equal where the seeds of two stretches tell equally
    well.
    """
    priors = [NO_PRIOR] * len(stretches)
    told = [_average_squares(own.errors) for own in errors]
    measured = [_average_squares(_pair_nights(own)) for own in stretches]
    groups: dict[Hashable, list[int]] = {}
    for place, model in enumerate(models):
        if told[place] and measured[place]:
            groups.setdefault(model, []).append(place)
    for places in groups.values():
        if len(places) < LEAST_SERIES:
            continue
        ratios = np.array([measured[place] / told[place] for place in places])
        pairs = np.array([len(stretches[place]) // 2 for place in places], np.float64)
        scale, freedom = _fit(np.log(ratios), pairs)
        for place in places:
            own = errors[place]
            most = float(own.freedom[~np.isnan(own.errors)].sum())
            priors[place] = Prior(scale * told[place], min(freedom, most))
    return priors


def moderate(variance: float, freedom: int, prior: Prior) -> tuple[float, float]:
    """A sample variance and its degrees of freedom, together with the prior; without it where the
    sample is too odd for it.
    """
    from scipy.special import fdtrc

    if not prior.freedom or fdtrc(freedom, prior.freedom, variance / prior.variance) < ODD_P:
        return variance, freedom
    both = prior.freedom + freedom
    return (prior.freedom * prior.variance + freedom * variance) / both, both


def _pair_nights(values: Values) -> Values:
    """Of each two nights the difference, as a standard normal number times the standard deviation:
    a change of level is in one of them at most.
    """
    pairs = values[: len(values) // 2 * 2].reshape(-1, 2)
    return np.asarray((pairs[:, 1] - pairs[:, 0]) / np.sqrt(2), np.float64)


def _average_squares(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(np.square(known).mean()) if len(known) else 0.0


def _fit(logs: Values, freedom: Values) -> tuple[float, float]:
    """Scale and degrees of freedom of the F distribution that variances of so many degrees of
    freedom come from, given their logarithms.
    """
    from scipy.special import digamma, polygamma

    centred = logs - digamma(freedom / 2) + np.log(freedom / 2)
    mean = float(centred.mean())
    most = float(freedom.sum())
    beyond = float(centred.var(ddof=1) - polygamma(1, freedom / 2).mean())
    fitted = min(2 * _invert_trigamma(beyond), most) if beyond > 0 else most
    return float(np.exp(mean + digamma(fitted / 2) - np.log(fitted / 2))), fitted


def _invert_trigamma(value: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import polygamma

    low, high = 1 / (1 + value) / 2, 1 / value + 1
    return float(brentq(lambda x: float(polygamma(1, x)) - value, low, high))
