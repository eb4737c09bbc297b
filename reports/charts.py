"""Charts of a run as SVG files: the same bytes for the same run, for colour-blind eyes and any background."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.runs import Run, metric_name
from harness.types import Budget, CaseRecord, Param
from reports import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OCTAVES = ("1/64–1/32", "1/32–1/16", "1/16–1/8", "1/8–1/4", "1/4–1/2")
"""Bands of `octave_1` (coarsest) … `octave_5`, in cycles per pixel."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito, Color Universal Design (2008), without its yellow, which is lost on white."""

MARKERS = "os^Dvp*"
INK = "#33373d"
STYLE: Any = {
    "svg.hashsalt": "editproof",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": "#9aa0a8",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8ec",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
}
NAME_CHARS = 28
"""Longest name in a legend."""

WIDTH_IN = 7.2
LEGEND_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart on disk."""

    kind: Literal["spectral", "limit"]
    family: str
    path: Path
    alt: str
    """What it shows, in words."""


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


def write_charts(run: Run, folder: Path) -> tuple[Chart, ...]:
    """Write the SVG charts of a run into a folder, one of each kind per family that has the numbers for it."""
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    by_family: dict[str, list[CaseRecord]] = {}
    for record in run.records:
        by_family.setdefault(record.case.family, []).append(record)
    charts: list[Chart] = []
    with mpl.rc_context(STYLE):
        for family, records in by_family.items():
            bands = spectral_lines(records)
            if any(line.x for line in bands):
                alt = _alt(f"Spectral energy in {family}, finest octave", bands, "dB")
                path = _save(_spectral(bands), folder / f"spectral-{_slug(family)}.svg")
                charts.append(Chart("spectral", family, path, alt))
            damage = limit_lines(records, "lpips")
            measured = any(line.x for metric in ("lpips", "psnr") for line in limit_lines(records, metric))
            if measured and not records[0].case.own:
                alt = _alt(f"LPIPS and PSNR by ladder step in {family}; LPIPS at the last step", damage, "")
                path = _save(_limits(run, records), folder / f"limit-{_slug(family)}.svg")
                charts.append(Chart("limit", family, path, alt))
    return tuple(charts)


def spectral_lines(records: Sequence[CaseRecord]) -> tuple[Line, ...]:
    """Spectral energy in the edit by octave, one line per model; x is 1 (coarsest) … 5."""
    lines = []
    for model, cases in _by_model(records).items():
        points = {
            octave: [numbers.value(case, "spectral_energy", "edit", f"octave_{octave}") for case in cases]
            for octave in range(1, len(OCTAVES) + 1)
        }
        lines.append(_line(model, points))
    return tuple(lines)


def limit_lines(records: Sequence[CaseRecord], metric: str) -> tuple[Line, ...]:
    """A metric's mean in the edit by ladder step, one line per model."""
    lines = []
    for model, cases in _by_model(records).items():
        points: dict[int, list[float | None]] = {}
        for case in sorted(cases, key=lambda record: record.case.step):
            points.setdefault(case.case.step, []).append(numbers.value(case, metric, "edit", "mean"))
        lines.append(_line(model, points))
    return tuple(lines)


def _spectral(lines: Sequence[Line]) -> Figure:
    figure, (axes,) = _figure(1, len(lines))
    _draw(axes, lines)
    axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    place = axes.get_yaxis_transform()
    axes.annotate("expected", (1, 0), xycoords=place, xytext=(0, 3), textcoords="offset points", ha="right")
    axes.set_xticks(range(1, len(OCTAVES) + 1), OCTAVES)
    axes.set_xlim(0.7, len(OCTAVES) + 0.3)
    axes.set_xlabel("octave band, cycles/px (coarse to fine)")
    axes.set_ylabel("energy in edit, dB")
    _legend(figure, axes)
    return figure


def _limits(run: Run, records: Sequence[CaseRecord]) -> Figure:
    figure, panels = _figure(2, sum(1 + bool(line.lost) for line in limit_lines(records, "lpips")))
    labels = (("lpips", "LPIPS in edit (lower is better)"), ("psnr", "PSNR in edit, dB (higher is better)"))
    steps = sorted({record.case.step for record in records})
    ticks, below = _ladder(records, steps)
    for axes, (metric, label) in zip(panels, labels, strict=True):
        _draw(axes, limit_lines(records, metric))
        for budget in run.manifest.suite.budgets:
            if _covers(budget, records[0].case.family, metric):
                _draw_budget(axes, budget, steps)
        axes.set_xticks(steps, ticks)
        axes.set_xlim(steps[0] - 0.3, steps[-1] + 0.3)
        axes.set_xlabel(f"ladder step{below}")
        axes.set_ylabel(label)
    _legend(figure, panels[0])
    return figure


def _figure(columns: int, entries: int) -> tuple[Figure, Sequence[Axes]]:
    """Panels side by side below room for a legend of that many entries; margins are fixed, so that charts line up."""
    from matplotlib.figure import Figure

    head = 0.2 + 0.22 * math.ceil(entries / LEGEND_COLUMNS)
    height = 3.0 + head
    figure = Figure(figsize=(WIDTH_IN, height), facecolor="white")
    edges = {"left": 0.115, "right": 0.985, "bottom": 0.62 / height, "top": 1 - head / height, "wspace": 0.3}
    axes = figure.subplots(1, columns, squeeze=False, gridspec_kw=edges)[0]
    for one in axes:
        one.grid(visible=False, axis="x")
    return figure, list(axes)


def _draw(axes: Axes, lines: Sequence[Line]) -> None:
    for index, line in enumerate(lines):
        colour = PALETTE[index % len(PALETTE)]
        style = ("-", "--", ":", "-.")[index // len(PALETTE) % 4]
        label = _drawable(line.model)
        if label.startswith("_"):
            # Matplotlib leaves such a name out of the legend.
            label = f" {label}"
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.3 / (1 + len(lines)), linewidth=0)
        axes.plot(line.x, line.mean, color=colour, linestyle=style, marker=MARKERS[index % len(MARKERS)], label=label)
        if line.lost:
            heights = [0.03 + 0.05 * index] * len(line.lost)
            across = axes.get_xaxis_transform()
            axes.plot(line.lost, heights, "x", color=colour, transform=across, label=f"{label}: no result", mew=2)


def _draw_budget(axes: Axes, budget: Budget, steps: Sequence[int]) -> None:
    end = min(steps[-1], budget.until_step or steps[-1]) + 0.25
    for limit in (budget.min, budget.max):
        if limit is not None:
            axes.hlines(limit, steps[0] - 0.25, end, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            where = (steps[0] - 0.25, limit)
            axes.annotate(f"limit {limit:g}", where, xytext=(0, 3), textcoords="offset points", fontsize=8.5)


def _covers(budget: Budget, family: str, metric: str) -> bool:
    named = not budget.families or family in budget.families
    return named and (metric_name(budget.metric), budget.region, budget.stat) == (metric, "edit", "mean")


def _ladder(records: Sequence[CaseRecord], steps: Sequence[int]) -> tuple[list[str], str]:
    """Tick labels, and what stands below the steps: the parameter that makes the ladder, where it is only one."""
    params = {record.case.step: record.case.params for record in records}
    names = [name for name in params[steps[0]] if len({params[step].get(name) for step in steps}) > 1]
    if len(names) != 1:
        return [str(step) for step in steps], ""
    name = names[0]
    ticks = [f"{step}\n({_param(params[step].get(name, ''))})" for step in steps]
    return ticks, f" (its {_drawable(name)})"


def _param(param: Param) -> str:
    return f"{param:g}" if isinstance(param, float) else _drawable(str(param))


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = min(LEGEND_COLUMNS, len(labels))
    figure.legend(handles, labels, loc="upper left", ncols=columns, frameon=False, handlelength=1.8, borderaxespad=0.1)


def _line(model: str, points: dict[int, list[float | None]]) -> Line:
    known = {x: [value for value in values if value is not None] for x, values in points.items()}
    have = {x: values for x, values in known.items() if values}
    return Line(
        model,
        tuple(have),
        tuple(sum(values) / len(values) for values in have.values()),
        tuple(min(values) for values in have.values()),
        tuple(max(values) for values in have.values()),
        tuple(x for x, values in known.items() if not values),
    )


def _by_model(records: Iterable[CaseRecord]) -> dict[str, list[CaseRecord]]:
    found: dict[str, list[CaseRecord]] = {}
    for record in records:
        found.setdefault(record.case.model.name, []).append(record)
    return found


def _alt(what: str, lines: Sequence[Line], unit: str) -> str:
    ends = [f"{line.model} {numbers.quantity(line.mean[-1], unit)}" for line in lines if line.mean]
    return f"{what}: {', '.join(ends) or 'no value'}"


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def _slug(name: str) -> str:
    """A file name for a family; a name that is none itself gets a digest, so that two never meet."""
    if re.fullmatch(r"[a-z0-9_]{1,60}", name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _drawable(name: str) -> str:
    """A name as the font can draw it, cut to the legend's width."""
    short = name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"
    return "".join(char if ord(char) in _glyphs() and char.isprintable() else "□" for char in short)


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())
