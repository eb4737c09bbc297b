"""Hundreds of cases in a browser, at night ten thousand: what is loaded, what becomes an element.
Times are kept by benchmarks/REPORT.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.report import loaded_bytes
from benchmarks.synthetic import make_run
from editproof.reports.html.report import write_report
from tests.e2e.conftest import opened, until
from tests.sharing import make_once

MB = 1_000_000


@pytest.fixture(scope="module", params=[300, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def cases(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, cases: int) -> Path:
    """The report of so many cases."""

    def make(folder: Path) -> None:
        run = make_run(folder, cases, edge_px=256 if cases < 10_000 else 512)
        start = time.perf_counter()
        write_report(run)
        print(f"{cases / (time.perf_counter() - start):.0f} cases/s")  # noqa: T201 - for whoever runs this with -s

    return make_once(tmp_path_factory, f"large-{cases}", make) / "report" / "index.html"


@pytest.fixture(scope="module")
def asked(large: Path) -> list[str]:
    """What the page asked for."""
    return []


@pytest.fixture(scope="module")
def page(browser: Browser, large: Path, asked: list[str]) -> Iterator[Page]:
    """The report, open."""
    with opened(browser, large, asked=asked) as shown:
        yield shown


def test_list_data_is_small(large: Path, cases: int) -> None:
    """The list of ten thousand cases is at most 2.5 MB."""
    assert (large.parent / "data" / "cases.js").stat().st_size <= 2.5 * MB * cases / 10_000


def test_little_is_loaded_at_first(page: Page, large: Path, asked: list[str]) -> None:
    """At most 5 MB are loaded before a picture is opened, all files together, and no case."""
    until(page, "[...document.querySelectorAll('.chart img')].every((one) => one.complete)")
    loaded = loaded_bytes(asked, large)
    print({name: f"{size / MB:.2f} MB" for name, size in loaded.items()})  # noqa: T201
    assert sum(loaded.values()) <= 5 * MB
    assert "cases" not in loaded
    assert "blobs" not in loaded


def test_few_elements(page: Page) -> None:
    """Wherever the list is scrolled to, the page holds some thousand elements, and the rows in
    sight are the right ones.
    """
    rows = page.locator(".grid .rows")
    for share in (0, 0.5, 1):
        rows.evaluate("(node, share) => { node.scrollTop = share * node.scrollHeight; }", share)
        page.wait_for_timeout(100)
        assert page.locator(".grid .line").count() < 50
        found: list[Any] = page.evaluate(
            "[...document.querySelectorAll('.grid .line')].map((row) => [row.dataset.index,"
            " row.querySelector('a').hash])"
        )
        ids = page.evaluate("editproof.list.order()")
        assert all(f"case={ids[int(index)]}" in link for index, link in found)
    assert page.evaluate("document.querySelectorAll('*').length") < 10_000


def test_every_case_is_found(page: Page, cases: int) -> None:
    """The last of them is reached by one key, and found by its id."""
    rows = page.locator(".grid .rows")
    rows.focus()
    page.keyboard.press("End")
    assert page.locator(".line.active").get_attribute("data-index") == str(cases - 1)
    last = page.evaluate("editproof.list.order().at(-1)")
    page.locator("input[name=q]").fill(last)
    assert page.evaluate("editproof.list.order()") == [last]
    page.get_by_role("button", name="Clear").click()


def test_charts_do_not_grow(large: Path) -> None:
    """Thousands of cases of twenty families have no more charts than a page can show."""
    assert len(list((large.parent / "charts").iterdir())) <= 4 * 12 + 5
    assert len(list((large.parent / "thumbs").iterdir())) <= 48
