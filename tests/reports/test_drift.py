"""Drift in words, and on the limit chart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.drift import TurnDrift
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Budget
from editproof.reports.common.drift import describe_drift, list_drift_lines
from editproof.reports.html import charts
from tests.harness.made import OTHER, measured, run_of

KEPT = TurnDrift("ns", "", "psnr", "keep", "mean", "dB", -0.8, (-1.0, -0.6), 3)


def make_chain(start: float, fall: float, *, step: int = 1) -> list[CaseRecord]:
    """Three turns of a scene, each worse by `fall` dB."""
    records = [measured(start - fall * turn, step=step) for turn in range(3)]
    return [
        replace(record, case=replace(record.case, id=f"{record.case.id}-{turn}", turn=turn))
        for turn, record in enumerate(records, start=1)
    ]


def of_other_model(record: CaseRecord) -> CaseRecord:
    return replace(
        record, case=replace(record.case, id=f"{record.case.id}-{OTHER.name}", model=OTHER)
    )


@pytest.fixture(scope="module")
def turned() -> Run:
    """One model falls by 2 dB a turn in both scenes, and the other holds."""
    falling = [*make_chain(40, 2), *make_chain(35, 2.1, step=2)]
    holding = [of_other_model(one) for one in [*make_chain(38, 0), *make_chain(33, 0, step=2)]]
    return run_of(*falling, *holding, budgets=(Budget("psnr", "edit", "mean", min=36.0),))


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (KEPT, "PSNR in keep falls 0.80 dB a turn (0.60 to 1.00)"),
        (
            replace(KEPT, metric="lpips", unit="", slope=0.01, interval=(0.005, 0.015)),
            "LPIPS in keep rises 0.0100 a turn (0.0050 to 0.0150)",
        ),
        (replace(KEPT, interval=(-1.8, 0.2)), "PSNR in keep holds (−1.80 to 0.20 dB a turn)"),
        (
            replace(KEPT, slope=0.0, interval=None, samples=1),
            "PSNR in keep holds (one chain, so no interval)",
        ),
        (
            replace(KEPT, interval=None, samples=1),
            "PSNR in keep falls 0.80 dB a turn (one chain, so no interval)",
        ),
    ],
)
def test_a_drift_in_words(drift: TurnDrift, said: str) -> None:
    """It falls, rises or holds; the smaller end of the interval comes first."""
    assert describe_drift(drift).replace("\N{NO-BREAK SPACE}", " ") == said


def test_a_line_a_model(turned: Run) -> None:
    """A run without turns has none."""
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in list_drift_lines(turned)]
    assert lines == [
        "drift:   ns: PSNR in edit falls 2.05 dB a turn (1.41 to 2.69)",
        "drift:   patch: PSNR in edit holds (0.00 to 0.00 dB a turn)",
    ]
    assert list_drift_lines(run_of(measured(40.0), measured(38.0, step=2))) == []


def test_the_limit_chart_has_one_of_turns_beside_that_of_steps(turned: Run, tmp_path: Path) -> None:
    """The one of steps is of first turns alone, as it is without turns."""
    drawn = charts.write_charts(turned, tmp_path).charts
    by_title = {chart.title: chart for chart in drawn if chart.kind == "limit"}
    assert set(by_title) == {"logo", "logo, turn by turn"}
    turns = by_title["logo, turn by turn"]
    assert "ns: PSNR in edit falls 2.05" in turns.alt
    text = turns.path.read_text()
    assert ">turn<" in text
    assert ">change a turn, dB<" in text
    assert ">limit 36<" in text
    first = run_of(*(record for record in turned.records if record.case.turn == 1))
    again = charts.write_charts(first.with_records(first.records), tmp_path / "first").charts
    (alone,) = [chart for chart in again if chart.kind == "limit"]
    assert alone.alt == by_title["logo"].alt
