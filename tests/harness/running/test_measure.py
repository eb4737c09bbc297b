"""Measuring one edit and several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editproof.harness.metrics.core.golden import golden_pair
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import Image, Value, make_reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.metrics.core.sharing import compute_once, share_results
from editproof.harness.running.measure import measure, measure_many, most_together, prepare
from tests.gpu import on_a_gpu

NAMES = ("psnr", "lpips", "sharpness", "ghost", "cer")


def several() -> list[Image]:
    """The golden edit, one of which a corner alone is wrong, the right answer itself, and noise."""
    reference, damaged = golden_pair()
    assert reference.expected is not None
    corner = reference.expected.copy()
    corner[:40, :50] = damaged[:40, :50][::-1]
    noisy = np.random.default_rng(2).random(damaged.shape, dtype=np.float32)
    return [damaged, corner, reference.expected.copy(), noisy]


def test_several_at_once_get_what_each_gets_alone() -> None:
    """Row by row and to the bit; what can't be measured says so for each."""
    reference, _ = golden_pair()
    weights = find_weights("", download=False)
    metrics = [get_metric(name, weights) for name in NAMES]
    assert any(metric.measure_many for metric in metrics)
    prepared, images = prepare(reference, metrics), several()
    together = measure_many(prepared, metrics, images)
    assert len(together) == len(images)
    for rows, image in zip(together, images, strict=True):
        assert rows == measure(prepared, metrics, image)


def test_a_gpu_measures_what_a_processor_does() -> None:
    """The network's numbers but for the order in which it adds; the others are the processor's
    there, too.
    """
    reference, damaged = golden_pair()
    metrics = [get_metric(name, find_weights("", download=False)) for name in ("psnr", "lpips")]
    expected = measure(prepare(reference, metrics), metrics, damaged)
    with on_a_gpu():
        metrics = [get_metric(name, find_weights("", download=False)) for name in ("psnr", "lpips")]
        prepared = prepare(reference, metrics)
        for rows in (
            measure(prepared, metrics, damaged),
            *measure_many(prepared, metrics, [damaged, damaged]),
        ):
            assert [replace(row, value=None) for row in rows] == [
                replace(row, value=None) for row in expected
            ]
            assert [row.value for row in rows] == pytest.approx(
                [row.value for row in expected], abs=1e-5
            )


def test_how_many_are_measured_together_goes_by_their_size() -> None:
    """Memory is bounded, and one picture always fits."""
    sizes = {512: 8, 1024: 2, 4096: 1}
    pictures = {size: np.broadcast_to(np.float32(0.5), (size, size, 3)) for size in sizes}
    assert {
        size: most_together(prepare(make_reference(picture), []))
        for size, picture in pictures.items()
    } == sizes


def test_every_number_has_its_statistics_unit() -> None:
    """A share of the overlay and its signal-to-noise ratio are both the ghost's."""
    reference, damaged = golden_pair()
    metrics = [
        get_metric(name, find_weights("", download=False)) for name in ("ghost", "outside_change")
    ]
    rows = measure(prepare(reference, metrics), metrics, damaged)
    units = {(row.metric.partition("@")[0], row.stat): row.unit for row in rows}
    assert units == {
        ("ghost", "amplitude"): "",
        ("ghost", "snr"): "dB",
        ("outside_change", "share"): "",
        ("outside_change", "p99"): "levels",
        ("outside_change", "worst"): "levels",
    }


def test_what_metrics_share_is_made_once() -> None:
    """Of the picture that is measured, and of no other; afterwards nothing is kept."""
    calls = []

    @compute_once
    def doubled(image: Image) -> Image:
        calls.append(image.shape)
        return image * 2

    one, other = np.ones((4, 4, 3), np.float32), np.ones((5, 4, 3), np.float32)
    with share_results(one):
        assert doubled(one) is doubled(one)
        assert not doubled(one).flags.writeable
        doubled(other)
        doubled(other)
    doubled(one)
    assert calls == [(4, 4, 3), (5, 4, 3), (5, 4, 3), (4, 4, 3)]


def test_sharing_changes_no_number() -> None:
    """A metric of another package that is given the bare array measures the same."""
    reference, damaged = golden_pair()
    metrics = [
        get_metric(name, find_weights("", download=False))
        for name in ("sharpness", "registration", "hue_offset")
    ]
    rows = measure(prepare(reference, metrics), metrics, damaged)
    alone: list[Value] = [
        value for m in metrics for value in m.measure(m.prepare(reference), damaged)
    ]
    assert [row.value for row in rows] == [value.value for value in alone]
    assert luma(damaged).flags.writeable


def test_a_metric_that_lacks_something_says_so() -> None:
    """In as many rows as it has statistics."""
    _, damaged = golden_pair()
    ghost = get_metric("ghost", find_weights("", download=False))
    rows = measure(prepare(make_reference(damaged), [ghost]), [ghost], damaged)
    assert [row.reason for row in rows] == ["no overlay that had to go is known for this scene"] * 2
