"""The desk in a browser: every key, groups, two reviewers, hostile names, ten thousand cases."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from editproof.harness.records import runs
from editproof.harness.records.decisions import find_decisions_folder
from editproof.harness.review.desk import Desk, open_desk
from editproof.harness.review.rerunning import Reruns
from editproof.harness.review.serving import open_server
from editproof.pipelines.files import decode_mask
from editproof.reports.html.review_page import make_review_page
from tests.e2e.conftest import until
from tests.e2e.test_accessibility import troubles
from tests.grids import diagonal
from tests.harness.review.made import BAD, make_means, make_pair
from tests.reports.conftest import HOSTILE
from tests.sharing import make_once

MOST_KEYS = 60
REFUSED = "409 (Conflict)"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a judged run and its baseline."""
    return make_once(tmp_path_factory, "pair", lambda folder: make_pair(folder, size=192))


@pytest.fixture
def project(pair: Path, tmp_path: Path) -> Path:
    """A copy of it to decide about."""
    return Path(shutil.copytree(pair, tmp_path / "project"))


def desk_in(project: Path, author: str = "ann", *, read_only: bool = False) -> Desk:
    target = project / "baselines" / "made"
    run = runs.load(project / "runs" / "now")
    return open_desk(
        run,
        target,
        find_decisions_folder(target),
        author,
        cases=project / "cases",
        answers=project / "runs" / "by-hand",
        read_only=read_only,
    )


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """The desk's link."""
    reruns = Reruns(desk, make_means())
    server, listening, link = open_server(desk, reruns, 0, make_review_page())
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield link
    finally:
        server.should_exit = True
        thread.join()
        reruns.close()


@contextmanager
def opened(
    browser: Browser, desk: Desk, *, width: int = 1440, height: int = 900, theme: str = "light"
) -> Iterator[Page]:
    """The desk in a browser of its own, which must not complain of anything but what the desk
    refuses, which the page shows.
    """
    complaints: list[str] = []
    with served(desk) as link:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.on(
            "console",
            lambda line: (
                complaints.append(line.text)
                if line.type in {"error", "warning"} and REFUSED not in line.text
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(link)
        page.wait_for_url("**/")
        until(page, "window.editproof?.desk?.ready === true")
        yield page
        context.close()
    assert complaints == []


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, project: Path) -> Iterator[Visit]:
    """Opens the project's desk for a reviewer."""
    with ExitStack() as stack:

        def at(author: str = "ann", *, read_only: bool = False, **how: object) -> Page:
            desk = desk_in(project, author, read_only=read_only)
            return stack.enter_context(opened(browser, desk, **how))  # type: ignore[arg-type]

        yield at


class Keyboard:
    """Presses keys one after the other, each decision awaited, and counts them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            said = self.page.evaluate("editproof.desk.version")
            self.page.keyboard.press(key)
            self.count += 1
            if key in {"a", "A", "r", "R", "w", "u"}:
                until(self.page, f"editproof.desk.version !== {said}")


def states(page: Page) -> dict[str, str]:
    """Name of a decided case -> its state."""
    found: dict[str, str] = page.evaluate(
        "Object.fromEntries([...editproof.desk.states].map(([number, one]) =>"
        " [editproof.desk.about.cases[number].name, one.state]))"
    )
    return found


LOOK = """async () => {
  const load = async (image) => {
    const bitmap = await createImageBitmap(await (await fetch(image.src)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    const [x, y] = [Math.round(bitmap.width * 0.3), Math.round(bitmap.height * 0.4)];
    return canvas.getContext("2d").getImageData(x, y, 1, 1).data[1];
  };
  const seen = [];
  for (const member of document.querySelectorAll(".r-member")) {
    const [before, now] = member.querySelectorAll("img");
    seen.push((await load(before)) - (await load(now)) > 40);
  }
  return seen;
}"""
"""Whether each member shows a dark bar that was not there before, as a person would see it."""


def test_fifty_changes_and_three_bad_ones(visit: Visit) -> None:
    """Each group is decided once, and the bad ones that are seen among the members are rejected."""
    page = visit()
    keyboard = Keyboard(page)
    for _ in range(3):
        seen: list[bool] = page.evaluate(LOOK)
        for place in (place for place, is_bad in enumerate(seen) if is_bad):
            while page.evaluate("editproof.desk.member") < place:
                keyboard.press("ArrowRight")
            keyboard.press("r")
        keyboard.press("Escape", "a")
    print(f"{keyboard.count} keys")  # noqa: T201 - for whoever runs this with -s
    assert keyboard.count <= MOST_KEYS
    found = states(page)
    assert len(found) == 50
    rejected = {name for name, state in found.items() if state == "reject"}
    assert {int(name.split("/")[1].split()[0]) for name in rejected} == set(BAD)
    expect(page.locator("#r-count")).to_have_text("50 of 50 decided")
    expect(page.locator("#r-status")).to_have_text("Every case is decided.")


def test_every_key(visit: Visit) -> None:
    page = visit()
    keyboard = Keyboard(page)
    place = "[editproof.desk.group, editproof.desk.member]"
    for key, now in (
        ("j", [1, -1]),
        ("ArrowDown", [2, -1]),
        ("j", [2, -1]),
        ("k", [1, -1]),
        ("ArrowUp", [0, -1]),
        ("k", [0, -1]),
        ("ArrowRight", [0, 0]),
        ("ArrowRight", [0, 1]),
        ("ArrowLeft", [0, 0]),
        ("Escape", [0, -1]),
    ):
        keyboard.press(key)
        assert page.evaluate(place) == now, key
    keyboard.press("ArrowRight")
    for key, state in (("a", "accept"), ("r", "reject"), ("w", "needs work")):
        keyboard.press(key)
        assert state in states(page).values()
    assert page.evaluate(place) == [0, 3]
    for left in (2, 1, 0):
        keyboard.press("u")
        assert len(states(page)) == left
    for key, mode in (("2", "blink"), ("3", "right"), ("1", "side")):
        keyboard.press(key)
        expect(page.locator(f"[data-do='mode {mode}']")).to_have_attribute("aria-pressed", "true")
    for key, zoom in (("+", "×2"), ("+", "×4"), ("-", "×2"), ("0", "fit")):
        keyboard.press(key)
        expect(page.locator("#r-zoom")).to_have_text(zoom)
    keyboard.press("2")
    expect(page.locator(".r-pane figcaption")).to_have_text("Baseline")
    keyboard.press("b")
    expect(page.locator(".r-pane figcaption")).to_have_text("This run")
    keyboard.press("?")
    expect(page.locator("#r-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#r-keys")).to_be_hidden()
    until(page, "!document.activeElement?.closest('dialog')")
    keyboard.press("Escape", "A")
    assert set(states(page).values()) == {"accept"}
    assert page.evaluate(place) == [1, -1]
    keyboard.press("k", "R")
    assert set(states(page).values()) == {"reject"}
    keyboard.press("k", "n")
    assert page.evaluate(place) == [1, -1]
    keyboard.press("/")
    expect(page.locator("#f-text")).to_be_focused()
    page.keyboard.type("ar")  # letters in a field decide nothing
    assert len(states(page)) == 17


def test_comment_and_waiver(visit: Visit) -> None:
    """A click marks the place of a comment; a waiver has a reason and a day."""
    page = visit()
    page.keyboard.press("ArrowRight")
    pane = page.locator(".r-window").nth(1)
    pane.click(position={"x": 40, "y": 30})
    expect(page.locator(".r-pin[data-new]")).to_have_count(3)
    page.keyboard.press("c")
    page.locator("#a-text").fill("<b>a bar</b>")
    page.locator("#a-send").click()
    expect(page.locator("#r-comments li")).to_contain_text("<b>a bar</b>")
    expect(page.locator(".r-pin")).to_have_count(3)
    page.keyboard.press("v")
    page.locator("#a-send").click()
    expect(page.locator("#r-status")).to_contain_text("a waiver needs a text")
    page.keyboard.press("v")
    page.locator("#a-text").fill("known")
    page.locator("#a-send").click()
    until(page, "[...editproof.desk.states.values()].some((one) => one.state === 'waive')")


def test_a_mask_is_drawn_and_kept(visit: Visit, project: Path) -> None:
    """Add, subtract, undo and zoom; the kept mask is what was drawn."""
    page = visit()
    page.keyboard.press("e")
    expect(page.locator("#r-status")).to_contain_text("Choose a case that has an input")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("e")
    expect(page.locator("#r-brush")).to_be_visible()
    assert troubles(page) == []
    box = page.locator("#b-mask").bounding_box()
    assert box is not None

    def drag(*shares: tuple[float, float]) -> None:
        for place, (x, y) in enumerate(shares):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
            if not place:
                page.mouse.down()
        page.mouse.up()

    drawn = "[...document.getElementById('b-mask').getContext('2d').getImageData(0, 0, 192, 192).data].filter((value, place) => place % 4 === 3 && value).length"  # noqa: E501
    drag((0.2, 0.3), (0.8, 0.3))
    first = page.evaluate(drawn)
    page.locator(".b-desk").focus()
    page.keyboard.press("x")
    drag((0.5, 0.25), (0.5, 0.35))
    assert page.evaluate(drawn) < first
    page.keyboard.press("u")
    assert page.evaluate(drawn) == first
    page.keyboard.press("]")
    page.keyboard.press("+")
    expect(page.locator("#b-zoom")).to_have_text("×2")
    page.fill("#b-name", "../outside")
    page.click("[data-do='brush keep']")
    expect(page.locator("#b-said")).to_contain_text("can't be the name of a case")
    page.fill("#b-name", "dark bar")
    page.fill("#b-prompt", "remove the bar")
    page.click("[data-do='brush keep']")
    expect(page.locator("#b-said")).to_contain_text("Kept: ")
    kept = project / "cases" / "dark bar"
    mask = decode_mask((kept / "mask.png").read_bytes())
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert mask[58, 96] == 1
    assert mask[150, 96] == 0
    assert 0.9 < mask.sum() / first < 1.1
    assert (kept / "case.toml").read_text() == 'prompt = "remove the bar"\n'


def test_a_case_is_edited_again(visit: Visit, project: Path) -> None:
    """A prompt and settings, a preview, the whole picture, before and after, and a case of it."""
    page = visit()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("e")
    expect(page.locator("#b-pipeline")).to_contain_text("reference?inpaint.model=ns")
    box = page.locator("#b-mask").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()
    page.click("#b-settings summary")
    page.fill("#b-find", "blend.mode")
    page.locator(".b-setting:visible select").select_option("hard")
    expect(page.locator("#b-changed")).to_have_text("blend.mode = hard")
    page.locator(".b-desk").focus()
    page.keyboard.press("p")
    page.keyboard.press("Enter")
    expect(page.locator(".b-run")).to_have_count(2)
    expect(page.locator("#b-result")).to_contain_text("done in", timeout=60_000)
    expect(page.locator(".b-run").first).to_contain_text("Preview · drawn mask · blend.mode = hard")
    expect(page.locator("#b-panes figcaption")).to_have_text(["Before", "After", "Input"])
    assert troubles(page) == []
    page.locator(".b-window").last.click(position={"x": 20, "y": 20})
    expect(page.locator(".b-window[data-near]")).to_have_count(3)
    page.fill("#b-name", "by hand")
    page.click("[data-do='brush keep']")
    expect(page.locator("#b-said")).to_contain_text("Kept: ")
    kept = project / "cases" / "by hand"
    assert (kept / "expected.png").is_file()
    assert '"blend.mode" = "hard"' in (kept / "case.toml").read_text()


def test_every_case(visit: Visit) -> None:
    """Those whose picture is the accepted one can be looked at, and not decided."""
    page = visit()
    page.select_option("#f-list", "all")
    until(page, "editproof.desk.shown.length === 54")
    page.fill("#f-text", "logo/54 ")
    expect(page.locator(".r-row")).to_have_count(1)
    expect(page.locator(".r-row")).to_contain_text("as accepted")
    page.locator("#r-groups").focus()
    page.keyboard.press("a")
    expect(page.locator("#r-status")).to_contain_text("There is nothing to decide")
    assert states(page) == {}


def test_filters(visit: Visit) -> None:
    """By family, by name and by decision; a decision is about what is shown alone."""
    page = visit()
    page.select_option("#f-family", "logo")
    expect(page.locator(".r-row")).to_have_count(1)
    page.select_option("#f-family", "")
    page.fill("#f-text", "stamp/7 ")
    expect(page.locator(".r-member")).to_have_count(1)
    page.locator("#r-groups").focus()
    Keyboard(page).press("r")
    assert list(states(page)) == ["stamp/7 ns seed 42"]
    page.fill("#f-text", "")
    page.select_option("#f-state", "reject")
    expect(page.locator(".r-member")).to_have_count(1)
    page.select_option("#f-state", "conflict")
    expect(page.locator("#r-facts")).to_have_text("No change fits the filters.")


def test_a_link_to_a_case(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    name = page.locator("#r-case").inner_text()
    page.reload()
    until(page, "window.editproof?.desk?.ready === true")
    expect(page.locator("#r-case")).to_have_text(name)


def test_two_reviewers(visit: Visit) -> None:
    """Each sees what the other decides, and where they disagree; nothing is applied then."""
    ann, ben = visit("ann"), visit("ben")
    Keyboard(ann).press("A")
    until(ben, "editproof.desk.states.size === 17")
    ben.keyboard.press("ArrowRight")
    Keyboard(ben).press("r")
    ben.keyboard.press("ArrowLeft")
    until(ann, "[...editproof.desk.states.values()].some((one) => one.state === 'conflict')")
    ann.keyboard.press("k")
    ann.keyboard.press("ArrowRight")
    expect(ann.locator("#r-votes li")).to_have_count(2)
    expect(ann.locator(".r-row").first).to_contain_text("reviewers disagree")
    ann.click("[data-do=apply]")
    ann.fill("#a-text", "new blur")
    ann.click("#a-send")
    expect(ann.locator("#r-status")).to_contain_text("reviewers disagree about 1 case")


def test_apply(visit: Visit, project: Path) -> None:
    page = visit()
    Keyboard(page).press("A", "A", "A")
    page.click("[data-do=apply]")
    page.fill("#a-text", "new blur")
    page.click("#a-send")
    expect(page.locator("#r-status")).to_contain_text("50 accepted into")
    page.keyboard.press("u")
    expect(page.locator("#r-status")).to_contain_text("has changed since")
    index = (project / "baselines" / "made" / "baseline.json").read_text()
    assert '"reason": "new blur"' in index


def test_read_only(visit: Visit) -> None:
    page = visit(read_only=True)
    for name in ("accept", "reject", "needs work", "waive", "comment", "undo", "apply"):
        expect(page.locator(f"[data-do='{name}']")).to_be_hidden()
    page.keyboard.press("a")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#r-view")).to_be_visible()
    assert states(page) == {}


@pytest.mark.parametrize(("width", "theme"), diagonal([1440, 390], ["light", "dark"]))
def test_accessible_and_never_cut(visit: Visit, theme: str, width: int) -> None:
    """As a list of members, and with a chosen case and a mark."""
    page = visit(width=width, theme=theme)
    assert troubles(page) == []
    Keyboard(page).press("ArrowRight", "r")
    assert troubles(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("c")
    expect(page.locator("#r-ask")).to_be_visible()
    assert troubles(page) == []


def test_the_policy_holds(visit: Visit) -> None:
    """Nothing is asked of another host, and no image or script comes from one."""
    page = visit()
    asked = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    origin = page.evaluate("location.origin")
    assert asked
    assert all(name.startswith((origin, "data:")) for name in asked)


TIMED = """async () => {
  const start = performance.now();
  await editproof.desk.decide("accept");
  return performance.now() - start;
}"""


@pytest.mark.exhaustive
def test_ten_thousand_cases(browser: Browser, tmp_path: Path) -> None:
    """Few elements at any time, and a group of thousands is decided as quickly as one of ten."""
    make_pair(tmp_path, 10_000, size=16)
    with opened(browser, desk_in(tmp_path)) as page:
        expect(page.locator("#r-count")).to_have_text("0 of 10000 decided")
        assert page.locator(".r-member").count() == 60
        assert page.evaluate("document.querySelectorAll('*').length") < 2000
        print([round(page.evaluate(TIMED)) for _ in range(3)], "ms")  # noqa: T201
        expect(page.locator("#r-count")).not_to_have_text("0 of 10000 decided")


def test_hostile_names(browser: Browser, tmp_path: Path) -> None:
    """Markup in names stays text."""
    make_pair(tmp_path, 6, name=HOSTILE)
    with opened(browser, desk_in(tmp_path)) as page:
        expect(page.locator(".r-member p").first).to_contain_text(HOSTILE)
        assert page.locator("main script").count() == 0
        Keyboard(page).press("ArrowRight", "r")
        expect(page.locator("#r-status")).to_contain_text(HOSTILE)
        assert troubles(page) == []
