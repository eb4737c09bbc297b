"""What a report is told of the history, where its page lies, and which nights go."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.harness.history.summarise import make_part
from editproof.harness.operations.history import (
    export_history,
    find_case_nights,
    find_page_folder,
    open_store,
    prune_nights,
)
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.settings import Project, find_settings
from tests.harness.history.test_parts import a_run, keep


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose settings are these."""
    return make_project(tmp_path, monkeypatch, "")


def make_project(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: str) -> Project:
    (folder / "editproof.toml").write_text(settings)
    monkeypatch.chdir(folder)
    return find_settings(folder)


def test_without_a_night_a_report_is_told_nothing(project: Project) -> None:
    assert find_case_nights("made", project) is None


def test_a_suite_is_named_by_its_file_as_for_a_night(project: Project) -> None:
    keep(open_store(project), a_run())
    suite = 'name = "made"\n[vectors]\nlogo = [1]\n[models]\nns = "reference"\n'
    (project.folder / "mine.toml").write_text(suite)
    assert export_history("mine.toml", project.folder / "nights.csv", "csv", project)
    with pytest.raises(UsageError, match="no suite in the history 'mine'"):
        export_history("mine", project.folder / "nights.csv", "csv", project)


def test_a_damaged_history_keeps_no_run_from_its_report(project: Project) -> None:
    part = make_part(a_run(), "")
    open_store(project).write_part("made", part.name, part.data[:-9])
    assert find_case_nights("made", project) is None


def test_the_page_is_named_where_it_is_or_will_be(project: Project) -> None:
    keep(open_store(project), a_run())
    page = find_page_folder("made", project) / "index.html"
    assert page == project.folder / "history" / "made" / "report" / "index.html"
    told = [find_case_nights("made", project, links_page=links) for links in (False, True)]
    assert [one.page for one in told if one] == [None, page]


def test_beside_a_branch_the_page_lies_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, monkeypatch, 'history = "git:nights"\n')
    assert find_page_folder("made", project) == tmp_path / "history" / "made" / "report"
    assert find_case_nights("made", project) is None  # it lies in no repository


@pytest.mark.parametrize(("longest", "left"), [("", 3), ("1 day", 1), ("5000 weeks", 3)])
def test_old_nights_go_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: str, left: int
) -> None:
    project = make_project(tmp_path, monkeypatch, f'[retention]\nnights = "{longest}"\n')
    keep(open_store(project), a_run(1), a_run(2), a_run(3))
    prune_nights("made", project)
    assert len(open_store(project).list_parts("made")) == left
