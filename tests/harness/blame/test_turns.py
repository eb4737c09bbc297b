"""A later turn of a chain: which stage is named, and that it can't be blamed by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.conftest import Command, Start, make_start

SUITE = """
name = "small"
size = 96
scale = 1
turns = 2
metrics = ["psnr", "ssim", "hue_offset", "sharpness"]

[vectors]
logo = [2]

[models]
ns = "reference?inpaint.model=ns"
"""


@pytest.fixture(scope="module")
def worse_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A run of two turns that was accepted, and one by another model."""
    other = ("run", "-q", "--out", "worse", "--pipeline", "ns=reference?inpaint.model=telea")
    return make_start(
        tmp_path_factory,
        {"small.toml": SUITE},
        [("run", "-q", "--out", "good"), ("baseline", "accept", "good"), other],
    )


@pytest.mark.slow
def test_a_later_turn_is_told_with_its_first_turns_stage(
    worse_start: Start, folder: Path, command: Command
) -> None:
    """One cause is one finding that counts both turns; blame asks for the first one."""
    worse_start.copy_to(folder)
    verdict = json.loads((folder / "worse" / "verdict.json").read_text())
    (finding,) = [one for one in verdict["findings"] if one["rule"] == "picture"]
    assert finding["stage"] == "inpaint"
    assert len(finding["cases"]) == 2
    done = command("blame", "logo/2 turn 2", "--run", "worse")
    assert done.returncode == 2
    assert "edits what turn 1 made" in done.stderr
    first = done.stderr.split("editproof blame ")[1].split()[0]
    assert first in finding["cases"]
