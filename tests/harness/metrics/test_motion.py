"""Motions of the whole picture: how they combine, and when none is found."""

from __future__ import annotations

import pytest

from editproof.harness.metrics.geometry.motion import NO_MOTION, Motion, find_motion
from editproof.harness.metrics.geometry.shift import centred_luma
from tests.harness.metrics.planted import PHOTOGRAPHS, photograph


@pytest.mark.slow
def test_another_picture_is_no_motion() -> None:
    """Whatever shift, turn and zoom would fit best, the reason stays."""
    names = (*PHOTOGRAPHS, "camera", "brick", "gravel")
    crops = [photograph(name)[:256, :256] for name in names]
    for one in crops:
        for other in crops:
            if one is not other:
                assert find_motion(centred_luma(one), centred_luma(other)) == NO_MOTION


def test_motions_follow_each_other() -> None:
    """First the one, then the other; sizes do not change scale and rotation."""
    first, second = Motion(1.1 + 0.2j, 3 - 4j), Motion(0.9j, 5 + 1j)
    assert second.after(first).at(7 + 2j) == pytest.approx(second.at(first.at(7 + 2j)))
    assert first.resize(2).at(14 + 4j) == pytest.approx(2 * first.at(7 + 2j))
    assert Motion(1.25 * 1j).rotation == pytest.approx(90)
    assert Motion(1.25 * 1j).scale == pytest.approx(25)
