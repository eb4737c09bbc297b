"""Metrics of other packages: one function is enough, and what does not keep its word is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from editproof.harness.metrics.core import registry
from editproof.harness.metrics.core.contract import check_metric, find_problems
from editproof.harness.metrics.core.golden import EDGE_PX, golden_pair
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Reference,
    Value,
    make_reference,
    require_part,
)
from editproof.harness.metrics.core.own import metric
from editproof.harness.records.cases import Measurement
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.running.measure import measure, prepare
from editproof.vectors import plugins

Offer = Callable[[object], None]


@metric("redness", better="zero", range=(-1, 1), sees="A red cast.")
def redness(expected: Image, actual: Image, region: Area) -> float:
    return float((actual - expected)[region][:, 0].mean())


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Have an installed package offer something as a metric."""

    def offered(what: object) -> None:
        point = SimpleNamespace(
            name="x",
            value="pkg:x",
            group=registry.ENTRY_POINTS,
            dist=SimpleNamespace(name="pkg"),
            load=lambda: what,
        )
        monkeypatch.setattr(
            plugins, "entry_points", lambda group: [point] if group == registry.ENTRY_POINTS else []
        )
        registry.load_plugin_metrics.cache_clear()

    return offered


@pytest.fixture(autouse=True)
def forget() -> None:
    """What one test offered is gone for the next."""
    registry.load_plugin_metrics.cache_clear()


def test_a_function_is_a_metric() -> None:
    """By region, with the number that the function gives."""
    reference, actual = golden_pair()
    values = {
        value.region: value.value for value in redness.measure(redness.prepare(reference), actual)
    }
    edit = reference.areas["edit"]
    assert values["edit"] == pytest.approx(
        (actual - require_part(reference.expected))[edit][:, 0].mean()
    )
    assert set(values) == set(reference.areas)
    check_metric(redness)


def test_a_package_offers_one(offer: Offer) -> None:
    """It is known by its name, and its own code is what a cache goes by."""
    offer([redness])
    assert registry.get_metric("redness", NO_WEIGHTS) is redness
    assert "redness" in registry.all_names()
    assert registry.stats_of("redness") == ("mean",)
    assert plugins.hash_source(redness.measure) == plugins.hash_source(test_a_function_is_a_metric)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (1, "must be a Metric"),
        ([redness, redness], "two metrics"),
        (replace(redness, name="psnr"), "two metrics"),
    ],
)
def test_a_bad_offer_is_named(offer: Offer, what: object, message: str) -> None:
    """One line, and what to do."""
    offer(what)
    with pytest.raises(UsageError, match=message):
        registry.check_name("redness")


COUNT = itertools.count()


def one(expected: Image, actual: Image, region: Area) -> float:
    return 1.0


def counter(expected: Image, actual: Image, region: Area) -> float:
    return float(next(COUNT))


def error(expected: Image, actual: Image, region: Area) -> float:
    return float(np.abs(actual - expected).mean())


def raising(expected: Image, actual: Image, region: Area) -> float:
    raise ValueError("too dark")


def meddling(expected: Image, actual: Image, region: Area) -> float:
    """A metric that writes into the picture would change what the next one sees."""
    actual[region] = expected[region]
    return 0.0


BAD: list[tuple[str, Metric]] = [
    ("the right answer itself is 1", metric("m", better="zero", range=(0, 1))(one)),
    ("its range is 0 to 0.001", metric("m", better="lower", range=(0, 0.001))(error)),
    ("two numbers", metric("m", better="zero", range=(0, 999))(counter)),
    ("it declares mean, p99", replace(redness, stats=("mean", "p99"))),
    ("it failed: ValueError: too dark", metric("m", better="zero", range=(0, 1))(raising)),
    (
        "it failed: ValueError: assignment destination is read-only",
        metric("m", better="zero", range=(0, 1))(meddling),
    ),
    ("is off", replace(redness, golden={"mean": 0.5})),
]


@pytest.mark.parametrize(("message", "bad"), BAD, ids=[message for message, _ in BAD])
def test_what_does_not_keep_its_word_is_refused(message: str, bad: Metric) -> None:
    """Before it is used, with its name."""
    with pytest.raises(IncompleteError, match=message):
        check_metric(bad)


@pytest.mark.parametrize(
    "name", [name for name in registry.METRICS if name not in {"lpips_vgg", "lpips_squeeze"}]
)
def test_ours_keep_their_word(name: str) -> None:
    """The same check, on every metric that needs no weights of its own."""
    from editproof.harness.metrics.core.lpips_weights import find_weights

    assert list(find_problems(registry.get_metric(name, find_weights("", download=False)))) == []


def later(change: Callable[[Value], Value]) -> Metric:
    """A metric that is good on the golden pair, and on every other picture gives something else."""

    def measure(reference: Reference, actual: Image) -> list[Value]:
        values = redness.measure(reference, actual)
        return values if len(actual) == EDGE_PX else [change(value) for value in values]

    return replace(redness, measure=measure)


def one_row(bad: Metric) -> Measurement:
    picture = np.full((20, 20, 3), 0.5, np.float32)
    return measure(prepare(make_reference(picture), [bad]), [bad], picture)[0]


def test_numpys_numbers_are_numbers() -> None:
    """A journal holds plain ones."""
    odd: dict[str, Any] = {"value": np.float32(0.25), "y": np.int64(3), "x": np.int64(4)}
    row = one_row(later(lambda value: replace(value, **odd)))
    assert (row.value, row.y, row.x) == (0.25, 3, 4)
    assert [type(part) for part in (row.value, row.y, row.x)] == [float, int, int]


def test_a_number_that_it_can_not_give_is_none() -> None:
    """With the number and the range as the reason."""
    for number, said in ((7.0, "7"), (float("nan"), "nan")):
        row = one_row(later(lambda value, number=number: replace(value, value=number)))  # type: ignore[misc]
        assert row.value is None
        assert row.reason == f"the metric gave {said}; its range is -1 to 1"


@pytest.mark.parametrize("wrong", ["no list", "text", "an error"])
def test_what_goes_wrong_later_names_the_metric(wrong: str) -> None:
    """In one line."""

    def measure_wrongly(reference: Reference, actual: Image) -> Any:
        values = redness.measure(reference, actual)
        if len(actual) == EDGE_PX:
            return values
        if wrong == "an error":
            raise ValueError("too\nsmall")
        text: Any = "half"
        return None if wrong == "no list" else [replace(values[0], value=text)]

    with pytest.raises(IncompleteError, match=r"^the metric redness@1 failed: \w+Error: [^\n]+$"):
        one_row(replace(redness, measure=measure_wrongly))


def test_nobody_changes_a_picture_or_a_region_for_the_others() -> None:
    """Neither what was expected nor where it is measured; the attempt names the metric."""

    def meddle(expected: Image, actual: Image, region: Area) -> float:
        if len(actual) != EDGE_PX:
            region &= expected[..., 0] > 0.5
        return float((actual - expected)[region][:, 0].mean())

    def overwrite(expected: Image, actual: Image, region: Area) -> float:
        if len(actual) != EDGE_PX:
            expected[:] = 0.5
        return float((actual - expected)[region][:, 0].mean())

    for number in (meddle, overwrite):
        with pytest.raises(
            IncompleteError, match=r"the metric m@1 failed: ValueError: .*read-only"
        ):
            one_row(metric("m", better="zero", range=(-1, 1))(number))
