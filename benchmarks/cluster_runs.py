"""Runs that are measured or shot at: a suite of sleeping edits, here or on a local cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SLEEPY = Path(__file__).parents[1] / "tests" / "cluster" / "sleepy.py"

SETTINGS = 'suite = "sleep.toml"\n[lpips]\ndownload = false\n[cluster]\nsilent_s = 20\n'

SUITE = """
name = "sleep"
size = 64
seeds = {seeds}
metrics = ["psnr"]

[vectors]
logo = [1, 2]
tiled_seams = [1, 2]

[models]
ns = "reference"
"""

SCENES = 4


def write_project(folder: Path, cases: int) -> None:
    """A project whose suite has that many cases of one pipeline."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = list(range(1, cases // SCENES + 1))
    (folder / "sleep.toml").write_text(SUITE.format(seeds=seeds))
    (folder / "editproof.toml").write_text(SETTINGS)


def start_run(
    folder: Path, name: str, words: Sequence[str], env: dict[str, str]
) -> subprocess.Popen[str]:
    """`editproof run` in a project, going on."""
    return subprocess.Popen(
        [
            str(Path(sys.executable).parent / "editproof"),
            "run",
            "--out",
            name,
            "--no-cache",
            *words,
        ],
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def pipeline(seconds: float) -> tuple[str, str]:
    """The option that names a pipeline which sleeps for so long."""
    return ("--pipeline", f"s={SLEEPY}:build?seconds={seconds}")


def count_lines(run: Path) -> int:
    """How many cases a run has written."""
    journal = run / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a run took."""

    start_s: float
    """Until the first case was written."""
    cases_per_s: float
    """From the first case to the last."""


def time_run(folder: Path, name: str, words: Sequence[str], env: dict[str, str]) -> Timing:
    """Run to the end, and look when cases are written. Raises RuntimeError where it fails."""
    begun = time.monotonic()
    running = start_run(folder, name, words, env)
    seen: list[tuple[float, int]] = []
    while running.poll() is None:
        count = count_lines(folder / name)
        if count and (not seen or count > seen[-1][1]):
            seen.append((time.monotonic(), count))
        time.sleep(0.02)
    _, wrong = running.communicate()
    if running.returncode:
        raise RuntimeError(wrong)
    (first_at, first), (last_at, last) = seen[0], seen[-1]
    return Timing(first_at - begun, (last - first) / (last_at - first_at))
