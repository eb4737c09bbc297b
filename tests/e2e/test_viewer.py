"""The case viewer in a browser, opened from the disk: every mode, key and deep link, on a real
run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from editproof.harness.metrics.colour.delta_e00 import ciede2000, lab
from editproof.harness.records import runs
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.map_index import load_maps
from editproof.harness.records.runs import Run
from editproof.harness.records.types import CaseRecord, Outcome
from tests.e2e.conftest import state, until
from tests.reports.conftest import HOSTILE

PAIRS = Path(__file__).parents[1] / "harness" / "metrics" / "ciede2000_pairs.txt"
DESK: ViewportSize = {"width": 1440, "height": 900}
TALL: ViewportSize = {"width": 1440, "height": 1200}
"""A whole picture fits below what is said of it."""
MODES = ("all", "side", "slider", "blink", "onion", "diff", "heat")

Open = Callable[..., Page]
Pixels = npt.NDArray[np.uint8]


@pytest.fixture
def record(run: Run) -> CaseRecord:
    """A case that regressed."""
    assert run.verdict is not None
    ids = [
        finding.case_id for finding in run.verdict.findings if finding.outcome is Outcome.REGRESSED
    ]
    return next(one for one in run.records if one.case.id == ids[0])


@pytest.fixture
def view(browser: Browser, run: Run, record: CaseRecord) -> Iterator[Open]:
    """Opens a case; whatever the page complains about fails the test."""
    contexts = []
    complaints: list[str] = []

    def visit(
        state: str = "",
        *,
        case: str = "",
        index: str = "",
        size: ViewportSize = DESK,
        motion: bool = True,
        dark: bool = False,
    ) -> Page:
        context = browser.new_context(
            viewport=size,
            reduced_motion="no-preference" if motion else "reduce",
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type in {"error", "warning"} else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        address = index or (run.folder / "report" / "index.html").as_uri()
        page.goto(f"{address}#case={case or record.case.id}{state}")
        page.wait_for_selector("#viewer:not([hidden]) #v-title:not(:empty)")
        until(
            page, "[...document.querySelectorAll('.v-plane img')].every((image) => image.complete)"
        )
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def picture(run: Run, record: CaseRecord, kind: str) -> Pixels:
    pixels = cv2.imread(str(run.blob(record.blobs[kind])), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels[..., ::-1], np.uint8)


def seen(page: Page, selector: str = ".v-pane") -> Pixels:
    """What is on the screen there, once its pictures are decoded and it stands still."""
    page.evaluate(
        "Promise.all([...document.querySelectorAll('.v-plane img')].map((image) => image.decode()))"
    )
    data, last = page.locator(selector).first.screenshot(), b""
    for _ in range(40):
        if data == last:
            break
        page.wait_for_timeout(50)
        data, last = page.locator(selector).first.screenshot(), data
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels[..., ::-1], np.uint8)


def place(page: Page, pane: int = 0) -> list[str]:
    """Size and position of a pane's picture."""
    plane = page.locator(".v-pane").nth(pane).locator(".v-plane").first
    return [
        plane.evaluate(f"(node) => node.style.{name}") for name in ("width", "height", "transform")
    ]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_by_button_key_and_link(view: Open, mode: str) -> None:
    """A mode is chosen by its button or its key, and a link to it shows the same."""
    page = view("&mode=side")
    page.click(f"button[data-mode={mode}]")
    by_button = page.inner_html(".v-panes")
    page.keyboard.press("2")
    page.keyboard.press(str(MODES.index(mode) + 1))
    assert page.inner_html(".v-panes") == by_button
    assert state(page)["mode"] == mode
    expect(page.locator(f"button[data-mode={mode}]")).to_have_attribute("aria-pressed", "true")
    linked = view(f"&mode={mode}")
    assert linked.inner_html(".v-panes") == by_button


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
    page = view(f"&mode=diff&zoom=1&y={height / 2}&x={width / 2}", size=TALL)
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


def test_heat_maps_of_all_metrics(view: Open, run: Run, record: CaseRecord) -> None:
    """The metric that failed first; a legend with ends and unit; the keys go through all that have
    a map.
    """
    assert run.verdict is not None
    found = [
        finding.evidence for finding in run.verdict.findings if record.case.id in finding.cases
    ]
    failed = [metric_name(evidence.metric) for evidence in found if evidence]
    page = view("&mode=heat")
    drawn = set(load_maps(run.folder).cases[record.case.id])
    assert page.input_value("[name=metric]") == next(
        name for name in [*failed, "lpips"] if name in drawn
    )
    names = page.locator("[name=metric] option").evaluate_all(
        "(options) => options.map((one) => one.value)"
    )
    assert set(names) == drawn
    met = []
    for _ in names:
        met.append(page.input_value("[name=metric]"))
        expect(page.locator(".v-map img")).to_have_count(1)
        assert len(page.locator(".v-ticks span").all_inner_texts()) == 3
        page.keyboard.press("m")
    assert sorted(met) == sorted(names)
    page.keyboard.press("M")
    assert page.input_value("[name=metric]") == met[-1]
    page.keyboard.press("]")
    assert state(page)["heat"] == "80"


def test_pixels_on_the_disk(view: Open, run: Run, record: CaseRecord) -> None:
    """RGB, Lab and ΔE00 under the cursor are those of the pictures, though the page was opened as a
    file.
    """
    expected, actual = (picture(run, record, kind) for kind in ("expected", "actual"))
    y, x = np.unravel_index(
        np.abs(expected.astype(int) - actual).sum(axis=2).argmax(), expected.shape[:2]
    )
    page = view(f"&mode=side&cursor={y}%2C{x}")
    page.wait_for_selector(".v-readout tbody tr:nth-child(2)")
    cells = [row.split() for row in page.locator(".v-readout tbody tr").all_inner_texts()]
    assert [[int(cell) for cell in row[1:4]] for row in cells] == [
        expected[y, x].tolist(),
        actual[y, x].tolist(),
    ]
    colours = [
        lab(np.asarray(image[y : y + 1, x : x + 1] / 255, np.float32))
        for image in (expected, actual)
    ]
    shown = [[float(cell.replace("−", "-")) for cell in row[4:]] for row in cells]
    assert np.allclose(shown, [colour[0, 0] for colour in colours], atol=0.06)
    delta = float(ciede2000(*colours)[0, 0])
    assert page.inner_text(".v-delta").startswith(f"ΔE00 {delta:.2f}")


def test_the_cursor_moves_by_keys(view: Open) -> None:
    """By one pixel, with Shift by ten, and never out of the picture."""
    page = view("&mode=side&cursor=5%2C20")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    assert state(page)["cursor"] == "4,30"
    page.keyboard.press("Shift+ArrowUp")
    assert state(page)["cursor"] == "0,30"
    page.keyboard.press("c")
    assert "cursor" not in state(page)
    page.keyboard.press("c")
    assert "cursor" in state(page)


def test_pixels_that_cannot_be_read_say_how_they_can(view: Open, run: Run) -> None:
    """A case without maps has no pixel files: from the disk the way is told, and from a server it
    works.
    """
    mapped = load_maps(run.folder).cases
    other = next(one for one in run.records if one.case.id not in mapped)
    page = view("&mode=side&cursor=10%2C10", case=other.case.id)
    expect(page.locator(".v-delta")).to_contain_text("python -m http.server")
    expect(page.locator("button[data-mode=heat]")).to_be_disabled()
    expect(page.locator("button[data-mode=heat]")).to_have_attribute(
        "title", re.compile("--maps all")
    )
    with served(run.folder) as address:
        page = view(
            "&mode=side&cursor=10%2C10", case=other.case.id, index=f"{address}/report/index.html"
        )
        page.wait_for_selector(".v-readout tbody tr:nth-child(2)")
        cells = page.locator(".v-readout tbody tr").nth(1).inner_text().split()
        assert [int(cell) for cell in cells[1:4]] == picture(run, other, "actual")[10, 10].tolist()


class served:  # noqa: N801 - used like a function
    """A folder over HTTP, on this machine."""

    def __init__(self, folder: Path) -> None:
        handler = partial(_Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        pass


def test_colour_difference_is_the_published_one(view: Open) -> None:
    """The 34 pairs of Sharma, Wu & Dalal."""
    page = view()
    rows = [
        [float(cell) for cell in line.split()]
        for line in PAIRS.read_text().splitlines()
        if line and line[0] not in "#"
    ]
    pairs = [(row[:3], row[3:6], row[6]) for row in (row[-7:] for row in rows)]
    assert len(pairs) == 34
    found = page.evaluate(
        "(pairs) => pairs.map(([one, other]) => editproof.colour.deltaE00(one, other))", pairs
    )
    assert found == pytest.approx([wanted for *_, wanted in pairs], abs=1e-4)


def test_lab_is_ours(view: Open) -> None:
    """As the metrics convert."""
    page = view()
    colours = np.random.default_rng(3).integers(0, 256, (200, 3))
    found = page.evaluate("(colours) => colours.map(editproof.colour.lab)", colours.tolist())
    wanted = lab((colours[None] / 255).astype(np.float32))[0]
    assert np.allclose(found, wanted, atol=1e-3)


def test_worst_windows(view: Open) -> None:
    """w goes through them and W back; the list does the same; frames can be shown of all."""
    page = view("&mode=side")
    places = page.locator(".v-windows li .v-place").all_inner_texts()
    assert len(places) > 1
    page.keyboard.press("w")
    page.keyboard.press("w")
    now = state(page)
    assert f"y {now['y']}, x {now['x']}" == places[1]
    assert float(now["zoom"]) >= 1
    page.keyboard.press("W")
    assert state(page)["window"] == "1"
    assert page.locator(".v-pane").first.locator(".v-frames rect:not(.halo)").count() == 1
    page.keyboard.press("v")
    assert page.locator(".v-pane").first.locator(".v-frames rect:not(.halo)").count() == len(places)
    page.locator(".v-windows li button").last.click()
    assert state(page)["window"] == str(len(places))


def test_regions_one_by_one(view: Open, record: CaseRecord) -> None:
    """Each outline by its button or its capital; r shows all or none."""
    page = view("&mode=side")
    regions = [
        kind.removeprefix("outline_") for kind in record.blobs if kind.startswith("outline_")
    ]
    assert page.locator("[data-region]").count() == len(regions)
    page.click("[data-region=edit]")
    assert state(page)["regions"] == "edit"
    page.keyboard.press("R")
    assert page.locator(".v-pane").first.locator(".v-marks img").count() == 2
    page.keyboard.press("E")
    assert state(page)["regions"] == "ring"
    page.keyboard.press("r")
    assert "regions" not in state(page)
    page.keyboard.press("r")
    assert page.locator(".v-pane").first.locator(".v-marks img").count() == len(regions)


def test_loupe(view: Open) -> None:
    """It shows the place under the pointer in both pictures."""
    page = view("&mode=side")
    page.keyboard.press("l")
    box = page.locator(".v-pane").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".v-loupe")).to_be_visible()
    assert page.locator(".v-lens").count() == 2
    assert (
        page.locator(".v-lens").first.evaluate("(node) => getComputedStyle(node).imageRendering")
        == "pixelated"
    )
    page.keyboard.press("l")
    expect(page.locator(".v-loupe")).to_be_hidden()


def test_stages(view: Open, record: CaseRecord) -> None:
    """A stage's artefact beside the baseline's, by click and by key; what differs says so."""
    page = view("&mode=side")
    kept = [stage.name for stage in record.stages if stage.artefact]
    page.keyboard.press("t")
    assert state(page)["stage"] == kept[0]
    page.keyboard.press("T")
    assert "stage" not in state(page)
    button = page.locator(".v-strip button:has(.v-differs):not([disabled])").first
    name = button.get_attribute("data-stage")
    button.click()
    assert state(page)["stage"] == name
    expect(page.locator(".v-label").first).to_contain_text("of the baseline")
    expect(page.locator(".v-label").nth(1)).to_contain_text("of this run")
    page.click(".v-leave")
    assert "stage" not in state(page)


def test_numbers_beside_the_baseline(view: Open, record: CaseRecord, run: Run) -> None:
    """What a finding calls past its limit is marked, with the finding's words; the change stands
    beneath.
    """
    page = view()
    assert run.verdict is not None
    texts = {finding.text for finding in run.verdict.findings if record.case.id in finding.cases}
    cell = page.locator(".v-scores td.past").first
    assert cell.get_attribute("title") in texts
    expect(cell).to_contain_text("worse")
    everything = page.locator(".v-scores tbody tr").count()
    page.check(".v-numbers-tools input")
    assert 0 < page.locator(".v-scores tbody tr").count() <= everything


def test_a_case_says_how_visible_its_change_is(view: Open, run: Run, record: CaseRecord) -> None:
    """Beside the accepted picture, with what JOD means; and the findings that count it, in
    words.
    """
    assert run.verdict is not None
    change = next((one for one in run.verdict.changes if one.case_id == record.case.id), None)
    page = view()
    if change:
        expect(page.locator(".v-change-seen")).to_contain_text(
            f"{change.worst:.2f} in the worst window. JOD: at 1"
        )
    words = [finding.words for finding in run.verdict.findings if record.case.id in finding.cases]
    expect(page.locator(".v-named .v-said").first).to_contain_text(words[0])


def test_findings_lead_to_their_map(view: Open) -> None:
    """The button beside a finding shows where its metric sees it."""
    page = view("&mode=side")
    page.locator(".v-named button").first.click()
    assert state(page)["mode"] == "heat"


def test_walking_through_the_list(view: Open) -> None:
    """j and k follow the list's order, keep the mode, and leave the place."""
    page = view("&mode=diff&zoom=8&y=9&x=9")
    order = page.evaluate("editproof.list.order()")
    at = order.index(state(page)["case"])
    key, back = ("j", "k") if at + 1 < len(order) else ("k", "j")
    page.keyboard.press(key)
    now = state(page)
    assert now["case"] == order[at + (1 if key == "j" else -1)]
    assert now["mode"] == "diff"
    assert "zoom" not in now
    page.keyboard.press(back)
    assert state(page)["case"] == order[at]
    page.go_back()
    assert state(page)["case"] == now["case"]


def test_escape_leads_back(view: Open) -> None:
    """To the front page, with nothing of the viewer left in the address."""
    page = view("&mode=heat&family=logo")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#front")).to_be_visible()
    assert state(page) == {"family": "logo"}


def test_keys_are_listed(view: Open) -> None:
    """Under the question mark; Escape closes the list and not the case."""
    page = view()
    page.keyboard.press("?")
    expect(page.locator(".v-keys")).to_be_visible()
    assert page.locator(".v-keys dt").count() > 18
    page.keyboard.press("Escape")
    expect(page.locator(".v-keys")).to_be_hidden()
    expect(page.locator("#viewer")).to_be_visible()


def test_copy_link(view: Open) -> None:
    """The link is what the address says, or is shown where it can't be copied."""
    page = view("&mode=blink&still=a")
    page.keyboard.press("y")
    expect(page.locator(".v-message")).to_contain_text(re.compile(r"Link copied|Copy this link"))


def test_every_control_has_a_name_and_takes_the_focus(view: Open) -> None:
    """Buttons, lists and ranges can be reached by Tab, and say what they are."""
    page = view("&mode=heat")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('#viewer :is(button, select, input)')]
        .filter((node) => node.checkVisibility())
        .filter((node) => !(node.innerText.trim() || node.ariaLabel || node.labels?.length))
        .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    met = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(200):
        page.keyboard.press("Tab")
        met.add(
            page.evaluate(
                "(({ dataset, name, classList }) => dataset.do ?? (name ||"
                " classList[0]))(document.activeElement)"
            )
        )
    assert {
        "back",
        "copy",
        "keys",
        "metric",
        "amount",
        "v-panes",
        "cursor",
        "loupe",
        "regions",
        "boxes",
        "v-scroll",
    } <= met


@pytest.mark.parametrize("width", [360, 390, 1024, 2560])
def test_no_page_is_wider_than_the_window(view: Open, width: int) -> None:
    """Wide tables and strips scroll by themselves."""
    page = view("&mode=side", size={"width": width, "height": 800}, dark=width == 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_unknown_case(view: Open) -> None:
    """Says what is wrong, and the way back works."""
    page = view(case="nosuchcase")
    expect(page.locator(".v-message")).to_contain_text("no such case")
    page.keyboard.press("Escape")
    expect(page.locator("#front")).to_be_visible()


def test_two_fingers_zoom(view: Open) -> None:
    """Pinching on a touch screen."""
    page = view("&mode=diff")
    box = page.locator(".v-pane").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    client = page.context.new_cdp_session(page)

    def touch(kind: str, apart: float) -> None:
        points = (
            []
            if kind == "touchEnd"
            else [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        )
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 40)
    for apart in (60, 90, 120):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    assert float(state(page)["zoom"]) > 2


def test_hostile_names_are_text(view: Open, hostile: Path) -> None:
    """Markup in names, reasons and decisions is shown as it was written."""
    record = next(
        one for one in runs.load(hostile.parents[1]).records if one.status == "needs_review"
    )
    page = view(case=record.case.id, index=hostile.as_uri())
    expect(page.locator("#v-title")).to_contain_text(HOSTILE)
    expect(page.locator(".v-reason")).to_have_text("verify: text still legible in the edit")
    expect(page.locator(".v-strip")).to_contain_text('<b onmouseover="alert(2)">')
    assert page.locator("#viewer script, #viewer [onmouseover]").count() == 0


def test_an_error_is_told(view: Open, hostile: Path) -> None:
    """Kind, message and traceback; the pictures that there are are shown, and why the others are
    not.
    """
    record = next(one for one in runs.load(hostile.parents[1]).records if one.error is not None)
    page = view("&mode=side", case=record.case.id, index=hostile.as_uri())
    expect(page.locator(".v-error")).to_contain_text("no <source> patch lies outside the mask")
    page.keyboard.press("1")
    expect(page.locator(".v-absent", has_text="ended in an error")).to_have_count(1)


def test_a_case_that_was_not_run(view: Open, hostile: Path) -> None:
    """Says what runs it."""
    missing = runs.load(hostile.parents[1]).missing[0]
    page = view(case=missing.id, index=hostile.as_uri())
    expect(page.locator(".v-message")).to_contain_text("--resume")
