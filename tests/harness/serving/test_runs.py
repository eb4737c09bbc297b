"""A run against our own server gives the pictures and numbers of the run without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import load
from tests.harness.conftest import Command

SUITE = """
name = "both"
size = 96
scale = {scale}
scene_seed = 7
seeds = [1]
metrics = ["psnr", "ssim"]

[vectors]
logo = [1, 2]

[models]
local = "reference"
remote = "{remote}"
"""


@pytest.mark.slow
def test_the_numbers_are_those_of_the_local_run(
    running: str, command: Command, folder: Path
) -> None:
    """To the bit."""
    by_model = run_both(f"service:{running}", 2, command, folder)
    for key, local in by_model["local"].items():
        remote = by_model["remote"][key]
        assert remote.status == local.status
        assert remote.blobs["actual"] == local.blobs["actual"]
        numbers = [
            json.dumps([str(one) for one in record.measurements]) for record in (local, remote)
        ]
        assert numbers[0] == numbers[1]


@pytest.mark.exhaustive
def test_every_case_runs_by_the_shape_of_iopaint(
    running: str, command: Command, folder: Path
) -> None:
    """It is handed the true mask, cut at half, where the local run finds its own."""
    for remote in run_both(f"iopaint:{running}", 1, command, folder)["remote"].values():
        assert remote.error is None
        assert "actual" in remote.blobs


def run_both(
    remote: str, scale: int, command: Command, folder: Path
) -> dict[str, dict[tuple[str, int], CaseRecord]]:
    """The records of a run with and without the server: model -> family and step -> record."""
    (folder / "both.toml").write_text(SUITE.format(scale=scale, remote=remote))
    done = command("run", "both.toml", "--out", "run", "--jobs", "1")
    assert (folder / "run").is_dir(), done.stderr
    by_model: dict[str, dict[tuple[str, int], CaseRecord]] = {"local": {}, "remote": {}}
    for one in load(folder / "run").records:
        by_model[one.case.model.name][one.case.family, one.case.step] = one
    assert len(by_model["local"]) == 2
    assert by_model["local"].keys() == by_model["remote"].keys()
    return by_model
