"""The history as a page and in the terminal."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from editproof.harness.history.flakiness import find_flaky
from editproof.harness.history.trends import find_trends
from editproof.harness.records.nights import PointPictures, SeriesTrend, Trends, WaivedFinding
from editproof.harness.records.runs import blob_path
from editproof.reports.common.trends import draw_sparkline, list_events
from editproof.reports.html.history_page import encode_values, write_history_page
from editproof.reports.terminal.trend_lines import list_trend_lines
from tests.harness.history.made_nights import night, table_of
from tests.harness.history.test_flakiness import edits

STEP = [0.0] * 6 + [1.0] * 4


def find(*series: list[float], **fields: object) -> Trends:
    """What these series show; fields are those of the last night."""
    last = len(series[0]) - 1
    table = table_of(*series, nights={last: night(last, **fields)})
    return find_trends("made", table, find_flaky(edits("aabab")))


def read_data(folder: Path) -> dict[str, Any]:
    """What the page's script is called with."""
    text = (folder / "data" / "history.js").read_text()
    data: dict[str, Any] = json.loads(
        text.removeprefix("editproof.showHistory(").removesuffix(");\n")
    )
    return data


def test_a_sparkline_is_higher_where_it_is_worse() -> None:
    assert draw_sparkline([0.0, 1.0, None, 2.0]) == "▁▅·█"
    assert draw_sparkline([3.0, 3.1, 3.0]) == "▁▁▁"
    assert draw_sparkline([None, None]) == "··"


def test_a_change_names_the_commits_between() -> None:
    trends = find([0.0] * 6 + [1.0], commit="f" * 40)
    assert list_events(trends.series[0], trends) == [
        "2026-01-07: 1.0 margins worse (commits 0000000000..ffffffffff)"
    ]


def test_a_new_library_is_said() -> None:
    trends = find([0.0] * 7, versions={"torch": "2.5"})
    assert list_events(trends.series[0], trends) == [
        "2026-01-07: not comparable with the nights before: torch 2.4 -> 2.5"
    ]


def test_the_terminal_shows_what_was_found_only() -> None:
    lines = list(list_trend_lines(find([0.0] * 10, STEP)))
    assert lines[0] == "▁▁▁▁▁▁████  f1 · ns · structure"
    assert lines[2] == (
        "flaky: logo/1 ns seed 42: another picture in 3 of 4 repeats, 2 pictures (3, 2 nights)"
    )
    assert lines[-1] == "history: 10 nights, 2 series: 1 worse than before, 0 drifted, 1 flaky case"
    assert not any("f0" in line for line in lines)


def test_equal_nights_are_written_once() -> None:
    assert encode_values([0.0, 0.0, 0.00001, 1.5, None, None]) == [[0.0, 3], 1.5, [None, 2]]


def test_the_page_has_every_series_and_night(tmp_path: Path) -> None:
    report = tmp_path / "runs" / "made-3" / "report"
    report.mkdir(parents=True)
    (report / "index.html").write_text("")
    page = write_history_page(find(STEP, [0.0] * 10), tmp_path / "page", tmp_path / "runs")
    data = read_data(page.parent)
    assert [one["name"] for one in data["series"]] == [
        ["f0", "ns", "structure"],
        ["f1", "ns", "structure"],
    ]
    assert data["series"][0]["points"] == [[6, True]]
    assert data["series"][1].keys() == {"name", "values"}
    assert [one["report"] for one in data["nights"]] == [
        "../runs/made-3/report/index.html" if number == 3 else "" for number in range(10)
    ]
    text = page.read_text()
    assert "Worse than before" in text
    assert "../runs/made-3/report/index.html" in text


def test_limits_follow_the_baseline_and_marks_name_it(tmp_path: Path) -> None:
    waived = WaivedFinding(("f0",), ("ns",), "the fill is blurrier. Waived by ada")
    nights = {number: night(number, baseline="a") for number in range(3)}
    nights |= {number: night(number, baseline="b", waived=(waived,)) for number in (3, 4)}
    table = table_of([0.0] * 5, nights=nights)
    table.accepted[0] = [0, 0, 0, 0.5, 0.5]
    write_history_page(find_trends("made", table), tmp_path, tmp_path)
    data = read_data(tmp_path)
    assert data["series"][0]["limits"] == [[1.0, 3], [1.5, 2]]
    assert data["baselines"] == [3]
    assert data["waivers"] == [
        {"families": ["f0"], "models": ["ns"], "text": waived.text, "nights": [3, 5]}
    ]


def draw(folder: Path, run: str, grey: int) -> str:
    """A picture of a run; its hash."""
    pixels = np.full((64, 64, 3), 90, np.uint8)
    pixels[20:30, 20:30] = grey
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = blob_path(folder / run, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return digest


def test_a_change_point_has_pictures_that_stay(tmp_path: Path) -> None:
    """They are there when the runs are gone."""
    runs, page = tmp_path / "runs", tmp_path / "page"
    shown = PointPictures("3", 42, draw(runs, "made-5", 90), draw(runs, "made-6", 200))
    trends = find(STEP)
    point = replace(trends.series[0].points[0], pictures=shown)
    trends = replace(trends, series=(replace(trends.series[0], points=(point,)),))
    for _ in range(2):
        write_history_page(trends, page, runs)
        [strip] = read_data(page)["series"][0]["strips"]
        assert strip[1] == "scene 3, seed 42, from 2026-01-06 to 2026-01-07"
        with Image.open(page / strip[0]) as picture:
            assert picture.size == (440, 144)
        shutil.rmtree(runs, ignore_errors=True)
    write_history_page(trends, tmp_path / "new", runs)
    assert "strips" not in read_data(tmp_path / "new")["series"][0]


def test_the_calendar_says_how_each_night_ended(tmp_path: Path) -> None:
    trends = find(STEP, outcome="regressed", exit_code=1, errors=2)
    text = write_history_page(trends, tmp_path, tmp_path).read_text()
    assert '<li data-tone="bad"><span title="2026-01-10 02:00 UTC: regressed, 2 of 10' in text


def test_no_name_is_markup(tmp_path: Path) -> None:
    trends = find(STEP, outcome="<script>alert(1)</script>", commit="</script>")
    page = write_history_page(trends, tmp_path, tmp_path)
    assert "<script>alert" not in page.read_text()
    assert "</script>" not in (tmp_path / "data" / "history.js").read_text()


def test_a_year_of_500_series_is_small(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(10, 0.1, (500, 365)).tolist()
    series = tuple(
        SeriesTrend("family", f"m{row}", "structure", tuple(own), 0.1, (), (), (), 0.0)
        for row, own in enumerate(values)
    )
    nights = tuple(night(number) for number in range(365))
    year = Trends("made", nights, series, (), 0.001, 1)
    page = write_history_page(year, tmp_path, tmp_path)
    files = [path.stat().st_size for path in page.parent.rglob("*") if path.is_file()]
    assert sum(files) <= 3_000_000
