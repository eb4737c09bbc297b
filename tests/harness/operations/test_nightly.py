"""One night: complete, stopped and continued, or run by two at once."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.operations import nightly
from editproof.harness.operations.history import open_store
from editproof.harness.operations.nightly import FinishedNight, NightRequest, hold_night, run_night
from editproof.harness.operations.run import RunRequest
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.runs import Run
from editproof.harness.suites.settings import Project, find_settings
from tests.harness import made

SUITE = 'name = "made"\n[vectors]\nlogo = [1, 2]\n[models]\nns = "reference?inpaint.model=ns"\n'


class Suite:
    """In place of a run: it writes its cases, as many as it is let."""

    def __init__(self) -> None:
        self.asked: list[RunRequest] = []
        self.cases = 2
        self.age = timedelta()
        self.refuses_to_resume = False

    def run(self, asked: RunRequest, *_: object, **__: object) -> Run:
        """As `run_suite`."""
        self.asked.append(asked)
        if asked.resume and self.refuses_to_resume:
            raise UsageError("the code has changed")
        assert asked.out
        records = [made.scored(made.case(step)) for step in (1, 2)]
        run = made.run_of(*records, metrics=made.METRICS)
        created = (datetime.now(UTC) - self.age).isoformat(timespec="seconds")
        if not asked.resume:
            write_manifest(asked.out, replace(run.manifest, created=created))
        done = len(runs.load(asked.out).endings)
        journal = Journal(asked.out)
        for record in records[done : self.cases]:
            journal.append(record)
        journal.close()
        if self.cases < len(records):
            raise KeyboardInterrupt
        return runs.load(asked.out)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "made.toml").write_text(SUITE)
    (tmp_path / "editproof.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return find_settings(tmp_path)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    fake = Suite()
    monkeypatch.setattr(nightly, "run_suite", fake.run)
    return fake


def start(project: Project) -> FinishedNight:
    """`editproof nightly made.toml`."""
    console = Console(quiet=True)
    return run_night(NightRequest("made.toml"), project, console, lambda _: None, quiet=True)


def test_a_night_is_run_judged_and_kept(project: Project, suite: Suite) -> None:
    done = start(project)
    assert done.is_new
    assert done.run.verdict
    assert len(suite.asked) == 1
    assert done.run.folder.parent == project.path("runs")
    assert done.run.folder.name == f"made-night-{datetime.now(UTC):%Y%m%d}"
    assert len(open_store(project).list_parts("made")) == 1


def test_a_complete_night_is_not_run_again(project: Project, suite: Suite) -> None:
    first, second = start(project), start(project)
    assert not second.is_new
    assert second.run.folder == first.run.folder
    assert second.run.verdict
    assert len(suite.asked) == 1


def test_a_night_that_was_stopped_goes_on(project: Project, suite: Suite) -> None:
    suite.cases = 1
    with pytest.raises(KeyboardInterrupt):
        start(project)
    suite.cases = 2
    done = start(project)
    assert [one.resume for one in suite.asked] == [False, True]
    assert len(done.run.endings) == 2
    assert len(list(project.path("runs").iterdir())) == 1


@pytest.mark.parametrize("why", ["the code has changed", "it is too old"])
def test_a_night_that_can_t_go_on_is_begun_again(project: Project, suite: Suite, why: str) -> None:
    suite.cases = 1
    suite.age = timedelta(days=2) if why == "it is too old" else timedelta()
    with pytest.raises(KeyboardInterrupt):
        start(project)
    suite.cases, suite.age, suite.refuses_to_resume = 2, timedelta(), True
    done = start(project)
    assert done.is_new
    assert done.run.folder.name.endswith("-2")
    assert len(open_store(project).list_parts("made")) == 1


def test_a_second_one_waits_and_says_so(project: Project) -> None:
    request = NightRequest("made.toml")
    lines: list[str] = []
    entered = threading.Event()

    def come_later() -> None:
        with hold_night(request, project, lines.append):
            entered.set()

    with hold_night(request, project, lines.append):
        second = threading.Thread(target=come_later)
        second.start()
        assert not entered.wait(0.3)
    second.join(timeout=10)
    assert entered.is_set()
    assert lines == ["another `editproof nightly` works on the suite made: waiting for its end"]


@pytest.mark.usefixtures("project", "suite")
def test_a_quiet_night_speaks_only_if_it_does_not_pass() -> None:
    """Cron mails what is printed."""
    call = partial(CliRunner().invoke, app)
    first = call(["nightly", "made.toml", "--quiet"])
    assert first.exit_code == ExitCode.INCOMPLETE
    assert "there is no baseline yet" in first.output
    assert call(["baseline", "accept"]).exit_code == ExitCode.OK
    shutil.rmtree("runs")
    second = call(["nightly", "made.toml", "--quiet"])
    assert (second.exit_code, second.output) == (ExitCode.OK, "")
