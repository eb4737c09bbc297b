"""Charts with a dot a case, a run or a family: seeds beside the baseline, effects with their
intervals, cost, history.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from editproof.harness.records.cases import CaseRecord
from editproof.reports.common import numbers
from editproof.reports.html.chart_style import (
    INK,
    QUIET,
    add_legend,
    by_model,
    label_of,
    look,
    make_drawable,
    make_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_STAGES = 14
MOST_DOTS = 400
"""Dots of one model in a strip: beyond, every n-th case is drawn."""


@dataclass(frozen=True, slots=True)
class Strip:
    """One model's cases of a family, now and in the baseline."""

    model: str
    now: tuple[float, ...]
    then: tuple[float, ...]
    """Empty: there is no baseline."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean with its 95 % interval."""

    label: str
    series: str
    mean: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Point:
    """A number of one model in one run."""

    when: str
    model: str
    value: float


def make_strips(
    records: Sequence[CaseRecord], before: Mapping[str, float], metric: str = "lpips"
) -> tuple[Strip, ...]:
    """A metric's mean in the edit of every case, by model; `before` is the baseline's, by case
    id.
    """
    found = []
    for model, cases in by_model(records).items():
        thinned = cases[:: math.ceil(len(cases) / MOST_DOTS)]
        known = [(case, numbers.value(case, metric, "edit", "mean")) for case in thinned]
        now = tuple(value for _, value in known if value is not None)
        then = tuple(
            before[case.case.id]
            for case, value in known
            if value is not None and case.case.id in before
        )
        if now:
            found.append(Strip(model, now, then))
    return tuple(found)


def strip_figure(found: Sequence[Strip], label: str) -> Figure:
    """A row a model: dots are cases, the ring below each row what the baseline had."""
    figure, (axes,) = make_figure(1, 2, height_in=1.2 + 0.42 * len(found), left=0.24)
    for row, strip in enumerate(found):
        style = look(row)
        heights = [row - 0.16 + 0.06 * (index % 3 - 1) for index in range(len(strip.now))]
        axes.plot(
            strip.now,
            heights,
            style["marker"],
            color=style["color"],
            alpha=0.75,
            label="this run" if not row else None,
        )
        if strip.then:
            below = [row + 0.2 + 0.06 * (index % 3 - 1) for index in range(len(strip.then))]
            axes.plot(
                strip.then,
                below,
                "o",
                color=QUIET,
                markerfacecolor="none",
                label="baseline" if not row else None,
            )
        mean = sum(strip.now) / len(strip.now)
        axes.plot([mean, mean], [row - 0.36, row + 0.04], color=style["color"], linewidth=2.2)
        if strip.then:
            mean = sum(strip.then) / len(strip.then)
            axes.plot([mean, mean], [row + 0.04, row + 0.4], color=QUIET, linewidth=1.4)
    axes.set_yticks(range(len(found)), [label_of(strip.model) for strip in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)
    add_legend(figure, axes)
    return figure


def draw_forest(effects: Sequence[Effect], label: str, *, names: Sequence[str]) -> Figure:
    """A row a label: each series' mean change with its interval; left of the line is better.

    `names` are all models of the run, so that each has one colour in all charts.
    """
    labels = list(dict.fromkeys(effect.label for effect in effects))
    series = list(dict.fromkeys(effect.series for effect in effects))
    figure, (axes,) = make_figure(
        1, len(series), height_in=1.3 + (0.2 + 0.16 * len(series)) * len(labels), left=0.24
    )
    for index, name in enumerate(series):
        style = look(names.index(name))
        shift = (index - (len(series) - 1) / 2) * 0.7 / max(len(series), 1)
        shown = [effect for effect in effects if effect.series == name]
        rows = [labels.index(effect.label) + shift for effect in shown]
        for effect, row in zip(shown, rows, strict=True):
            axes.plot([effect.low, effect.high], [row, row], color=style["color"], linewidth=1.8)
        axes.plot(
            [e.mean for e in shown],
            rows,
            style["marker"],
            color=style["color"],
            label=label_of(name),
        )
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(labels)), [make_drawable(text) for text in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    reach = (
        max(
            (abs(end) for e in effects for end in (e.low, e.high) if math.isfinite(end)),
            default=1.0,
        )
        or 1.0
    )
    axes.set_xlim(-1.08 * reach, 1.08 * reach)
    axes.locator_params(axis="x", nbins=6, prune="both")  # a number at the edge would be cut
    axes.set_xlabel(f"← better · {label} · worse →")
    add_legend(figure, axes)
    return figure


def draw_stages(seconds: Mapping[str, Mapping[str, float]], memory: Mapping[str, float]) -> Figure:
    """Mean seconds of every stage, and the most memory of every model."""
    names = list(dict.fromkeys(stage for stages in seconds.values() for stage in stages))
    totals = {name: max(stages.get(name, 0.0) for stages in seconds.values()) for name in names}
    kept = set(sorted(names, key=lambda name: -totals[name])[:MOST_STAGES])
    shown = [name for name in names if name in kept]
    rows = max(len(shown), len(seconds), 1)
    figure, (left, right) = make_figure(2, len(seconds), height_in=1.2 + 0.27 * rows, left=0.19)
    thick = 0.76 / max(len(seconds), 1)
    for index, (model, stages) in enumerate(seconds.items()):
        at = [row + (index - (len(seconds) - 1) / 2) * thick for row in range(len(shown))]
        left.barh(
            at,
            [stages.get(name, 0.0) for name in shown],
            thick * 0.86,
            color=look(index)["color"],
            label=label_of(model),
        )
        if model in memory:
            right.barh([index], [memory[model]], 0.6, color=look(index)["color"])
            right.annotate(
                f"{memory[model]:.0f}",
                (memory[model], index),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
            )
    left.set_yticks(range(len(shown)), [make_drawable(name) for name in shown])
    left.set_xlabel("time, s (mean over cases)")
    right.set_yticks([])
    right.set_xlabel("memory, MB (most of any case)")
    for axes, count in ((left, len(shown)), (right, len(seconds))):
        _set_rows(axes, count)
    if memory:
        right.set_xlim(0, 1.2 * max(memory.values()))
    else:
        right.annotate(
            "not known on this system",
            (0.5, 0.5),
            xycoords="axes fraction",
            ha="center",
            color=QUIET,
        )
    add_legend(figure, left)
    return figure


def draw_history(points: Mapping[str, Sequence[Point]], labels: Mapping[str, str]) -> Figure:
    """A panel a number: its mean over all cases of each model, run by run."""
    every = [point for found in points.values() for point in found]
    whens = sorted({point.when for point in every})
    models = list(dict.fromkeys(point.model for point in every))
    figure, panels = make_figure(len(points), len(models))
    for axes, (name, found) in zip(panels, points.items(), strict=True):
        for index, model in enumerate(models):
            own = sorted((p for p in found if p.model == model), key=lambda p: p.when)
            axes.plot(
                [whens.index(p.when) for p in own],
                [p.value for p in own],
                label=label_of(model),
                **look(index),
            )
        ends = sorted({0, len(whens) - 1})
        axes.set_xticks(ends, [whens[end][5:16].replace("T", " ") for end in ends])
        axes.set_xlim(-0.3, len(whens) - 0.7)
        axes.set_xlabel("run, UTC")
        axes.set_ylabel(labels[name])
    add_legend(figure, panels[0])
    return figure


def _set_rows(axes: Axes, count: int) -> None:
    axes.set_ylim(count - 0.4, -0.6)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
