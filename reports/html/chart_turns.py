"""The limit chart turn by turn: where outputs were edited again, what each turn costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.drift import TurnDrift
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import format_title
from editproof.reports.common import numbers
from editproof.reports.html.chart_lines import (
    Line,
    draw_budget,
    draw_lines,
    limits_number,
    make_line,
    mark_failures,
)
from editproof.reports.html.chart_style import (
    INK,
    LEGEND_COLUMNS,
    WIDTH_IN,
    add_legend,
    by_model,
    look,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES_IN, GAP_IN, FOOT_IN = 2.3, 0.75, 0.55
ROW_IN = 0.28
"""Heights: of the lines by turn, between them and the slopes, below those, and of a model's slope.
"""


def make_turn_lines(records: Sequence[CaseRecord], key: NumberKey) -> tuple[Line, ...]:
    """A number's mean by turn, one line a model."""
    lines = []
    for model, cases in by_model(records).items():
        points: dict[int, list[float | None]] = {}
        for record in sorted(cases, key=lambda one: one.case.turn):
            points.setdefault(record.case.turn, []).append(numbers.value(record, *key))
        lines.append(make_line(model, points))
    return tuple(lines)


def turn_figure(run: Run, records: Sequence[CaseRecord], drifts: Sequence[TurnDrift]) -> Figure:
    """Each number by turn, with the budgets; below it every model's slope with its interval.
    `drifts` are those of the records' family.
    """
    keys = dict.fromkeys(_key_of(drift) for drift in drifts)
    shown = [(key, make_turn_lines(records, key)) for key in keys]
    models = list(by_model(records))
    entries = sum(1 + bool(line.lost) for line in shown[0][1])
    figure, above, below = _make_panels(len(shown), len(models), entries)
    turns = sorted({record.case.turn for record in records})
    for axes, slopes, (key, lines) in zip(above, below, shown, strict=True):
        draw_lines(axes, lines)
        for budget in run.manifest.suite.budgets:
            if limits_number(budget, records[0].case.family, key):
                draw_budget(axes, replace(budget, until_step=None), turns)
                mark_failures(axes, lines, budget)
        axes.set_xticks(turns)
        axes.set_xlim(turns[0] - 0.3, turns[-1] + 0.3)
        axes.set_xlabel("turn")
        axes.set_title(_name_number(run, key), fontsize=9.5, loc="left")
        _draw_slopes(slopes, models, [one for one in drifts if _key_of(one) == key])
    add_legend(figure, above[0])
    return figure


def _make_panels(columns: int, models: int, entries: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """Panels for lines, and lower ones for slopes with a row a model; above them is room for a
    legend of that many entries.
    """
    from matplotlib.figure import Figure

    head = 0.4 + 0.22 * math.ceil(entries / LEGEND_COLUMNS)
    low = 0.2 + ROW_IN * models
    height = head + LINES_IN + GAP_IN + low + FOOT_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    panels = figure.subplots(
        2,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": 0.075,
            "right": 0.985,
            "bottom": FOOT_IN / height,
            "top": 1 - head / height,
            "wspace": 0.3,
            "hspace": 2 * GAP_IN / (LINES_IN + low),
            "height_ratios": (LINES_IN, low),
        },
    )
    for axes in panels[0]:
        axes.grid(visible=False, axis="x")
    return figure, list(panels[0]), list(panels[1])


def _draw_slopes(axes: Axes, models: Sequence[str], drifts: Sequence[TurnDrift]) -> None:
    """A row a model: the slope a turn, and its interval."""
    for drift in drifts:
        row = models.index(drift.model)
        style = look(row)
        if drift.interval:
            axes.plot(drift.interval, [row, row], color=style["color"], linewidth=1.8)
        axes.plot([drift.slope], [row], style["marker"], color=style["color"])
        axes.annotate(
            numbers.number(drift.slope, drift.unit),
            (drift.slope, row),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks([])
    axes.set_ylim(len(models) - 0.5, -0.8)
    axes.margins(x=0.12)
    axes.grid(visible=True, axis="x")
    unit = drifts[0].unit if drifts else ""
    axes.set_xlabel(f"change a turn{f', {unit}' if unit else ''}")


def _key_of(drift: TurnDrift) -> NumberKey:
    return NumberKey(drift.metric, drift.region, drift.stat)


def _name_number(run: Run, key: NumberKey) -> str:
    info = run.manifest.metrics[key.metric]
    unit = info.unit_of(key.stat)
    return f"{format_title(key.metric)} in {key.region}{f', {unit}' if unit else ''}"
