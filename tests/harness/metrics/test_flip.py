"""flip: that its package is asked rightly, and pooled over regions."""

from __future__ import annotations

import numpy as np
import pytest
from flip_evaluator import evaluate

from editproof.harness.metrics.structure.flip import FLIP, flip_map
from tests.harness.metrics.planted import (
    add_noise,
    deliver,
    measure_all,
    measure_whole,
    middle_patch,
    photograph,
    recolour,
    split_reference,
)


def test_the_mean_is_the_packages() -> None:
    """As the authors' own command gives it."""
    picture = photograph("chelsea")
    actual = deliver(add_noise(picture, 6))
    _, mean, parameters = evaluate(picture, actual, "LDR")
    assert measure_whole(FLIP, picture, actual) == pytest.approx(mean, rel=1e-4)
    assert parameters["ppd"] == pytest.approx(67, abs=0.1)


def test_black_and_white_are_the_ends() -> None:
    """Equal is 0; black against white is nearly 1."""
    black, white = np.zeros((64, 64, 3), np.float32), np.ones((64, 64, 3), np.float32)
    assert flip_map(black, black).max() == 0
    assert 0.9 < flip_map(black, white).mean() <= 1


def test_a_tint_in_the_edit_is_read_in_the_edit() -> None:
    """What was kept is touched along the fill's outline only, as far as an eye blurs; a stronger
    tint is worse.
    """
    picture = photograph("chelsea")
    values = []
    for degrees in (5.0, 15.0, 40.0):
        changed = deliver(recolour(picture, degrees=degrees))
        numbers = measure_all(
            FLIP,
            split_reference(picture),
            np.where(middle_patch(picture)[..., None], changed, picture),
        )
        assert numbers["keep", "mean"] < numbers["edit", "mean"] / 20
        values.append(numbers["edit", "mean"])
    assert values == sorted(values)
