"""What every metric keeps, whatever it measures."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from editproof.harness.faults.pictures import get_fault
from editproof.harness.metrics.core.golden import check_golden, get_pair, golden_values
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.registry import METRICS, check_name, get_metric
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region
from editproof.vectors.regions import border
from tests.grids import diagonal

SIZE = 96

IN_SMOOTH_PLACES = {"banding"}
"""Metrics that neither noise nor a negative of texture moves; their own tests look at what does."""

REACH = {"lpips": 0.02, "cvvdp": 0.05}
"""Metrics that look at coarse scales: a negative of a corner counts so much in the opposite one."""

NEEDS_ROOM = {"scale", "rotation"}
"""Statistics that a region of 64×64 px is too small for."""


@pytest.fixture(scope="module", params=list(METRICS))
def metric(request: pytest.FixtureRequest) -> Metric:
    if request.param in {"lpips_vgg", "lpips_squeeze"}:
        pytest.skip(
            "its weights are not the project's to ship; test_values.py holds it to the package"
        )
    return get_metric(request.param, find_weights("", download=False))


@pytest.fixture(scope="module")
def picture() -> Image:
    from skimage import data

    crop = data.astronaut()[100 : 100 + SIZE, 180 : 180 + SIZE]
    return np.asarray(crop, np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def noisy(picture: Image) -> Image:
    noise = np.random.default_rng(0).normal(0, 0.06, picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def reference(metric: Metric, picture: Image) -> Reference:
    """All that can be known about a picture, with a region of every kind; the ring is empty."""
    edit = np.zeros((SIZE, SIZE), bool)
    edit[20:60, 20:60] = True
    protect = np.zeros_like(edit)
    protect[70:90, 10:90] = True
    seams = np.zeros_like(edit)
    seams[47:49] = seams[:, 47:49] = True
    nowhere = np.zeros_like(edit)
    areas: dict[Region, Area] = {
        "all": ~nowhere,
        "edit": edit,
        "keep": ~edit,
        "ring": nowhere,
        "protect": protect,
        "seams": seams,
        "border": border(SIZE, SIZE, 1),
    }
    return complete(metric, picture, areas)


def complete(metric: Metric, expected: Image, areas: dict[Region, Area]) -> Reference:
    """A reference that knows everything: a striped overlay lies in `edit`. It has the metric's
    regions only.
    """
    stripes = 0.6 * (np.arange(expected.shape[1]) // 3 % 2)
    overlay = np.asarray(
        areas.get("edit", np.zeros(expected.shape[:2], bool)) * stripes, np.float32
    )
    colour = np.broadcast_to(np.array([0.8, 0.1, 0.2], np.float32), expected.shape)
    alpha = overlay[..., None]
    return Reference(
        areas={region: area for region, area in areas.items() if region in metric.regions},
        expected=expected,
        input=expected * (1 - alpha) + colour * alpha,
        overlay=overlay,
        overlay_rgb=colour,
    )


def everywhere(metric: Metric, expected: Image) -> Reference:
    """A reference whose every region is the whole picture."""
    return complete(
        metric, expected, dict.fromkeys(metric.regions, np.ones(expected.shape[:2], bool))
    )


def measured(metric: Metric, reference: Reference, actual: Image) -> list[Value]:
    return metric.measure(metric.prepare(reference), actual)


def test_it_says_what_its_numbers_are(metric: Metric) -> None:
    """Name, version, range and source stand beside the function."""
    assert (
        metric.identity
        == f"{metric.name}{f'[{metric.variant}]' if metric.variant else ''}@{metric.version}"
    )
    assert metric.range[0] < metric.range[1]
    assert all((metric.source, metric.formula, metric.sees, metric.misses))
    assert get_fault(metric.example)


@pytest.mark.exhaustive
def test_where_in_memory_a_picture_lies_is_not_seen(
    metric: Metric, reference: Reference, noisy: Image
) -> None:
    """Not in the last bit: a run that is repeated has the same numbers."""
    prepared = metric.prepare(reference)
    found = set()
    for offset in range(0, 64, 4):
        room = np.empty(noisy.nbytes + 64, np.uint8)
        moved = room[offset : offset + noisy.nbytes].view(np.float32).reshape(noisy.shape)
        moved[:] = noisy
        found.add(
            tuple(
                (value.stat, value.region, value.value, value.y, value.x)
                for value in metric.measure(prepared, moved)
            )
        )
    assert len(found) == 1


@pytest.mark.slow
def test_it_checks_itself(metric: Metric) -> None:
    """The golden pair measures what it measured in every statistic, and a number that is off is
    refused with both values.
    """
    check_golden(metric)
    assert metric.golden.keys() == {
        stat for stat, value in golden_values(metric).items() if not math.isnan(value)
    }
    for stat, value in metric.golden.items():
        with pytest.raises(IncompleteError, match=re.escape(f"{metric.identity} is off: {stat}")):
            check_golden(replace(metric, golden={stat: value + 0.002 * abs(value) + 0.0001}))


def test_every_region_gets_every_statistic(
    metric: Metric, reference: Reference, noisy: Image
) -> None:
    """No row is ever dropped, and what can't be measured says why."""
    values = measured(metric, reference, noisy)
    assert {v.region for v in values} == set(metric.regions)
    for region in metric.regions:
        assert tuple(v.stat for v in values if v.region == region) == metric.stats
    for value in values:
        assert (value.value is None) == bool(value.reason)
        assert value.value is None or math.isfinite(value.value)
        if value.region == "ring":
            assert value.reason == EMPTY


def test_regions_that_it_does_not_measure_are_left_out(metric: Metric) -> None:
    """A scene has every region; a metric that is about some of them says nothing about the
    others.
    """
    reference, actual = get_pair(metric)
    assert {v.region for v in measured(metric, reference, actual)} == set(metric.regions)


def test_an_empty_region_says_so(metric: Metric, picture: Image, noisy: Image) -> None:
    """No scene has something in every region."""
    nowhere = np.zeros((SIZE, SIZE), bool)
    values = measured(
        metric, complete(metric, picture, dict.fromkeys(metric.regions, nowhere)), noisy
    )
    assert [v.reason for v in values] == [EMPTY] * len(metric.regions) * len(metric.stats)


def test_the_golden_pair_has_its_damage(metric: Metric) -> None:
    """Some of everything is wrong with it, so every metric finds something."""
    best = metric.range[1] if metric.better == "higher" else 0.0
    assert any(abs(value - best) > 1e-2 for value in golden_values(metric).values())


def test_equal_pictures_get_the_best_value(
    metric: Metric, reference: Reference, picture: Image
) -> None:
    """Identity: the top of the range, or 0."""
    best = metric.range[1] if metric.better == "higher" else 0.0
    for value in measured(metric, reference, picture):
        assert value.value is None or value.value == pytest.approx(best, abs=1e-6), value


def test_its_map_shows_where_the_damage_is(metric: Metric, picture: Image) -> None:
    """A number for every pixel, on the harmful side of the best one, and the worst of all where
    something is wrong.
    """
    if metric.golden_pair == "tiles" or metric.name == "unedited" or "boxes" in metric.needs:
        reference, damaged = get_pair(metric)
        wrong = (damaged != require_part(reference.expected)).any(axis=2)
    else:
        reference, damaged = damaged_corner(metric, picture)
        wrong = np.zeros(damaged.shape[:2], bool)
        wrong[:CORNER, :CORNER] = True
    assert metric.map is not None
    plane = metric.map(metric.prepare(reference), damaged)
    assert plane.shape == damaged.shape[:2]
    assert np.isfinite(plane).all()
    better = metric.map_better or metric.better
    harm = {"higher": metric.range[1] - plane, "lower": plane, "zero": np.abs(plane)}[better]
    assert harm.min() >= -1e-6
    assert harm.max() > 1e-3
    assert harm[wrong].max() == harm.max()


CORNER = SIZE * 4 // 3


def damaged_corner(metric: Metric, picture: Image) -> tuple[Reference, Image]:
    """A picture whose upper left corner has moved, is soft, has a tint, tiles and few levels; the
    rest is right.
    """
    large = np.tile(picture, (2, 2, 1))
    if metric.name in IN_SMOOTH_PLACES:
        large = np.repeat(
            np.linspace(0.2, 0.7, 2 * SIZE, dtype=np.float32)[:, None, None], 2 * SIZE, axis=1
        ).repeat(3, 2)
    y, x = np.mgrid[0 : 2 * SIZE, 0 : 2 * SIZE]
    wrong = cv2.GaussianBlur(np.roll(large, 2, axis=1), (0, 0), 1.2) + np.array(
        [0.06, 0, -0.04], np.float32
    )
    wrong = np.round((wrong + ((y // 16 + x // 16) % 2)[..., None] * 0.04) * 32) / 32
    inside = ((y < CORNER) & (x < CORNER))[..., None]
    damaged = np.where(inside, np.clip(wrong, 0, 1), large).astype(np.float32)
    areas: dict[Region, Area] = dict.fromkeys(metric.regions, np.ones(large.shape[:2], bool))
    if "edit" in areas:
        areas["edit"] = (y % SIZE >= 20) & (y % SIZE < 60) & (x % SIZE >= 20) & (x % SIZE < 60)
    if "seams" in areas and metric.name == "seam_energy":
        areas["seams"] = (abs(y - 63.5) < 1) | (abs(x - 63.5) < 1)
    return complete(metric, large, areas), damaged


def test_damage_is_worse_than_none_and_within_the_range(
    metric: Metric, reference: Reference, noisy: Image
) -> None:
    """Noise moves every measured value away from the best, into the declared range."""
    for value in measured(metric, reference, noisy):
        if value.value is None:
            continue
        assert metric.range[0] <= value.value <= metric.range[1]
        if value.stat in {"mean", "worst"} and metric.name not in IN_SMOOTH_PLACES:
            best = metric.range[1] if metric.better == "higher" else 0.0
            assert abs(value.value - best) > 1e-3, value


def test_damage_elsewhere_does_not_reach_a_region(metric: Metric, picture: Image) -> None:
    """A region far from the damage scores as if there were none, and the worst window is where the
    damage is.
    """
    large = np.tile(picture, (3, 3, 1))
    damaged = large.copy()
    damaged[-64:, -64:] = 1 - damaged[-64:, -64:]
    far = np.zeros(large.shape[:2], bool)
    far[:64, :64] = True
    areas = {region: np.ones_like(far) if region == "all" else far for region in metric.regions}
    values = measured(metric, complete(metric, large, areas), damaged)
    best = metric.range[1] if metric.better == "higher" else 0.0
    for value in values:
        must_measure = (
            value.region == "keep"
            and metric.name not in IN_SMOOTH_PLACES
            and value.stat not in NEEDS_ROOM
        )
        if must_measure or (value.region != "all" and not value.reason):
            assert value.value == pytest.approx(best, abs=REACH.get(metric.name, 1e-6)), value
        if value.region == "all" and value.stat == "worst" and metric.name not in IN_SMOOTH_PLACES:
            assert value.y is not None
            assert value.x is not None
            assert min(value.y, value.x) > large.shape[0] - 64 - 64


def test_it_is_a_pure_function(
    metric: Metric, reference: Reference, picture: Image, noisy: Image
) -> None:
    """Twice the same bits, and the pictures are left as they were."""
    before = (picture.tobytes(), noisy.tobytes())
    assert measured(metric, reference, noisy) == measured(metric, reference, noisy)
    assert (picture.tobytes(), noisy.tobytes()) == before


def test_what_the_reference_lacks_is_said(metric: Metric) -> None:
    """Nothing that it needs may be missing without a reason."""
    reference, _ = get_pair(metric)
    assert not metric.missing(reference)
    for need in metric.needs:
        unknown: dict[str, Any] = {need: None}
        assert metric.missing(replace(reference, **unknown))


@pytest.mark.parametrize(
    ("metric", "shape"),
    diagonal(list(METRICS), [(1, 1), (8, 200), (64, 64), (65, 130)]),
    indirect=["metric"],
    ids=str,
)
def test_any_size_gives_numbers_or_reasons(metric: Metric, shape: tuple[int, int]) -> None:
    """A picture too small for a window is an outcome with its reason, not an exception."""
    rng = np.random.default_rng(1)
    one, other = (rng.random((*shape, 3), dtype=np.float32) for _ in range(2))
    values = measured(metric, everywhere(metric, one), other)
    assert values
    assert all((v.value is None) == bool(v.reason) for v in values)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A typing error is told from a metric."""
    with pytest.raises(UsageError, match="did you mean psnr"):
        check_name("pnsr")
