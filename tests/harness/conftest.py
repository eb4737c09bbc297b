"""A small suite, and commands run on it as a user would.

Commands run in this process, where what they import is imported already. What depends on a process
of its own asks for `process`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from tests.sharing import make_once

SMALL_SUITE = """
name = "small"
size = 64
seeds = [1, 2]
metrics = ["psnr", "ssim"]

[vectors]
logo = [1]
tiled_seams = [2]

[models]
ns = "reference?inpaint.model=ns"
patch = "reference?inpaint.model=patch"
"""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


SETTINGS = 'suite = "small.toml"\njobs = 1\n[lpips]\ndownload = false\n'
"""One worker: the tests themselves take all cores."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a suite of two scenes and no weights to be found."""
    (tmp_path / "small.toml").write_text(SMALL_SUITE)
    (tmp_path / "editproof.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Start(NamedTuple):
    """What many tests begin with: made once, and copied for each."""

    folder: Path
    cache: Path

    def copy_to(self, folder: Path) -> None:
        """Let a test begin with it, in its own folder and with its own cache."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        shutil.copytree(self.cache, os.environ["EDITPROOF_CACHE"], dirs_exist_ok=True)


def make_start(
    tmp_path_factory: pytest.TempPathFactory,
    files: Mapping[str, str],
    commands: Sequence[Sequence[str]],
) -> Start:
    """A folder with these files, after these commands. All processes of `-n` share it."""
    files = {"editproof.toml": SETTINGS, **files}
    name = hashlib.sha256(repr((sorted(files.items()), list(commands))).encode()).hexdigest()[:16]

    def fill(home: Path) -> None:
        start = Start(home / "folder", home / "cache")
        fill_start(start, files, commands)

    home = make_once(tmp_path_factory, f"start-{name}", fill)
    return Start(home / "folder", home / "cache")


def fill_start(start: Start, files: Mapping[str, str], commands: Sequence[Sequence[str]]) -> None:
    for folder in start:
        folder.mkdir()
    for name, text in files.items():
        (start.folder / name).write_text(text)
    for arguments in commands:
        done = run_here(start.folder, arguments, {"EDITPROOF_CACHE": str(start.cache)})
        assert done.returncode == 0, done.stderr


def run_here(
    folder: Path, arguments: Sequence[str], env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """`editproof`, in this process. Whatever the command did not foresee is raised."""
    with contextlib.chdir(folder):
        done = CliRunner(env=env).invoke(app, [*arguments], prog_name="editproof")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def run_editproof(
    folder: Path, arguments: Sequence[str], env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """`editproof`, as a process of its own."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "editproof"), *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def command(folder: Path) -> Command:
    """`editproof`, in this process."""
    return make_command(folder, run_here)


@pytest.fixture
def process(folder: Path) -> Command:
    """`editproof`, as a process of its own."""
    return make_command(folder, run_editproof)


def make_command(folder: Path, start: Callable[..., subprocess.CompletedProcess[str]]) -> Command:
    """`start` in that folder, with its arguments as words."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return start(folder, arguments, env or {})

    return run
