"""The report and the desk in Firefox, as Debian packages it: they open, show pictures, and can be
used by keyboard and brush.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_desk import desk_in, served
from tests.harness.review.made import make_pair

# the driver leaves sockets open while it waits for Firefox
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

START_S = 240
PORT = 28_281


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Firefox without a window, driven by Marionette."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("there is no Firefox on the PATH: install the package firefox-esr")
    driver = pytest.importorskip("marionette_driver.marionette", reason="needs marionette-driver")
    started = driver.Marionette(
        host="127.0.0.1",
        port=PORT,
        bin=path,
        headless=True,
        gecko_log=str(tmp_path_factory.mktemp("firefox") / "gecko.log"),
        startup_timeout=START_S,
        socket_timeout=START_S,
    )
    started.start_session(timeout=START_S)
    started.set_window_rect(width=1440, height=900)
    yield started
    started.quit()
    started.cleanup()


def wait_for(firefox: Any, condition: str) -> None:
    """Wait until an expression holds in the page."""
    from marionette_driver import Wait

    script = f"try {{ return Boolean({condition}) }} catch {{ return false }}"  # it may be loading
    Wait(firefox, timeout=60).until(
        lambda one: one.execute_script(script, sandbox=None), message=condition
    )


def press(firefox: Any, *keys: str) -> None:
    """Press keys where the page has the focus."""
    actions = firefox.actions.sequence("key", "keyboard")
    for key in keys:
        actions = actions.key_down(key).key_up(key)
    actions.perform()


@pytest.mark.slow
def test_report(firefox: Any, report: Path) -> None:
    """The worst cases are seen at once, and a case opens over them."""
    firefox.navigate(report.as_uri())
    wait_for(firefox, "window.editproof.list.ready()")
    seen = "[...document.querySelectorAll('main img')].some((one) => one.naturalWidth)"
    wait_for(firefox, seen)
    script = "location.hash = '#case=' + window.editproof.list.order()[0]"
    firefox.execute_script(script, sandbox=None)
    wait_for(firefox, "document.querySelectorAll('.v-plane img').length >= 2")
    wait_for(
        firefox,
        "[...document.querySelectorAll('.v-plane img')].every((one) => one.naturalWidth)",
    )
    press(firefox, "7")
    wait_for(firefox, "document.querySelector('.v-panes').dataset.mode === 'heat'")


@pytest.mark.slow
def test_desk(firefox: Any, tmp_path: Path) -> None:
    """A key decides a group, and a stroke of the brush is ink."""
    make_pair(tmp_path, 6, size=64)
    with served(desk_in(tmp_path)) as link:
        firefox.navigate(link)
        wait_for(firefox, "window.editproof.desk.ready")
        images = "[...document.querySelectorAll('.r-member img')]"
        wait_for(firefox, f"{images}.every((one) => one.naturalWidth)")
        press(firefox, "a")
        wait_for(firefox, "document.getElementById('r-count').textContent.startsWith('3 of 7')")
        press(firefox, "\ue014", "e")
        wait_for(firefox, "document.getElementById('r-brush').open")
        wait_for(firefox, "document.getElementById('b-mask').width === 64")
        sheet = firefox.find_element("id", "b-mask")
        pen = firefox.actions.sequence("pointer", "mouse", {"pointerType": "mouse"})
        pen.pointer_move(-20, 0, origin=sheet).pointer_down(0)
        pen.pointer_move(20, 0, origin=sheet).pointer_up(0).perform()
        wait_for(
            firefox,
            "document.getElementById('b-mask').getContext('2d').getImageData(32, 32, 1, 1).data[3]",
        )
        firefox.navigate("about:blank")
