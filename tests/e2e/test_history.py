"""The history in a browser: its page, and the last nights of a case in a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from editproof.harness.history.trends import find_trends
from editproof.harness.records import runs
from editproof.harness.records.nights import CaseNights, PointPictures, WaivedFinding
from editproof.reports.html.history_page import write_history_page
from editproof.reports.html.report import write_report
from tests.e2e.conftest import opened
from tests.harness.history.made_nights import night, table_of
from tests.reports.conftest import make_run
from tests.reports.test_history_page import draw

WAIVED = WaivedFinding(("f0",), ("ns",), "the fill is blurrier. Waived by <b>ada</b>")


@pytest.fixture
def page(tmp_path: Path, browser: Browser) -> Iterator[Page]:
    """The page of 40 series, one of which is a margin worse for four nights."""
    nights = {number: night(number, baseline="ab"[number // 5]) for number in range(10)}
    nights[9] = replace(nights[9], waived=(WAIVED,))
    table = table_of([0.0] * 6 + [1.5] * 4, *[[0.0] * 10] * 39, nights=nights)
    table.accepted[:] = 0
    runs_folder = tmp_path / "runs"
    shown = PointPictures(
        "3", 42, draw(runs_folder, "made-5", 90), draw(runs_folder, "made-6", 200)
    )
    trends = find_trends("made", table)
    worst = trends.series[0]
    point = replace(worst.points[0], pictures=shown)
    trends = replace(trends, series=(replace(worst, points=(point,)), *trends.series[1:]))
    index = write_history_page(trends, tmp_path / "page", runs_folder)
    troubles: list[str] = []
    tab = browser.new_page(viewport={"width": 1280, "height": 1000})
    tab.on("console", lambda line: troubles.append(line.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.goto(index.as_uri())
    yield tab
    tab.close()
    assert troubles == []


def test_the_worst_series_has_its_limit_marks_and_pictures(page: Page) -> None:
    card = page.locator(".series").first
    assert card.locator("h3").inner_text() == "f0 · ns · structure"
    assert card.locator("path.limit").count() == 1
    assert card.locator("path.accepted title").text_content() == "2026-01-06: another baseline"
    title = card.locator("rect.waived title").text_content()
    assert title == "waived: the fill is blurrier. Waived by <b>ada</b>"
    picture = card.locator("figure img")
    picture.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert picture.evaluate("(image) => image.naturalWidth") == 440
    assert "scene 3, seed 42, from 2026-01-06 to 2026-01-07" in card.inner_text()


def test_series_come_a_few_at_a_time_and_are_found_by_name(page: Page) -> None:
    assert page.locator(".series").count() == 24
    page.locator("#more").click()
    assert page.locator(".series").count() == 40
    page.locator("#find").fill("f39")
    assert page.locator(".series h3").all_inner_texts() == ["f39 · ns · structure"]
    assert page.locator(".series rect.waived").count() == 0


def test_a_report_shows_the_last_nights_of_each_case(tmp_path: Path, browser: Browser) -> None:
    run = runs.load(make_run(tmp_path / "run"))
    first, *_ = run.endings
    days = tuple(f"2026-01-{day:02}" for day in range(1, 31))
    endings = dict.fromkeys(run.endings, ("unchanged",) * 30)
    endings[first] = ("",) * 10 + ("unchanged",) * 18 + ("regressed", "changed")
    index = write_report(run, nights=CaseNights(tmp_path / "index.html", days, endings))
    with opened(browser, index, f"#case={first}") as page:
        told = page.locator(".v-nights")
        told.wait_for()
        text = " ".join(told.inner_text().split())
        assert "Last 30 nights: " in text
        assert "18 unchanged" in text
        assert "1 regressed (2026-01-29)" in text
        assert "1 changed (2026-01-30)" in text
        assert told.locator("a").get_attribute("href") == "../../index.html"
        page.keyboard.press("Escape")
        page.locator("#cases .of-nights svg").first.wait_for()
        labels = page.locator("#cases .of-nights svg").evaluate_all(
            "(all) => all.map((one) => one.getAttribute('aria-label'))"
        )
        assert "Last nights: 30 unchanged" in labels
