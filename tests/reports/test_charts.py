"""What the charts must hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from editproof.harness.records import runs
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.suites import Budget, Model
from editproof.harness.records.tables import write_tables
from editproof.reports.html import charts
from editproof.reports.html.chart_dots import make_strips
from editproof.reports.html.chart_lines import (
    Line,
    find_failing_step,
    limit_lines,
    make_spectral_lines,
)
from editproof.reports.html.chart_style import Chart, make_drawable
from editproof.reports.html.history import Moment, find_earlier_runs


@pytest.fixture(scope="module")
def drawn(run: runs.Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Chart, ...]:
    """The charts of the run."""
    return charts.write_charts(run, tmp_path_factory.mktemp("charts")).charts


def test_charts_of_every_family(drawn: tuple[Chart, ...]) -> None:
    """Every family has its spectrum, contrast, limit curve and seeds."""
    assert {
        (chart.kind, chart.title) for chart in drawn if chart.kind not in {"forest", "stages"}
    } == {
        (kind, family)
        for kind in ("spectral", "limit", "seeds")
        for family in ("thin_text", "logo", "microprint", "tiled_seams")
    }


@pytest.mark.slow
def test_number_of_charts_is_bounded(run: runs.Run, tmp_path: Path) -> None:
    """Of many families those are drawn that the verdict names, and the rest is counted."""
    cases = [
        replace(record, case=replace(record.case, family=f"family_{number}"))
        for number in range(charts.MOST_FAMILIES + 3)
        for record in run.records[:1]
    ]
    last = (
        replace(run.verdict.findings[0], families=(cases[-1].case.family,)) if run.verdict else None
    )
    assert run.verdict
    assert last
    verdict = replace(run.verdict, findings=(last,))
    found = charts.write_charts(run.with_records(tuple(cases)).with_verdict(verdict), tmp_path)
    assert (found.families, found.left_out) == (charts.MOST_FAMILIES, 3)
    assert last.families[0] in {chart.title for chart in found.charts}


def test_charts_are_labelled(drawn: tuple[Chart, ...]) -> None:
    """Every chart is well-formed SVG whose axes are labelled with their units."""
    labels = {
        "spectral": ("energy in edit, dB", "octave band, cycles/px", "1/4–1/2", "expected"),
        "limit": (
            "LPIPS in edit (lower is better)",
            "PSNR in edit, dB (higher is better)",
            "ladder step",
            "limit 26",
        ),
        "seeds": ("LPIPS in edit (lower is better)",),
        "forest": ("difference of LPIPS in edit", "better", "worse"),
        "stages": ("time, s (mean over cases)", "memory, MB"),
    }
    for chart in drawn:
        text = chart.path.read_text(encoding="utf-8")
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 -- we drew it
        assert all(label in text for label in labels[chart.kind])


def test_charts_have_a_dark_look(drawn: tuple[Chart, ...]) -> None:
    """A chart's ground is transparent, and its ink turns light where the reader's theme is dark."""
    for chart in drawn:
        assert "prefers-color-scheme:dark" in chart.path.read_text(encoding="utf-8")


def test_point_of_failure(run: runs.Run) -> None:
    """A model fails at the first step whose mean is past the budget."""
    line = Line("m", (1, 2, 3), (0.1, 0.3, 0.2), (0.1,) * 3, (0.4,) * 3, ())
    assert find_failing_step(line, Budget("lpips", "edit", "mean", max=0.2)) == 2
    assert find_failing_step(line, Budget("lpips", "edit", "mean", max=0.5)) is None


def test_seeds_stand_beside_the_baseline(run: runs.Run) -> None:
    """A strip has a dot for each case with a value, and one of the baseline's where that is
    known.
    """
    records = [record for record in run.records if record.case.family == "logo"]
    first = records[0].case
    found = {strip.model: strip for strip in make_strips(records, {first.id: 0.5})}
    assert len(found["ns"].now) == 3
    assert found[first.model.name].then == (0.5,)


def test_history_is_of_earlier_runs(run: runs.Run, tmp_path: Path) -> None:
    """Runs of the same suite beside this one are told by their date, oldest first; later ones are
    no history.
    """
    for name, created in (
        ("b", "2026-03-13T00:00:00Z"),
        ("a", "2026-03-12T00:00:00Z"),
        ("later", "2027-01-01T00:00:00Z"),
    ):
        other = replace(
            run, folder=tmp_path / name, manifest=replace(run.manifest, created=created)
        )
        write_manifest(other.folder, other.manifest)
        (other.folder / "journal.jsonl").write_bytes(b"")
        write_tables(other.folder, other.records)
    found = find_earlier_runs(replace(run, folder=tmp_path / "this"))
    assert [moment.when for moment in found] == ["2026-03-12T00:00:00Z", "2026-03-13T00:00:00Z"]
    assert found[0].means["lpips"]["ns"] == pytest.approx(Moment.of(run).means["lpips"]["ns"])
    drawn = charts.write_charts(run, tmp_path / "charts", found).charts
    assert [chart.title for chart in drawn if chart.kind == "history"] == ["Runs"]


@pytest.mark.slow
def test_charts_are_reproducible(drawn: tuple[Chart, ...], run: runs.Run, tmp_path: Path) -> None:
    """A second rendering gives the same bytes."""
    again = charts.write_charts(run, tmp_path).charts
    assert [chart.path.read_bytes() for chart in again] == [
        chart.path.read_bytes() for chart in drawn
    ]


def test_case_without_value_is_marked(run: runs.Run) -> None:
    """A step without a value is a mark of its own, never a zero and never left out silently."""
    records = [record for record in run.records if record.case.family == "microprint"]
    hostile = next(line for line in limit_lines(records, "lpips") if line.model != "ns")
    assert (hostile.x, hostile.lost) == ((1, 2), (3,))


def test_band_holds_mean(run: runs.Run) -> None:
    """The mean lies in the band from the lowest to the highest case."""
    for line in make_spectral_lines(run.records):
        assert line.x == (1, 2, 3, 4, 5)
        assert all(
            low <= mean <= high
            for low, mean, high in zip(line.low, line.mean, line.high, strict=True)
        )


@pytest.mark.parametrize(
    "name", ["$\\frac{$", "_hidden", "\N{PILE OF POO} שלום \x1b[31m", "m" * 300]
)
def test_hostile_names_are_drawn(run: runs.Run, tmp_path: Path, name: str) -> None:
    """No name of a model breaks a chart or vanishes from its legend."""
    record = run.records[0]
    case = replace(record.case, model=Model(name, ""))
    for chart in charts.write_charts(
        run.with_records((replace(record, case=case),)), tmp_path
    ).charts:
        ET.fromstring(chart.path.read_bytes())  # noqa: S314 -- we drew it
        assert make_drawable(name)[:5] in chart.path.read_text(encoding="utf-8")


def test_family_is_no_path(run: runs.Run, tmp_path: Path) -> None:
    """The name of a family cannot lead a chart out of its folder."""
    record = replace(run.records[0], case=replace(run.records[0].case, family="../../etc"))
    drawn = charts.write_charts(run.with_records((record,)), tmp_path).charts
    assert {chart.path.parent for chart in drawn} == {tmp_path}


def test_alt_text_has_numbers(drawn: tuple[Chart, ...]) -> None:
    """The alternative text of a chart names every model with a number."""
    named = [chart for chart in drawn if chart.kind != "forest"]
    assert all("ns " in chart.alt and "</script> " in chart.alt for chart in named)
