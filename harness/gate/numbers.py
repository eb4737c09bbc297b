"""The numbers that two runs are compared by: which they are, how much worse each may get, and their
values turned so that more is worse.

A number counts where the suite's `[[margins]]` name it, or where its metric brings a margin along.
No margin is below the noise floor. A number beyond what anybody can see (a PSNR of 60 dB) is taken
for the limit of what one sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from editproof.harness.gate.noise_floors import NoiseFloor
from editproof.harness.gate.statistics import Values, measure_badness
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.registry import get_metric, stats_of
from editproof.harness.records.errors import UsageError
from editproof.harness.records.families import is_covered
from editproof.harness.records.number_grid import MEASURED, NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Margin, Suite
from editproof.harness.records.vocabulary import ASPECTS
from editproof.harness.records.wording import where

MAIN_STATS = ("mean", "worst")
"""What gets a margin from the noise floor where the suite names none; a metric without them: its
first statistic.
"""


@dataclass(frozen=True)
class Numbers:
    """What is compared, and both sides' values: rules × columns."""

    keys: tuple[NumberKey, ...]
    aspects: npt.NDArray[np.intp]
    """Of each rule, in ASPECTS."""
    ours: Mapping[int, Values]
    """Column of the run -> its values; more is worse; NaN: not measured."""
    theirs: tuple[Mapping[int, Values], ...]
    """The same of the baseline's columns, for each accepted answer."""
    raw_ours: Mapping[int, Values]
    raw_theirs: tuple[Mapping[int, Values], ...]
    """As they were measured."""

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Of each rule, its metric."""
        return tuple(key.metric for key in self.keys)


def read(
    run: Run,
    answers: Sequence[Run],
    *,
    keys: tuple[NumberKey, ...],
    ours: Sequence[int],
    theirs: Sequence[int],
) -> Numbers:
    """Read these columns of a run and of the accepted answers; `theirs` are columns of the first
    answer.
    """
    mine, yours = run.case_table.column("id"), answers[0].case_table.column("id")
    ids = [yours[column] for column in theirs]
    sides = [(run, {column: mine[column] for column in ours})]
    sides += [(side, dict(zip(theirs, ids, strict=True))) for side in answers]
    raw, turned = zip(
        *(_read_side(run, side, keys, columns) for side, columns in sides), strict=True
    )
    aspects = [ASPECTS.index(find_aspect(run, key.metric)) for key in keys]
    return Numbers(keys, np.array(aspects, np.intp), turned[0], turned[1:], raw[0], raw[1:])


def _read_side(
    run: Run, side: Run, keys: tuple[NumberKey, ...], columns: Mapping[int, str]
) -> tuple[dict[int, Values], dict[int, Values]]:
    """By the caller's column: values as measured, and turned so that more is worse."""
    ids = [*dict.fromkeys(columns.values())]
    grid = side.number_grid(keys, ids)
    places = {case_id: place for place, case_id in enumerate(ids)}
    values = np.where(grid.states == MEASURED, grid.values, np.nan)
    turned = (
        np.stack([turn_sign(run, key, row) for key, row in zip(keys, values, strict=True)])
        if keys
        else values
    )
    rows = [np.ascontiguousarray(side.T) for side in (values, turned)]
    raw, worse = (
        {column: row[places[case_id]] for column, case_id in columns.items()} for row in rows
    )
    return raw, worse


def find_aspect(run: Run, metric: str) -> str:
    """What a metric is about. A run of 0.1.0 does not say: the metric of that name does."""
    return run.manifest.metrics[metric].aspect or get_metric(metric, NO_WEIGHTS).aspect


def turn_sign(run: Run, key: NumberKey, row: Values) -> Values:
    """A number of some cases, turned so that more is worse, up to what nobody sees."""
    info = run.manifest.metrics[key.metric]
    turned = measure_badness(row, info.better)
    unseen = info.unseen if info.aspect else get_metric(key.metric, NO_WEIGHTS).unseen
    if unseen is None or key.stat in info.units:
        return turned
    return np.maximum(turned, measure_badness(np.array([unseen]), info.better))


def list_keys(run: Run, baseline: Run, noise: NoiseFloor) -> tuple[NumberKey, ...]:
    """What is compared: what the suite's margins name, what metrics have margins of their own for,
    and without either the main statistics that the noise floor knows. Only what both sides measured
    in one way.
    """
    suite, metrics = run.manifest.suite, run.manifest.metrics
    named = [NumberKey(margin.metric, margin.region, margin.stat) for margin in suite.margins]
    if suite.default_margins and any(metric.margins for metric in metrics.values()):
        both = set(baseline.number_keys())
        named += [
            key
            for key in run.number_keys()
            if key in both and key.stat in metrics[key.metric].margins
        ]
    if not suite.margins:
        named += [
            key
            for _, _, key in noise.floors
            if key.metric in metrics and key.stat in _main_stats(key.metric)
        ]
    alike = find_comparable(run, baseline)
    return tuple(key for key in dict.fromkeys(named) if key.metric in alike)


def find_comparable(run: Run, baseline: Run) -> frozenset[str]:
    """Metrics that both sides measured in one way."""
    there = baseline.manifest.metrics
    return frozenset(
        name
        for name, metric in run.manifest.metrics.items()
        if name in there
        and (there[name].identity, there[name].better) == (metric.identity, metric.better)
    )


class Margins:
    """How much worse each number may get, by family and model."""

    def __init__(self, run: Run, keys: Sequence[NumberKey], noise: NoiseFloor) -> None:
        self._run, self._keys, self._noise = run, keys, noise
        self._known: dict[tuple[str, str, int], Values] = {}

    def find(self, family: str, model: str, *, cases: int) -> Values:
        """What somebody wrote, else the metric's own; never below the noise floor of the mean of
        so many cases. NaN: the rule does not cover this family.
        """
        place = (family, model, cases)
        if place not in self._known:
            self._known[place] = self._compute(family, model, cases)
        return self._known[place]

    def _compute(self, family: str, model: str, cases: int) -> Values:
        suite = self._run.manifest.suite
        found = np.full(len(self._keys), np.nan)
        for row, key in enumerate(self._keys):
            metric = self._run.manifest.metrics[key.metric]
            margin = find_written_margin(suite.margins, key, family)
            if margin is None and suite.default_margins:
                margin = metric.margins.get(key.stat)
            floor = self._noise.of(family, model, key, metric.identity)
            if margin is not None or (floor and not suite.margins):
                found[row] = max(margin or 0.0, floor.of_mean(cases) if floor else 0.0)
        return found


def find_written_margin(margins: Iterable[Margin], key: NumberKey, family: str) -> float | None:
    """The margin that somebody wrote: the last one that covers the family, one that names it before
    one for all.
    """
    fitting = [
        m
        for m in margins
        if (m.metric, m.region, m.stat) == key
        and (not m.families or is_covered(family, m.families))
    ]
    return (
        max(enumerate(fitting), key=lambda pair: (bool(pair[1].families), pair[0]))[1].margin
        if fitting
        else None
    )


def check_margins(suite: Suite, noise: NoiseFloor) -> None:
    """Raise UsageError where somebody wrote a margin that clean reruns overstep, naming both
    numbers.
    """
    counts: dict[str, int] = {}
    for variant in suite.variants:
        counts[variant.family] = counts.get(variant.family, 0) + 1
    models = {model.name for model in suite.models}
    for (family, model, key), floor in noise.floors.items():
        if family not in counts or model not in models:
            continue
        margin = find_written_margin(suite.margins, key, family)
        least = floor.of_mean(counts[family] * len(suite.seeds))
        if margin is not None and margin < least:
            raise UsageError(
                f"margins: {where(family, model, *key)}: the margin {margin:.4g} is below the noise"
                f" floor {least:.4g} that {noise.source} shows for"
                f" {counts[family] * len(suite.seeds)} cases, so clean reruns would exceed it."
                f" Write {1.05 * least:.2g} or more (a margin may name its families), remove the"
                " margin, or add seeds"
            )


def _main_stats(metric: str) -> tuple[str, ...]:
    stats = stats_of(metric)
    return tuple(stat for stat in MAIN_STATS if stat in stats) or stats[:1]
