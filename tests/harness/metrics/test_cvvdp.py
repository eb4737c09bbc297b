"""cvvdp: the package's own number, what moves it and where, and a missing package."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from editproof.harness.metrics.core import colorvideovdp
from editproof.harness.metrics.core.metric import Image, make_reference, require_part
from editproof.harness.metrics.structure.cvvdp import CVVDP
from editproof.harness.records.errors import IncompleteError
from tests.harness.metrics.planted import (
    add_noise,
    blur,
    deliver,
    measure_all,
    measure_whole,
    middle_patch,
    photograph,
    split_reference,
)


@pytest.fixture(scope="module")
def picture() -> Image:
    return photograph("astronaut")[64:320, 64:320]


def test_it_is_the_package_s_number(picture: Image) -> None:
    """Over the whole picture, to the last digits that it gives."""
    CVVDP.prepare(make_reference(picture))
    import pycvvdp

    actual = deliver(blur(picture, 1))
    model = pycvvdp.cvvdp(display_name="standard_4k", quiet=True)
    pair = [np.rint(image * 255).astype(np.uint8) for image in (actual, picture)]
    jod, _ = model.predict(*pair, dim_order="HWC")
    assert measure_whole(CVVDP, picture, actual) == pytest.approx(10 - float(jod), abs=1e-5)


def test_more_damage_costs_more(picture: Image) -> None:
    """Blur and noise, each by its size; an equal picture costs exactly nothing."""
    assert measure_whole(CVVDP, picture, picture) == 0.0
    for fault, sizes in ((blur, (0.5, 1, 2)), (add_noise, (2, 6, 18))):
        lost = [measure_whole(CVVDP, picture, deliver(fault(picture, size))) for size in sizes]
        assert lost == sorted(lost)
        assert lost[0] > 0.005


def test_it_is_lost_where_the_damage_is(picture: Image) -> None:
    """In the edit, in the worst window there, and hardly in what was kept."""
    area = middle_patch(picture)[..., None]
    actual = deliver(np.where(area, blur(picture, 2), picture))
    reference = split_reference(picture)
    numbers = measure_all(CVVDP, reference, actual)
    assert numbers["edit", "mean"] > 4 * numbers["keep", "mean"]
    assert numbers["all", "worst"] > numbers["all", "mean"]
    worst = next(
        v
        for v in CVVDP.measure(CVVDP.prepare(reference), actual)
        if (v.region, v.stat) == ("all", "worst")
    )
    assert worst.y is not None
    assert worst.x is not None
    assert max(abs(worst.y - 128), abs(worst.x - 128)) <= 40
    assert CVVDP.map is not None
    plane = CVVDP.map(CVVDP.prepare(reference), actual)
    assert plane.shape == picture.shape[:2]
    assert plane[128, 128] > 4 * plane[20, 20]
    assert plane.max() == pytest.approx(require_part(worst.value))


def test_a_missing_package_is_said_in_one_line(
    picture: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "pycvvdp", None)
    colorvideovdp._package.cache_clear()
    with pytest.raises(IncompleteError, match="pip install cvvdp") as error:
        CVVDP.prepare(make_reference(picture))
    assert "\n" not in str(error.value)
    colorvideovdp._package.cache_clear()
