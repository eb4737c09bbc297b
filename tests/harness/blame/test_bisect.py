"""`editproof bisect`, as a user meets it: a repository whose pipeline changes at a known commit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness.blame.made_commits import commit, git
from tests.harness.conftest import SETTINGS, run_here

SUITE = """
name = "small"
size = 64
scale = 1
metrics = ["psnr"]
[vectors]
logo = [1, 2]
[models]
mine = "edit.py:build"
"""

PIPELINE = """
import numpy as np
from editproof.pipelines import EditRequest, EditResult, StageTrace
{trouble}
def build():
    return edit

def edit(request):
    image = request.image.copy()
    found = StageTrace("find", 0.0, artefact=image)
    inside = np.asarray(request.mask) > 0
    image = image.copy()
    image[inside] = {grey}
    return EditResult(image, stages=(found, StageTrace("fill", 0.0, artefact=image)))

edit.stochastic, edit.fingerprint = False, "mine"
"""

COMMITS = 64
DARKER = 41
"""The commit at which the fill is another one."""
BROKEN = 43
"""A commit that can't be loaded. Git tries it first between 40 and 46, and not between all."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """65 commits; and a run of the last one."""
    top = tmp_path_factory.mktemp("repository")
    folder = top / "project"
    folder.mkdir()
    git(top, "init", "-q", "-b", "main")
    (folder / "editproof.toml").write_text(
        f'{SETTINGS}[cache]\nfolder = "cache"\n[pipelines]\nmine = "edit.py:build"\n'
    )
    (folder / "small.toml").write_text(SUITE)
    (top / ".gitignore").write_text("runs\ncache\n__pycache__\n")
    for number in range(COMMITS + 1):
        text = PIPELINE.format(
            grey=0.9 if number >= DARKER else 0.5,
            trouble="import nowhere_to_be_found" if number == BROKEN else f"NUMBER = {number}",
        )
        commit(folder, f"number {number}", edit=text)
    done = run_here(folder, ["run", "-q"], {})
    assert done.returncode == 0, done.stderr
    return folder


def find(repository: Path, good: int, bad: int, *more: str) -> dict[str, Any]:
    """`editproof bisect` between two commits, by their numbers."""
    ends = ["--good", name(good), "--bad", name(bad)]
    done = run_here(repository, ["bisect", "logo/2", *ends, *more, "--json"], {})
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def name(number: int) -> str:
    return f"HEAD~{COMMITS - number}"


def list_trees(repository: Path) -> list[str]:
    return git(repository, "worktree", "list").splitlines()


@pytest.mark.exhaustive
def test_the_first_bad_of_64_commits_and_its_stage_are_named(repository: Path) -> None:
    answer = find(repository, 0, COMMITS)
    assert answer["commits"] == [git(repository, "rev-parse", name(DARKER))]
    assert f" number {DARKER} (Ada, " in answer["described"][0]
    assert answer["stage"] == "fill"
    assert answer["sign"] == "the gate's verdict"
    assert answer["between"] == COMMITS
    assert len(answer["tried"]) <= 8
    assert len(list_trees(repository)) == 1
    assert git(repository, "status", "--porcelain") == ""


@pytest.mark.slow
def test_what_can_t_be_built_or_run_is_skipped(repository: Path) -> None:
    """The set-up runs in the project's folder of the worktree, and what it changes is undone."""
    setup = "! grep -qE 'NUMBER = (42|44)$' edit.py && test ! -f built && touch built"
    answer = find(repository, 40, 46, "--setup", f"{setup} && echo '#' >> edit.py")
    assert answer["commits"] == [git(repository, "rev-parse", name(DARKER))]
    reasons = [one["reason"] for one in answer["tried"] if one["mark"] == "skip"]
    assert any("nowhere_to_be_found" in reason for reason in reasons)
    assert "--setup ended with exit code 1: it printed nothing" in reasons


@pytest.mark.slow
def test_ctrl_c_leaves_no_worktree_behind(repository: Path) -> None:
    arguments = ["bisect", "logo/2", "--good", name(0), "--bad", "HEAD"]
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "editproof"), *arguments],
        cwd=repository,
        env=dict(os.environ),
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(list_trees(repository)) == 1 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Start it again" in said
    assert len(list_trees(repository)) == 1


@pytest.mark.slow
def test_where_nothing_changed_it_says_so(repository: Path) -> None:
    done = run_here(repository, ["bisect", "logo/1", "--good", "HEAD~3", "--bad", "HEAD"], {})
    assert done.returncode == 2
    assert "logo/1 mine seed 42 is the same at both commits, bit for bit" in done.stderr


@pytest.mark.slow
def test_an_end_that_can_t_be_run_is_named(repository: Path) -> None:
    ends = ["--good", "HEAD~3", "--bad", "HEAD"]
    done = run_here(repository, ["bisect", "logo/1", *ends, "--setup", "false"], {})
    assert done.returncode == 3
    assert "--good HEAD~3 can't be run: --setup ended with exit code 1" in done.stderr
