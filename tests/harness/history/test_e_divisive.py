"""Change points: against the definition, another library, and series that are published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import ruptures
from scipy import stats

from editproof.harness.history.e_divisive import (
    LEAST_NIGHTS,
    find_places,
    find_split,
)
from editproof.harness.history.e_divisive import (
    compare_means as welch,
)

Values = npt.NDArray[np.float64]

NILE = np.array([
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180,
    799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833,
    701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845,
    864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649,
    846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815,
    1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
], np.float64)  # fmt: skip
"""The flow of the Nile at Aswan, 1871 to 1970 (Cobb 1978): it fell in 1899, after 28 years."""


def measure_energy(left: Values, right: Values) -> float:
    """As Matteson and James define it, sum by sum."""

    def mean_distance(values: Values) -> float:
        count = len(values)
        total = sum(abs(values[i] - values[k]) for k in range(count) for i in range(k))
        return float(total) / (count * (count - 1) / 2)

    m, n = len(left), len(right)
    between = float(np.mean([abs(a - b) for a in left for b in right]))
    return m * n / (m + n) * (2 * between - mean_distance(left) - mean_distance(right))


@pytest.mark.parametrize("count", [4, 5, 9, 17])
def test_the_split_is_the_best_of_all_splits_and_windows(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    energies = {
        (place, end): measure_energy(values[:place], values[place:end])
        for place in range(LEAST_NIGHTS, count - LEAST_NIGHTS + 1)
        for end in range(place + LEAST_NIGHTS, count + 1)
    }
    split = find_split(values)
    assert split is not None
    assert max(energies, key=lambda pair: energies[pair]) == (split.place, split.end)
    assert split.energy == pytest.approx(energies[split.place, split.end], abs=1e-9)


def test_a_short_stretch_has_no_split() -> None:
    assert find_split(np.array([0.0, 1.0, 5.0])) is None


def test_welch_uses_sample_variances_and_the_shorter_side() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.normal(0, 1, 6), rng.normal(1, 3, 4)
    t = stats.ttest_ind(before, after, equal_var=False).statistic
    assert welch(before, after) == pytest.approx(2 * stats.t.sf(abs(t), df=3))
    assert welch(np.zeros(3), np.ones(3)) == 0
    assert welch(np.zeros(3), np.zeros(3)) == 1
    assert welch(np.zeros(1), np.ones(3)) == 1


def test_the_nile_fell_after_1898() -> None:
    assert [place for place, _ in find_places(NILE, 0.001)] == [28]


@pytest.mark.parametrize("seed", range(6))
def test_steps_are_where_ruptures_finds_them(seed: int) -> None:
    """Optimal partitioning knows how many there are; we don't."""
    signal, ends = ruptures.pw_constant(120, 1, 3, noise_std=0.3, delta=(2, 4), seed=seed)
    values = signal[:, 0]
    found = [place for place, _ in find_places(values, 0.001)]
    optimal = ruptures.Dynp(model="l2", min_size=2, jump=1).fit(values).predict(n_bkps=3)
    assert found == optimal[:-1]
    assert np.allclose(found, ends[:-1], atol=1)


def test_a_change_that_came_back_is_two() -> None:
    values = np.random.default_rng(3).normal(0, 0.1, 60)
    values[20:30] += 1
    assert [place for place, _ in find_places(values, 0.001)] == [20, 30]


def test_small_changes_are_taken_out() -> None:
    values = np.random.default_rng(4).normal(0, 0.02, 60)
    values[30:] += 0.3
    assert find_places(values, 0.001)
    assert not find_places(values, 0.001, least_size=0.5)


def test_where_nothing_changed_p_is_seldom_small() -> None:
    """p is valid although the best place was chosen: 5 % are below 0.05, or fewer."""
    rng = np.random.default_rng(5)
    found = [find_places(rng.normal(size=40), 0.05) for _ in range(200)]
    assert np.mean([bool(places) for places in found]) <= 0.07
