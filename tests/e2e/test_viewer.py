"""The case viewer in a browser, opened from the disk: every mode, key and way to move, on a real
run.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run
from tests.e2e.conftest import state, until
from tests.e2e.viewing import MODES, TALL, Open, picture, place, seen
from tests.grids import some


def show_panes(page: Page) -> str:
    """What the panes show, once a heat map is drawn: until then its canvas is a place for it."""
    until(page, "!document.querySelector('.v-panes canvas[data-width=\"1\"]')")
    return page.inner_html(".v-panes")


def test_every_mode_by_button_and_key(view: Open) -> None:
    """One after the other, on one page."""
    page = view("&mode=side")
    for number, mode in enumerate(MODES, 1):
        button = page.locator(f"button[data-mode={mode}]")
        button.click()
        by_button = show_panes(page)
        page.keyboard.press("1" if number > 1 else "2")
        expect(button).to_have_attribute("aria-pressed", "false")
        page.keyboard.press(str(number))
        expect(button).to_have_attribute("aria-pressed", "true")
        assert show_panes(page) == by_button
        assert state(page)["mode"] == mode


@pytest.mark.parametrize("mode", some(MODES))
def test_every_mode_by_button_key_and_link(view: Open, mode: str) -> None:
    """A mode is chosen by its button or its key, and a link to it shows the same."""
    page = view("&mode=side")
    page.click(f"button[data-mode={mode}]")
    by_button = show_panes(page)
    page.keyboard.press("2")
    page.keyboard.press(str(MODES.index(mode) + 1))
    assert show_panes(page) == by_button
    assert state(page)["mode"] == mode
    expect(page.locator(f"button[data-mode={mode}]")).to_have_attribute("aria-pressed", "true")
    linked = view(f"&mode={mode}")
    assert show_panes(linked) == by_button


def test_a_link_restores_what_is_seen(view: Open) -> None:
    """Everything that can be set is in the address."""
    link = "&mode=onion&a=baseline&b=input&onion=30&metric=psnr&zoom=4&y=120&x=88"
    page = view(f"{link}&regions=edit%2Cring&boxes=1&cursor=119%2C90&loupe=1")
    assert state(page)["zoom"] == "4"
    page.wait_for_selector(".v-readout tbody tr:nth-child(2)")
    before = (place(page), page.inner_html(".v-options"), page.inner_html(".v-side"), seen(page))
    page.reload()
    page.wait_for_selector(".v-plane img")
    page.wait_for_selector(".v-readout tbody tr:nth-child(2)")
    until(page, "[...document.querySelectorAll('.v-plane img')].every((image) => image.complete)")
    after = (place(page), page.inner_html(".v-options"), page.inner_html(".v-side"), seen(page))
    assert after[:3] == before[:3]
    assert np.array_equal(after[3], before[3])
    transform = before[0][2]
    pane = page.locator(".v-pane").first
    sizes = pane.evaluate("(node) => [node.clientHeight, node.clientWidth]")
    left, top = (float(part) for part in re.findall(r"-?[\d.]+(?=px)", transform))
    assert (sizes[0] / 2 - top) / 4 == pytest.approx(120, abs=0.01)
    assert (sizes[1] / 2 - left) / 4 == pytest.approx(88, abs=0.01)


def test_panes_move_together(view: Open) -> None:
    """Wheel and drag in one picture move the other."""
    page = view("&mode=side")
    box = page.locator(".v-pane").first.bounding_box()
    assert box
    x, y = box["x"] + 200, box["y"] + 150
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    until(page, "editproof.state.get().zoom")
    assert place(page, 0) == place(page, 1)
    zoomed = place(page)
    page.mouse.down()
    page.mouse.move(x + 40, y + 25, steps=4)
    page.mouse.up()
    assert place(page, 0) == place(page, 1)
    (left, top), (now_left, now_top) = (
        tuple(float(part) for part in re.findall(r"-?[\d.]+(?=px)", style[2]))
        for style in (zoomed, place(page))
    )
    assert now_left - left == pytest.approx(40, abs=1)
    assert now_top - top == pytest.approx(25, abs=1)


def test_the_wheel_keeps_what_is_under_the_pointer(view: Open) -> None:
    """The pixel under the pointer stays there."""
    page = view("&mode=diff")
    box = page.locator(".v-pane").first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2 - 40
    page.mouse.move(x, y)
    page.wait_for_selector(".v-where:not(:empty)")
    before = page.inner_text(".v-where")
    page.mouse.wheel(0, -500)
    until(page, "editproof.state.get().zoom")
    page.mouse.move(x + 40, y)
    page.mouse.move(x, y)
    (row, column), (now_row, now_column) = (
        tuple(int(part) for part in re.findall(r"\d+", text))
        for text in (before, page.inner_text(".v-where"))
    )
    assert abs(row - now_row) <= 1
    assert abs(column - now_column) <= 1


def test_zoom_keys(view: Open) -> None:
    """Plus, minus, fit, and one pixel a pixel."""
    page = view("&mode=slider")
    page.keyboard.press("z")
    assert state(page)["zoom"] == "1"
    page.keyboard.press("+")
    assert state(page)["zoom"] == "1.5"
    page.keyboard.press("-")
    page.keyboard.press("0")
    assert "zoom" not in state(page)


def test_arrows_pan(view: Open) -> None:
    """By 60 screen pixels, with Shift by 240."""
    page = view("&zoom=6&y=100&x=100")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert (state(page)["x"], state(page)["y"]) == ("110", "140")


def test_pixels_are_squares_from_200_percent(view: Open) -> None:
    """Below, they are averaged."""
    page = view("&mode=side&zoom=2&y=50&x=50")
    assert page.locator(".v-plane img.crisp").count() == 2
    page.keyboard.press("z")
    assert page.locator(".v-plane img.crisp").count() == 0


def test_a_reduced_picture_says_so(view: Open, run: Run) -> None:
    """And by how much."""
    page = view("&mode=side", size={"width": 390, "height": 300})
    assert re.search(r"shown at \d+\s%, reduced", page.inner_text(".v-shown"))
    page.keyboard.press("z")
    assert page.inner_text(".v-shown").replace("\xa0", " ") == "shown at 100 %"


def test_amplified_difference(view: Open, run: Run, record: CaseRecord) -> None:
    """Sixteen times the difference of each channel, and no more than white."""
    height, width = picture(run, record, "actual").shape[:2]
    page = view(f"&mode=diff&a=expected&zoom=1&y={height / 2}&x={width / 2}", size=TALL)
    shown = seen(page)
    top, left = (shown.shape[0] - height + 1) // 2, (shown.shape[1] - width + 1) // 2
    expected, actual = (picture(run, record, kind).astype(int) for kind in ("expected", "actual"))
    wanted = np.minimum(255, 16 * np.abs(expected - actual))
    rows = slice(8, height - 48)  # the label lies below
    found = shown[top : top + height, left : left + width][rows].astype(int)
    assert np.abs(found - wanted[rows]).max() <= 16


def test_slider_shows_a_left_and_b_right(view: Open, run: Run, record: CaseRecord) -> None:
    """The edge follows drag, range and keys."""
    height, width = picture(run, record, "actual").shape[:2]
    page = view(f"&mode=slider&a=expected&zoom=1&y={height / 2}&x={width / 2}&cut=100", size=TALL)
    only_a = seen(page)
    page.locator("[name=amount]").fill("0")
    only_b = seen(page)
    top, left = (only_a.shape[0] - height + 1) // 2, (only_a.shape[1] - width + 1) // 2
    area = (slice(top + 8, top + height // 3), slice(left + 20, left + width - 20))
    rows, columns = slice(8, height // 3), slice(20, width - 20)
    assert np.array_equal(only_a[area], picture(run, record, "expected")[rows, columns])
    assert np.array_equal(only_b[area], picture(run, record, "actual")[rows, columns])
    page.keyboard.press("0")
    box = page.locator(".v-pane").bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30, steps=3)
    page.mouse.up()
    assert float(state(page)["cut"]) == pytest.approx(25, abs=0.5)
    page.locator(".v-panes").focus()
    page.keyboard.press("]")
    assert float(state(page)["cut"]) == pytest.approx(30, abs=0.5)


def test_blinking(view: Open) -> None:
    """By itself at the rate that is set; it can be stopped, and turned by hand."""
    page = view("&mode=blink&rate=6")
    sides = set()
    for _ in range(12):
        sides.add(page.locator(".v-panes").get_attribute("data-side"))
        page.wait_for_timeout(60)
    assert sides == {"a", "b"}
    page.keyboard.press("Space")
    still = state(page)["still"]
    page.wait_for_timeout(500)
    assert page.locator(".v-panes").get_attribute("data-side") == still
    page.keyboard.press("f")
    assert state(page)["still"] != still
    page.keyboard.press("Space")
    assert "still" not in state(page)
    page.keyboard.press("[")
    assert state(page)["rate"] == "5.5"


def test_blinking_waits_where_motion_is_not_wanted(view: Open) -> None:
    """With reduced motion it stands still until somebody starts it."""
    page = view("&mode=blink&rate=6", motion=False)
    before = page.locator(".v-panes").get_attribute("data-side")
    page.wait_for_timeout(500)
    assert page.locator(".v-panes").get_attribute("data-side") == before
    expect(page.locator("[data-do=pause]")).to_have_text("Start")
    page.click("[data-do=flip]")
    assert page.locator(".v-panes").get_attribute("data-side") != before
    page.click("[data-do=pause]")
    sides = set()
    for _ in range(12):
        sides.add(page.locator(".v-panes").get_attribute("data-side"))
        page.wait_for_timeout(60)
    assert sides == {"a", "b"}


def test_choice_of_a_and_b(view: Open, run: Run, record: CaseRecord) -> None:
    """By the lists, by keys, and swapped."""
    page = view("&mode=side")
    page.keyboard.press("p")
    assert state(page)["a"] == "baseline"
    expect(page.locator(".v-label").first).to_contain_text("Baseline")
    page.keyboard.press("i")
    expect(page.locator(".v-label").first).to_contain_text("Input")
    page.keyboard.press("e")
    page.keyboard.press("x")
    expect(page.locator(".v-label").nth(1)).to_contain_text("Expected")
    page.select_option("[name=b]", "overlay")
    expect(page.locator(".v-label").nth(1)).to_contain_text("Overlay")
