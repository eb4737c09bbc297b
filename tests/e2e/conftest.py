"""A browser, and reports to look at: one of a real run with planted regressions, one with hostile
names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.verdicts import Outcome
from editproof.harness.suites.suite import SHIPPED
from editproof.reports.html.report import write_report
from tests.e2e.viewing import DESK, Open
from tests.reports.conftest import make_run
from tests.sharing import make_once

expect.set_options(timeout=30_000)
"""Milliseconds: a machine that is shared may be slow."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
FAMILIES = ("logo", "microprint")
GOOD = (
    "--pipeline",
    "ns=reference?inpaint.model=ns",
    "--pipeline",
    "patch=reference?inpaint.model=patch&harmonise.grain=true",
)
BAD = (
    "--pipeline",
    "ns=reference?inpaint.model=ns&blend.mode=hard&upscale.model=bicubic",
    "--pipeline",
    "patch=reference?inpaint.model=patch&harmonise.grain=false",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as Debian packages it."""
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        pytest.fail("there is no Chromium on the PATH: install the package chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


@contextmanager
def opened(
    browser: Browser,
    report: Path,
    fragment: str = "",
    *,
    width: int = 1440,
    height: int = 900,
    theme: str = "light",
    asked: list[str] | None = None,
) -> Iterator[Page]:
    """A page that must not complain, fail to load anything, or ask the network; `asked` gets what
    it asked for.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        accept_downloads=True,
    )
    page = context.new_page()
    troubles: list[str] = []
    page.on(
        "console",
        lambda line: troubles.append(line.text) if line.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(f"{request.url[:120]} failed"))
    page.on(
        "request",
        lambda wanted: (
            troubles.append(wanted.url[:120]) if wanted.url.startswith(("http", "ws")) else None
        ),
    )
    if asked is not None:
        page.on("request", lambda wanted: asked.append(wanted.url))
    page.goto(f"{report.as_uri()}{fragment}")
    until(page, "window.editproof?.list?.ready()")
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def look(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Opens the real report; whatever it complains of fails the test."""
    pages: list[object] = []

    def at(fragment: str = "", **how: object) -> Page:
        context = opened(browser, report, fragment, **how)  # type: ignore[arg-type]
        pages.append(context)
        return context.__enter__()

    yield at
    for context in pages:
        context.__exit__(None, None, None)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the real runs lie: a good one, accepted as baseline, and a worse one after it.

    EDITPROOF_E2E_RUNS names a folder in which they are kept for the next time.
    """
    kept = os.environ.get("EDITPROOF_E2E_RUNS", "")
    if kept and (Path(kept) / "runs" / "bad").is_dir():
        write_report(runs.load(Path(kept) / "runs" / "bad"))
        return Path(kept)
    if not kept:  # tests write beside the runs: each process has a copy of its own
        made = make_once(tmp_path_factory, "real", make_runs)
        return Path(shutil.copytree(made, tmp_path_factory.mktemp("copy") / "real"))
    here = Path(kept)
    here.mkdir(parents=True, exist_ok=True)
    make_runs(here)
    return here


def make_runs(here: Path) -> None:
    """The suite is `quick` at half its size: pages differ in nothing, and it takes a third."""
    (here / "editproof.toml").write_text("[lpips]\ndownload = false\n")
    quick = (SHIPPED / "quick.toml").read_text()
    (here / "quick.toml").write_text(quick.replace("size = 256 ", "size = 128 "))
    suite = ["quick.toml", *(word for family in FAMILIES for word in ("--vector", family))]
    editproof(
        here, "run", *suite, *GOOD, "--seed", "42", "--seed", "99", "--out", "runs/good", "--quiet"
    )
    editproof(here, "baseline", "accept", "runs/good")
    editproof(
        here, "run", *suite, *BAD, "--seed", "42", "--seed", "99", "--out", "runs/bad", "--quiet"
    )


@pytest.fixture(scope="session")
def regressed(folder: Path) -> Path:
    """The worse run's folder."""
    return folder / "runs" / "bad"


@pytest.fixture(scope="session")
def report(regressed: Path) -> Path:
    """The report of the worse run."""
    return regressed / "report" / "index.html"


@pytest.fixture(scope="session")
def run(regressed: Path) -> runs.Run:
    """The worse run, read."""
    return runs.load(regressed)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run whose names are markup, whose decisions are 300 characters long, and
    which holds every trouble.
    """
    return write_report(runs.load(make_run(tmp_path_factory.mktemp("hostile") / 'a "b" #1 50%')))


def until(page: Page, expression: str, *, seconds: float = 30) -> None:
    """Wait for an expression to hold. (Playwright's own waiting evaluates a string in the page,
    which our policy forbids.)
    """
    for _ in range(round(seconds * 20)):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not within {seconds:g} s: {expression}")


def state(page: Page) -> dict[str, str]:
    """What the address says, once it is written: that is a moment after the page changed."""
    until(page, "editproof.state.link() === (location.hash || '#')")
    address: str = page.evaluate("location.hash")  # the browser tells page.url of it later
    return {key: values[0] for key, values in parse_qs(address.removeprefix("#")).items()}


def editproof(here: Path, *arguments: str) -> str:
    """Run the command as a person would; what it printed."""
    environ = {**os.environ, "EDITPROOF_CACHE": str(here / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "editproof", *arguments],
        cwd=here,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def record(run: runs.Run) -> CaseRecord:
    """A case that regressed."""
    assert run.verdict is not None
    ids = [
        finding.case_id for finding in run.verdict.findings if finding.outcome is Outcome.REGRESSED
    ]
    return next(one for one in run.records if one.case.id == ids[0])


@pytest.fixture
def view(browser: Browser, run: runs.Run, record: CaseRecord) -> Iterator[Open]:
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
