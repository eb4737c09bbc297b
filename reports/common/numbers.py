"""How numbers are written, found and ranked: the same in HTML, in charts and in
the terminal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from editproof.harness.records.cases import CaseRecord, Measurement
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.vocabulary import Better, Region
from editproof.harness.records.wording import TITLES

COUNTED = frozenset({"scenes", "edits"})
"""Units of what is counted: without decimals."""


def number(value: float, unit: str = "") -> str:
    """A value without its unit: two decimals, four for a score that has no unit, none for a
    count.
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{0 if unit in COUNTED else 2 if unit else 4}f}"
    return text.removeprefix("-") if not float(text) else text.replace("-", "−")


def format_quantity(value: float, unit: str = "") -> str:
    """A value with its unit, where the unit is more than the metric's own name."""
    if not unit or unit == TITLES["delta_e00"]:
        return number(value, unit)
    word = unit.removesuffix("s") if unit in COUNTED and abs(value) == 1 else unit
    return f"{number(value, unit)}\N{NO-BREAK SPACE}{word}"


def format_jod(value: float) -> str:
    """JOD: two decimals, and what is too little for them is said to be."""
    return "less than 0.01" if 0 < value < 0.005 else number(value, "JOD")


def format_most_jod(value: float) -> str:
    """The largest of several JOD: `at most 0.02`, or `less than 0.01`."""
    written = format_jod(value)
    return f"at most {written}" if written == number(value, "JOD") else written


def find(record: CaseRecord, metric: str, region: Region, stat: str) -> Measurement | None:
    """The measurement by the metric's name (not its identity); None where the case has no such
    row.
    """
    return _find(record.measurements, metric, region, stat)


def value(record: CaseRecord, metric: str, region: Region, stat: str) -> float | None:
    """The value of `find`; None where there is no row or no value."""
    measurement = find(record, metric, region, stat)
    return None if measurement is None else measurement.value


def find_among(
    measurements: Iterable[Measurement], metric: str, region: Region, stat: str
) -> float | None:
    """The value among these measurements; None where there is no row or no value."""
    measurement = _find(measurements, metric, region, stat)
    return None if measurement is None else measurement.value


def _find(
    measurements: Iterable[Measurement], metric: str, region: Region, stat: str
) -> Measurement | None:
    for measurement in measurements:
        if (
            measurement.stat == stat
            and measurement.region == region
            and metric_name(measurement.metric) == metric
        ):
            return measurement
    return None


def measure_badness(better: Better, value: float) -> float:
    """The larger, the worse; comparable within one metric only."""
    return {"higher": -value, "lower": value, "zero": abs(value)}[better]


def choose_region(records: Iterable[CaseRecord]) -> Region:
    """The region that a few numbers are shown of: the edit, or the whole picture where no case
    knows its edit.
    """
    rows = (row for record in records for row in record.measurements)
    known = any(row.region == "edit" and row.value is not None for row in rows)
    return "edit" if known else "all"


def rate_damage(record: CaseRecord) -> float:
    """How bad a case is, to order cases by: LPIPS in the edit, or over the whole picture where the
    edit is not known; 0 where it was not measured.
    """
    return value(record, "lpips", choose_region([record]), "mean") or 0.0


def find_worst(records: Iterable[CaseRecord]) -> CaseRecord:
    """The worst case: one with an error before any other, then by LPIPS, then by PSNR in the edit,
    or over the whole picture where the edit is not known, then the last rung.

    Raises ValueError where there is none.
    """

    def rank(record: CaseRecord) -> tuple[float, ...]:
        region = choose_region([record])
        lpips = value(record, "lpips", region, "mean")
        psnr = value(record, "psnr", region, "mean")
        return (
            record.error is not None,
            -math.inf if lpips is None else lpips,
            -math.inf if psnr is None else -psnr,
            record.case.step,
        )

    return max(records, key=rank)
