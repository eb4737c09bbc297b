"""Printed pages."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.vectors.drawing.layers import Lettering, Patch, bounds
from editproof.vectors.drawing.pages import MARGIN, PARAGRAPH, mark_rows, print_rows, shear_patch


def test_rows_within_margins() -> None:
    """All rows lie within the margins, in paragraphs, and the last of a paragraph is shorter."""
    rows = print_rows(np.random.default_rng(1), Lettering("regular", 7), size=256, scale=1)
    assert len(rows) > 2 * PARAGRAPH
    for _, patch in rows:
        y0, x0, y1, x1 = bounds(patch)
        assert min(y0, x0) >= MARGIN * 256 - 1
        assert max(y1, x1) <= (1 - MARGIN) * 256 + 3
    assert rows[PARAGRAPH - 1][1].coverage.shape[1] < 0.75 * rows[0][1].coverage.shape[1]


@pytest.mark.parametrize("slope", [-0.05, 0.0, 0.05])
def test_shear(slope: float) -> None:
    """A sheared line falls by its slope times its length around the image's middle, and keeps its
    ink.
    """
    line = Patch(np.full((10, 200), 255, np.uint8), 95, 0)
    moved = shear_patch(line, slope, 200)
    assert moved.coverage.sum() == pytest.approx(line.coverage.sum(), rel=0.02)
    middles = [
        moved.y
        + float(np.average(np.arange(moved.coverage.shape[0]) + 0.5, weights=moved.coverage[:, x]))
        for x in (10, 100, 190)
    ]
    assert middles[1] == pytest.approx(100, abs=0.3)
    assert middles[2] - middles[0] == pytest.approx(180 * slope, abs=0.3)


def test_near_rows() -> None:
    """The mask is the box of the ink, grown by the margin."""
    row = Patch(np.full((4, 20), 255, np.uint8), 30, 10)
    mask = mark_rows([row], 0.0, 64, margin=2)
    assert mask.sum() == 8 * 24
    assert mask[28:36, 8:32].all()
