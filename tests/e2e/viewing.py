"""What the tests of the viewer share: how a case is opened, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page, ViewportSize

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run

PAIRS = Path(__file__).parents[1] / "harness" / "metrics" / "ciede2000_pairs.txt"
DESK: ViewportSize = {"width": 1440, "height": 900}
TALL: ViewportSize = {"width": 1440, "height": 1200}
"""A whole picture fits below what is said of it."""
MODES = ("all", "side", "slider", "blink", "onion", "diff", "heat")

Open = Callable[..., Page]
Pixels = npt.NDArray[np.uint8]


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
