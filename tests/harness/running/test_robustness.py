"""What pipelines do to a run, and what a run does about it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import editproof
from editproof.harness.records.runs import Run
from tests.harness.conftest import Command

pytestmark = pytest.mark.slow
"""Each starts the command several times."""

ODD = r"""
import os, subprocess, sys, time
import numpy as np
from editproof.pipelines import EditResult, StageTrace

def large(request):
    return np.repeat(np.repeat(request.image, 2, 0), 2, 1)

def build(how):
    def edit(request):
        image = large(request)
        if how == "surrogate": raise ValueError("bad \udcff name")
        if how == "escape": raise ValueError("\x1b[2J cleared")
        if how == "long": raise ValueError("x" * 100_000)
        if how == "exits": sys.exit(4)
        if how == "forks":
            if os.fork() == 0: time.sleep(60)
            os._exit(9)
        if how == "nan_seconds": return EditResult(image, stages=(StageTrace("s", float("nan")),))
        if how == "no_stages": return EditResult(image, stages=None)
        if how == "no_config": return EditResult(image, config=None)
        if how == "list_artefact":
            return EditResult(image, stages=(StageTrace("s", 0.1, artefact=[1, 2]),))
        if how == "huge_artefact":
            huge = np.zeros((1, 70000), np.float32)
            return EditResult(image, stages=(StageTrace("s", 0.1, "", huge),))
        if how == "word_status": return EditResult(image, status="done")
        if how == "fine":
            odd = {"x": float("inf"), "f": build, "bad \udcff": 1}
            return EditResult(image, config=odd, reason="\udcff")
        if how == "leaves":
            subprocess.Popen(["sleep", "9871"])
            return EditResult(image)
        if how == "moves":
            os.chdir("/")
            return EditResult(image)
    edit.stochastic = False
    return edit
"""

FAILURES = {
    "surrogate": "bad ? name",
    "escape": "cleared",
    "long": "x" * 500,
    "exits": "exit code 4",
    "forks": "exit code 9",
    "nan_seconds": "seconds nan",
    "no_stages": "result.stages is NoneType",
    "no_config": "result.config is NoneType",
    "list_artefact": "artefact of stage 's' is list",
    "huge_artefact": "has shape (1, 70000)",
    "word_status": "result.status is 'done'",
}
SUCCESSES = ("fine", "leaves", "moves")


MARK = str(100_000 + os.getpid())
"""Seconds that no other `sleep` on this machine is asked for."""


def only_run(folder: Path) -> Run:
    (manifest,) = (folder / "runs").glob("*/manifest.json")
    return editproof.load(manifest.parent)


def sleepers() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if MARK.encode() in words:
            found.append(path.parent.name)
    return found


def test_nothing_that_a_pipeline_says_or_does_stops_the_run(command: Command, folder: Path) -> None:
    """Odd texts, types, exits and forks each cost their own case; the run can be loaded, gated and
    reported.
    """
    (folder / "odd.py").write_text(ODD.replace("9871", MARK))
    chosen = [
        a
        for how in (*FAILURES, *SUCCESSES)
        for a in ("--pipeline", f"{how}=odd.py:build?how={how}")
    ]
    done = command("run", "--vector", "logo", "--jobs", "1", "--timeout", "20", *chosen)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    records = {record.case.model.name: record for record in only_run(folder).records}
    for how, reason in FAILURES.items():
        assert records[how].status == "error"
        assert reason in records[how].reason, (how, records[how].reason)
        assert len(records[how].reason) <= 600
    for how in SUCCESSES:
        assert records[how].status == "done", records[how].reason
    assert command("report").returncode == 0
    deadline = time.monotonic() + 10
    while sleepers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not sleepers(), "a process that a pipeline started outlived the run"


def test_pipelines_from_two_files_do_not_share_modules(command: Command, folder: Path) -> None:
    """Each has its own `helper`, as it would alone, in whatever order they run."""
    for name, gain in (("one", 1.0), ("two", 0.5)):
        (folder / name).mkdir()
        (folder / name / "helper.py").write_text(f"GAIN = {gain}\n")
        (folder / name / "mine.py").write_text(
            "import numpy as np\n"
            "from helper import GAIN\n"
            "from editproof.pipelines import EditResult\n"
            "def build():\n"
            "    def edit(request):\n"
            "        large = np.repeat(np.repeat(request.image, 2, 0), 2, 1)\n"
            "        return EditResult((large * np.float32(GAIN)).astype(np.float32))\n"
            "    edit.stochastic = False\n"
            "    return edit\n"
        )
    done = command(
        "run",
        "-q",
        "--vector",
        "logo",
        "--jobs",
        "1",
        "--pipeline",
        "a=one/mine.py:build",
        "--pipeline",
        "b=two/mine.py:build",
    )
    assert done.returncode == 0, done.stderr
    table = only_run(folder).measurements.query(
        "metric == 'psnr@1' and region == 'keep' and stat == 'mean'"
    )
    psnr = table.set_index("model").value
    assert psnr["a"] > 25
    assert psnr["b"] < 15


def test_a_changed_file_is_not_resumed(command: Command, folder: Path) -> None:
    """Without a fingerprint the file's own hash tells; old and new results never share a table."""
    mine = folder / "mine.py"
    mine.write_text(
        "from editproof.pipelines import reference\ndef build():\n    return lambda request:"
        " reference.build()(request)\n"
    )
    arguments = ("run", "-q", "--vector", "logo", "--out", "r", "--pipeline", "m=mine.py:build")
    assert command(*arguments).returncode == 0
    assert command(*arguments, "--resume").returncode == 0
    mine.write_text(mine.read_text() + "# changed\n")
    done = command(*arguments, "--resume")
    assert done.returncode == 2
    assert "the file of the pipeline m has changed" in done.stderr


def test_resume_needs_no_repetition(command: Command, folder: Path) -> None:
    """`--resume` alone takes suite and pipelines from the run."""
    assert command("run", "-q", "--vector", "logo", "--model", "ns", "--seed", "5").returncode == 0
    done = command("run", "--resume")
    assert done.returncode == 0, done.stderr
    assert only_run(folder).manifest.suite.seeds == (5,)


@pytest.mark.exhaustive
def test_a_damaged_picture_in_the_cache_is_not_used(command: Command, folder: Path) -> None:
    """Its name is its hash: what does not match is made again."""
    cache = folder / "cache"
    env = {"EDITPROOF_CACHE": str(cache)}
    arguments = ("run", "-q", "--vector", "logo", "--model", "ns")
    assert command(*arguments, "--out", "first", env=env).returncode == 0
    for picture in (cache / "blobs").rglob("*.png"):
        picture.unlink()
        picture.write_bytes(b"")
    assert command(*arguments, "--out", "second", env=env).returncode == 0
    second = editproof.load(folder / "second")
    assert not any(record.cached for record in second.records)
    assert all(path.stat().st_size for path in (folder / "second" / "blobs").rglob("*.png"))


def test_trouble_with_the_cache_is_said_and_the_run_goes_on(command: Command, folder: Path) -> None:
    """A file where the folder should be."""
    (folder / "cache").write_text("")
    done = command(
        "run", "--vector", "logo", "--model", "ns", env={"EDITPROOF_CACHE": str(folder / "cache")}
    )
    assert done.returncode == 0, done.stderr
    assert "the cache is off for this run" in done.stdout


def test_a_path_that_cannot_be_is_one_line_and_no_verdict(command: Command, folder: Path) -> None:
    """Exit 2, and nothing is loaded before."""
    (folder / "file").write_text("")
    done = command("run", "-q", "--vector", "logo", "--model", "ns", "--out", "file/run")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_terminal_that_knows_no_unicode_is_no_error(process: Command, folder: Path) -> None:
    """Characters that it can't show are replaced."""
    done = process("run", "--vector", "logo", "--model", "ns", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr


def test_broken_weights_are_refused_before_the_run(command: Command, folder: Path) -> None:
    """A suite without LPIPS does not look for them at all."""
    (folder / "junk.safetensors").write_bytes(os.urandom(64))
    (folder / "with.toml").write_text(
        (folder / "small.toml").read_text().replace('"ssim"', '"lpips"')
    )
    env = {"EDITPROOF_LPIPS_WEIGHTS": str(folder / "junk.safetensors")}
    done = command("run", "with.toml", "--vector", "logo", "--model", "ns", env=env)
    assert done.returncode == 2
    assert "junk.safetensors" in done.stderr
    assert command("run", "-q", "--vector", "logo", "--model", "ns", env=env).returncode == 0
