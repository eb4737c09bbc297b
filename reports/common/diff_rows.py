"""The numbers of `editproof diff`: the same rows in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from editproof.harness.records.cases import Measurement
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.picture_diff import DiffCheck, PictureDiff
from editproof.harness.records.vocabulary import Region
from editproof.harness.records.wording import format_measure, format_title
from editproof.reports.common import numbers
from editproof.reports.common.text import strip_foreign

HEADINGS: Mapping[str, str] = {
    "all": "all",
    "edit": "edit",
    "ring": "ring",
    "keep": "keep",
}


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One statistic of one metric."""

    title: str
    """`PSNR`."""
    stat: str
    cells: Mapping[Region, str]
    """Its number with its unit; a dash where there is none."""
    reasons: tuple[str, ...]
    """Why numbers are missing."""
    where: str
    """Place of the worst window in the whole picture; empty: it has none."""


def list_regions(found: PictureDiff) -> tuple[Region, ...]:
    """The regions that were measured, the whole picture first."""
    return tuple(dict.fromkeys(one.region for one in found.measurements))


def list_rows(found: PictureDiff) -> list[DiffRow]:
    """A row for every statistic, in the order of the metrics."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in found.measurements:
        groups.setdefault((one.metric, one.stat), []).append(one)
    return [_make_row(*key, group) for key, group in groups.items()]


def _make_row(metric: str, stat: str, group: list[Measurement]) -> DiffRow:
    whole = next((one for one in group if one.region == "all"), group[0])
    return DiffRow(
        title=format_title(metric),
        stat="worst window" if stat == "worst" else stat.replace("_", " "),
        cells={
            one.region: "—" if one.value is None else numbers.format_quantity(one.value, one.unit)
            for one in group
        },
        reasons=tuple(dict.fromkeys(one.reason for one in group if one.value is None)),
        where=""
        if whole.y is None
        else f"x\N{NO-BREAK SPACE}{whole.x} y\N{NO-BREAK SPACE}{whole.y}",
    )


def list_notes(found: PictureDiff) -> list[str]:
    """What the table does not say: how much differs, why numbers are missing, what was done to
    the files.
    """
    missing = [
        f"{row.title} {row.stat}: {reason}" for row in list_rows(found) for reason in row.reasons
    ]
    return [describe_change(found), *missing, *(strip_foreign(note) for note in found.notes)]


def describe_change(found: PictureDiff) -> str:
    """How many pixels differ, and where."""
    if found.changed_box is None:
        return "The pictures are equal, pixel by pixel."
    share = 100 * found.changed_px / (found.width * found.height)
    y0, x0, y1, x1 = found.changed_box
    written = f"{share:.2f} %" if share >= 0.01 else "less than 0.01 %"
    return (
        f"{found.changed_px:,} of {found.width * found.height:,} pixels differ ({written}), all in"
        f" x {x0} to {x1 - 1} and y {y0} to {y1 - 1}."
    )


def describe_check(check: DiffCheck) -> str:
    """A limit and what was measured, in one line."""
    limit = check.limit
    name = format_measure(metric_name(limit.metric), limit.stat, limit.region)
    bound = "at least" if limit.bound == "min" else "at most"
    asked = f"{bound} {numbers.format_quantity(limit.value, check.unit)}"
    if check.value is None:
        return f"not judged: {name} has no number ({check.reason}); the limit is {asked}"
    value = numbers.format_quantity(check.value, check.unit)
    return (
        f"{'kept' if check.kept else 'outside its limit'}: {name} is {value}; the limit is {asked}"
    )
