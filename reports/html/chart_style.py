"""How charts look: for colour-blind eyes, in light and dark, the same bytes for the same
numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editproof.harness.records.cases import CaseRecord
from editproof.reports.common import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito, Color Universal Design (2008), without its yellow, which is lost on white."""

MARKERS = "os^Dvp*"
DASHES = ("-", "--", ":", "-.")
INK = "#33373d"
AXES = "#9aa0a8"
GRID = "#e6e8ec"
QUIET = "#6b727d"
IN_THE_DARK = {
    INK: "#d3d7de",
    AXES: "#6a717c",
    GRID: "#2c3139",
    QUIET: "#9aa1ac",
    "#0072b2": "#5aa9e6",
    "#d55e00": "#f08a4b",
    "#009e73": "#3cc79d",
    "#cc79a7": "#e39cc5",
    "#e69f00": "#eeb44a",
    "#56b4e9": "#9bd4f5",
    "#000000": "#f2f3f5",
}
"""Where the reader's theme is dark, each colour is drawn as its neighbour here."""

STYLE: Any = {
    "svg.hashsalt": "editproof",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": AXES,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
}
NAME_CHARS = 28
"""Longest name in a legend."""

WIDTH_IN = 7.2
LEGEND_COLUMNS = 3
POINTS_PER_INCH = 72
FONTS = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart on disk."""

    kind: str
    title: str
    """What it is of: a family, mostly."""
    path: Path
    width: int
    height: int
    """In CSS pixels."""
    alt: str
    """What it shows, in words."""


@contextmanager
def use_style() -> Iterator[None]:
    """Charts drawn inside look like ours, whatever a user's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def make_figure(
    columns: int, entries: int, *, height_in: float = 3.0, left: float = 0.115
) -> tuple[Figure, list[Axes]]:
    """Panels side by side below room for a legend of that many entries; margins are fixed, so that
    charts line up.
    """
    from matplotlib.figure import Figure

    head = 0.2 + 0.22 * math.ceil(entries / LEGEND_COLUMNS)
    height = height_in + head
    figure = Figure(figsize=(WIDTH_IN, height))
    edges = {
        "left": left,
        "right": 0.985,
        "bottom": 0.62 / height,
        "top": 1 - head / height,
        "wspace": 0.3,
    }
    axes = figure.subplots(1, columns, squeeze=False, gridspec_kw=edges)[0]
    for one in axes:
        one.grid(visible=False, axis="x")
    return figure, list(axes)


def add_legend(figure: Figure, axes: Axes) -> None:
    """A legend above all panels, of what the first one shows."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        columns = min(LEGEND_COLUMNS, len(labels))
        figure.legend(
            handles,
            labels,
            loc="upper left",
            ncols=columns,
            frameon=False,
            handlelength=1.8,
            borderaxespad=0.1,
        )


def look(index: int) -> dict[str, Any]:
    """Colour, dash and marker of the model with that number: no two of the first 28 are alike."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index // len(PALETTE) % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def save(figure: Figure, kind: str, title: str, path: Path, alt: str) -> Chart:
    """Write the figure, with a dark look for readers who ask for one."""
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    width, height = (round(inches * POINTS_PER_INCH) for inches in figure.get_size_inches())
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"font(?:-family)?: ?[^;\"]*?'DejaVu Sans'[^;\"]*", _find_font, text)
    path.write_text(
        text.replace("<defs>", f"<style>{_make_dark_rules()}</style>\n <defs>", 1), encoding="utf-8"
    )
    return Chart(kind, title, path, width, height, alt)


def label_of(name: str) -> str:
    """A name for a legend; Matplotlib leaves one that starts with an underscore out."""
    label = make_drawable(name)
    return f" {label}" if label.startswith("_") else label


def make_drawable(name: str) -> str:
    """A name that can stand in a chart: what the font has, no longer than a legend is wide."""
    short = name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"
    return "".join(
        char if ord(char) in _read_glyphs() and char.isprintable() else "□" for char in short
    )


def by_model(records: Iterable[CaseRecord]) -> dict[str, list[CaseRecord]]:
    """Model -> its records, in the order in which they come."""
    found: dict[str, list[CaseRecord]] = {}
    for record in records:
        found.setdefault(record.case.model.name, []).append(record)
    return found


def make_alt(what: str, ends: Sequence[tuple[str, float]], unit: str) -> str:
    """The alternative text of a chart: what it is, and a number for each name."""
    named = [f"{name} {numbers.format_quantity(value, unit)}" for name, value in ends]
    return f"{what}: {', '.join(named) or 'no value'}"


def _find_font(found: re.Match[str]) -> str:
    size = re.search(r"[\d.]+px", found[0])
    return (
        f"font: {size[0]} {FONTS}"
        if size and found[0].startswith("font:")
        else f"font-family: {FONTS}"
    )


@cache
def _make_dark_rules() -> str:
    rules = [
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in IN_THE_DARK.items()
        for what in ("fill", "stroke")
    ]
    plain = f"text:not([style*=fill]){{fill:{IN_THE_DARK['#000000']}}}"
    return f"@media screen and (prefers-color-scheme:dark){{{''.join(rules)}{plain}}}"


@cache
def _read_glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())
