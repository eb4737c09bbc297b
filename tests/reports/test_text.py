"""What the terminal must show."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from editproof.harness.records import runs
from editproof.harness.records.suites import Model
from editproof.reports.common import numbers, text

COLUMNS = 80
"""Width of a console that is no terminal."""


def printed(run: runs.Run, width: int = COLUMNS) -> str:
    """The table as a file or a pipe gets it."""
    stream = io.StringIO()
    Console(file=stream, width=width).print(text.make_case_table(run))
    return stream.getvalue()


def test_plain_without_terminal(run: runs.Run) -> None:
    """Without a terminal the table has no escape codes and no line wider than 80 columns."""
    lines = printed(run).splitlines()
    assert "\x1b" not in "".join(lines)
    assert max(len(line.rstrip()) for line in lines) <= COLUMNS


def test_row_per_family_and_model(run: runs.Run) -> None:
    """There is one row for each family and model, with its cases, its errors and its worst step."""
    rows = [line.split() for line in printed(run, width=120).splitlines()]
    found = {row[0]: row for row in rows if row[1:2] == ["ns"]}
    assert sorted(found) == ["logo", "microprint", "thin_text", "tiled_seams"]
    hostile = next(row for row in rows if row[:1] == ["microprint"] and row[1] != "ns")
    assert hostile[2] == "2/3"
    assert hostile[-1] == "3"


def test_means_leave_out_what_is_unmeasured(run: runs.Run) -> None:
    """A mean is taken over the cases that have the value; where none has, it is a dash."""
    errors = tuple(record for record in run.records if record.error)
    assert printed(run.with_records(errors)).count("—") == len(text.COLUMNS)


def test_names_are_no_markup(run: runs.Run) -> None:
    """A model's name neither colours the table nor moves the cursor nor turns the direction of the
    text.
    """
    record = run.records[0]
    named = replace(
        record,
        case=replace(record.case, model=Model("[red]x\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}", "")),
    )
    shown = printed(run.with_records((named,)), width=120)
    assert "[red]x�[2J�" in shown


def test_empty_run_has_no_rows(run: runs.Run) -> None:
    """A run without a finished case is a table without rows."""
    assert "thin_text" not in printed(run.with_records(()))


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.99961, "", "0.9996"),
        (-3.456, "dB", "−3.46"),
        (-0.001, "dB", "0.00"),
        (float("inf"), "dB", "∞"),
    ],
)
def test_number(value: float, unit: str, shown: str) -> None:
    """A score has four decimals, a value with a unit two; the minus is a minus and there is no
    negative zero.
    """
    assert numbers.number(value, unit) == shown


def test_worst_is_the_error(run: runs.Run) -> None:
    """A case that ended in an error is worse than any that has a number."""
    assert numbers.find_worst(run.records).error is not None


def test_refused_cases_are_counted(run: runs.Run) -> None:
    """They have no picture, so no mean holds them."""
    first = next(one for one in run.records if "actual" in one.blobs)
    blobs = {name: digest for name, digest in first.blobs.items() if name != "actual"}
    refused = replace(first, status="refused", blobs=blobs, measurements=())
    shown = printed(run.with_records((first, refused)))
    assert "1/2" in shown
    assert "1 case refused: there is no picture to measure" in shown


def test_without_a_mask_the_whole_picture_is_shown(run: runs.Run) -> None:
    """Where no case knows its edit, dashes would say nothing."""
    record = next(one for one in run.records if not one.error)
    rows = tuple(row for row in record.measurements if row.region == "all")
    shown = printed(run.with_records((replace(record, measurements=rows),)))
    assert "means over the whole picture" in shown
    value = numbers.value(record, "psnr", "all", "mean")
    assert value is not None
    assert numbers.number(value, "dB") in shown
