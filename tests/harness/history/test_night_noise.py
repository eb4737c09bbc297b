"""What seeds tell of the noise from night to night."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from editproof.harness.history.night_noise import (
    LEAST_SERIES,
    NO_PRIOR,
    Prior,
    SeedErrors,
    find_priors,
    moderate,
)

Values = npt.NDArray[np.float64]


def make(
    series: int = 200, nights: int = 20, factor: float = 1.0, scatter: float = 0.0, seed: int = 0
) -> tuple[list[Values], list[SeedErrors]]:
    """Series with standard deviations from 0.1 to 1, and the errors that their seeds tell: the same
    over `factor`, which differs from series to series by `scatter`.
    """
    rng = np.random.default_rng(seed)
    spreads = rng.uniform(0.1, 1, series)
    own = factor * np.exp(scatter * rng.normal(size=series))
    values = [rng.normal(0, spread, nights) for spread in spreads]
    told = zip(spreads / own, rng.chisquare(10, (series, nights)) / 10, strict=True)
    freedom = np.full(nights, 10.0)
    return values, [SeedErrors(spread * np.sqrt(noise), freedom) for spread, noise in told]


@pytest.mark.parametrize("factor", [0.2, 1, 3])
def test_where_seeds_tell_it_the_prior_is_worth_much(factor: float) -> None:
    """By which factor is found from the series themselves."""
    values, errors = make(factor=factor)
    priors = find_priors(values, errors, ["m"] * len(values))
    ratios = [
        prior.variance / factor**2 / np.square(own.errors).mean()
        for prior, own in zip(priors, errors, strict=True)
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)
    assert 50 < priors[0].freedom <= 20 * 10


def test_where_seeds_tell_little_it_is_worth_little() -> None:
    values, errors = make(scatter=1.0)
    assert find_priors(values, errors, ["m"] * len(values))[0].freedom < 3


def test_models_are_looked_at_one_by_one() -> None:
    values, errors = make(scatter=1.0)
    more, told = make(seed=1)
    names = ["bad"] * len(values) + ["good"] * len(more)
    priors = find_priors([*values, *more], [*errors, *told], names)
    assert priors[0].freedom < 3
    assert priors[-1].freedom > 50


def test_a_step_of_every_series_does_not_hide_itself() -> None:
    """A new checkpoint changes all of a model's series in one night."""
    values, errors = make()
    changed = [np.where(np.arange(20) >= 17, own + 5, own) for own in values]
    before = find_priors(values, errors, ["m"] * len(values))
    after = find_priors(changed, errors, ["m"] * len(values))
    assert after[0].variance < 20 * before[0].variance


def test_few_series_bit_equal_nights_and_single_seeds_have_none() -> None:
    values, errors = make(LEAST_SERIES - 1)
    assert set(find_priors(values, errors, ["m"] * len(values))) == {NO_PRIOR}
    values, errors = make(9)
    unknown = [SeedErrors(np.full(20, np.nan), own.freedom) for own in errors]
    assert set(find_priors(values, unknown, ["m"] * 9)) == {NO_PRIOR}
    equal = [np.zeros(20) for _ in values]
    assert set(find_priors(equal, errors, ["m"] * 9)) == {NO_PRIOR}


def test_a_variance_is_moderated_by_what_is_known() -> None:
    assert moderate(2.0, 4, NO_PRIOR) == (2.0, 4)
    assert moderate(2.0, 4, Prior(1.0, 12.0)) == pytest.approx((1.25, 16))


def test_nights_that_disagree_with_it_are_taken_as_they_are() -> None:
    """One odd night among two."""
    assert moderate(100.0, 1, Prior(1.0, 200.0)) == (100.0, 1)
