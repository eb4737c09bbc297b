"""ms_ssim: against an independent implementation, and over regions."""

from __future__ import annotations

import numpy as np
import pytest

from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import Image, make_reference
from editproof.harness.metrics.structure.ms_ssim import MIN_PX, MS_SSIM, SMALL
from tests.grids import diagonal
from tests.harness.metrics.planted import (
    Fault,
    add_noise,
    blur,
    deliver,
    measure_all,
    measure_whole,
    middle_patch,
    photograph,
    shift,
    split_reference,
)

FAULTS: dict[str, Fault] = {
    "noise": lambda image: add_noise(image, 12),
    "blur": lambda image: blur(image, 2),
    "shift": lambda image: shift(image, 1, 1),
    "inverse": lambda image: 1 - image,
    "dark": lambda image: 0.6 * image,
}


def even(image: Image) -> Image:
    """Cut so that every scale has an even size: where a row is left over, implementations
    differ.
    """
    edge = image.shape[0] // 16 * 16
    return np.ascontiguousarray(image[:edge, :edge])


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "name"), diagonal(list(FAULTS), ["coffee", "chelsea"]))
def test_it_is_piqs(name: str, fault: str) -> None:
    """To the fourth digit, in luma."""
    import torch
    from piq import multi_scale_ssim

    picture = even(photograph(name))
    actual = deliver(FAULTS[fault](picture))
    tensors = [torch.from_numpy(luma(image))[None, None] for image in (picture, actual)]
    reference = float(multi_scale_ssim(*tensors, data_range=1.0))
    assert measure_whole(MS_SSIM, picture, actual) == pytest.approx(reference, abs=1e-4)


def test_it_is_symmetric() -> None:
    """Which picture is the right one makes no difference."""
    picture = photograph("coffee")
    actual = deliver(blur(picture, 1))
    assert measure_whole(MS_SSIM, picture, actual) == pytest.approx(
        measure_whole(MS_SSIM, actual, picture), abs=1e-6
    )


def test_more_damage_is_worse() -> None:
    """Monotone in blur and in noise."""
    picture = photograph("chelsea")
    for fault in (blur, add_noise):
        values = [
            measure_whole(MS_SSIM, picture, deliver(fault(picture, size)))
            for size in (0.5, 1, 2, 4)
        ]
        assert values == sorted(values, reverse=True)


def test_a_damaged_edit_is_read_in_the_edit() -> None:
    """More than in what was kept; and the map is darkest there."""
    picture = photograph("astronaut")
    area = middle_patch(picture)
    actual = np.where(area[..., None], deliver(blur(picture, 3)), picture)
    numbers = measure_all(MS_SSIM, split_reference(picture), actual)
    assert 1 - numbers["edit", "mean"] > 5 * (1 - numbers["keep", "mean"])
    assert numbers["all", "worst"] < numbers["all", "mean"]
    assert MS_SSIM.map is not None
    plane = MS_SSIM.map(MS_SSIM.prepare(make_reference(picture)), actual)
    assert plane[area].mean() < plane[~area].mean()


def test_a_small_picture_says_so() -> None:
    """Below 176 px the coarsest scale holds no window."""
    assert MIN_PX == 176
    picture = photograph("coffee")[:175, :300]
    values = MS_SSIM.measure(MS_SSIM.prepare(make_reference(picture)), picture)
    assert {value.reason for value in values} == {SMALL}
