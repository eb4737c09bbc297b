"""The front page and the list in a browser, opened from the disk: every filter, key, link and
export, on a real run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect

from editproof.harness.records import runs
from editproof.harness.records.runs import Run
from editproof.reports.html.front_page import make_cards
from editproof.reports.html.report import write_report
from editproof.reports.html.single_file import write_single_file
from tests.e2e.conftest import editproof, opened, state, until
from tests.grids import some
from tests.reports.conftest import HOSTILE

Look = Callable[..., Page]

ROWS = ".grid .line"


def listed(page: Page) -> list[str]:
    """Ids as the list has them."""
    ids: list[str] = page.evaluate("editproof.list.order()")
    return ids


def said(page: Page, key: str) -> list[str]:
    """One fact about every listed case, in order."""
    found: list[str] = page.evaluate(
        "key => editproof.list.order().map((id) => String(editproof.list.about(id)[key]))", key
    )
    return found


def test_first_screen_says_what_broke(look: Look, run: Run) -> None:
    """Without scrolling: the verdict, why, what changed since the baseline, and the first finding
    with its picture.
    """
    page = look()
    assert run.verdict
    expect(page.locator("#front h1")).to_contain_text("REGRESSION")
    expect(page.locator(".since")).to_contain_text("Since the baseline")
    expect(page.locator(".group").first).to_be_in_viewport()
    expect(page.locator(".group .thumb img").first).to_be_in_viewport()
    assert page.locator("#findings > .group").count() == min(12, len(make_cards(run).open))
    expect(page.locator("#findings > .lead").first).to_contain_text(
        "JOD: at 1, 75 % of people prefer the other picture"
    )


def test_finding_opens_its_case(look: Look, run: Run) -> None:
    """One click on a finding shows its case, the baseline beside this run; Back shows the front
    page where it was left.
    """
    page = look()
    page.evaluate("scrollTo(0, 260)")
    link = page.locator(".group h3 a").first
    wanted = parse_qs((link.get_attribute("href") or "").lstrip("#"))
    link.click()
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#front")).to_be_hidden()
    now = state(page)
    assert now["case"] == wanted["case"][0]
    assert "mode" not in now
    expect(page.locator(".v-label").first).to_contain_text("Baseline")
    page.go_back()
    expect(page.locator("#front")).to_be_visible()
    assert page.evaluate("scrollY") == 260


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("family", "logo", "family"),
        ("model", "ns", "model"),
        ("seed", "42", "seed"),
        ("status", "regressed", "status"),
    ],
)
def test_filters(look: Look, run: Run, name: str, value: str, fact: str) -> None:
    """Each filter keeps what fits, says how many, stands in the address, and is taken out by
    Clear.
    """
    page = look()
    every = listed(page)
    page.locator(f"select[name={name}]").select_option(value)
    assert set(said(page, fact)) == {value}
    assert 0 < len(listed(page)) < len(every)
    expect(page.locator(".filter output")).to_have_text(
        f"{len(listed(page))} of {len(run.manifest.cases)} cases"
    )
    assert state(page) == {name: value}
    page.get_by_role("button", name="Clear").click()
    assert listed(page) == every
    assert state(page) == {}


def test_filter_by_aspect_finding_and_stage(look: Look, run: Run) -> None:
    """Cases are found by the aspect that got worse, by the finding that counts them, and by the
    stage that broke.
    """
    page = look()
    assert run.verdict
    aspect = page.locator("select[name=worse] option").nth(1).get_attribute("value") or ""
    page.locator("select[name=worse]").select_option(aspect)
    assert listed(page)
    assert all(aspect in words.split(", ") for words in said(page, "worse"))
    page.get_by_role("button", name="Clear").click()
    page.locator("select[name=finding]").select_option("1")
    assert set(listed(page)) == set(run.verdict.findings[0].cases)
    page.get_by_role("button", name="Clear").click()
    stages = page.locator("select[name=broke] option")
    for index in range(1, stages.count()):
        stage = stages.nth(index).get_attribute("value") or ""
        page.locator("select[name=broke]").select_option(stage)
        assert set(said(page, "broke")) == {stage}


def test_a_finding_lists_all_its_cases(look: Look, run: Run) -> None:
    """Unfolded, it links each; one link more filters the list."""
    page = look()
    assert run.verdict
    first = page.locator(".group").first
    first.locator(".rest summary").click()
    assert first.locator(".cases a").count() == len(run.verdict.findings[0].cases)
    first.locator("a[data-filter]").click()
    assert set(listed(page)) == set(run.verdict.findings[0].cases)
    assert state(page) == {"finding": "1"}
    expect(page.locator(".grid")).to_be_in_viewport()


def test_what_nobody_sees_is_folded(look: Look, run: Run) -> None:
    """What got better, and what changed invisibly, stands there for who asks."""
    page = look()
    assert run.verdict
    folded = page.locator("#findings > .kept")
    if folded.count():
        expect(folded.locator(".group, table").first).to_be_hidden()
        folded.locator("> summary").click()
        expect(folded.locator(".group, table").first).to_be_visible()


def test_search(look: Look) -> None:
    """`/` goes to the search; all words must fit, in any order; an id finds its case; what fits
    nothing is said.
    """
    page = look()
    page.keyboard.press("/")
    expect(page.locator("input[name=q]")).to_be_focused()
    page.keyboard.type("ns logo")
    assert set(said(page, "family")) == {"logo"}
    assert set(said(page, "model")) == {"ns"}
    page.locator("input[name=q]").fill(listed(page)[0])
    assert len(listed(page)) == 1
    page.locator("input[name=q]").fill("no such thing")
    expect(page.locator(".nothing")).to_be_visible()


def test_every_column_sorts_both_ways(look: Look) -> None:
    """A heading sorts one way, then the other, then not at all; it says so to a screen reader, and
    in the address.
    """
    page = look()
    every = listed(page)
    for key in page.evaluate("editproof.list.columns()"):
        head = page.locator(f'.head [data-key="{key}"]')
        if not head.is_visible():
            continue
        head.locator("button:not(.what)").click()
        first, ways = listed(page), [head.get_attribute("aria-sort")]
        assert state(page)["sort"].lstrip("-") == key
        head.locator("button:not(.what)").click()
        ways.append(head.get_attribute("aria-sort"))
        assert sorted(listed(page)) == sorted(first) == sorted(every)
        assert sorted(str(way) for way in ways) == ["ascending", "descending"]
        head.locator("button:not(.what)").click()
        assert listed(page) == every
        assert "sort" not in state(page)


def test_numbers_sort_as_numbers(look: Look, run: Run) -> None:
    """The slowest case is first after one click on the time, the fastest after two."""
    page = look()
    by_time = [
        record.case.id
        for record in sorted(run.records, key=lambda record: round(record.seconds, 3))
    ]
    button = page.locator('.head [data-key="seconds"] button')
    button.click()
    assert listed(page)[0] == by_time[-1]
    button.click()
    assert listed(page)[0] == by_time[0]


def test_deep_link_restores_the_list(look: Look) -> None:
    """A link with filters and sorting shows the same list, with the same controls set."""
    page = look("#family=logo&status=regressed&sort=-seconds")
    assert set(said(page, "family")) == {"logo"}
    assert set(said(page, "status")) == {"regressed"}
    expect(page.locator("select[name=family]")).to_have_value("logo")
    expect(page.locator('.head [data-key="seconds"]')).to_have_attribute("aria-sort", "descending")


@pytest.mark.parametrize("fragment", some(["#view=gallery", "#status=regressed", "#sort=-jod"]))
def test_a_fresh_link_scrolls_to_the_list(look: Look, fragment: str) -> None:
    """With the keyboard on it: Enter opens the first case."""
    page = look(fragment)
    expect(page.locator("#cases h2")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert state(page)["case"] == listed(page)[0]


def test_gallery(look: Look, run: Run) -> None:
    """The same cases as pictures, in groups; arrows move, Enter opens, Back leads to the tile."""
    page = look("#view=gallery")
    expect(page.locator(".grid")).to_be_hidden()
    expect(page.locator(".tile").first).to_be_focused()
    until(page, "[...document.querySelectorAll('.tile img')].every((one) => one.naturalWidth > 50)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.locator('.tile[data-index="1"]')).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(f'.tile[data-index="{len(listed(page)) - 1}"]')).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert state(page)["case"] == listed(page)[0]
    page.go_back()
    expect(page.locator('.tile[data-index="0"]')).to_be_focused()
    for group in ("family", "model", "step", "seed"):
        page.locator("select[name=group]").select_option(group)
        assert page.locator(".tiles-of").count() > 0
        assert state(page)["group"] == group
    page.locator("select[name=sort]").select_option("-lpips")
    page.locator("select[name=family]").select_option("logo")
    assert set(said(page, "family")) == {"logo"}
    page.get_by_role("button", name="List").first.click()
    expect(page.locator(".grid")).to_be_visible()
    assert "group" not in state(page)


def test_rows_have_pictures_and_the_change(look: Look) -> None:
    """What changed most comes first, with its change since the baseline."""
    page = look()
    until(page, "[...document.querySelectorAll('.line img')].some((one) => one.naturalWidth > 50)")
    shown = [cell for cell in page.locator('.line [data-key="jod"]').all_inner_texts() if cell]
    numbers = [float(cell) for cell in shown if cell.replace(".", "").isdigit()]
    assert numbers
    assert numbers == sorted(numbers, reverse=True)


def test_a_pass_has_pictures_on_its_first_screen(browser: Browser, folder: Path) -> None:
    """The worst of each family, on a desk and on a phone."""
    page = write_report(runs.load(folder / "runs" / "good"))
    for width, height in ((1280, 800), (390, 844)):
        with opened(browser, page, width=width, height=height) as shown:
            expect(shown.locator("#pictures img").first).to_be_in_viewport(ratio=0.5)
            families = shown.locator("#pictures h3 a").all_inner_texts()
            assert {name.partition("/")[0] for name in families} == {"logo", "microprint"}


def test_old_link_with_a_name_that_is_gone(look: Look) -> None:
    """A link to a family that the run has not shows nothing, and what it asked for."""
    page = look("#family=gone")
    assert listed(page) == []
    expect(page.locator("select[name=family]")).to_have_value("gone")


def test_keys_of_the_list(look: Look) -> None:
    """Arrows, Home, End and the page keys move the marked row; Enter opens it; Escape or Back leads
    to the same row.
    """
    page = look()
    rows = page.locator(".grid .rows")
    rows.focus()
    ids = listed(page)
    for key, index in (
        ("ArrowDown", 1),
        ("ArrowDown", 2),
        ("ArrowUp", 1),
        ("End", len(ids) - 1),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect(page.locator(".line.active")).to_have_attribute("data-index", str(index))
        expect(rows).to_have_attribute("aria-activedescendant", f"row-{index}")
    page.keyboard.press("PageDown")
    assert int(page.locator(".line.active").get_attribute("data-index") or 0) > 1
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert state(page)["case"] == ids[1]
    page.go_back()
    expect(page.locator(".line.active")).to_have_attribute("data-index", "1")


def test_row_opens_by_click(look: Look) -> None:
    """A click anywhere on a row opens its case, over the filtered list."""
    page = look("#family=logo")
    page.locator(ROWS).first.click(position={"x": 500, "y": 10})
    now = state(page)
    assert now["family"] == "logo"
    assert now["case"] == listed(page)[0]


def test_csv_is_what_is_listed(look: Look, run: Run) -> None:
    """The export has the filtered cases, in their order, with numbers that can be computed with."""
    page = look("#family=logo&sort=-seconds")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in rows] == listed(page)
    seconds = {record.case.id: record.seconds for record in run.records}
    assert all(float(row["seconds"]) == pytest.approx(seconds[row["id"]], abs=1e-3) for row in rows)


def test_sections_keep_the_filters(look: Look) -> None:
    """The links to sections scroll, and leave the state alone; a cell of the map filters the
    list.
    """
    page = look("#seed=42")
    page.get_by_role("link", name="Provenance").click()
    expect(page.locator("#provenance h2")).to_be_in_viewport()
    assert state(page) == {"seed": "42"}
    page.locator(".map td a").first.click()
    now = state(page)
    assert now["family"] == page.locator(".map tbody th").first.inner_text()
    assert "seed" not in now
    expect(page.locator(".grid")).to_be_in_viewport()


def test_only_rows_in_sight_are_elements(look: Look) -> None:
    """The list holds no more rows than fit, and a few."""
    page = look()
    fits = page.evaluate("document.querySelector('.grid .rows').clientHeight / 36")
    assert page.locator(ROWS).count() <= fits + 14


def test_charts_are_there_for_a_picture_of_the_page(look: Look) -> None:
    """A moment after the page is there every chart is, also those far below: a picture of the whole
    page has no blanks.
    """
    page = look()
    until(
        page,
        "[...document.querySelectorAll('.chart img')].every((one) => one.complete &&"
        " one.naturalWidth > 0)",
    )


WIDTHS = (360, 390, 768, 1024, 1440, 2560)


@pytest.mark.parametrize(("theme", "widths"), [("light", WIDTHS), ("dark", WIDTHS[::-1])])
def test_no_width_scrolls_sideways(look: Look, theme: str, widths: tuple[int, ...]) -> None:
    """From 360 to 2560 px nothing is wider than the window, in whatever order it is resized."""
    page = look(width=widths[0], theme=theme)
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        until(page, f"document.documentElement.scrollWidth <= {width}", seconds=3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_opened_at_a_width_fits(look: Look, width: int, theme: str) -> None:
    page = look(width=width, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_without_scripts(browser: Browser, report: Path) -> None:
    """Where scripts are off, verdict, findings with their cases, charts and provenance are there: a
    fold needs no script.
    """
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(report.as_uri())
    expect(page.locator("#front h1")).to_contain_text("REGRESSION")
    page.locator(".group .rest summary").first.click()
    expect(page.locator(".group .cases").first).to_contain_text("seed")
    expect(page.locator(".chart img").first).to_be_visible()
    expect(page.locator("#provenance")).to_be_visible()
    assert (
        "need JavaScript" in page.content()
    )  # Chromium renders <noscript> only where scripts are off from its start
    page.context.close()


def test_print_has_findings_and_no_controls(look: Look) -> None:
    """On paper there are findings and charts, on white, and neither filters nor the list."""
    page = look(theme="dark")
    page.emulate_media(media="print")
    expect(page.locator(".group").first).to_be_visible()
    expect(page.locator(".chart").first).to_be_visible()
    expect(page.locator(".filter")).to_be_hidden()
    expect(page.locator("#cases")).to_be_hidden()
    assert (
        page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        == "rgb(255, 255, 255)"
    )


@pytest.mark.parametrize("fragment", some(["", "#sort=case", "#status=error"]))
def test_hostile_names_stay_text(browser: Browser, hostile: Path, fragment: str) -> None:
    """Names that are markup, quotes, right-to-left or 300 characters long are shown as they are,
    and run nothing.
    """
    with opened(browser, hostile, fragment, width=1024) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        expect(page.locator(".map thead th bdi", has_text=HOSTILE)).to_be_visible()
        page.locator("select[name=model]").select_option(HOSTILE)
        assert set(said(page, "model")) == {HOSTILE}
        assert state(page)["model"] == HOSTILE
        assert HOSTILE in page.evaluate("editproof.list.csv()")
        assert page.evaluate("document.querySelectorAll('script:not([src])').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1024
        assert dialogs == []


def test_single_file(browser: Browser, report: Path, tmp_path: Path) -> None:
    """One file shows the same page, list and case, from anywhere, without a file beside it."""
    alone = write_single_file(report).rename(tmp_path / "alone.html")
    with opened(browser, alone) as page:
        expect(page.locator("#front h1")).to_contain_text("REGRESSION")
        ids = listed(page)
        sources = page.evaluate(
            "[...document.images].filter((one) => one.checkVisibility()).map((one) => one.src)"
        )
        assert sources
        assert all(source.startswith("data:") for source in sources)
        page.locator(ROWS).first.click(position={"x": 500, "y": 10})
        assert state(page)["case"] == ids[0]
        page.wait_for_selector("#viewer:not([hidden]) #v-title:not(:empty)")
        until(
            page,
            "[...document.querySelectorAll('#viewer img')].some((one) => one.naturalWidth > 100)",
        )


def test_comparison_page(browser: Browser, folder: Path) -> None:
    """`editproof compare` leaves a page that loads everything, and tells A from B."""
    text = editproof(folder, "compare", "runs/good", "runs/bad")
    assert "lost" in text
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    troubles: list[str] = []
    page.on("requestfailed", lambda request: troubles.append(request.url))
    page.on("console", lambda line: troubles.append(line.text))
    page.goto((folder / "runs" / "bad" / "compare" / "index.html").as_uri())
    expect(page.locator(".sides")).to_contain_text("good")
    assert page.locator(".sheet img").count() > 0
    page.evaluate(
        "[...document.images].forEach((one) => { one.loading = 'eager'; })"
    )  # below the fold they are lazy
    until(page, "[...document.images].every((one) => one.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert troubles == []
    context.close()
