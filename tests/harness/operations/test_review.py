"""`editproof review` as a command: a folder, an archive, and what it applies."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from editproof.harness.baselines import baseline_folder
from editproof.harness.commands.cli import app
from editproof.harness.operations.judge import judge_run
from editproof.harness.operations.review import ReviewOptions, find_desk
from editproof.harness.records.errors import UsageError
from editproof.harness.records.verdicts import Outcome
from editproof.harness.review.desk import Desk, Ruling
from editproof.harness.suites.settings import find_settings
from tests.harness.review.conftest import pair  # noqa: F401 - a fixture
from tests.harness.review.test_unpacking import zip_folder


@pytest.fixture
def project(
    pair: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A project whose newest run is to be reviewed."""
    folder = Path(shutil.copytree(pair, tmp_path / "project"))
    (folder / "editproof.toml").write_text('baseline = "baselines/made"\n')
    monkeypatch.chdir(folder)
    return folder


def open_for(author: str, run: str | None = "runs/now") -> Desk:
    options = ReviewOptions(Path(run) if run else None, None, author, read_only=False)
    return find_desk(options, find_settings(Path.cwd()))


def test_decisions_lie_beside_the_baseline(project: Path) -> None:
    desk = open_for("ann")
    desk.decide(Ruling("accept", (desk.changes[0].case.id,)))
    assert len(list((project / "baselines" / "made.decisions").iterdir())) == 1


def test_apply(project: Path) -> None:
    desk = open_for("ann")
    desk.decide(Ruling("accept", tuple(one.case.id for one in desk.changes[:3])))
    done = CliRunner().invoke(app, ["review", "runs/now", "--apply"])
    assert done.exit_code == 2
    assert "--reason TEXT" in done.stderr
    done = CliRunner().invoke(app, ["review", "runs/now", "--apply", "--reason", "new blur"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("accepted 3 cases: ")
    last = baseline_folder.read_state(project / "baselines" / "made").accepted[-1]
    assert (last.author, last.reason) == ("ann", "new blur")


def test_the_gate_knows_what_was_waived_at_the_desk(project: Path) -> None:
    """Until another picture comes."""
    desk = open_for("ann")
    every = tuple(one.case.id for one in desk.changes)
    desk.decide(Ruling("waive", every, "known", expires=date(9999, 1, 1)))
    settings = find_settings(Path.cwd())
    verdict = judge_run(desk.run, None, settings).verdict
    assert verdict is not None
    assert [finding.outcome for finding in verdict.findings] == [Outcome.WAIVED]
    desk.undo()
    verdict = judge_run(desk.run, None, settings).verdict
    assert verdict is not None
    assert [finding.outcome for finding in verdict.findings] == [Outcome.CHANGED]


def test_a_run_from_ci(project: Path) -> None:
    """It is decided about as if it had run here, and does not become the newest run."""
    zip_folder(project / "runs" / "now", project / "editproof.zip")
    shutil.rmtree(project / "runs")
    desk = open_for("ann", "editproof.zip")
    desk.decide(Ruling("accept", tuple(one.case.id for one in desk.changes)))
    arguments = ["review", "editproof.zip", "--apply", "--reason", "new blur"]
    assert CliRunner().invoke(app, arguments).stdout.startswith("accepted 50 cases: ")
    assert not list((project / "runs").glob("*/manifest.json"))


def test_the_author_is_the_one_that_git_knows(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ann Example")
    assert open_for("").author == "Ann Example"
    assert open_for(" ben ").author == "ben"


def test_what_cannot_be_opened(project: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        open_for("ann", "from-ci.zip")
    (project / "baselines" / "made").rename(project / "baselines" / "other")
    with pytest.raises(UsageError, match="was not judged against the baseline"):
        open_for("ann")
