"""Blame: the first stage that differs, and what each stage answers for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.first_stage import Kept, first_difference

from .conftest import Command

SUITE = """
name = "small"
size = 96
seeds = [1, 2]
metrics = ["psnr", "ssim", "hue_offset", "sharpness"]

[vectors]
logo = [1, 2]

[models]
ns = "reference?inpaint.model=ns"
patch = "reference?inpaint.model=patch"
"""


@pytest.fixture
def accepted(command: Command, folder: Path) -> Path:
    """A folder with a small suite and its baseline."""
    (folder / "small.toml").write_text(SUITE)
    assert command("run", "-q").returncode == 0
    assert command("baseline", "accept").returncode == 0
    return folder


def worse(command: Command, **pipelines: str) -> None:
    """Run again, some models by another pipeline."""
    known = {"ns": "reference?inpaint.model=ns", "patch": "reference?inpaint.model=patch", **pipelines}
    options = [part for name, spec in known.items() for part in ("--pipeline", f"{name}={spec}")]
    done = command("run", "-q", *options)
    assert done.returncode == 0, done.stderr


def answer(command: Command, *arguments: str) -> dict[str, Any]:
    done = command("blame", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_first_difference_is_the_first_stage_that_made_something_else() -> None:
    ours = [Kept("a", "1"), Kept("b", "2"), Kept("c", "3")]
    assert first_difference(ours, ours) == ""
    assert first_difference(ours, [Kept("a", "1"), Kept("b", "9"), Kept("c", "9")]) == "b"
    assert first_difference(ours, [Kept("a", "1"), Kept("c", "3"), Kept("b", "2")]) == "b"
    assert first_difference(ours[:2], ours) == "c"
    assert first_difference([], ours) == ""
    assert (
        first_difference(
            [Kept("a", "1", "fine"), Kept("b", "2", "bad")], [Kept("a", "1", "fine"), Kept("b", "2", "good")]
        )
        == "b"
    )


def test_the_gate_names_the_first_stage_and_blame_the_stage_that_did_it(command: Command, accepted: Path) -> None:
    """A hue drift in `harmonise`, planted: the verdict's findings and blame name that stage, which answers for it all."""
    planted = "harness.faults.planted:build?fault=hue_drift&strength=6&inpaint.model=ns"
    worse(command, ns=planted)
    judged = json.loads(command("gate", "--json").stdout)["verdict"]
    regressed = [finding for finding in judged["findings"] if finding["outcome"] == "regressed"]
    assert regressed
    assert {finding["stage"] for finding in regressed if finding["model"] == "ns"} == {"harmonise"}
    said = answer(command, "logo/1", "--metric", "hue_offset/all/mean")
    assert (said["first"], said["stage"]) == ("harmonise", "harmonise")
    (share,) = said["shares"]
    assert share["effect"] == pytest.approx(abs(said["bad"]) - abs(said["good"]), abs=1e-6)
    assert share["effect"] == pytest.approx(6, abs=1.5)


def test_effects_are_shared_out_and_add_up(command: Command, accepted: Path) -> None:
    """Two stages differ: each gets its part, and together they are the whole change."""
    worse(command, ns="reference?inpaint.model=ns&upscale.model=bicubic&mask.dilate_px=2")
    said = answer(command, "logo/2 ns seed 1", "--metric", "psnr/all/mean")
    assert {share["stage"] for share in said["shares"]} == {"refine_mask", "upscale"}
    assert sum(share["effect"] for share in said["shares"]) == pytest.approx(said["good"] - said["bad"], abs=1e-6)
    assert said["first"] == "refine_mask"
    assert said["edits"] == 4


def test_the_bundle_shows_it_again_with_one_command(command: Command, accepted: Path) -> None:
    worse(command, ns="reference?inpaint.model=ns&upscale.model=bicubic")
    said = answer(command, "logo/1 ns seed 1", "--metric", "psnr/all/mean", "--out", "bundle")
    folder = accepted / "bundle"
    done = subprocess.run(
        [sys.executable, "repro.py"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    good, bad = (float(line.rsplit(": ", 1)[1].split()[0]) for line in done.stdout.splitlines())
    assert [good, bad] == pytest.approx([said["good"], said["bad"]], rel=1e-4)
    assert {"good.png", "bad.png", "difference.png"} <= {path.name for path in folder.iterdir()}


def test_the_same_pipeline_on_both_sides_gives_the_first_stage_and_what_to_do(command: Command, accepted: Path) -> None:
    """A changed file under an unchanged name: nothing to swap with, and how to get it is said."""
    (accepted / "mine.py").write_text(
        "from pipelines import reference\n\ndef build():\n    return reference.build(**{'blend.mode': 'feather'})\n"
    )
    assert command("run", "-q", "--pipeline", "ns=mine.py:build").returncode == 0
    assert command("baseline", "accept", "--reason", "mine", "--to", "own").returncode == 0
    (accepted / "mine.py").write_text(
        "from pipelines import reference\n\ndef build():\n    return reference.build(**{'blend.mode': 'hard'})\n"
    )
    assert command("run", "-q", "--pipeline", "ns=mine.py:build").returncode == 0
    said = answer(command, "logo/2", "--baseline", "own", "--metric", "psnr")
    assert said["first"] == "blend"
    assert not said["shares"]
    assert any("--good" in note for note in said["notes"])
    (accepted / "good.py").write_text(
        "from pipelines import reference\n\ndef build():\n    return reference.build(**{'blend.mode': 'feather'})\n"
    )
    said = answer(command, "logo/2", "--baseline", "own", "--metric", "psnr", "--good", "good.py:build")
    assert said["stage"] == "blend"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("nothing/9",), "no finished case"),
        (("logo",), "fits"),
        (("logo/1 ns seed 1", "--metric", "beauty"), "no number"),
        (("logo/1 ns seed 1", "--baseline", "nowhere"), "no baseline"),
        (("logo/1 ns seed 1", "--out", "."), "no bundle"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_2(
    command: Command, accepted: Path, arguments: tuple[str, ...], part: str
) -> None:
    done = command("blame", *arguments)
    assert done.returncode == 2
    assert part in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_large_picture_is_cropped_to_where_the_damage_is(command: Command, folder: Path) -> None:
    """A 640 px scene with a small mask: the crop shows the same change, and is what was edited."""
    (folder / "small.toml").write_text(
        SUITE.replace("size = 96", "size = 640")
        .replace("logo = [1, 2]", "logo = [1]")
        .replace("seeds = [1, 2]", "seeds = [1]")
    )
    only = ("run", "-q", "--pipeline")
    assert command(*only, "ns=reference?inpaint.model=ns").returncode == 0
    assert command("baseline", "accept").returncode == 0
    assert command(*only, "ns=reference?inpaint.model=ns&inpaint.radius_px=12&blend.mode=hard").returncode == 0
    said = answer(command, "logo/1", "--metric", "psnr/edit/mean")
    assert said["crop"] is not None
    y0, x0, y1, x1 = said["crop"]
    assert 0 < (y1 - y0) * (x1 - x0) < 0.6 * 640 * 640
    assert said["good"] - said["bad"] == pytest.approx(sum(share["effect"] for share in said["shares"]), abs=1e-6)
