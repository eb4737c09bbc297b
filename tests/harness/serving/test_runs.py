"""A run against our own server gives the pictures and numbers of the run without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
@pytest.mark.parametrize("adapter", ["service", "iopaint"])
def test_the_numbers_are_those_of_the_local_run(
    running: str, command: Command, folder: Path, adapter: str
) -> None:
    """`service:` to the bit at any scale; IOPaint's shape at scale 1, in 8 bits."""
    scale = 2 if adapter == "service" else 1
    suite = SUITE.format(scale=scale, remote=f"{adapter}:{running}")
    (folder / "both.toml").write_text(suite)
    done = command("run", "both.toml", "--out", "run", "--jobs", "1")
    assert (folder / "run").is_dir(), done.stderr
    records = load(folder / "run").records
    by_model = {
        name: {
            (one.case.family, one.case.step): one for one in records if one.case.model.name == name
        }
        for name in ("local", "remote")
    }
    assert len(by_model["local"]) == 2
    assert by_model["local"].keys() == by_model["remote"].keys()
    for key, local in by_model["local"].items():
        remote = by_model["remote"][key]
        assert remote.status == local.status
        assert remote.blobs["actual"] == local.blobs["actual"]
        numbers = [
            json.dumps([str(one) for one in record.measurements]) for record in (local, remote)
        ]
        assert numbers[0] == numbers[1]
