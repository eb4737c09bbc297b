"""A run that somebody stops or kills: how it ends, what it says, and that nothing outlives it."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import editproof
from tests.harness.conftest import Command
from tests.robustness.tagging import Tagged, wait_until

EDITPROOF = str(Path(sys.executable).parent / "editproof")

BUSY = """
import ctypes, os, subprocess, sys, time
from pathlib import Path
import numpy as np
from editproof.pipelines import EditResult

HERE = Path(__file__).parent

def build(how="busy"):
    if how == "slow":
        (HERE / "loading").touch()
        time.sleep(900)
    def edit(request):
        if not (HERE / "quick").exists():
            code = "import os, time; os.setsid(); time.sleep(900)"
            subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
            (HERE / "busy").touch()
            ctypes.PyDLL(None).sleep(900)  # holds the interpreter's lock
        large = np.repeat(np.repeat(request.image, 2, 0), 2, 1)
        return EditResult(large * np.float32(1 / (1 + request.seed)))
    return edit
"""

SHORT_S = 5.0
"""Far longer than stopping takes, far shorter than any timeout here."""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run of a pipeline that is busy for a quarter of an hour."""
    (folder / "mine.py").write_text(BUSY)
    words = [EDITPROOF, "run", "--no-cache", "--jobs", "1", "--vector", "logo", *arguments]
    return subprocess.Popen(
        words,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.exhaustive)],
)
def test_a_run_that_is_stopped_says_how_to_go_on(
    command: Command, folder: Path, tagged: Tagged, number: signal.Signals, code: int
) -> None:
    """Its exit code is the shell's, nothing is left of it, and the hint's command finishes it."""
    run = start(folder, "--pipeline", "mine.py:build", "--out", "my run")
    assert wait_until((folder / "busy").exists)
    run.send_signal(number)
    _, said = run.communicate(timeout=SHORT_S)
    assert run.returncode == code
    assert wait_until(lambda: not tagged())
    words = ("run", "--resume", "--out", "my run", "--pipeline", "mine.py:build")
    hint = f"`editproof {shlex.join(words)}` continues the run"
    assert said.splitlines() == [f"editproof: stopped. {hint}"]
    (folder / "quick").touch()
    resumed = command(*words, "--no-cache")
    assert resumed.returncode == 0, resumed.stderr
    assert len(editproof.load(folder / "my run").records) == 2


@pytest.mark.slow
def test_a_run_that_is_stopped_while_it_loads_leaves_nothing(folder: Path, tagged: Tagged) -> None:
    """No folder, no process; and before, it said what it was waiting for."""
    run = start(folder, "--pipeline", "mine.py:build?how=slow")
    assert run.stderr
    assert "loading mine.py:build?how=slow takes a while: at most 600 s" in run.stderr.readline()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=SHORT_S)
    assert run.returncode == 130
    assert "Nothing was run yet" in said
    assert wait_until(lambda: not tagged())
    assert not list((folder / "runs").iterdir())


@pytest.mark.slow
def test_loading_has_a_limit_that_can_be_set(command: Command, folder: Path) -> None:
    """The message names the setting."""
    (folder / "mine.py").write_text(BUSY)
    settings = folder / "editproof.toml"
    settings.write_text(f"load_timeout_s = 2\n{settings.read_text()}")
    done = command("run", "--vector", "logo", "--pipeline", "mine.py:build?how=slow")
    assert done.returncode == 2
    assert "no answer within 2 s" in done.stderr
    assert "load_timeout_s" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_nothing_outlives_a_run_that_is_killed(folder: Path, tagged: Tagged) -> None:
    """Not a pipeline that holds the interpreter's lock, nor what it started in another session."""
    run = start(folder, "--pipeline", "mine.py:build")
    assert wait_until((folder / "busy").exists)
    assert len(tagged()) >= 6
    run.kill()
    run.communicate()
    assert wait_until(lambda: not tagged(), 10)


@pytest.mark.exhaustive
def test_nothing_outlives_a_pytest_that_is_killed(folder: Path, tagged: Tagged) -> None:
    """The plugin starts the command in a process of its own."""
    (folder / "mine.py").write_text(BUSY)
    (folder / "test_mine.py").write_text(
        "def test_it(edit_gate):\n    edit_gate('mine.py:build', 'small.toml', vectors=['logo'])\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as tests:
        assert wait_until((folder / "busy").exists)
        tests.kill()
    assert wait_until(lambda: not tagged(), 10)


FORKS = """
import os
import numpy as np
from editproof.pipelines import EditResult

def build():
    def edit(request):
        large = np.repeat(np.repeat(request.image, 2, 0), 2, 1)
        os.fork()
        return EditResult(np.full_like(large, request.seed / 10))
    return edit
"""


@pytest.mark.slow
def test_a_fork_shifts_no_picture_to_the_next_seed(command: Command, folder: Path) -> None:
    """Each seed's picture is its own."""
    (folder / "forks.py").write_text(FORKS)
    seeds = [word for seed in range(1, 7) for word in ("--seed", str(seed))]
    done = command(
        *("run", "--jobs", "1", "--vector", "logo", "--out", "r", *seeds),
        *("--pipeline", "forks.py:build"),
    )
    assert done.returncode == 0, done.stderr
    run = editproof.load(folder / "r")
    from editproof.harness.pictures.files import load

    levels = {r.case.seed: float(load(run.blob(r.blobs["actual"])).mean()) for r in run.records}
    assert levels == pytest.approx({seed: seed / 10 for seed in range(1, 7)}, abs=1 / 255)


def test_two_runs_of_one_second_have_two_folders(folder: Path) -> None:
    """Whoever makes a folder has it."""
    from concurrent.futures import ThreadPoolExecutor

    from editproof.harness.operations.project import make_new_folder
    from editproof.harness.suites.settings import find_settings
    from editproof.harness.suites.suite import load_suite

    project, suite = find_settings(folder), load_suite("small.toml", folder)
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: make_new_folder(project, suite), range(64)))
    assert len(set(made)) == 64
    assert all(path.is_dir() and path.parent == folder / "runs" for path in made)
