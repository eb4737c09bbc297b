"""The comparison with a baseline: case by case on the same seed, pooled over the cases of a family and model.

A deterministic model needs no statistics: one case beyond the margin is a regression. Of a stochastic one a rule is past its
margin in two ways. The family got worse: its mean change is beyond the margin. Or one scene broke: nearly all of its seeds
changed by more than the margin, so that an average can't hide it. Either is asked to be significant after Holm's correction
over all families and scenes of the run. A mean beyond the margin that is not significant is `underpowered`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness import comparison
from harness.comparison import Means, Scenes, Values
from harness.errors import UsageError
from harness.floors import NO_NOISE, NoiseFloor
from harness.invariants import Columns, Groups, unjudged
from harness.metrics.registry import stats_of
from harness.pairing import Pairing, pair, stochastic
from harness.sheet import ABSENT, MEASURED, Grid, Key, Sheet
from harness.types import Finding, Margin, Outcome, Suite
from harness.wording import case_name, number, probability, where

REFUSED = "refused"

ALARM = 0.01
"""Chance of one false alarm or more in all families of a run together: one night in a hundred, at most."""

SCENE_ALARM = 0.001
"""The same of its scenes. Less, since a t-test of three seeds leans on normal noise, and metrics have heavier tails."""

AT_RISK = 0.25
"""A rule that passes with less than this share of its margin left is at risk."""

MAIN_STATS = ("mean", "worst")
"""What gets a margin from the noise floor where the suite names none; a metric without them: its first statistic."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is compared with."""

    sheet: Sheet
    also: tuple[Sheet, ...] = ()
    """Other outcomes that were accepted for some of its cases: the nearest one counts."""


@dataclass(frozen=True)
class Group:
    """The paired changes of one family and model."""

    family: str
    model: str
    columns: Columns
    """Of the run."""
    now: Values
    then: Values
    then_badness: Values
    """As `then`, turned so that more is worse."""
    changes: Values
    """Rules × cases; above 0: worse; NaN: not to be compared."""
    margins: Values
    """Of each rule; NaN: it does not cover this family."""
    reasons: Mapping[int, str]
    """Rule -> why it can't be judged: a number that is there on one side only."""
    scenes: Scenes
    exact: bool
    """Both sides are deterministic."""
    seeded: bool
    """The baseline's model is stochastic, so that its seeds show its noise."""

    @cached_property
    def means(self) -> Means:
        """Mean changes."""
        return comparison.means(self.changes)

    @cached_property
    def intervals(self) -> tuple[Values, Values]:
        """Both ends of the 95 % confidence interval of each rule's mean change."""
        return self.means.interval()

    @cached_property
    def reached(self) -> Values:
        """Rules × scenes: the change that nearly all seeds of a scene reach; NaN: one seed."""
        return comparison.nearly_all(self.changes, self.scenes)

    @cached_property
    def broken(self) -> Values:
        """Rules × scenes: how likely a scene's seeds are so much worse by chance, not corrected; NaN: one seed."""
        return comparison.broken(self.then_badness, self.changes, self.scenes)

    @cached_property
    def judged(self) -> npt.NDArray[np.intp]:
        """Rules that cover this family and have something to compare."""
        covered = ~np.isnan(self.margins) & (self.means.samples > 0)
        return np.array([row for row in np.flatnonzero(covered) if row not in self.reasons], np.intp)


@dataclass(frozen=True, slots=True)
class Compared:
    """A run beside its baseline."""

    keys: tuple[Key, ...]
    groups: tuple[Group, ...]
    pairing: Pairing
    findings: tuple[Finding, ...]


def compare(run: Sheet, baseline: Baseline, groups: Groups, noise: NoiseFloor = NO_NOISE) -> Compared:
    """Judge every margin. Raises UsageError on a margin below the noise floor."""
    check_margins(run.manifest.suite, noise)
    alike = comparable(run, baseline.sheet)
    keys = tuple(key for key in _keys(run, noise) if key.metric in alike)
    pairing = pair(run, baseline.sheet)
    if not keys:
        return Compared((), (), pairing, ())
    now = run.grid(keys)
    then = [_aligned(run, sheet, pairing, keys) for sheet in (baseline.sheet, *baseline.also)]
    found = tuple(
        _group(run, baseline, keys, group, columns, now=now, then=then, noise=noise)
        for group, columns in groups.items()
    )
    return Compared(keys, found, pairing, tuple(_findings(run, keys, found)))


def comparable(run: Sheet, baseline: Sheet) -> frozenset[str]:
    """Metrics that both sides measured in one way."""
    there = baseline.manifest.metrics
    return frozenset(
        name
        for name, metric in run.manifest.metrics.items()
        if name in there and (there[name].identity, there[name].better) == (metric.identity, metric.better)
    )


def check_margins(suite: Suite, noise: NoiseFloor) -> None:
    """Raise UsageError where somebody wrote a margin that clean reruns overstep, naming both numbers."""
    counts: dict[str, int] = {}
    for variant in suite.variants:
        counts[variant.family] = counts.get(variant.family, 0) + 1
    models = {model.name for model in suite.models}
    for (family, model, key), floor in noise.floors.items():
        if family not in counts or model not in models:
            continue
        written = _written(suite.margins, key, family)
        cases = counts[family] * len(suite.seeds)
        if written is not None and written < floor.of_mean(cases):
            least = floor.of_mean(cases)
            raise UsageError(
                f"margins: {where(family, model, *key)}: the margin {written:.4g} is below the noise floor {least:.4g} that "
                f"{noise.source} shows for {cases} cases, so clean reruns would overstep it. Write {1.05 * least:.2g} or more "
                f"(a margin may name its families), take the margin out, or add seeds"
            )


def _keys(run: Sheet, noise: NoiseFloor) -> tuple[Key, ...]:
    """What is compared: what the suite's margins name, what metrics have margins of their own for, and without either the main
    statistics that the noise floor knows.
    """
    suite, metrics = run.manifest.suite, run.manifest.metrics
    named = [Key(margin.metric, margin.region, margin.stat) for margin in suite.margins]
    if suite.default_margins and any(metric.margins for metric in metrics.values()):
        named += [key for key in run.keys() if key.stat in metrics[key.metric].margins]  # noqa: SIM118 - no mapping
    if not suite.margins:
        named += [key for _, _, key in noise.floors if key.metric in metrics and key.stat in _main_stats(key.metric)]
    return tuple(dict.fromkeys(named))


def _main_stats(metric: str) -> tuple[str, ...]:
    stats = stats_of(metric)
    return tuple(stat for stat in MAIN_STATS if stat in stats) or stats[:1]


def _written(margins: Sequence[Margin], key: Key, family: str) -> float | None:
    """The margin that somebody wrote: the last one that covers the family, one that names it before one for all."""
    fitting = [m for m in margins if (m.metric, m.region, m.stat) == key and (not m.families or family in m.families)]
    return max(enumerate(fitting), key=lambda pair: (bool(pair[1].families), pair[0]))[1].margin if fitting else None


def _aligned(run: Sheet, other: Sheet, pairing: Pairing, keys: Sequence[Key]) -> Grid:
    """The other's numbers in the run's columns; ABSENT where a case has no counterpart."""
    grid = other.grid(keys)
    at = np.array([other.columns.get(pairing.ids.get(case.id, ""), -1) for case in run.manifest.cases], np.intp)
    found = (at >= 0)[None]
    return Grid(np.where(found, grid.values[:, at], np.nan), np.where(found, grid.states[:, at], ABSENT), grid.reasons)


def _group(
    run: Sheet,
    baseline: Baseline,
    keys: Sequence[Key],
    group: tuple[str, str],
    columns: Columns,
    *,
    now: Grid,
    then: Sequence[Grid],
    noise: NoiseFloor,
) -> Group:
    family, model = group
    margins = _margins(run, keys, group, columns, noise)
    ways = [run.manifest.metrics[key.metric].better for key in keys]
    ours, our_states = now.values[:, columns], now.states[:, columns]
    choices = []
    for grid in then:
        theirs, their_states = grid.values[:, columns], grid.states[:, columns]
        both = (our_states == MEASURED) & (their_states == MEASURED)
        change = np.stack([comparison.worsening(a, b, way) for a, b, way in zip(ours, theirs, ways, strict=True)])
        choices.append((np.where(both, change, np.nan), theirs, their_states))
    nearest = _nearest([choice[0] for choice in choices], margins)
    changes, before, their_states = (
        np.take_along_axis(np.stack(part), nearest[None, None, :], axis=0)[0] for part in zip(*choices, strict=True)
    )
    # Without a number now as then is the same behaviour. On one side only, a rule that somebody wrote can't be judged; where
    # the edit as such was refused, conduct.py says so.
    one_sided = ((our_states > MEASURED) & (their_states == MEASURED)) | (
        (our_states == MEASURED) & (their_states > MEASURED)
    )
    one_sided &= _has_result(run, baseline.sheet, columns)
    wanted = np.array([_written(run.manifest.suite.margins, key, family) is not None for key in keys], bool)
    reasons = {}
    for row in np.flatnonzero(one_sided.any(axis=1) & wanted):
        at = int(np.flatnonzero(one_sided[row])[0])
        side = now if our_states[row, at] > MEASURED else then[nearest[at]]
        reasons[int(row)] = side.reason(int(row), int(columns[at]))
    seeded = stochastic(baseline.sheet, model)
    return Group(
        family=family,
        model=model,
        columns=columns,
        now=ours,
        then=before,
        then_badness=np.stack([comparison.badness(row, way) for row, way in zip(before, ways, strict=True)]),
        changes=changes,
        margins=margins,
        reasons=reasons,
        scenes=comparison.scenes_of(np.array([run.manifest.cases[column].name for column in columns])),
        exact=not seeded and not stochastic(run, model),
        seeded=seeded,
    )


def _has_result(run: Sheet, baseline: Sheet, columns: Columns) -> npt.NDArray[np.bool_]:
    """Of each case, whether either side made a picture or both did not."""
    pairing = pair(run, baseline).ids
    ids = [run.manifest.cases[column].id for column in columns]
    sides = ((run.ended.get(one), baseline.ended.get(pairing.get(one, ""))) for one in ids)
    return np.array(
        [
            not ours
            or not theirs
            or (ours.status == theirs.status == REFUSED or REFUSED not in {ours.status, theirs.status})
            for ours, theirs in sides
        ],
        bool,
    )


def _margins(run: Sheet, keys: Sequence[Key], group: tuple[str, str], columns: Columns, noise: NoiseFloor) -> Values:
    """Each rule's margin for a family and model: what somebody wrote, else the metric's own; never below the noise floor."""
    suite = run.manifest.suite
    found = np.full(len(keys), np.nan)
    for row, key in enumerate(keys):
        metric = run.manifest.metrics[key.metric]
        margin = _written(suite.margins, key, group[0])
        if margin is None and suite.default_margins:
            margin = metric.margins.get(key.stat)
        floor = noise.of(*group, key, metric.identity)
        if margin is not None or (floor and not suite.margins):
            found[row] = max(margin or 0.0, floor.of_mean(len(columns)) if floor else 0.0)
    return found


def _nearest(changes: Sequence[Values], margins: Values) -> npt.NDArray[np.intp]:
    """Which of the accepted outcomes each case is nearest to, over all rules, in margins."""
    if len(changes) == 1:
        return np.zeros(changes[0].shape[1], np.intp)
    unit = np.where(margins > 0, margins, 1.0)[:, None]
    distances = np.stack([np.nansum(np.abs(change) / unit, axis=0) for change in changes])
    there = np.stack([~np.isnan(change).all(axis=0) for change in changes])
    return np.asarray(np.where(there, distances, np.inf).argmin(axis=0), np.intp)


def _findings(run: Sheet, keys: Sequence[Key], groups: Sequence[Group]) -> Iterable[Finding]:
    for group in groups:
        for row, reason in group.reasons.items():
            rule = Margin(*keys[row], margin=float(group.margins[row]))
            yield unjudged("baseline", rule, reason, family=group.family, model=group.model)
    sampled = [(group, row) for group in groups if not group.exact for row in group.judged]
    raw = {id(group): np.column_stack([group.means.p(), group.broken]) for group in groups if not group.exact}
    p = [raw[id(group)][row] for group, row in sampled]
    corrected = comparison.holm(np.concatenate([*p, np.empty(0)]))
    tests = int((~np.isnan(corrected)).sum())
    ends = np.cumsum([len(one) for one in p])
    for (group, row), (of_family, *of_scenes) in zip(sampled, np.split(corrected, ends[:-1]), strict=False):
        yield _sampled(run, keys[row], group, int(row), float(of_family), np.array(of_scenes), tests)
    for group in groups:
        if group.exact:
            yield from (_exact(run, keys[row], group, int(row)) for row in group.judged)


def _exact(run: Sheet, key: Key, group: Group, row: int) -> Finding:
    """Both sides are deterministic: the largest change for the worse decides."""
    changes, margin = group.changes[row], float(group.margins[row])
    worst, best = int(np.nanargmax(changes)), int(np.nanargmin(changes))
    if changes[worst] > margin:
        outcome = Outcome.REGRESSED
    elif changes[worst] <= 0 and changes[best] < -margin:
        outcome = Outcome.IMPROVED
    else:
        outcome = Outcome.PASS
    at = best if outcome is Outcome.IMPROVED else worst
    return _finding(run, key, group, row, at, outcome, headroom=margin - float(changes[worst]))


def _sampled(run: Sheet, key: Key, group: Group, row: int, p: float, of_scenes: Values, tests: int) -> Finding:
    """One side or both are stochastic: the mean decides where it is significant, or a scene that broke. p: corrected."""
    margin, mean = float(group.margins[row]), float(group.means.mean[row])
    low, high = (float(end[row]) for end in group.intervals)
    broke = np.where(of_scenes <= SCENE_ALARM, group.reached[row], -np.inf)
    scene = int(np.nanargmax(broke))
    at = int(np.nanargmax(group.changes[row]))
    why, of_scene = "", None
    if mean > margin and p <= ALARM:
        outcome = Outcome.REGRESSED
    elif broke[scene] > margin:
        outcome, of_scene = Outcome.REGRESSED, float(of_scenes[scene])
        seeds = np.where(group.scenes.of_column == scene, group.changes[row], np.nan)
        at = int(np.nanargmax(seeds))
        name = run.manifest.cases[group.columns[at]].scene
        said = f"{_counted(seeds, margin)} of its seeds got worse by more than the margin"
        why = f"{name} broke: {said}, {probability(of_scene)}. "
    elif mean > margin:
        outcome = Outcome.UNDERPOWERED
        why = _advice(group, row, tests)
    elif mean < -margin and high < 0:
        outcome, at = Outcome.IMPROVED, int(np.nanargmin(group.changes[row]))
    else:
        outcome = Outcome.PASS
    finding = _finding(run, key, group, row, at, outcome, headroom=margin - mean, why=why, p=p)
    finding = finding if of_scene is None else replace(finding, p=of_scene)
    return finding if np.isnan(low) else replace(finding, interval=(low, high))


def _counted(seeds: Values, margin: float) -> str:
    return f"{int(np.nansum(seeds > margin))} of {int((~np.isnan(seeds)).sum())}"


def _advice(group: Group, row: int, tests: int) -> str:
    """What would make an unclear change clear."""
    scenes = len(group.scenes.starts)
    mean, spread = float(group.means.mean[row]), float(group.means.spread[row])
    seeds = comparison.seeds_needed(mean, spread, scenes, ALARM / max(tests, 1))
    if np.isnan(spread):
        return "One pair can't tell a change from noise: run it on more seeds. "
    if seeds is None:
        return f"It may be noise, and {comparison.MOST_SEEDS} seeds would not tell: look at the pictures. "
    return f"It may be noise: about {seeds} seeds would tell. "


def _finding(
    run: Sheet,
    key: Key,
    group: Group,
    row: int,
    at: int,
    outcome: Outcome,
    *,
    headroom: float,
    why: str = "",
    p: float | None = None,
) -> Finding:
    metric, margin = run.manifest.metrics[key.metric], float(group.margins[row])
    unit = metric.unit_of(key.stat)
    case = run.manifest.cases[group.columns[at]]
    mean, samples = float(group.means.mean[row]), int(group.means.samples[row])
    pair = f"from {number(group.then[row, at], unit)} to {number(group.now[row, at], unit)}"
    if p is None:
        size = _amount(float(group.changes[row, at]), unit)
        text = f"went {pair}, {size}; the margin is {number(margin, unit)} ({case_name(case)})"
    else:
        known = "" if np.isnan(p) else f", {probability(p)}"
        size = f"{_amount(mean, unit)} on average over {samples} paired cases{known}"
        example = f"{case_name(case)} went {pair}"
        text = f"is {size}; the margin is {number(margin, unit)}. {why}({example})"
    return Finding(
        rule="baseline",
        family=group.family,
        model=group.model,
        metric=metric.identity,
        region=key.region,
        stat=key.stat,
        outcome=outcome,
        limit=margin,
        worst=float(np.nanmax(group.changes[row])),
        headroom=headroom,
        unit=unit,
        case_id=case.id,
        cases=samples,
        text=f"{where(group.family, group.model, *key)} {text}",
        mean_change=mean,
        p=None if p is None or np.isnan(p) else p,
        samples=samples,
        at_risk=outcome is Outcome.PASS and margin > 0 and headroom < AT_RISK * margin,
    )


def _amount(change: float, unit: str) -> str:
    return "unchanged" if change == 0 else f"{number(abs(change), unit)} {'worse' if change > 0 else 'better'}"
