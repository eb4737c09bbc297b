"""A cluster of two logical nodes for all tests, and folders to run in."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: nox -s cluster installs it")

from editproof.harness.records.journal import read_journal
from tests.cluster.local_cluster import LocalCluster

SLEEPY = Path(__file__).with_name("sleepy.py")

SUITE = """
name = "small"
size = 64
seeds = [1, 2, 3]
metrics = ["psnr", "ssim"]

[vectors]
logo = [1, 2]
tiled_seams = [1, 2]

[models]
ns = "reference"
"""

SETTINGS = 'suite = "small.toml"\n[lpips]\ndownload = false\n[cluster]\nsilent_s = 5\n'

STRANGERS = {
    "pipelines/__init__.py": "raise RuntimeError('this is the user\\'s pipelines')\n",
    "harness.py": "raise RuntimeError('this is the user\\'s harness')\n",
    "emoji.py": "raise RuntimeError('this is the user\\'s emoji')\n",
    "msgspec.py": "raise RuntimeError('this is the user\\'s msgspec')\n",
}
"""A user's own modules, named as ours or as libraries are. Nobody but the user imports them."""

EDITPROOF = str(Path(sys.executable).parent / "editproof")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a suite of twelve cases a model and modules of the user's own."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_project(folder: Path, suite: str = SUITE, settings: str = SETTINGS) -> None:
    files = {"small.toml": suite, "editproof.toml": settings, **STRANGERS}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two nodes of a core each. Tests leave it as they found it."""
    home = tmp_path_factory.mktemp("started-from")
    write_project(home)
    with LocalCluster([1, 1], folder=home) as started:
        yield started


@pytest.fixture
def own_cluster() -> Iterator[LocalCluster]:
    """Two nodes of a core each, that a test may kill."""
    with LocalCluster([1, 1]) as started:
        yield started


def run_on(
    cluster: LocalCluster, arguments: Sequence[str], env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`editproof run --on ray` to its end."""
    return subprocess.run(
        [EDITPROOF, "run", "--on", "ray", *arguments],
        env={**os.environ, **cluster.env, **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def start_on(cluster: LocalCluster, arguments: Sequence[str]) -> subprocess.Popen[str]:
    """`editproof run --on ray`, going on."""
    return subprocess.Popen(
        [EDITPROOF, "run", "--on", "ray", *arguments],
        env={**os.environ, **cluster.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(
    condition: Callable[[], bool],
    going: subprocess.Popen[str] | None = None,
    seconds: float = 240.0,
) -> None:
    """Raises TimeoutError where it never holds, and RuntimeError where the command ends before."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        if going and going.poll() is not None and not condition():
            raise RuntimeError("".join(going.communicate()))
        time.sleep(0.1)


def wait_for_cases(run: Path, number: int, going: subprocess.Popen[str]) -> None:
    """Wait until a command has written so many cases."""
    wait_until(lambda: count_done(run) >= number, going)


def count_done(run: Path) -> int:
    """How many cases of a run have ended."""
    return len(read_journal(run))


def ask(*arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run([EDITPROOF, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_resumption(line: str) -> list[str]:
    """The options of the last command that a message names."""
    words = shlex.split(line.split("`")[-2])
    assert words[:2] == ["editproof", "run"]
    return words[2:]


def find_actors(run: Path | str) -> list[int]:
    """Process numbers of the actors that work for a run: the parents of the guards whose logs lie
    in its folder; empty: for any run.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if (
            f"{run}/logs/worker-" in command
            and "serving" in command
            and "-pipeline-" not in command
        ):
            title = (Path("/proc") / str(parent) / "cmdline").read_text()
            if title.startswith("ray::"):
                found.append(parent)
    return found


def send(process: int, number: signal.Signals) -> None:
    os.kill(process, number)
