"""What the charts must hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness import runs
from harness.types import Model
from reports import charts


@pytest.fixture(scope="module")
def drawn(run: runs.Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[charts.Chart, ...]:
    """The charts of the run."""
    return charts.write_charts(run, tmp_path_factory.mktemp("charts"))


def test_two_charts_per_family(drawn: tuple[charts.Chart, ...]) -> None:
    """Every family has its spectrum and its limit curve."""
    assert {(chart.kind, chart.family) for chart in drawn} == {
        (kind, family)
        for kind in ("spectral", "limit")
        for family in ("thin_text", "logo", "microprint", "tiled_seams")
    }


def test_charts_are_labelled(drawn: tuple[charts.Chart, ...]) -> None:
    """Every chart is well-formed SVG whose axes are labelled with their units."""
    labels = {
        "spectral": ("energy in edit, dB", "octave band, cycles/px", "1/4–1/2", "expected"),
        "limit": ("LPIPS in edit (lower is better)", "PSNR in edit, dB (higher is better)", "ladder step", "limit 26"),
    }
    for chart in drawn:
        text = chart.path.read_text(encoding="utf-8")
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 -- we drew it
        # Text is drawn as outlines; Matplotlib leaves the words in comments.
        assert all(label in text for label in labels[chart.kind])


def test_charts_are_reproducible(drawn: tuple[charts.Chart, ...], run: runs.Run, tmp_path: Path) -> None:
    """A second rendering gives the same bytes."""
    again = charts.write_charts(run, tmp_path)
    assert [chart.path.read_bytes() for chart in again] == [chart.path.read_bytes() for chart in drawn]


def test_case_without_value_is_marked(run: runs.Run) -> None:
    """A step without a value is a mark of its own, never a zero and never left out silently."""
    records = [record for record in run.records if record.case.family == "microprint"]
    hostile = next(line for line in charts.limit_lines(records, "lpips") if line.model != "ns")
    assert (hostile.x, hostile.lost) == ((1, 2), (3,))


def test_band_holds_mean(run: runs.Run) -> None:
    """The mean lies in the band from the lowest to the highest case."""
    for line in charts.spectral_lines(run.records):
        assert line.x == (1, 2, 3, 4, 5)
        assert all(low <= mean <= high for low, mean, high in zip(line.low, line.mean, line.high, strict=True))


@pytest.mark.parametrize("name", ["$\\frac{$", "_hidden", "\N{PILE OF POO} שלום \x1b[31m", "m" * 300])
def test_hostile_names_are_drawn(run: runs.Run, tmp_path: Path, name: str) -> None:
    """No name of a model breaks a chart or vanishes from its legend."""
    record = run.records[0]
    case = replace(record.case, model=Model(name, ""))
    for chart in charts.write_charts(replace(run, records=(replace(record, case=case),)), tmp_path):
        ET.fromstring(chart.path.read_bytes())  # noqa: S314 -- we drew it
        assert charts._drawable(name)[:5] in chart.path.read_text(encoding="utf-8")


def test_family_is_no_path(run: runs.Run, tmp_path: Path) -> None:
    """The name of a family cannot lead a chart out of its folder."""
    record = replace(run.records[0], case=replace(run.records[0].case, family="../../etc"))
    drawn = charts.write_charts(replace(run, records=(record,)), tmp_path)
    assert {chart.path.parent for chart in drawn} == {tmp_path}


def test_alt_text_has_numbers(drawn: tuple[charts.Chart, ...]) -> None:
    """The alternative text of a chart names every model with a number."""
    assert all("ns " in chart.alt and "</script> " in chart.alt for chart in drawn)
