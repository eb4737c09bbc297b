"""A small suite, and commands run on it as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a suite of two scenes and no weights to be found."""
    (tmp_path / "small.toml").write_text(SMALL_SUITE)
    (tmp_path / "editproof.toml").write_text('suite = "small.toml"\n[lpips]\ndownload = false\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(folder: Path) -> Command:
    """`editproof`, as a process of its own."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "editproof"), *arguments],
            cwd=folder,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
