"""The comparison of two runs or models: a page, and a table for the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from rich import box
from rich.table import Table
from rich.text import Text

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.comparison import AspectOutcome, Comparison, Outcome, Pair, Row, Take
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import REGIONS
from editproof.harness.records.wording import format_measure, format_title, name_try
from editproof.reports.common import numbers
from editproof.reports.common.pictures import make_url, read_picture
from editproof.reports.common.text import strip_foreign
from editproof.reports.html.chart_dots import Effect, draw_forest
from editproof.reports.html.chart_style import Chart, make_alt, save, use_style
from editproof.reports.html.report import make_environment, write_static, write_words
from editproof.reports.html.thumbnails import cut, find_worst_place

STYLES = ("tokens.css", "front.css", "compare.css")
MOST_ROWS = 60
"""Rows of one outcome that the page lists; the rest is folded, up to MOST_FOLDED."""
MOST_FOLDED = 600
MOST_LINES = 12
"""Rows in the terminal."""
EDGE_PX = 168

TONES: Mapping[Outcome, str] = {
    "lost": "bad",
    "won": "good",
    "not comparable": "warn",
    "unchanged": "plain",
}
WORDS: Mapping[Outcome, str] = {
    "lost": "Lost",
    "won": "Won",
    "not comparable": "Not comparable",
    "unchanged": "Unchanged",
}
ASPECT_TONES: Mapping[AspectOutcome, str] = {
    "better": "good",
    "worse": "bad",
    "traded": "warn",
    "even": "plain",
    "not measured": "plain",
}
ASPECT_STYLES: Mapping[AspectOutcome, str] = {
    "better": "green",
    "worse": "bold red",
    "traded": "yellow",
}
AGAINST: Mapping[tuple[str, Outcome], str] = {
    ("better", "lost"): "better",
    ("worse", "won"): "worse",
}
"""An aspect's answer and a row's that points the other way -> what is said of the aspect."""
TAKEN: Mapping[Take, str] = {"a": "KEEP A", "b": "TAKE B", "either": "IT DEPENDS"}
FOREST = (("lpips", "LPIPS in edit"), ("delta_e00", "ΔE00 in edit"))


@dataclass(frozen=True, slots=True)
class Sheet:
    """Expected, A and B at the worst place of one pair."""

    pair: Pair
    path: Path
    width: int
    height: int
    alt: str
    hrefs: tuple[str, str]
    """The case in the reports of A and B; empty: there is no report."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was won and lost in one region of a family."""

    lost: int
    won: int
    unchanged: int
    blank: int


@dataclass(frozen=True, slots=True)
class Headline:
    """The comparison in a line."""

    word: str
    tone: str
    why: str


def write_comparison(found: Comparison, a: Run, b: Run, folder: Path) -> Path:
    """Write the page of a comparison, and return its `index.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_static(folder, STYLES)
    for name in ("sheets", "charts"):
        if (folder / "index.html").is_file():
            shutil.rmtree(folder / name, ignore_errors=True)
    index = folder / "index.html"
    text = (
        make_environment(folder)
        .get_template("compare.html.j2")
        .render(
            styles=STYLES,
            scripts=write_words(folder),
            found=found,
            headline=choose_headline(found),
            counts=count_outcomes(found),
            regions=[
                region for region in REGIONS if any(row.region == region for row in found.rows)
            ],
            map=make_region_map(found),
            charts=_draw_charts(found, folder / "charts"),
            losses=_make_sheets(found.losses, a, b, folder),
            gains=_make_sheets(found.gains, a, b, folder),
            rows={
                outcome: [row for row in found.rows if row.outcome == outcome] for outcome in WORDS
            },
            words=WORDS,
            tones=TONES,
            aspect_tones=ASPECT_TONES,
            against=lambda row: describe_exception(found, row),
            most=MOST_ROWS,
            most_folded=MOST_FOLDED,
            ranked=format_title(found.quality.partition(" ")[0])
            + " "
            + found.quality.partition(" ")[2],
        )
    )
    write_atomically(index, text.encode("utf-8", "replace"))
    return index


def choose_headline(found: Comparison) -> Headline:
    """Which to take, and the answer in full."""
    moved = {one.outcome for one in found.aspects} & {"better", "worse", "traded"}
    word = TAKEN[found.take] if moved or found.take != "either" else "NO DIFFERENCE"
    tones = {frozenset({"better"}): "good", frozenset({"worse"}): "bad", frozenset(): "plain"}
    return Headline(word, tones.get(frozenset(moved), "warn"), found.answer)


def describe_exception(found: Comparison, row: Row) -> str:
    """What is said of a row that points the other way than its aspect; empty: it does not."""
    aspect = next((one for one in found.aspects if one.aspect == row.aspect), None)
    word = AGAINST.get((aspect.outcome, row.outcome), "") if aspect else ""
    return f"although {row.aspect} is {word} on the whole" if word else ""


def count_outcomes(found: Comparison) -> dict[Outcome, int]:
    """How many rows of each outcome."""
    return {outcome: sum(row.outcome == outcome for row in found.rows) for outcome in WORDS}


def make_region_map(found: Comparison) -> dict[tuple[str, str], dict[str, Cell]]:
    """Family and model -> region -> what was won and lost there."""
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in found.rows:
        own = cells.setdefault((row.family, row.model), {})
        old = own.get(row.region, Cell(0, 0, 0, 0))
        own[row.region] = Cell(
            old.lost + (row.outcome == "lost"),
            old.won + (row.outcome == "won"),
            old.unchanged + (row.outcome == "unchanged"),
            old.blank + (row.outcome == "not comparable"),
        )
    return dict(sorted(cells.items(), key=lambda cell: -sum(one.lost for one in cell[1].values())))


def measure(row: Row) -> str:
    """`LPIPS mean in edit`"""
    return format_measure(row.metric, row.stat, row.region)


def change(row: Row) -> str:
    """`0.0230 worse`"""
    if row.change is None:
        return "—"
    amount = numbers.format_quantity(abs(row.change), row.unit)
    return f"{amount} {'worse' if row.change > 0 else 'better'}" if row.change else "none"


def format_interval(row: Row) -> str:
    """`0.0100 to 0.0300`; empty: none."""
    if row.interval is None:
        return ""
    return (
        f"{numbers.number(row.interval[0], row.unit)} to"
        f" {numbers.number(row.interval[1], row.unit)}"
    )


def make_aspect_table(found: Comparison) -> Table:
    """A table for `rich.print`: what B is on each aspect, in the order of the answer."""
    order = list(ASPECT_TONES)
    table = _make_table(
        "in margins, over the pictures that differ visibly; JOD: how visible the most visible"
        " one is"
    )
    table.add_column("aspect", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for heading in ("better by", "worse by", "JOD"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in sorted(
        found.aspects, key=lambda one: (order.index(one.outcome), -(one.lost + one.won))
    ):
        moved = one.outcome in ASPECT_STYLES
        cells = (
            [f"{one.won:.1f}", f"{one.lost:.1f}", numbers.format_jod(one.jod)]
            if moved
            else ["", "", ""]
        )
        table.add_row(one.aspect, Text(one.outcome, ASPECT_STYLES.get(one.outcome, "")), *cells)
    return table


def make_comparison_table(found: Comparison) -> Table:
    """A table for `rich.print`: what is lost and won, worst first, as far as it does not speak
    against its aspect.
    """
    changed = [row for row in found.rows if row.outcome in {"lost", "won"}]
    shown = [row for row in changed if not describe_exception(found, row)]
    table = _make_table(
        "; ".join(_write_caption(found, len(changed) - len(shown), len(shown) - MOST_LINES))
    )
    table.add_column("", no_wrap=True)
    table.add_column("family, model", overflow="fold", min_width=16)
    table.add_column("measure", overflow="fold", min_width=18)
    for heading in ("A", "B", "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in shown[:MOST_LINES]:
        sides = [
            numbers.number(value, row.unit) if value is not None else "—"
            for value in (row.a, row.b)
        ]
        cells = [row.outcome, f"{row.family}, {row.model}", measure(row), *sides, change(row)]
        style = {"lost": "bold red", "won": "green"}.get(row.outcome, "")
        table.add_row(
            *(Text(strip_foreign(cell), style if not at else "") for at, cell in enumerate(cells))
        )
    return table


def _write_caption(found: Comparison, opposed: int, more: int) -> Iterable[str]:
    yield ", ".join(f"{count} {outcome}" for outcome, count in count_outcomes(found).items())
    if opposed:
        yield f"{opposed} point the other way than their aspect"
    if more > 0:
        yield f"{more} more rows"
    if opposed or more > 0:
        yield "all are on the page and in --json"


def _make_table(caption: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        caption=caption,
        caption_justify="left",
    )


def _draw_charts(found: Comparison, folder: Path) -> list[Chart]:
    """Forest plots of the main measurements: a row a family, a series a model."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = []
    with use_style():
        for metric, label in FOREST:
            effects = [
                Effect(
                    row.family,
                    row.model,
                    row.change,
                    *(row.interval or (row.change, row.change)),
                    row.samples,
                )
                for row in sorted(found.rows, key=lambda row: (row.family, row.model))
                if (metric_name(row.metric), row.region, row.stat) == (metric, "edit", "mean")
                and row.change is not None
            ]
            if effects:
                names = list(dict.fromkeys(effect.series for effect in effects))
                alt = make_alt(
                    f"Mean change of {label}",
                    [(f"{e.label} {e.series}", e.mean) for e in effects],
                    "",
                )
                figure = draw_forest(effects, f"change of {label}", names=names)
                charts.append(save(figure, "forest", label, folder / f"forest-{metric}.svg", alt))
    return charts


def _make_sheets(pairs: Sequence[Pair], a: Run, b: Run, folder: Path) -> list[Sheet]:
    ours = {record.case.id: record for record in a.records}
    theirs = {record.case.id: record for record in b.records}
    return [
        sheet
        for pair in pairs
        for sheet in _make_sheet(pair, a, b, ours[pair.a], theirs[pair.b], folder)
    ]


def _make_sheet(
    pair: Pair, a: Run, b: Run, left: CaseRecord, right: CaseRecord, folder: Path
) -> Iterable[Sheet]:
    """None where a picture is not there any more."""
    sources = ((b, right, "expected"), (a, left, "actual"), (b, right, "actual"))
    read = [read_picture(run.folder, record.blobs.get(kind, "")) for run, record, kind in sources]
    pictures = [picture for picture in read if picture]
    if len(pictures) < len(sources) or len({picture.size for picture in pictures}) > 1:
        return
    place = find_worst_place(right if pair.change > 0 else left)
    sheet = cut(pictures, place, EDGE_PX)
    target = (
        folder
        / "sheets"
        / f"{'loss' if pair.change > 0 else 'gain'}-{len(list(folder.glob('sheets/*')))}.webp"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, "WEBP", quality=84, method=2)
    where = f" at y {place[0]}, x {place[1]}" if place else ""
    alt = (
        f"{pair.family}/{pair.name}, {pair.model}, {name_try(pair.seed, pair.repeat)}{where}:"
        " expected, A and B side by side"
    )
    yield Sheet(
        pair,
        target,
        *sheet.size,
        alt,
        (_make_case_link(a, pair.a, folder), _make_case_link(b, pair.b, folder)),
    )


def _make_case_link(run: Run, case_id: str, folder: Path) -> str:
    page = run.folder / "report" / "index.html"
    return f"{make_url(page, folder)}#{urlencode({'case': case_id})}" if page.is_file() else ""
