"""What the case viewer says of a case, in a browser: maps, pixels, regions, stages, numbers and
findings.
"""

from __future__ import annotations

import re
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from editproof.harness.metrics.colour.delta_e00 import ciede2000, lab
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.map_index import load_maps
from editproof.harness.records.runs import Run
from editproof.harness.running.measure import prepare
from editproof.harness.suites.tasks import make_task
from editproof.reports.common.view import find_states
from editproof.reports.html.case_data import choose_readable
from editproof.reports.html.serve import ReportServer
from tests.e2e.conftest import state, until
from tests.e2e.viewing import PAIRS, Open, picture
from tests.reports.conftest import HOSTILE


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
    own = page.evaluate("editproof.maps.metrics")
    drawn = set(load_maps(run.folder).cases[record.case.id]) - set(own)  # an old run has drawn all
    assert page.input_value("[name=metric]") == next(
        name for name in [*failed, "lpips"] if name in drawn | set(own)
    )
    names = page.locator("[name=metric] option").evaluate_all(
        "(options) => options.map((one) => one.value)"
    )
    assert names[: len(own)] == own
    assert set(names) == drawn | set(own)
    met = []
    for _ in names:
        met.append(page.input_value("[name=metric]"))
        shown = ".v-map canvas" if met[-1] in own else ".v-map img"
        expect(page.locator(shown)).to_have_count(1)
        assert len(page.locator(".v-ticks span").all_inner_texts()) == 3
        page.keyboard.press("m")
    assert sorted(met) == sorted(names)
    page.keyboard.press("M")
    assert page.input_value("[name=metric]") == met[-1]
    page.keyboard.press("]")
    assert state(page)["heat"] == "80"


def read_rgb(row: Locator) -> list[int]:
    """The levels in a row of the pixel readout."""
    return [int(cell) for cell in row.locator("td").all_inner_texts()[:3]]


def test_pixels_on_the_disk(view: Open, run: Run, record: CaseRecord) -> None:
    """RGB, Lab and ΔE00 under the cursor are those of the pictures, though the page was opened as a
    file.
    """
    expected, actual = (picture(run, record, kind) for kind in ("expected", "actual"))
    y, x = np.unravel_index(
        np.abs(expected.astype(int) - actual).sum(axis=2).argmax(), expected.shape[:2]
    )
    page = view(f"&mode=side&a=expected&cursor={y}%2C{x}")
    page.wait_for_selector(".v-readout tbody tr:nth-child(2)")
    rows = page.locator(".v-readout tbody tr").all()
    assert [read_rgb(row) for row in rows] == [expected[y, x].tolist(), actual[y, x].tolist()]
    colours = [
        lab(np.asarray(image[y : y + 1, x : x + 1] / 255, np.float32))
        for image in (expected, actual)
    ]
    shown = [
        [float(cell.replace("−", "-")) for cell in row.locator("td").all_inner_texts()[3:]]
        for row in rows
    ]
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
    """Of a case that need not be looked at no pixels are written: from the disk the page says so,
    beside the picture, and from a server it reads them and makes every map.
    """
    readable = choose_readable(run, find_states(run), ())
    cases = run.folder / "report" / "cases"
    other = next(
        one
        for one in run.records
        if one.case.id not in readable
        and '"pixels":{}' in (cases / f"{one.case.id}.js").read_text()
    )
    page = view("&mode=heat&metric=ssim&cursor=10%2C10", case=other.case.id)
    expect(page.locator(".v-message")).to_contain_text("editproof report --serve")
    expect(page.locator(".v-plane img").first).to_be_visible()
    expect(page.locator("button[data-mode=heat]")).to_be_enabled()
    with ReportServer(run.folder / "report" / "index.html", run.folder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        first = view("&mode=heat&metric=ssim", case=other.case.id, index=server.address)
        expect(first.locator('.v-map canvas:not([data-width="1"])')).to_have_count(1)
        page = view("&mode=side&cursor=10%2C10", case=other.case.id, index=server.address)
        page.wait_for_selector(".v-readout tbody tr:nth-child(2)")
        row = page.locator(".v-readout tbody tr").nth(1)
        assert read_rgb(row) == picture(run, other, "actual")[10, 10].tolist()
        for open_page in (page, first):  # what they still load is not missed
            open_page.close()
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "rounding"),
    [("psnr", 1e-6), ("delta_e00", 2e-3), ("ssim", 5e-4), ("local_contrast", 0.05)],
)
def test_the_pages_maps_are_ours(
    view: Open, record: CaseRecord, run: Run, name: str, rounding: float
) -> None:
    """Every pixel has the value that the metric's own map has, within rounding; the worker says the
    same as the page.
    """
    page = view()
    found = page.evaluate(
        """async ([id, metric]) => {
          const told = await editproof.caseFiles.load(id);
          const read = editproof.pixelReader(told);
          const of = (kind) => read(kind, told.pictures[kind]);
          const [a, b] = await Promise.all([of("expected"), of("actual")]);
          const plane = await editproof.maps.make("test", metric, a, b);
          const again = editproof.mapMath().compute(metric, a.data, b.data, b.height, b.width);
          return { plane: [...plane], same: plane.every((value, at) => value === again[at]) };
        }""",
        [record.case.id, name],
    )
    metric = get_metric(name, NO_WEIGHTS)
    assert metric.map is not None
    reference = make_task(record.case).reference
    actual = picture(run, record, "actual").astype(np.float32) / np.float32(255)
    wanted = metric.map(prepare(reference, (metric,)).parts[name], actual)
    assert found["same"]
    gap = np.abs(np.array(found["plane"]).reshape(wanted.shape) - wanted)
    assert gap.max() <= rounding


def test_changed_areas_by_keys(view: Open) -> None:
    """A regressed case opens as baseline beside this run, and J and K go from area to area."""
    page = view()
    assert page.input_value("[name=a]") == "baseline"
    page.keyboard.press("J")
    expect(page.locator(".v-message")).to_contain_text("Changed area 1 of", timeout=30_000)
    now = state(page)
    assert now["area"] == "1"
    assert float(now["zoom"]) > 0
    assert page.locator(".v-pane").first.locator(".v-frames rect:not(.halo)").count() == 1
    count = int(page.inner_text(".v-message").split()[-1])
    page.keyboard.press("K")
    expect(page.locator(".v-message")).to_contain_text(f"Changed area {count} of {count}")
    page.keyboard.press("J")
    expect(page.locator(".v-message")).to_contain_text("Changed area 1 of")


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


def test_no_page_is_wider_than_the_window(view: Open) -> None:
    """Wide tables and strips scroll by themselves."""
    page = view("&mode=side", size={"width": 360, "height": 800})
    for width in (360, 390, 1024, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        until(page, f"document.documentElement.scrollWidth <= {width}", seconds=3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", [360, 390, 1024, 2560])
def test_a_page_opened_at_a_width_fits(view: Open, width: int) -> None:
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
