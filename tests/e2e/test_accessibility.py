"""What axe-core finds on the pages: nothing serious, in light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import editproof, opened
from tests.grids import diagonal, some


def troubles(page: Page) -> list[tuple[str, str, Any]]:
    """Serious and critical issues: rule, what it says, and the first elements. (Its preloading asks
    for files by itself.)
    """
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [
        (one["id"], one["help"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize(("width", "theme"), diagonal([1440, 390], ["light", "dark"]))
def test_front_page(browser: Browser, report: Path, theme: str, width: int) -> None:
    """The front page with all that is folded open."""
    with opened(browser, report, theme=theme, width=width) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert troubles(page) == []


@pytest.mark.parametrize("theme", some(["dark", "light"]))
def test_gallery(browser: Browser, report: Path, theme: str) -> None:
    """The cases as pictures, with the meaning of a word over them."""
    with opened(browser, report, "#view=gallery&group=family", theme=theme) as page:
        page.locator("#cases .what").first.click()
        expect(page.locator(".word")).to_be_visible()
        assert troubles(page) == []


@pytest.mark.parametrize(("mode", "theme"), diagonal(["side", "heat"], ["light", "dark"]))
def test_viewer(browser: Browser, report: Path, theme: str, mode: str) -> None:
    """The viewer of a case."""
    with opened(browser, report, theme=theme) as page:
        case = page.evaluate("editproof.list.order()[0]")
    with opened(browser, report, f"#case={case}&mode={mode}", theme=theme) as page:
        page.wait_for_selector("#viewer:not([hidden]) #v-title:not(:empty)")
        assert troubles(page) == []


@pytest.mark.parametrize("theme", some(["light", "dark"]))
def test_hostile_names(browser: Browser, hostile: Path, theme: str) -> None:
    """A page full of markup in names, of missing pictures and long words."""
    with opened(browser, hostile, theme=theme) as page:
        expect(page.locator(".grid")).to_be_visible()
        assert troubles(page) == []


@pytest.mark.parametrize("theme", some(["dark", "light"]))
def test_comparison(browser: Browser, folder: Path, theme: str) -> None:
    """The page of a comparison."""
    editproof(folder, "compare", "runs/good", "runs/bad", "--out", "compared")
    context = browser.new_context(color_scheme="dark" if theme == "dark" else "light")
    page = context.new_page()
    page.goto((folder / "compared" / "index.html").as_uri())
    assert troubles(page) == []
    context.close()
