"""Charts with a line a model: spectra and contrast by scale, damage by step of the ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.families import is_covered
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Budget
from editproof.harness.records.vocabulary import Param
from editproof.reports.common import numbers
from editproof.reports.html.chart_style import (
    INK,
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

OCTAVES = ("1/64–1/32", "1/32–1/16", "1/16–1/8", "1/8–1/4", "1/4–1/2")
"""Bands of `octave_1` (coarsest) … `octave_5`, in cycles per pixel."""

BANDS = ("≈ 25 px", "≈ 12 px", "≈ 6 px", "1–3 px")
"""Size of the details in `band_1` (coarsest) … `band_4`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One model's values along x: mean, lowest and highest over its cases."""

    model: str
    x: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    lost: tuple[int, ...]
    """Where no case has a value."""


def make_spectral_lines(records: Sequence[CaseRecord]) -> tuple[Line, ...]:
    """Spectral energy in the edit by octave, one line per model; x is 1 (coarsest) … 5."""
    return _by_stat(records, "spectral_energy", "octave", len(OCTAVES))


def make_contrast_lines(records: Sequence[CaseRecord]) -> tuple[Line, ...]:
    """Local contrast in the edit by size of detail, one line per model; x is 1 (coarsest) … 4."""
    return _by_stat(records, "local_contrast", "band", len(BANDS))


def limit_lines(records: Sequence[CaseRecord], metric: str) -> tuple[Line, ...]:
    """A metric's mean in the edit by ladder step, one line per model."""
    lines = []
    for model, cases in by_model(records).items():
        points: dict[int, list[float | None]] = {}
        for case in sorted(cases, key=lambda record: record.case.step):
            points.setdefault(case.case.step, []).append(
                numbers.value(case, metric, "edit", "mean")
            )
        lines.append(make_line(model, points))
    return tuple(lines)


def find_failing_step(line: Line, budget: Budget) -> int | None:
    """The first step at which a line is past a budget; None: it keeps it. A ladder without a
    budget's rung has none.
    """
    for step, mean in zip(line.x, line.mean, strict=True):
        low = budget.min is not None and mean < budget.min
        if low or (budget.max is not None and mean > budget.max):
            return step
    return None


def draw_spectrum(lines: Sequence[Line]) -> Figure:
    """Energy by octave, over what is expected."""
    return _find_bands(
        lines, OCTAVES, "octave band, cycles/px (coarse to fine)", "energy in edit, dB"
    )


def draw_contrast(lines: Sequence[Line]) -> Figure:
    """Contrast by size of detail, over what is expected."""
    return _find_bands(lines, BANDS, "size of detail (coarse to fine)", "contrast in edit, dB")


def limit_figure(run: Run, records: Sequence[CaseRecord]) -> Figure:
    """LPIPS and PSNR by step of the ladder, with the budgets and the step at which each model
    passes one.
    """
    figure, panels = make_figure(
        2, sum(1 + bool(line.lost) for line in limit_lines(records, "lpips"))
    )
    labels = (
        ("lpips", "LPIPS in edit (lower is better)"),
        ("psnr", "PSNR in edit, dB (higher is better)"),
    )
    steps = sorted({record.case.step for record in records})
    ticks, below = _read_ladder(records, steps)
    for axes, (metric, label) in zip(panels, labels, strict=True):
        lines = limit_lines(records, metric)
        draw_lines(axes, lines)
        for budget in run.manifest.suite.budgets:
            if limits_number(budget, records[0].case.family, NumberKey(metric, "edit", "mean")):
                draw_budget(axes, budget, steps)
                mark_failures(axes, lines, budget)
        axes.set_xticks(steps, ticks)
        axes.set_xlim(steps[0] - 0.3, steps[-1] + 0.3)
        axes.set_xlabel(f"ladder step{below}")
        axes.set_ylabel(label)
    add_legend(figure, panels[0])
    return figure


def _by_stat(records: Sequence[CaseRecord], metric: str, stat: str, count: int) -> tuple[Line, ...]:
    lines = []
    for model, cases in by_model(records).items():
        points = {
            number: [numbers.value(case, metric, "edit", f"{stat}_{number}") for case in cases]
            for number in range(1, count + 1)
        }
        lines.append(make_line(model, points))
    return tuple(lines)


def _find_bands(lines: Sequence[Line], names: Sequence[str], across: str, up: str) -> Figure:
    figure, (axes,) = make_figure(1, len(lines))
    draw_lines(axes, lines)
    axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    place = axes.get_yaxis_transform()
    axes.annotate(
        "expected", (1, 0), xycoords=place, xytext=(0, 3), textcoords="offset points", ha="right"
    )
    axes.set_xticks(range(1, len(names) + 1), names)
    axes.set_xlim(0.7, len(names) + 0.3)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    add_legend(figure, axes)
    return figure


def draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Each model's means, with a band from its lowest to its highest case."""
    for index, line in enumerate(lines):
        style = look(index)
        label = label_of(line.model)
        colour = style["color"]
        axes.fill_between(
            line.x, line.low, line.high, color=colour, alpha=0.3 / (1 + len(lines)), linewidth=0
        )
        axes.plot(line.x, line.mean, label=label, **style)
        if line.lost:
            heights = [0.03 + 0.05 * index] * len(line.lost)
            across = axes.get_xaxis_transform()
            axes.plot(
                line.lost,
                heights,
                "x",
                color=colour,
                transform=across,
                label=f"{label}: no result",
                mew=2,
            )


def draw_budget(axes: Axes, budget: Budget, steps: Sequence[int]) -> None:
    """A budget's limit, dotted beyond the rungs that it covers."""
    end = min(steps[-1], budget.until_step or steps[-1]) + 0.25
    for limit in (budget.min, budget.max):
        if limit is not None:
            axes.hlines(
                limit,
                steps[0] - 0.25,
                steps[-1] + 0.25,
                color=INK,
                linewidth=0.6,
                linestyle=(0, (1, 3)),
            )
            axes.hlines(
                limit, steps[0] - 0.25, end, color=INK, linewidth=1.2, linestyle=(0, (4, 3))
            )
            where = (steps[0] - 0.25, limit)
            axes.annotate(
                f"limit {limit:g}", where, xytext=(0, 3), textcoords="offset points", fontsize=8.5
            )


def mark_failures(axes: Axes, lines: Sequence[Line], budget: Budget) -> None:
    """A ring around the first step at which a model is past the budget, also beyond the rungs that
    it covers.
    """
    for index, line in enumerate(lines):
        step = find_failing_step(line, budget)
        if step is not None:
            height = line.mean[line.x.index(step)]
            colour = look(index)["color"]
            axes.plot(
                [step],
                [height],
                "o",
                markersize=13,
                markerfacecolor="none",
                markeredgecolor=colour,
                mew=1.4,
            )


def limits_number(budget: Budget, family: str, key: NumberKey) -> bool:
    """Whether a budget limits that number of the family."""
    named = not budget.families or is_covered(family, budget.families)
    return named and (metric_name(budget.metric), budget.region, budget.stat) == key


def _read_ladder(records: Sequence[CaseRecord], steps: Sequence[int]) -> tuple[list[str], str]:
    """Tick labels, and what stands below the steps: the parameter that makes the ladder, where it
    is only one.
    """
    params = {record.case.step: record.case.params for record in records}
    names = [
        name for name in params[steps[0]] if len({params[step].get(name) for step in steps}) > 1
    ]
    if len(names) != 1:
        return [str(step) for step in steps], ""
    name = names[0]
    ticks = [f"{step}\n({_format_param(params[step].get(name, ''))})" for step in steps]
    return ticks, f" (its {make_drawable(name)})"


def _format_param(param: Param) -> str:
    return f"{param:g}" if isinstance(param, float) else make_drawable(str(param))


def make_line(model: str, points: dict[int, list[float | None]]) -> Line:
    """The line of a model through its values at every x."""
    known = {
        x: [value for value in values if value is not None and math.isfinite(value)]
        for x, values in points.items()
    }
    have = {x: values for x, values in known.items() if values}
    return Line(
        model,
        tuple(have),
        tuple(sum(values) / len(values) for values in have.values()),
        tuple(min(values) for values in have.values()),
        tuple(max(values) for values in have.values()),
        tuple(x for x, values in known.items() if not values),
    )
