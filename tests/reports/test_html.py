"""What the HTML report must hold, without a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from editproof.harness.records import runs
from editproof.harness.records.accepted_cases import BASELINE, PAIRS, Pairs
from editproof.harness.records.json_files import write_json
from editproof.reports.common import view
from editproof.reports.html.case_list import choose_page_name, find_changes, make_list_script
from editproof.reports.html.report import SCRIPTS, STYLES, make_prose, write_report

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
    """The report's page."""
    return write_report(run)


def data_of(path: Path) -> dict[str, Any]:
    """What a data script calls its function with."""
    found: dict[str, Any] = json.loads(
        re.sub(r"^[\w.]+\((.*)\);\n$", r"\1", path.read_text(encoding="utf-8"), flags=re.S)
    )
    return found


def listed(index: Path) -> list[str]:
    """Ids as the list has them."""
    ids: list[str] = data_of(index.parent / "data" / "cases.js")["columns"]["id"]
    return ids


def test_every_finished_case_has_its_data(index: Path, run: runs.Run) -> None:
    """There is one file for each finished case, and no other."""
    found = {path.name for path in (index.parent / "cases").iterdir()}
    assert found == {f"{choose_page_name(record.case.id)}.js" for record in run.records}


def test_names_are_data(index: Path) -> None:
    """The page holds no script, event handler or inline style that came from a name or a
    decision.
    """
    assert "<script>" not in index.read_text(encoding="utf-8")
    for tag, attributes in Links(index).tags:
        assert tag != "script" or set(attributes) == {"src", "defer"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_hostile_name_is_shown(index: Path) -> None:
    """A name that is markup is shown as it was written."""
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in index.read_text(encoding="utf-8")


def test_data_is_no_markup(index: Path) -> None:
    """No file of data can end a script or start a comment where it is put into a page."""
    for path in [*(index.parent / "cases").glob("*.js"), *(index.parent / "data").glob("*.js")]:
        assert "<" not in path.read_text(encoding="utf-8")


def test_scripts_take_any_text() -> None:
    """Half a character, line separators and markup survive as data."""
    text = '\ud800 \u2028 </script><!-- " \\ 🙂'
    written = make_list_script("f", {"text": text}).decode("utf-8")
    assert "</" not in written
    assert json.loads(written[2:-3]) == {"text": text}


def test_links_resolve(index: Path, run: runs.Run) -> None:
    """Every link leads to a file beside the page, to an id on it, to a case that has data, or to a
    filter of the list.
    """
    page, ids = Links(index), {record.case.id for record in run.records}
    keys = {"case", "mode", "metric", "family", "model", "status", "finding", "sort", "view"}
    for link in page.links:
        if link == "data:,":
            continue
        path, _, fragment = link.partition("#")
        assert not re.match(r"[a-z]+:|/", path), link
        assert not path or (index.parent / unquote(path)).resolve().is_file(), link
        if "=" in fragment:
            state = parse_qs(fragment)
            assert set(state) <= keys
            assert state.get("case", [next(iter(ids))])[0] in ids
        elif fragment:
            assert fragment in page.ids


def test_report_elsewhere_finds_its_pictures(run: runs.Run, tmp_path: Path) -> None:
    """A report outside the run's folder refers to the run's pictures, whatever characters the path
    has; none is copied.
    """
    index = write_report(run, tmp_path / "out #2 50%")
    told = (index.parent / "cases" / f"{choose_page_name(run.records[0].case.id)}.js").read_text(
        encoding="utf-8"
    )
    pictures = re.findall(r'"([^"]*blobs/[^"]*\.png)"', told)
    assert pictures
    assert all((index.parent / unquote(link)).is_file() for link in pictures)
    assert not list(index.parent.rglob("*.png"))


def test_policy_allows_files_beside_only(index: Path) -> None:
    """The page has the content security policy that forbids whatever is not beside it."""
    metas = [attributes for tag, attributes in Links(index).tags if tag == "meta"]
    policy = next(
        meta["content"] or ""
        for meta in metas
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_what_changed_most_comes_first(index: Path, run: runs.Run) -> None:
    """The list begins with what has no result, then has what changed most since the baseline, then
    the others by their state.
    """
    states, changes = view.find_states(run), find_changes(run)
    ids = listed(index)
    failed = [case_id for case_id in ids if states[case_id] in view.FAILED]
    moved = [case_id for case_id in ids if case_id not in failed and changes.get(case_id)]
    rest = [case_id for case_id in ids if case_id not in {*failed, *moved}]
    assert ids == [*failed, *moved, *rest]
    assert moved
    assert [changes[case_id] for case_id in moved] == sorted(
        (changes[case_id] for case_id in moved), reverse=True
    )
    places = [list(view.STATES).index(states[case_id]) for case_id in rest]
    assert places == sorted(places)


def test_every_case_with_a_picture_has_a_strip(index: Path, run: runs.Run) -> None:
    """What it shows stands in the list: what was accepted or expected, and this run's picture."""
    data = data_of(index.parent / "data" / "cases.js")
    shown = {
        case_id: data["words"]["strip"][word]
        for case_id, word in zip(data["columns"]["id"], data["columns"]["strip"], strict=True)
    }
    for record in run.records:
        case_id = record.case.id
        path = index.parent / "strips" / f"{choose_page_name(case_id)}.webp"
        assert path.is_file() == bool(shown[case_id])
        if "actual" in record.blobs:
            assert shown[case_id].split()[-1] == "actual"


def test_list_has_every_planned_case(index: Path, run: runs.Run) -> None:
    """Every planned case is listed once, also those that were not run."""
    ids = listed(index)
    assert sorted(ids) == sorted(case.id for case in run.manifest.cases)
    assert len(ids) == len(run.records) + 1


def test_list_says_what_got_worse_by_which_finding(index: Path, run: runs.Run) -> None:
    """A case has the aspects that got worse, and the numbers of the findings that count it; no
    other case has.
    """
    data = data_of(index.parent / "data" / "cases.js")
    columns, words = data["columns"], data["words"]
    ids = columns["id"]
    worse = {i: words["worse"][word] for i, word in zip(ids, columns["worse"], strict=True)}
    named = {
        i: words["finding"][word].split() for i, word in zip(ids, columns["finding"], strict=True)
    }
    assert run.verdict
    for number, finding in enumerate(run.verdict.findings, start=1):
        assert {i for i in ids if str(number) in named[i]} == set(finding.cases)
    assert worse[run.verdict.findings[0].cases[0]] == "detail, structure"
    assert data["aspects"] == ["budget", "detail", "ghosts and residue", "seams", "structure"]
    assert data["findings"]["1"] == "regressed: the fill is blurrier"


def test_list_sorts_by_visibility(index: Path, run: runs.Run) -> None:
    """JOD of every case that changed; null where it did not."""
    data = data_of(index.parent / "data" / "cases.js")
    first = data["numbers"][0]
    assert first["key"] == "jod"
    assert [value for value in first["values"] if value is not None]
    known = dict(zip(data["columns"]["id"], first["values"], strict=True))
    assert {case_id: value for case_id, value in known.items() if value is not None} == (
        find_changes(run)
    )


def test_unmeasured_value_is_null(index: Path, run: runs.Run) -> None:
    """A number that was not measured is null in the list, never 0."""
    data = data_of(index.parent / "data" / "cases.js")
    error = next(record for record in run.records if record.status == "error").case.id
    place = data["columns"]["id"].index(error)
    assert [number["values"][place] for number in data["numbers"]] == [None] * 4


def test_findings_in_order(index: Path) -> None:
    """As the verdict has them; what got better is folded."""
    text = index.read_text(encoding="utf-8")
    outcomes = re.findall(r'data-outcome="([\w ]+)"', text)
    assert outcomes == ["regressed", "regressed", "traded", "underpowered", "at risk", "improved"]
    assert text.index('<details class="kept">') < text.index('data-outcome="improved"')


def test_a_state_is_the_worst_that_the_verdict_says(run: runs.Run) -> None:
    """Of changes and of findings that count the case; what ended otherwise keeps its word, and a
    pass is no state.
    """
    states = view.find_states(run)
    assert run.verdict
    risky = run.verdict.findings[-1]
    assert states[risky.case_id] == "done"
    error = next(record.case.id for record in run.records if record.status == "error")
    change = replace(run.verdict.changes[0], case_id=error)
    later = run.with_verdict(replace(run.verdict, changes=(change,)))
    assert view.find_states(later)[error] == "error"


def test_a_picture_that_is_the_accepted_one_is_unchanged(run: runs.Run, tmp_path: Path) -> None:
    """The gate notes which those are; a case that was not compared is `done`."""
    record, other = [one for one in run.records if view.find_states(run)[one.case.id] == "done"][:2]
    pairs = Pairs("b", {record.case.id: record.case.id}, unchanged=[record.case.id])
    write_json(tmp_path / BASELINE / PAIRS, pairs)
    states = view.find_states(replace(run, folder=tmp_path))
    assert (states[record.case.id], states[other.case.id]) == ("unchanged", "done")


def test_thumbnails_are_few_and_beside_the_page(index: Path) -> None:
    """A finding has a thumbnail with words for it; their number does not grow with the cases."""
    shown = [
        attributes
        for tag, attributes in Links(index).tags
        if tag == "img" and "thumbs/" in (attributes["src"] or "")
    ]
    assert 0 < len(shown) <= 48
    words = ("this run", "the input: there is no result")
    assert all(any(word in (one["alt"] or "") for word in words) for one in shown)
    assert any("expected, this run, difference" in (one["alt"] or "") for one in shown)


def test_text_with_commands_has_code(index: Path) -> None:
    """What stands between backticks is code, and all of it is escaped."""
    assert make_prose("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert make_prose("a lone ` stays") == "a lone ` stays"
    text = re.sub(r'title="[^"]*"', "", index.read_text(encoding="utf-8"))
    assert "`" not in text


def test_terms_say_what_they_are(index: Path) -> None:
    """Every button beside a term has a term of the glossary; all meanings are there."""
    words = data_of(index.parent / "data" / "words.js")
    found = [attributes.get("data-term") for _, attributes in Links(index).tags]
    asked = [term for term in found if term]
    assert len(set(asked)) > 8
    assert all(words[term] for term in asked)


def test_page_speaks_without_scripts(index: Path, run: runs.Run) -> None:
    """Verdict, findings and provenance are in the page itself, and it says what scripts are for."""
    text = index.read_text(encoding="utf-8")
    assert "COULD NOT BE JUDGED</h1>" in text
    assert "<noscript>" in text
    assert run.manifest.created in text
    assert run.verdict
    assert all(finding.words in text for finding in run.verdict.findings)


def test_empty_run_is_no_pass(run: runs.Run, tmp_path: Path) -> None:
    """A run without a finished case renders, and says that nothing was run."""
    index = write_report(run.with_records(()).with_verdict(None), tmp_path / "report")
    text = index.read_text(encoding="utf-8")
    assert "NOT JUDGED YET" in text
    assert "0 of 24" in text
    assert not {"findings", "pictures", "charts"} & Links(index).ids  # no section is empty
    assert not list((index.parent / "cases").iterdir())


def test_lost_pictures(run: runs.Run, tmp_path: Path) -> None:
    """A run whose pictures were trimmed away renders without links into nothing."""
    index = write_report(replace(run, folder=tmp_path), tmp_path / "report")
    files = [index, *(index.parent / "cases").iterdir()]
    assert not [path for path in files if "blobs/" in path.read_text(encoding="utf-8")]
    assert not (index.parent / "thumbs").exists()


@pytest.mark.slow
def test_same_bytes_again(run: runs.Run, tmp_path: Path) -> None:
    """The same run gives the same report, byte by byte."""
    first, second = (write_report(run, tmp_path / name).parent for name in ("a", "b"))
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert {Path("static") / name for name in (*SCRIPTS, *STYLES)} < set(files)
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


@pytest.mark.slow
def test_old_files_go(run: runs.Run) -> None:
    """A report that is written again in its own place leaves nothing of the one before."""
    stale = run.folder / "report" / "cases" / "stale.js"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_text("")
    write_report(run)
    assert not stale.exists()


def test_page_name_stays_in_folder() -> None:
    """An id from a foreign run cannot name a file outside the folder of the cases."""
    assert choose_page_name("25fca36a0b19498e") == "25fca36a0b19498e"
    assert re.fullmatch(r"[0-9a-f]{64}", choose_page_name("../../index"))
