"""How fast a report of ten thousand cases is written, opens and scrolls: `python -m
benchmarks.report` writes REPORT.md.

Needs Chromium on the PATH and Playwright (`pip install playwright`); `nox -s report_speed` has
both.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from benchmarks.synthetic import make_run
from editproof.reports.html.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

CASES = 10_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
MB = 1e6
LONGEST_MS = 600_000
"""To wait for a page."""

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
FRAMES = """async () => {
  const rows = document.querySelector(".grid .rows");
  rows.scrollIntoView();
  rows.scrollTop = 0;
  const times = [];
  await new Promise((done) => {
    const step = (now) => {
      times.push(now);
      rows.scrollTop += 90;
      if (times.length < 240) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
  });
  return times.slice(1).map((time, at) => time - times[at]);
}"""

SET = """(change) => {
  const start = performance.now();
  editproof.state.set(change);
  return performance.now() - start;
}"""


def loaded_bytes(addresses: Iterable[str], index: Path) -> dict[str, int]:
    """Bytes of the files at these addresses, by folder of the report."""
    found: dict[str, int] = {}
    for address in dict.fromkeys(addresses):
        if address.startswith("file:"):
            path = Path(unquote(urlsplit(address).path))
            inside = path.is_relative_to(index.parent)
            top = path.relative_to(index.parent).parts[0] if inside else "blobs"
            found[top] = found.get(top, 0) + path.stat().st_size
    return found


def main() -> None:
    """Measure, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder) / "run", CASES)
        start, busy = time.perf_counter(), time.process_time()
        index = write_report(run)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        load = os.getloadavg()[0]
        told = _in_browser(index)
        size = sum(path.stat().st_size for path in index.parent.rglob("*") if path.is_file())
        count = sum(path.is_file() for path in index.parent.rglob("*"))
    lines = _page(seconds, busy, load, size, count, told)
    Path(__file__).with_name("REPORT.md").write_text(lines, encoding="utf-8")
    sys.stdout.write(lines)


def measure_opening(index: Path) -> tuple[float, float, float]:
    """Of a report that is opened: first paint, when the list is there, both in ms, and MB of the
    browser's heap.
    """
    with _open_browser() as browser:
        return _open(browser, index)


@contextmanager
def _open_browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("there is no Chromium on the PATH: install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def _in_browser(index: Path) -> dict[str, Any]:
    with _open_browser() as browser:
        opened = [_open(browser, index) for _ in range(5)]
        page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(index.as_uri())
        page.wait_for_function("editproof.list.ready()")
        page.wait_for_function(
            "[...document.querySelectorAll('.chart img')].every((one) => one.complete)"
        )
        page.wait_for_timeout(1000)
        loaded = loaded_bytes(asked, index)
        chrome = page.context.new_cdp_session(page)
        chrome.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = _task_seconds(chrome)
        frames = page.evaluate(FRAMES)
        work = 1000 * (_task_seconds(chrome) - before) / len(frames)
        sorting, searching = (
            page.evaluate(SET, change) for change in ({"sort": "-lpips"}, {"q": "model-3"})
        )
        rows = page.locator(".grid .line").count()
        elements = page.evaluate("document.querySelectorAll('*').length")
    return {
        "paint": statistics.median(paint for paint, _, _ in opened),
        "ready": statistics.median(ready for _, ready, _ in opened),
        "loaded": loaded,
        "frames": frames,
        "work": work,
        "sorting": sorting,
        "searching": searching,
        "rows": rows,
        "elements": elements,
    }


def _task_seconds(chrome: CDPSession) -> float:
    """Processor time that the page's main thread has spent, whatever else the machine does."""
    metrics = chrome.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def _open(browser: Browser, index: Path) -> tuple[float, float, float]:
    """As `measure_opening`."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page.goto(index.as_uri(), timeout=LONGEST_MS)
    page.wait_for_function("editproof.list.ready()", timeout=LONGEST_MS)
    ready = page.evaluate("performance.now()")
    page.wait_for_function(f"({PAINT}) !== null")
    paint = page.evaluate(PAINT)
    heap = page.evaluate("performance.memory.usedJSHeapSize") / MB
    page.close()
    return paint, ready, heap


def _page(
    seconds: float, busy: float, load: float, size: int, count: int, told: dict[str, Any]
) -> str:
    frames = sorted(told["frames"])
    most = frames[int(0.95 * len(frames))]
    late = sum(frame > 25 for frame in frames) / len(frames)
    loaded = told["loaded"]
    rows = [
        ("written", f"{seconds:.1f} s: {CASES / seconds:.0f} cases/s", "≥ 200 cases/s"),
        ("of the processor", f"{busy:.1f} s: {CASES / busy:.0f} cases/s of one core", ""),
        ("size of the report", f"{size / MB:.0f} MB in {count:,} files, pictures apart", ""),
        ("loaded at first", f"{sum(loaded.values()) / MB:.2f} MB", "≤ 5 MB"),
        ("first paint", f"{told['paint']:.0f} ms (median of 5)", "≤ 1 s"),
        ("list is there", f"{told['ready']:.0f} ms (median of 5)", ""),
        (
            "a frame while scrolling",
            f"{statistics.median(frames):.1f} ms (median; 95 %: {most:.1f} ms)",
            "16.7 ms",
        ),
        ("of the page's thread", f"{told['work']:.1f} ms a frame", "≤ 16.7 ms"),
        ("late frames (over 25 ms)", f"{late:.1%} of {len(frames)}", ""),
        ("sort by a number", f"{told['sorting']:.0f} ms", ""),
        ("search", f"{told['searching']:.0f} ms", ""),
        ("rows that are elements", f"{told['rows']}", ""),
        ("elements on the page", f"{told['elements']:,}", ""),
    ]
    table = "\n".join(f"| {what} | {found} | {wanted} |" for what, found, wanted in rows)
    parts = ", ".join(f"{name} {bytes_ / MB:.2f} MB" for name, bytes_ in loaded.items())
    return (
        f"# The report at {CASES:,} cases\n\nThe report has {CASES:,} synthetic cases with all"
        " shipped metrics, 20 families and 5 models. It was opened from the disk, in headless"
        " Chromium without a GPU. `python -m benchmarks.report` measured it on two cores that"
        f" others shared (load {load:.1f}).\n\n| | measured | goal |\n|---|---|---|\n"
        f"{table}\n\nLoaded at first: {parts}.\n"
    )


if __name__ == "__main__":
    main()
