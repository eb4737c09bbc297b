"""What the HTML report must hold, without a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from harness import runs
from harness.types import ExitCode, Measurement, Verdict
from reports import view
from reports.html import STATIC, page_name, write_report

HOSTILE = "<script>alert(1)</script>"


class Links(HTMLParser):
    """Collects what a page refers to, the ids that it has, and its tags."""

    def __init__(self, page: Path) -> None:
        """Read a page."""
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one tag."""
        found = dict(attrs)
        self.tags.append((tag, found))
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        self.ids.update(value for name, value in attrs if name == "id" and value)


@pytest.fixture(scope="module")
def index(run: runs.Run) -> Path:
    """The report's first page."""
    return write_report(run)


@pytest.fixture(scope="module")
def pages(index: Path) -> list[Path]:
    """All pages of the report."""
    return [index, *sorted((index.parent / "cases").iterdir())]


def case_page(index: Path, run: runs.Run, state: str) -> str:
    """The page of the first case in that state."""
    entry = next(entry for entry in view.entries(run) if entry.state == state)
    return (index.parent / "cases" / page_name(entry.case.id)).read_text(encoding="utf-8")


def test_every_finished_case_has_a_page(pages: list[Path], run: runs.Run) -> None:
    """There is one page for each finished case, and no other."""
    assert {page.name for page in pages[1:]} == {page_name(record.case.id) for record in run.records}


def test_names_are_data(pages: list[Path]) -> None:
    """No page holds a script, an event handler or an inline style that came from a name or a decision."""
    for page in pages:
        assert "<script>" not in page.read_text(encoding="utf-8")
        for tag, attributes in Links(page).tags:
            assert tag != "script" or set(attributes) == {"src"}
            assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_hostile_name_is_shown(index: Path) -> None:
    """A name that is markup is shown as it was written."""
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in index.read_text(encoding="utf-8")


def test_links_resolve(pages: list[Path]) -> None:
    """Every link is relative and leads to a file, and every fragment to an id on its page."""
    for page in pages:
        for link in Links(page).links:
            if link == "data:,":
                continue
            path, _, fragment = link.partition("#")
            assert not re.match(r"[a-z]+:|/", path), link
            target = (page.parent / unquote(path)).resolve() if path else page
            assert target.is_file(), f"{link} on {page.name}"
            if fragment:
                assert fragment.partition("?")[0] in Links(target).ids


def test_report_elsewhere_finds_its_pictures(run: runs.Run, tmp_path: Path) -> None:
    """A report outside the run's folder refers to the run's pictures, whatever characters the path has."""
    index = write_report(run, tmp_path / "out #2 50%")
    pictures = [link for link in Links(index).links if "blobs" in link]
    assert pictures
    assert all((index.parent / unquote(link)).is_file() for link in pictures)
    assert not list(index.parent.rglob("*.png"))


def test_policy_allows_files_beside_only(pages: list[Path]) -> None:
    """Every page has the content security policy that forbids whatever is not beside it."""
    for page in pages:
        metas = [attributes for tag, attributes in Links(page).tags if tag == "meta"]
        policy = next(meta["content"] or "" for meta in metas if meta.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy


def test_failures_come_first(run: runs.Run) -> None:
    """The list of cases begins with errors, then what needs review, then regressions; the cases that passed end it."""
    order = list(view.STATES)
    places = [order.index(entry.state) for entry in view.entries(run)]
    assert places == sorted(places)
    assert {"error", "needs_review", "regressed", "missing", "done"} == {order[place] for place in places}


def test_list_follows_order(index: Path, run: runs.Run) -> None:
    """The page lists every planned case once, in that order, also those that were not run."""
    rows = re.findall(r'data-id="([^"]+)"', index.read_text(encoding="utf-8"))
    assert rows == [entry.case.id for entry in view.entries(run)]
    assert len(rows) == len(run.manifest.cases) == len(run.records) + 1


def test_unmeasured_value_tells_why(index: Path, run: runs.Run) -> None:
    """A value that could not be measured is a dash with its reason as title and as visible footnote, never a number."""
    text = case_page(index, run, "needs_review")
    reason = "the region is narrower than the network&#39;s 64-px window"
    assert f'title="{reason}">—<sup><a href="#note-1">1</a></sup>' in text
    assert f'<li id="note-1">Not measured: <bdi>{reason}</bdi></li>' in text


def test_unmeasured_value_without_reason(run: runs.Run) -> None:
    """Where the reason is missing too, the footnote says so."""
    record = replace(run.records[0], measurements=(Measurement("psnr@1", "edit", "mean", None, "dB"),))
    table = view.score_table(record, ())
    assert table.notes == ("no reason was recorded",)
    assert table.rows[0].scores[0].text == "—"


def test_error_shows_traceback(index: Path, run: runs.Run) -> None:
    """The page of a failed case has its traceback, and says that there is no result instead of leaving a hole."""
    text = case_page(index, run, "error")
    assert "no &lt;source&gt; patch lies outside the mask\n</pre>" in text
    assert re.findall("<strong>(.*?)</strong>(?=.*\n.*\n?.*None: the edit ended)", text) == ["Actual", "Difference"]
    assert 'id="viewer"' not in text


def test_value_past_limit_is_marked(index: Path, run: runs.Run) -> None:
    """The value that a finding is about stands out in the table of numbers, and no other."""
    assert case_page(index, run, "regressed").count('<td class="n past">') == 1


def test_worst_windows_are_marked(run: runs.Run) -> None:
    """The worst window of every metric is marked at its centre, once per place."""
    record = next(record for record in run.records if record.status == "done")
    found = {(row.y, row.x) for row in record.measurements if row.y is not None}
    marked = view.windows(record, run.manifest.metrics)
    assert {(window.y, window.x) for window in marked} <= found
    assert sum(window.text.count(";") + 1 for window in marked) == len(run.manifest.metrics)


def test_findings_in_order(index: Path) -> None:
    """What regressed stands above what is underpowered, improved, or passed; passes are folded."""
    text = index.read_text(encoding="utf-8")
    outcomes = re.findall(r'data-outcome="(\w+)"', text)
    assert outcomes == ["regressed", "regressed", "underpowered", "improved", *["pass"] * 4]
    assert text.index("<details>") < text.index('data-outcome="pass"')


@pytest.mark.parametrize(
    ("code", "invalid", "word"),
    [
        (ExitCode.OK, (), "PASS"),
        (ExitCode.REGRESSION, (), "REGRESSION"),
        (ExitCode.INCOMPLETE, ("3 cases are missing: resume the run",), "COULD NOT BE JUDGED"),
        (None, (), "NOT JUDGED YET"),
    ],
)
def test_headline(run: runs.Run, code: ExitCode | None, invalid: tuple[str, ...], word: str) -> None:
    """The headline is the gate's exit code in words, with the reason where there is one."""
    verdict = None if code is None else Verdict(code, invalid, (), "")
    found = view.headline(replace(run, verdict=verdict))
    assert found.word == word
    assert all(reason in found.why for reason in invalid)


def test_empty_run_is_no_pass(run: runs.Run, tmp_path: Path) -> None:
    """A run without a finished case renders, and says that nothing was run."""
    index = write_report(replace(run, records=(), verdict=None), tmp_path / "report")
    text = index.read_text(encoding="utf-8")
    assert "NOT JUDGED YET" in text
    assert "0 of 24" in text
    assert re.findall(r'<p class="empty">No case (\w+)', text) == ["is", "has", "has"]
    assert not list((index.parent / "cases").iterdir())


def test_lost_pictures(run: runs.Run, tmp_path: Path) -> None:
    """A run whose pictures were trimmed away renders without links into nothing."""
    index = write_report(replace(run, folder=tmp_path), tmp_path / "report")
    pages = [index, *(index.parent / "cases").iterdir()]
    assert not [link for page in pages for link in Links(page).links if "blobs" in link]


def test_same_bytes_again(run: runs.Run, tmp_path: Path) -> None:
    """The same run gives the same report, byte by byte."""
    first, second = (write_report(run, tmp_path / name).parent for name in ("a", "b"))
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert len(files) == 1 + len(run.records) + len(STATIC) + 8
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_page_name_stays_in_folder() -> None:
    """An id from a foreign run cannot name a file outside the folder of the cases."""
    assert page_name("25fca36a0b19498e") == "25fca36a0b19498e.html"
    assert re.fullmatch(r"[0-9a-f]{64}\.html", page_name("../../index"))
