"""A run on a cluster makes no more edits with a model that is certain to be worse."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from editproof.harness.records import runs
from tests.cluster.conftest import EDITPROOF, SLEEPY, ask, read_resumption, run_on, write_project
from tests.cluster.local_cluster import LocalCluster
from tests.cluster.test_faults import assert_whole

FAMILIES = ("thin_text", "logo", "microprint", "tiled_seams", "watermark", "grain", "signature")
STEPS = 5
CASES = 2 * len(FAMILIES) * STEPS
"""Of two models. The bet needs 22 scenes where it always wins; see docs/statistics.md."""

SUITE = f"""
name = "small"
size = 64
seeds = [1]
metrics = ["psnr", "ssim"]

[vectors]
{"".join(f"{family} = {list(range(1, STEPS + 1))}{chr(10)}" for family in FAMILIES)}

[models]
ns = "reference"
"""


def name_models(worse_noise: float) -> tuple[str, ...]:
    """Two models, of which `worse` adds that much noise."""
    build = f"{SLEEPY}:build_steady?seconds=0.2"
    return ("--pipeline", f"good={build}", "--pipeline", f"worse={build}&noise={worse_noise}")


@pytest.mark.slow
def test_a_model_that_is_certain_to_be_worse(folder: Path, cluster: LocalCluster) -> None:
    """The other's cases all end, the verdict is preliminary and names it, and `--resume` runs the
    rest, nothing twice.
    """
    write_project(folder, suite=SUITE)
    ask("run", "--out", "accepted", "--no-cache", *name_models(0.02))
    ask("baseline", "accept", "accepted", "--reason", "a test")
    words = ("--out", "run", "--no-cache", "--stop-early", *name_models(0.3))
    stopped = run_on(cluster, words)
    assert stopped.returncode == 3, stopped.stderr
    (line,) = stopped.stderr.splitlines()
    assert "--stop-early: worse got worse beyond chance" in line
    run = runs.load(folder / "run")
    assert {case.model.name for case in run.missing} == {"worse"}
    made = [record.case.model.name for record in run.records]
    assert made.count("good") == CASES // 2
    assert 22 <= made.count("worse") < CASES // 2
    assert ask("runs", "status", "run").startswith(f"stopped: {len(made)} of {CASES} cases")
    assert "preliminary: fails so far" in judge(folder / "run", code=3)
    resumed = run_on(cluster, [*read_resumption(line), "--no-cache"])
    assert resumed.returncode == 0, resumed.stderr
    assert_whole(folder / "run")
    assert "preliminary" not in judge(folder / "run", code=1)


def judge(run: Path, code: int) -> str:
    """What `editproof gate` prints; all that it finds is that `worse` regressed."""
    command = [EDITPROOF, "gate", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    findings = json.loads((run / "verdict.json").read_text())["findings"]
    assert {(one["outcome"], *one["models"]) for one in findings} == {("regressed", "worse")}
    return done.stdout
