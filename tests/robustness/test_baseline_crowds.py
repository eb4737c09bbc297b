"""Several writers at once, and a baseline that should be there."""

from __future__ import annotations

import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.operations.project import find_baseline
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.runs import Run, load
from editproof.harness.suites.settings import Project, Settings
from tests.harness.baselines.test_baseline import pictured, run_in
from tests.robustness.test_baseline_deaths import numbers_in

WRITERS = 4


def accept_in_turn(folder: Path, target: Path) -> list[str]:
    """Accept a run; what the writer said meanwhile."""
    said: list[str] = []
    acceptance.accept(load(folder), target, AcceptRequest(folder.name, "ada"), said.append)
    return said


@pytest.mark.slow
def test_writers_at_once_take_turns(in_memory: Path) -> None:
    """Each acceptance is there once, the files are one run's, and whoever waited was told."""
    target = in_memory / "base"
    letters = "abcd"
    folders = [
        run_in(in_memory / f"run{place}", pictured(30.0 + place, letters[place])).folder
        for place in range(WRITERS)
    ]
    acceptance.accept(load(folders[0]), target)
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn")) as pool:
        said = list(pool.map(accept_in_turn, folders, [target] * WRITERS))
    state = baseline_folder.read_state(target)
    reasons = [one.reason for one in state.accepted[1:]]
    last = folders[[folder.name for folder in folders].index(reasons[-1])]
    assert sorted(reasons) == [folder.name for folder in folders]
    assert numbers_in(target) == [load(last).records[0].measurements[0].value]
    assert all("waiting for another editproof" in line for lines in said for line in lines)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(Settings(), tmp_path, "defaults")


def test_a_baseline_that_git_knows_is_missed(tmp_path: Path, project: Project) -> None:
    """A first run has none. Once it is committed, its absence is never taken for that."""
    run = run_in(tmp_path / "run", pictured(35.0, "a"))
    suite = run.manifest.suite
    assert find_baseline(None, suite, project) is None
    folder = acceptance.accept(run, tmp_path / "baselines" / suite.name)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "accepted"]):
        subprocess.run([*git, *command], check=True)
    assert find_baseline(None, suite, project) is not None
    folder.rename(tmp_path / "moved")
    with pytest.raises(IncompleteError, match="git checkout HEAD -- "):
        find_baseline(None, suite, project)


def test_a_named_baseline_must_be_there(tmp_path: Path, project: Project) -> None:
    """On the command line, or in the settings."""
    suite = run_in(tmp_path / "run", pictured(35.0, "a")).manifest.suite
    with pytest.raises(IncompleteError, match="there is no baseline"):
        find_baseline(tmp_path / "gone", suite, project)
    named = Project(Settings(baseline="gone"), tmp_path, "editproof.toml")
    with pytest.raises(IncompleteError, match="there is no baseline"):
        find_baseline(None, suite, named)
    assert find_baseline(None, suite, named, first_run=True) is None


def test_a_baseline_is_found_after_a_death_between_two_renames(tmp_path: Path) -> None:
    """As 0.1 could leave it: the folder under its other name."""
    run: Run = run_in(tmp_path / "run", pictured(35.0, "a"))
    folder = acceptance.accept(run, tmp_path / "base")
    folder.rename(tmp_path / ".base.old")
    assert numbers_in(folder) == [35.0]
    assert not (tmp_path / ".base.old").exists()
