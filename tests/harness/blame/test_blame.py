"""Blame: the first stage that differs, and what each stage answers for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.gate.first_stage import find_first_difference
from editproof.harness.records.tables import KeptStage
from tests.grids import some
from tests.harness.conftest import Command, Start, make_start

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


ACCEPTED = (("run", "-q"), ("baseline", "accept"))


@pytest.fixture(scope="module")
def small_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    return make_start(tmp_path_factory, {"small.toml": SUITE}, ACCEPTED)


@pytest.fixture
def accepted(small_start: Start, folder: Path) -> Path:
    """A folder with a small suite and its baseline."""
    small_start.copy_to(folder)
    return folder


def worse(command: Command, **pipelines: str) -> None:
    """Run again, some models by another pipeline."""
    known = {
        "ns": "reference?inpaint.model=ns",
        "patch": "reference?inpaint.model=patch",
        **pipelines,
    }
    options = [part for name, spec in known.items() for part in ("--pipeline", f"{name}={spec}")]
    done = command("run", "-q", *options)
    assert done.returncode == 0, done.stderr


def answer(command: Command, *arguments: str) -> dict[str, Any]:
    done = command("blame", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_first_difference_is_the_first_stage_that_made_something_else() -> None:
    ours = [KeptStage("a", "1"), KeptStage("b", "2"), KeptStage("c", "3")]
    assert find_first_difference(ours, ours) == ""
    assert (
        find_first_difference(ours, [KeptStage("a", "1"), KeptStage("b", "9"), KeptStage("c", "9")])
        == "b"
    )
    assert (
        find_first_difference(ours, [KeptStage("a", "1"), KeptStage("c", "3"), KeptStage("b", "2")])
        == "b"
    )
    assert find_first_difference(ours[:2], ours) == "c"
    assert find_first_difference([], ours) == ""
    assert (
        find_first_difference(
            [KeptStage("a", "1", "fine"), KeptStage("b", "2", "bad")],
            [KeptStage("a", "1", "fine"), KeptStage("b", "2", "good")],
        )
        == "b"
    )


@pytest.mark.slow
def test_the_gate_names_the_first_stage_and_blame_the_stage_that_did_it(
    command: Command, accepted: Path
) -> None:
    """A hue drift in `harmonise`, planted: the verdict's findings and blame name that stage, which
    answers for it all.
    """
    planted = "editproof.harness.faults.planted:build?fault=hue_drift&strength=6&inpaint.model=ns"
    worse(command, ns=planted)
    judged = json.loads(command("gate", "--json").stdout)["verdict"]
    regressed = [finding for finding in judged["findings"] if finding["outcome"] == "regressed"]
    assert regressed
    assert {finding["stage"] for finding in regressed if "ns" in finding["models"]} == {"harmonise"}
    said = answer(command, "logo/1", "--metric", "hue_offset/all/mean", "--trust")
    assert (said["first"], said["stage"]) == ("harmonise", "harmonise")
    (share,) = said["shares"]
    assert share["effect"] == pytest.approx(abs(said["bad"]) - abs(said["good"]), abs=1e-6)
    assert share["effect"] == pytest.approx(6, abs=1.5)


@pytest.mark.exhaustive
def test_effects_are_shared_out_and_add_up(command: Command, accepted: Path) -> None:
    """Two stages differ: each gets its part, and together they are the whole change."""
    worse(command, ns="reference?inpaint.model=ns&upscale.model=bicubic&mask.dilate_px=2")
    said = answer(command, "logo/2 ns seed 1", "--metric", "psnr/all/mean")
    assert {share["stage"] for share in said["shares"]} == {"refine_mask", "upscale"}
    assert sum(share["effect"] for share in said["shares"]) == pytest.approx(
        said["good"] - said["bad"], abs=1e-6
    )
    assert said["first"] == "refine_mask"
    assert said["edits"] == 4


@pytest.mark.exhaustive
def test_the_bundle_shows_it_again_with_one_command(command: Command, accepted: Path) -> None:
    worse(command, ns="reference?inpaint.model=ns&upscale.model=bicubic")
    said = answer(command, "logo/1 ns seed 1", "--metric", "psnr/all/mean", "--out", "bundle")
    folder = accepted / "bundle"
    done = subprocess.run(
        [sys.executable, "repro.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    good, bad = (float(line.rsplit(": ", 1)[1].split()[0]) for line in done.stdout.splitlines())
    assert [good, bad] == pytest.approx([said["good"], said["bad"]], rel=1e-4)
    assert {"good.png", "bad.png", "difference.png"} <= {path.name for path in folder.iterdir()}


@pytest.mark.exhaustive
def test_the_same_pipeline_on_both_sides_gives_the_first_stage_and_what_to_do(
    command: Command, accepted: Path
) -> None:
    """A changed file under an unchanged name: nothing to swap with, and how to get it is said."""
    (accepted / "mine.py").write_text(
        "from editproof.pipelines import reference\n\ndef build():\n    return"
        " reference.build(**{'blend.mode': 'feather'})\n"
    )
    assert command("run", "-q", "--pipeline", "ns=mine.py:build").returncode == 0
    assert command("baseline", "accept", "--reason", "mine", "--to", "own").returncode == 0
    (accepted / "mine.py").write_text(
        "from editproof.pipelines import reference\n\ndef build():\n    return"
        " reference.build(**{'blend.mode': 'hard'})\n"
    )
    assert command("run", "-q", "--pipeline", "ns=mine.py:build").returncode == 0
    said = answer(command, "logo/2", "--baseline", "own", "--metric", "psnr")
    assert said["first"] == "blend"
    assert not said["shares"]
    assert any("--good" in note for note in said["notes"])
    (accepted / "good.py").write_text(
        "from editproof.pipelines import reference\n\ndef build():\n    return"
        " reference.build(**{'blend.mode': 'feather'})\n"
    )
    named = ("--good", "good.py:build", "--bad", "mine.py:build")
    said = answer(command, "logo/2", "--baseline", "own", "--metric", "psnr", *named)
    assert said["stage"] == "blend"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("nothing/9",), "no finished case"),
        (("logo",), "fits"),
        (("logo/1 ns seed 1", "--metric", "beauty"), "no number"),
        (("logo/1 ns seed 1", "--out", "."), "not a bundle"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_2(
    command: Command, accepted: Path, arguments: tuple[str, ...], part: str
) -> None:
    done = command("blame", *arguments)
    assert done.returncode == 2
    assert part in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
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
    assert (
        command(
            *only, "ns=reference?inpaint.model=ns&inpaint.radius_px=12&blend.mode=hard"
        ).returncode
        == 0
    )
    said = answer(command, "logo/1", "--metric", "psnr/edit/mean")
    assert said["crop"] is not None
    y0, x0, y1, x1 = said["crop"]
    assert 0 < (y1 - y0) * (x1 - x0) < 0.6 * 640 * 640
    assert said["good"] - said["bad"] == pytest.approx(
        sum(share["effect"] for share in said["shares"]), abs=1e-6
    )


TINY = """
name = "small"
size = 64
seeds = [1]
metrics = ["psnr"]

[vectors]
logo = [1]

[models]
ns = "reference?inpaint.model=ns"
"""

STAGED = """
import os
import time

from editproof.pipelines import reference


class Staged:
    stochastic = False

    def __init__(self, mode):
        self.inner, self.mode = reference.build(**{"inpaint.model": "ns"}), mode
        self.start, self.finish = self.inner.start, self.inner.finish
        self.fingerprint = f"{mode} {self.inner.fingerprint}"

    def __call__(self, request):
        if self.mode == "fails":
            raise RuntimeError("no card today")
        return self.inner(request)

    def stages(self, request):
        own = self.inner.stages(request)
        return [(name, self.bad if name == "blend" else stage) for name, stage in own]

    def bad(self, edit):
        if self.mode == "dies":
            os._exit(7)
        if self.mode == "hangs":
            time.sleep(1000)
        raise ValueError("boom")


def build(mode):
    return Staged(mode)
"""


@pytest.fixture(scope="module")
def tiny_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    return make_start(tmp_path_factory, {"small.toml": TINY}, ACCEPTED)


@pytest.fixture
def tiny(tiny_start: Start, folder: Path) -> Path:
    """A folder with a suite of one case and its baseline."""
    tiny_start.copy_to(folder)
    return folder


def again(command: Command, pipeline: str) -> None:
    """Run the one case by another pipeline."""
    done = command("run", "-q", "--pipeline", f"ns={pipeline}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "how",
    some([("dies", "exit code 7"), ("hangs", "no answer within 8 s"), ("raises", "boom")]),
    ids=str,
)
@pytest.mark.slow
def test_a_pipeline_that_dies_when_swapped_costs_the_shares_only(
    command: Command, tiny: Path, how: tuple[str, str]
) -> None:
    """What both runs recorded is said all the same, and the bundle written."""
    mode, part = how
    (tiny / "mine.py").write_text(STAGED)
    settings = tiny / "editproof.toml"
    settings.write_text(f"timeout_s = 8\n{settings.read_text()}")
    again(command, f"mine.py:build?mode={mode}")
    said = answer(
        command, "logo/1 ns seed 1", "--metric", "psnr/all/mean", "--out", "bundle", "--trust"
    )
    assert not said["shares"]
    assert said["after"] is not None
    assert any("could not be swapped" in note and part in note for note in said["notes"])
    assert (tiny / "bundle" / "repro.py").is_file()


@pytest.mark.slow
def test_a_case_with_an_error_is_said_to_have_no_picture(command: Command, tiny: Path) -> None:
    (tiny / "mine.py").write_text(STAGED)
    assert command("run", "-q", "--pipeline", "ns=mine.py:build?mode=fails").returncode == 3
    done = command("blame", "logo/1 ns seed 1")
    assert done.returncode == 2
    assert "RuntimeError: no card today" in done.stderr


@pytest.mark.slow
def test_of_a_refused_case_the_stage_that_refuses_is_named(command: Command, tiny: Path) -> None:
    """The gate's finding is about no number; blame answers what can be said without one."""
    again(command, "reference?inpaint.model=ns&mask.max_coverage=0.01")
    said = answer(command, "logo/1 ns seed 1")
    assert (said["first"], said["after"]) == ("check_mask", None)
    assert any("is refused (check_mask: coverage" in note for note in said["notes"])


@pytest.mark.slow
def test_of_an_unchanged_case_there_is_nothing_to_blame(command: Command, tiny: Path) -> None:
    again(command, "reference?inpaint.model=ns")
    said = answer(command, "logo/1 ns seed 1")
    assert said["before"] == said["after"]
    assert said["first"] == ""
    (note,) = said["notes"]
    assert "nothing to blame" in note


@pytest.mark.exhaustive
def test_a_named_pipeline_that_is_none_is_one_line_and_exit_2(command: Command, tiny: Path) -> None:
    again(command, "reference?inpaint.model=ns&upscale.model=bicubic")
    for option, named in (
        ("--good", "nowhere.py:build"),
        ("--bad", "reference?no.such=1"),
        ("--good", "nothing"),
    ):
        done = command("blame", "logo/1 ns seed 1", option, named)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tiny.glob("blame-*"))


@pytest.mark.slow
def test_a_bundle_finds_the_pipelines_file_from_its_own_folder(
    command: Command, tiny: Path
) -> None:
    """The run named it beside itself; `--good` and `--bad` name it where it lies somewhere else."""
    (tiny / "mine.py").write_text(
        "from editproof.pipelines import reference\n\ndef build(blend):\n    return"
        " reference.build(**{'blend.mode': blend})\n"
    )
    again(command, "mine.py:build?blend=hard")
    said = answer(
        command, "logo/1 ns seed 1", "--metric", "psnr/all/mean", "--out", "bundle", "--trust"
    )
    assert said["see_again"] == "cd bundle && python repro.py --trust"

    def repeat(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "repro.py", "--trust", *arguments],
            cwd=tiny / "bundle",
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    done = repeat()
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[1].rsplit(": ", 1)[1].split()[0]) == pytest.approx(
        said["bad"], rel=1e-4
    )
    (tiny / "mine.py").rename(tiny / "moved.py")
    lost = repeat()
    assert lost.returncode == 1
    assert "--bad PIPELINE" in lost.stderr.splitlines()[-1]
    assert len(lost.stderr.strip().splitlines()) == 1
    found = repeat("--bad", "../moved.py:build?blend=hard")
    assert found.returncode == 0, found.stderr
    assert (
        found.stdout.splitlines()[1].rsplit(": ", 1)[1]
        == done.stdout.splitlines()[1].rsplit(": ", 1)[1]
    )
