"""Tasks: the regions of a scene and of a part of it."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.metrics.colour.delta_e00 import DELTA_E00
from editproof.harness.metrics.core.metric import require_part
from editproof.harness.metrics.structure.psnr import PSNR
from editproof.harness.records.vocabulary import REGIONS
from editproof.harness.suites.tasks import Task, crop_task, make_scene_task
from editproof.vectors.regions import BORDER_PX
from editproof.vectors.registry import get_vector
from tests.harness.metrics.planted import measure_all

SIZE = 96


def drawn(scale: int) -> Task:
    return make_scene_task(get_vector("logo").render(7, SIZE, step=4, scale=scale))


@pytest.mark.parametrize("scale", [1, 2])
def test_a_scene_has_every_region(scale: int) -> None:
    """The border is the outermost BORDER_PX input pixels at output size, whatever lies in them."""
    areas = drawn(scale).reference.areas
    assert tuple(areas) == REGIONS
    inner = np.s_[BORDER_PX * scale : -BORDER_PX * scale]
    assert not areas["border"][inner, inner].any()
    assert areas["border"].sum() == areas["border"].size - areas["border"][inner, inner].size


@pytest.mark.parametrize("scale", [1, 2])
def test_a_black_rim_is_found_in_the_border(scale: int) -> None:
    """2 px of black are nearly half of the border, a few percent of the picture, and nothing
    inside.
    """
    reference = drawn(scale).reference
    expected = require_part(reference.expected)
    black = expected.copy()
    inside = np.zeros(expected.shape[:2], bool)
    inside[2:-2, 2:-2] = True
    black[~inside] = 0
    psnr, delta = (measure_all(metric, reference, black) for metric in (PSNR, DELTA_E00))
    assert psnr["border", "mean"] < psnr["all", "mean"] - 3
    assert psnr["border", "mean"] < 15
    assert delta["border", "mean"] > 10
    assert delta["border", "mean"] > 3 * delta["all", "mean"]
    assert psnr["edit", "mean"] == 100


def test_the_border_of_a_crop_is_the_picture_s_own() -> None:
    """A crop from the middle has none; one from a corner has two sides of it."""
    task = drawn(2)
    assert not crop_task(task, (20, 20, 60, 60)).reference.areas["border"].any()
    corner = crop_task(task, (0, 0, 40, 40)).reference.areas["border"]
    assert corner[: 2 * BORDER_PX].all()
    assert corner[:, : 2 * BORDER_PX].all()
    assert not corner[2 * BORDER_PX :, 2 * BORDER_PX :].any()
