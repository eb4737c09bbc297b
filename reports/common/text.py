"""A run in the terminal: one table."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import Region
from editproof.harness.records.wording import count_noun
from editproof.reports.common import numbers, view

COLUMNS: tuple[tuple[str, str, str, str], ...] = (
    ("PSNR", "psnr", "mean", "dB"),
    ("SSIM", "ssim", "mean", ""),
    ("LPIPS", "lpips", "mean", ""),
    ("ΔE00", "delta_e00", "mean", "ΔE00"),
    ("finest", "spectral_energy", "octave_5", "dB"),
)
"""Heading, metric, statistic, unit."""
MAX_NAME = 10
"""Characters of the worst case's name."""


def make_case_table(run: Run) -> Table:
    """A table for `rich.print`: one row per family and model, the means over its cases that have a
    value.
    """
    region = numbers.choose_region(run.records)
    where = "in the edit" if region == "edit" else "over the whole picture"
    caption = (
        f"means {where}; finest: spectral energy of octave 5, dB; worst: ladder step, or name,"
        " of the worst case"
    )
    blind = sum("expected" not in record.blobs for record in run.records if record.error is None)
    if blind:
        caption += (
            f"\n{blind} of {len(run.records)} cases have no expected picture: only what needs none"
            " was measured there"
        )
    refused = sum(record.status == "refused" for record in run.records)
    if refused:
        caption += f"\n{count_noun(refused, 'case')} refused: there is no picture to measure"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, caption=caption)
    table.caption_justify = "left"
    table.add_column("family", overflow="fold", min_width=15)
    table.add_column("model", overflow="fold", min_width=8)
    for heading in ("cases", *(column[0] for column in COLUMNS), "worst"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    by_pair: dict[tuple[str, str], list[CaseRecord]] = {}
    for record in run.records:
        by_pair.setdefault((record.case.family, record.case.model.name), []).append(record)
    families = view.list_families(run)
    for (family, model), records in sorted(
        by_pair.items(), key=lambda pair: families.index(pair[0][0])
    ):
        errors = sum(record.status == "error" for record in records)
        pictures = sum("actual" in record.blobs for record in records)
        means = [
            _format_mean(records, metric, region, stat, unit) for _, metric, stat, unit in COLUMNS
        ]
        whole = pictures == len(records)
        counted = str(len(records)) if whole else f"{pictures}/{len(records)}"
        cells = [counted, *means, _shorten(strip_foreign(numbers.find_worst(records).case.name))]
        styles = ["bold red" if errors else "", *[""] * (len(COLUMNS) + 1)]
        # Text, not str: a name such as `[red]` is no markup.
        table.add_row(
            Text(strip_foreign(family)),
            Text(strip_foreign(model)),
            *(Text(*pair) for pair in zip(cells, styles, strict=True)),
        )
    return table


def _shorten(name: str) -> str:
    """A name that leaves room for the others at 80 columns."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def strip_foreign(name: str) -> str:
    """A foreign text for a terminal: no control, escape or direction-changing characters, one
    line.
    """
    if name.isprintable():
        return name
    return "".join(" " if char.isspace() else char if _is_harmless(char) else "�" for char in name)


def _is_harmless(char: str) -> bool:
    return char == "\N{ZERO WIDTH JOINER}" or unicodedata.category(char) not in {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
    }


def _format_mean(
    records: Sequence[CaseRecord], metric: str, region: Region, stat: str, unit: str
) -> str:
    found = [numbers.value(record, metric, region, stat) for record in records]
    known = [value for value in found if value is not None]
    return numbers.number(sum(known) / len(known), unit) if known else "—"
