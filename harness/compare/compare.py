"""Compare two runs, or two models of one run: is B better than A, and which numbers changed?

The answer is the gate's own (`answer.py`). The rows below it say which numbers changed, and never
more than the answer. A row counts as no change if nobody can tell its pictures apart, or if its
aspect is even.

Where both sides are deterministic, any change is real. Otherwise a change counts if it is larger
than its margin *and* significant against the noise between seeds. The test is a two-sided t-test of
the mean change on these scenes, corrected over all rows by Holm's method at 5 %. The interval shown
is something else: it says how much the change differs from scene to scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.compare import answer
from editproof.harness.compare.answer import Judgement
from editproof.harness.compare.pairs import (
    PairGroup,
    average_turns,
    label_of,
    match_models,
    model_names,
    pair_cases,
)
from editproof.harness.gate import statistics as comparison
from editproof.harness.gate.looks import LookOptions
from editproof.harness.gate.noise_floors import NO_NOISE, NoiseFloor
from editproof.harness.gate.numbers import find_aspect
from editproof.harness.gate.statistics import Values
from editproof.harness.metrics.core.registry import all_names
from editproof.harness.records.comparison import (
    OUTCOMES,
    Comparison,
    Cost,
    Drift,
    Outcome,
    Pair,
    Row,
    Side,
)
from editproof.harness.records.errors import UsageError
from editproof.harness.records.families import is_covered
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.number_grid import ABSENT, MEASURED, NumberGrid, NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import Region
from editproof.harness.records.wording import format_probability

ALARM = 0.05
"""Probability that at least one row is called won or lost although nothing changed."""

STATS = ("mean", "octave_5", "worst")
"""The statistic that stands for a metric: the first of these that it has, else the first with a
margin, else its first.
"""

VISIBLE: Mapping[str, float] = {
    "dB": 0.1,
    "ΔE00": 0.1,
    "": 0.002,
    "levels": 0.25,
    "°": 0.5,
    "px": 0.05,
    "L*": 0.1,
}
"""Smallest change that counts, by unit, where neither the suite nor the metric has a margin: a
tenth of what an eye can tell.
"""

RANKED_BY = (
    NumberKey("lpips", "edit", "mean"),
    NumberKey("delta_e00", "edit", "mean"),
    NumberKey("psnr", "edit", "mean"),
)
"""The number that ranks gains and losses: the first of these that both sides have."""

HUE = NumberKey("hue_offset", "edit", "mean")

FINE = NumberKey("spectral_energy", "edit", "octave_5")

NEITHER = "measured on neither side"

UNSEEN = "nobody can see a difference"

EVEN = "too little, or too unsure, to count for its aspect"

SHOWN = 12
"""Number of gains, and of losses, to show."""

SHOWN_OF_A_FAMILY = 3


@dataclass(frozen=True)
class _Numbers:
    """The numbers of both sides."""

    keys: tuple[NumberKey, ...]
    a: NumberGrid
    b: NumberGrid

    def paired_values(self, key: NumberKey, group: PairGroup) -> tuple[Values, Values]:
        """The paired values of both sides; NaN: not measured."""
        row = self.keys.index(key)
        return self.a.values[row, group.a], self.b.values[row, group.b]


def compare(
    a: Run,
    b: Run,
    *,
    models: tuple[str, str] | None = None,
    noise: NoiseFloor = NO_NOISE,
    looking: LookOptions | None = None,
) -> Comparison:
    """Compare B with A. `models` names one model of A and one of B. The gate decides which
    differences are visible.

    Raises UsageError if the runs cannot be compared: another suite, other metrics, or no case in
    common.
    """
    _check_comparable(a.manifest, b.manifest)
    swaps = match_models(a, b, models)
    groups, left_out = pair_cases(a, b, swaps)
    keys = _compared_keys(a, b)
    numbers = _Numbers(keys, a.number_grid(keys), b.number_grid(keys))
    ranked_by = next((key for key in RANKED_BY if key in keys), keys[0])
    labels = [(swaps[name], name, label_of(swaps[name], name)) for name in swaps]
    judged = answer.judge_models(a, b, labels, noise=noise, looking=looking or LookOptions())
    costs = tuple(_compare_costs(a, b, groups, ranked_by, numbers))
    take = answer.choose_side(judged, costs)
    rows = [
        row for group in groups for key in keys if (row := _make_row(a, b, group, key, numbers))
    ]
    rows = [_limit_to_answer(row, judged) for row in _judge_rows(rows)]
    shown = [group for group in groups if (group.family, group.model) in judged.shown]
    pairs = [pair for group in shown for pair in _make_pairs(a, group, ranked_by, numbers, b)]
    smallest = {group.family: _tolerance(b.manifest, ranked_by, group.family) for group in groups}
    return Comparison(
        suite=a.manifest.suite.name,
        a=_describe_side(a, models[0] if models else "", b),
        b=_describe_side(b, models[1] if models else "", a),
        pairs=sum(len(group.a) for group in groups),
        left_out=tuple(left_out),
        rows=tuple(sorted(rows, key=_sort_key)),
        drift=tuple(_measure_drift(group, numbers) for group in groups),
        costs=costs,
        quality=f"{ranked_by.metric} {ranked_by.stat} in {ranked_by.region}",
        losses=_largest_changes([pair for pair in pairs if pair.change > smallest[pair.family]]),
        gains=_largest_changes(
            [
                replace(pair, change=-pair.change)
                for pair in pairs
                if pair.change < -smallest[pair.family]
            ],
            sign=-1.0,
        ),
        answer=answer.write_answer(judged, costs, take),
        take=take,
        aspects=judged.aspects,
        pictures=judged.pictures,
        notes=judged.notes,
        seen_by=judged.seen_by,
    )


def _check_comparable(a: Manifest, b: Manifest) -> None:
    """Raise UsageError if a number means something else in A than in B, and name what differs."""
    for one in manifest_differences(a.suite, b.suite, "name", "size", "scene_seed"):
        if one.name == "name":
            raise UsageError(
                f"A is a run of the suite {one.before}, B of {one.now}: their cases have nothing in"
                " common. Run one suite with both"
            )
        raise UsageError(
            f"the suite {a.suite.name} has another {one.name} in A ({one.before}) than in B"
            f" ({one.now}): the pictures are not the same. Run one of them again"
        )
    for name in a.metrics:
        if name in b.metrics and a.metrics[name].identity != b.metrics[name].identity:
            raise UsageError(
                f"{name} is {a.metrics[name].identity} in A and {b.metrics[name].identity} in B: "
                "their numbers can't be compared. Run the older one again"
            )
    if not a.metrics.keys() & b.metrics.keys():
        raise UsageError("A and B have no metric in common")


def _compared_keys(a: Run, b: Run) -> tuple[NumberKey, ...]:
    """One statistic of every metric and region that both sides have."""
    known = b.number_keys()
    paired_values = set(a.number_keys())
    stats: dict[tuple[str, Region], list[str]] = {}
    for key in known:
        if key in paired_values:
            stats.setdefault((key.metric, key.region), []).append(key.stat)
    found = [
        NumberKey(
            metric,
            region,
            next(
                (stat for stat in (*STATS, *b.manifest.metrics[metric].margins) if stat in has),
                has[0],
            ),
        )
        for (metric, region), has in stats.items()
    ]
    return tuple(
        dict.fromkeys(
            [*found, *(key for key in (HUE, FINE) if key in paired_values and key in known)]
        )
    )


def _make_row(a: Run, b: Run, group: PairGroup, key: NumberKey, numbers: _Numbers) -> Row | None:
    """One number of a group, not judged yet; None: the family's scenes have no such region."""
    at = numbers.keys.index(key)
    states_a, states_b = numbers.a.states[at, group.a], numbers.b.states[at, group.b]
    if ((states_a == ABSENT) & (states_b == ABSENT)).all():
        return None
    measured = (states_a == MEASURED) & (states_b == MEASURED)
    blank = _blank_row(b, group, key, int(measured.sum()))
    if ((states_a == MEASURED) != (states_b == MEASURED)).any():
        return replace(blank, why=_explain_one_sided(group, at, numbers))
    if not measured.any():
        return replace(blank, why=f"{NEITHER}: {numbers.a.reason(at, group.a[0])}")
    then, now = (values[measured] for values in numbers.paired_values(key, group))
    change = comparison.measure_worsening(now, then, blank.better)
    pairs = np.flatnonzero(measured)
    by_chain, scenes = average_turns(
        change,
        [a.manifest.cases[group.a[pair]] for pair in pairs],
        [b.manifest.cases[group.b[pair]] for pair in pairs],
    )
    means = comparison.means(by_chain[None])
    low, high = (float(end[0]) for end in means.interval())
    certain = group.exact or len(by_chain) < 2
    return replace(
        blank,
        a=float(then.mean()),
        b=float(now.mean()),
        change=float(change.mean()),
        interval=None if np.isnan(low) else (low, high),
        p=None if certain else _two_sided_p(by_chain, means, comparison.group_scenes(scenes)),
        worse=int((change > blank.tolerance).sum()),
        improved=int((change < -blank.tolerance).sum()),
        why="deterministic: any change is real" if group.exact else "",
    )


def _blank_row(b: Run, group: PairGroup, key: NumberKey, samples: int) -> Row:
    """A row without numbers."""
    info = b.manifest.metrics[key.metric]
    return Row(
        family=group.family,
        model=group.model,
        metric=info.identity,
        region=key.region,
        stat=key.stat,
        unit=info.unit_of(key.stat),
        better=info.better,
        outcome="not comparable",
        why="",
        a=None,
        b=None,
        change=None,
        interval=None,
        p=None,
        samples=samples,
        worse=0,
        improved=0,
        tolerance=_tolerance(b.manifest, key, group.family),
        aspect=_aspect_name(b, key.metric),
    )


def _explain_one_sided(group: PairGroup, at: int, numbers: _Numbers) -> str:
    """Say how many pairs were measured on one side only, and why the first of them was."""
    measured_a = numbers.a.states[at, group.a] == MEASURED
    one_sided = measured_a != (numbers.b.states[at, group.b] == MEASURED)
    pair = int(np.flatnonzero(one_sided)[0])
    side, grid, column = (
        ("B", numbers.b, group.b[pair]) if measured_a[pair] else ("A", numbers.a, group.a[pair])
    )
    reason = (
        grid.reason(at, column)
        if grid.states[at, column] > MEASURED
        else "the scene does not have that region there"
    )
    return (
        f"{int(one_sided.sum())} of {len(group.a)} pairs were measured on one side only;"
        f" {side}: {reason}"
    )


def _two_sided_p(change: Values, means: comparison.Means, scenes: comparison.Scenes) -> float:
    """Probability of such a mean change under the noise between seeds. Without two seeds, the
    spread of all pairs stands in.
    """
    if not means.mean[0]:
        return 1.0
    noise, freedom = comparison.noise(change[None], scenes)
    error, free = (
        (noise / np.sqrt(means.samples), freedom)
        if freedom[0]
        else (means.error, means.samples - 1)
    )
    return float(
        min(
            1.0,
            2
            * comparison.tail_probability(np.abs(means.mean), error, np.asarray(free, np.float64))[
                0
            ],
        )
    )


def _tolerance(manifest: Manifest, key: NumberKey, family: str) -> float:
    """Smallest change that counts: the suite's margin for the number, else for the metric, else the
    metric's own, else what nobody can see.
    """
    margins = [
        m
        for m in manifest.suite.margins
        if m.metric == key.metric and (not m.families or is_covered(family, m.families))
    ]
    own_margins = [m.margin for m in margins if (m.region, m.stat) == (key.region, key.stat)]
    alike = [m.margin for m in margins if m.stat == key.stat]
    info = manifest.metrics[key.metric]
    usual = [info.margins[key.stat]] if key.stat in info.margins else list(info.margins.values())
    return min(own_margins or alike or usual or [VISIBLE.get(info.unit_of(key.stat), 0.0)])


def _judge_rows(rows: Sequence[Row]) -> Iterable[Row]:
    corrected = comparison.correct_by_holm(
        np.array([np.nan if row.p is None else row.p for row in rows])
    )
    for row, p in zip(rows, corrected, strict=True):
        yield row if row.change is None else _judge_row(row, None if row.p is None else float(p))


def _judge_row(row: Row, p: float | None) -> Row:
    if row.change is None:
        return row
    larger = abs(row.change) > row.tolerance
    significant = p is None or p <= ALARM
    outcome: Outcome = "unchanged"
    if larger and significant and (p is not None or row.why or row.samples > 1):
        outcome = "lost" if row.change > 0 else "won"
    why = row.why
    if not why and not larger:
        why = "smaller than its margin"
    elif not why:
        why = "one pair can't tell a change from noise" if p is None else format_probability(p)
    return replace(row, outcome=outcome, p=p, why=why)


def _limit_to_answer(row: Row, judged: Judgement) -> Row:
    """Call a row unchanged if nobody can see a difference, or if its aspect is even."""
    if row.outcome not in {"lost", "won"}:
        return row
    if (row.family, row.model) not in judged.shown:
        return replace(row, outcome="unchanged", why=UNSEEN)
    even = any(one.aspect == row.aspect and one.outcome == "even" for one in judged.aspects)
    return replace(row, outcome="unchanged", why=EVEN) if even else row


def _aspect_name(run: Run, metric: str) -> str:
    """The aspect of a metric; empty: its package is missing and the run does not name it."""
    known = run.manifest.metrics[metric].aspect or metric in all_names()
    return find_aspect(run, metric) if known else ""


def _sort_key(row: Row) -> tuple[bool, int, float]:
    """Largest change first, in margins or twentieths of A's value; rows without numbers last."""
    size = (
        0.0
        if row.change is None
        else abs(row.change) / max(row.tolerance, 0.05 * abs(row.a or 0.0), 1e-9)
    )
    return row.why.startswith(NEITHER), OUTCOMES.index(row.outcome), -size


def _make_pairs(
    a: Run, group: PairGroup, key: NumberKey, numbers: _Numbers, b: Run
) -> Iterable[Pair]:
    then, now = numbers.paired_values(key, group)
    changes = comparison.measure_worsening(now, then, b.manifest.metrics[key.metric].better)
    for left, right, change in zip(group.a, group.b, changes, strict=True):
        if not np.isnan(change):
            ours, theirs = a.manifest.cases[left], b.manifest.cases[right]
            yield Pair(
                ours.id,
                theirs.id,
                theirs.family,
                theirs.name,
                group.model,
                theirs.seed,
                float(change),
                theirs.repeat,
            )


def _largest_changes(pairs: Sequence[Pair], sign: float = 1.0) -> tuple[Pair, ...]:
    """The pairs with the largest change, few of each family and one of each scene. `sign` turns
    their change back.
    """
    selected: list[Pair] = []
    for pair in sorted(pairs, key=lambda one: -one.change):
        family = [other for other in selected if other.family == pair.family]
        if len(family) < SHOWN_OF_A_FAMILY and not any(
            (o.name, o.model) == (pair.name, pair.model) for o in family
        ):
            selected.append(pair)
    return tuple(replace(pair, change=sign * pair.change) for pair in selected[:SHOWN])


def _measure_drift(group: PairGroup, numbers: _Numbers) -> Drift:
    hue = _mean_values(HUE, group, numbers)
    fine = _mean_values(FINE, group, numbers)
    return Drift(group.family, group.model, *hue, *fine)


def _mean_values(
    key: NumberKey, group: PairGroup, numbers: _Numbers
) -> tuple[float | None, float | None]:
    if key not in numbers.keys:
        return None, None
    then, now = numbers.paired_values(key, group)
    paired_values = ~np.isnan(then) & ~np.isnan(now)
    return (
        (float(then[paired_values].mean()), float(now[paired_values].mean()))
        if paired_values.any()
        else (None, None)
    )


def _compare_costs(
    a: Run, b: Run, groups: Sequence[PairGroup], key: NumberKey, numbers: _Numbers
) -> Iterable[Cost]:
    for model in dict.fromkeys(group.model for group in groups):
        model_groups = [group for group in groups if group.model == model]
        merged = PairGroup(
            "",
            model,
            [c for g in model_groups for c in g.a],
            [c for g in model_groups for c in g.b],
            model_groups[0].exact,
        )
        quality = _mean_values(key, merged, numbers)
        seconds_a, memory_a, cpu_a = _edit_cost(a, merged.a)
        seconds_b, memory_b, cpu_b = _edit_cost(b, merged.b)
        yield Cost(model, seconds_a, seconds_b, memory_a, memory_b, *quality, cpu_a, cpu_b)


def _edit_cost(run: Run, columns: Iterable[int]) -> tuple[float | None, float | None, float | None]:
    """Seconds, memory and processor time of an edit."""
    ended = [run.endings[run.manifest.cases[column].id] for column in dict.fromkeys(columns)]
    made = [end for end in ended if not end.cached and not end.error]
    memory = [end.peak_mb for end in ended if end.peak_mb is not None]
    return (
        _mean([end.seconds for end in made]),
        max(memory, default=None),
        _mean([end.cpu_s for end in made]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None: there is no value, or one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _describe_side(run: Run, model: str, other: Run) -> Side:
    folder = run.folder.resolve()
    label = model or folder.name
    if model and folder != other.folder.resolve():
        label = f"{model} of {folder.name}"
    found = (model,) if model else tuple(model_names(run))
    return Side(label, str(folder), run.manifest.created, found, run.manifest.editproof)
