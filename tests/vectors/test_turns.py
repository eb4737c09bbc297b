"""Families whose overlay moves: each turn has another one, over the same right answer."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors import VECTORS, Vector, get_vector

MOVING = [vector for vector in VECTORS if vector.moves]


@pytest.mark.parametrize("vector", MOVING, ids=lambda vector: vector.family)
def test_a_later_turn_has_another_overlay_and_the_same_answer(vector: Vector) -> None:
    """Regions are of every place that was edited so far, and partition the picture."""
    first, second, third = (vector.render(3, 128, step=2, scale=1, turn=turn) for turn in (1, 2, 3))
    for earlier, later in ((first, second), (second, third)):
        assert np.array_equal(later.clean, earlier.clean)
        assert not np.array_equal(later.overlay, earlier.overlay)
        assert np.array_equal(later.edit + later.ring + later.keep, np.ones_like(later.edit))
        assert (later.edit >= earlier.edit).all()
        assert later.edit[later.overlay > 0].all()
        assert later.edit.sum() > earlier.edit.sum()


def test_a_family_that_does_not_move_draws_the_same_in_every_turn() -> None:
    """Its mask and its right answer hold in every turn."""
    logo = get_vector("logo")
    first, later = (logo.render(3, 64, step=1, scale=1, turn=turn) for turn in (1, 4))
    assert np.array_equal(first.input, later.input)
    assert np.array_equal(first.edit, later.edit)
