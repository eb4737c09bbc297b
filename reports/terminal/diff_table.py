"""`editproof diff` in the terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

from editproof.harness.records.picture_diff import PictureDiff
from editproof.reports.common.diff_rows import HEADINGS, list_regions, list_rows


def make_diff_table(found: PictureDiff) -> Table:
    """A row for every number, a column for every region."""
    regions = list_regions(found)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("metric")
    table.add_column("statistic")
    for region in regions:
        table.add_column(HEADINGS[region], justify="right")
    table.add_column("worst at")
    for row in list_rows(found):
        cells = (row.cells.get(region, "") for region in regions)
        table.add_row(row.title, row.stat, *cells, row.where)
    return table
