"""`editproof run`, as a user meets it: whole runs in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import editproof
from editproof.harness.records.runs import Run
from tests.harness.conftest import Command


def only_run(folder: Path) -> Run:
    (manifest,) = (folder / "runs").glob("*/manifest.json")
    return editproof.load(manifest.parent)


def numbers(run: Run) -> str:
    return str(run.measurements.to_csv())


def test_a_run_measures_every_case_and_names_its_report(command: Command, folder: Path) -> None:
    """Two scenes, one deterministic model on one seed and a stochastic one on two make six cases,
    all measured.
    """
    done = command("run", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["cases"], said["finished"], said["errors"]) == (6, 6, [])
    assert Path(said["report"]).is_file()
    assert 0 < said["shared_bytes"] < said["bytes"]
    run = only_run(folder)
    assert {(r.case.model.name, r.case.seed) for r in run.records} == {
        ("ns", 1),
        ("patch", 1),
        ("patch", 2),
    }
    assert (
        run.measurements.query("metric == 'psnr@1' and region == 'edit' and stat == 'mean'")
        .value.between(5, 100)
        .all()
    )


@pytest.mark.slow
def test_an_unchanged_run_comes_from_the_cache_with_the_same_numbers(
    command: Command, folder: Path
) -> None:
    """The second run takes all cases from the cache; a third without it measures the same bits."""
    for options in ((), (), ("--no-cache", "--jobs", "1")):
        done = command("run", "-q", *options)
        assert done.returncode == 0, done.stderr
    first, second, third = (
        editproof.load(p.parent) for p in sorted((folder / "runs").glob("*/manifest.json"))
    )
    assert not any(r.cached for r in first.records)
    assert all(r.cached for r in second.records)
    assert not any(r.cached for r in third.records)
    assert numbers(first) == numbers(second) == numbers(third)
    for run in (first, second, third):
        assert all(run.blob(digest).is_file() for r in run.records for digest in r.blobs.values())


@pytest.mark.slow
def test_a_killed_run_resumes_with_the_same_numbers(command: Command, folder: Path) -> None:
    """kill -9 in the middle, then --resume: what was journalled stays, and the numbers are those of
    a whole run.
    """
    arguments = [
        str(Path(sys.executable).parent / "editproof"),
        "run",
        "-q",
        "--no-cache",
        "--jobs",
        "1",
        "--out",
        "killed",
    ]
    process = subprocess.Popen(arguments, cwd=folder, env=os.environ)
    journal = folder / "killed" / "journal.jsonl"
    while not (journal.is_file() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = journal.read_bytes().split(b"\n")[0]
    assert command("gate", "killed").returncode == 3
    resumed = command("run", "--no-cache", "--out", "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert journal.read_bytes().split(b"\n")[0] == kept
    assert command("run", "-q", "--no-cache", "--out", "whole").returncode == 0
    assert numbers(editproof.load(folder / "killed")) == numbers(editproof.load(folder / "whole"))


@pytest.mark.slow
def test_a_run_of_something_else_is_not_resumed(command: Command, folder: Path) -> None:
    """Resuming with another pipeline is refused, and the message names what differs."""
    assert (
        command("run", "-q", "--out", "here", "--vector", "logo", "--model", "ns").returncode == 0
    )
    done = command(
        "run",
        "-q",
        "--out",
        "here",
        "--resume",
        "--vector",
        "logo",
        "--pipeline",
        "ns=reference?inpaint.model=telea",
    )
    assert done.returncode == 2
    assert "can't be resumed" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_our_names_in_the_users_folder_do_no_harm(process: Command, folder: Path) -> None:
    """A folder with its own pipelines/, reports/, vectors/ and harness.py works, also where
    PYTHONPATH points to it.
    """
    for name in ("pipelines", "reports", "vectors"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    (folder / "harness.py").write_text("raise RuntimeError('not ours')\n")
    for env in ({}, {"PYTHONPATH": str(folder)}):
        done = process("run", "-q", "--vector", "logo", "--model", "ns", env=env)
        assert done.returncode == 0, done.stderr


PIPELINES = """
import os, time
import numpy as np
from editproof.pipelines import EditResult, reference
from own_pipelines.helper import SCALE

def wrapped(model="ns"):
    inner = reference.build(**{"inpaint.model": model})
    def edit(request):
        print("said by the user's code")
        return inner(request)
    edit.stochastic = False
    return edit

def nearest(scale=SCALE):
    return lambda request: EditResult(np.repeat(np.repeat(request.image, scale, 0), scale, 1))

def broken(how):
    def edit(request):
        image = np.repeat(np.repeat(request.image, 2, 0), 2, 1)
        if how == "raises": raise ZeroDivisionError("by design")
        if how == "small": return EditResult(request.image)
        if how == "bytes": return EditResult((image * 255).astype(np.uint8))
        if how == "range": return EditResult(image * 255)
        if how == "nan": return EditResult(np.where(image > 2, image, np.float32("nan")))
        if how == "array": return image
        if how == "dies": os._exit(7)
        if how == "hangs": time.sleep(60)
    edit.stochastic = False
    return edit

def nothing():
    return None
"""


def write_pipelines(folder: Path) -> None:
    (folder / "mine.py").write_text(PIPELINES)
    (folder / "own_pipelines").mkdir()
    (folder / "own_pipelines" / "__init__.py").write_text("SETTING = 2\n")
    helper = folder / "own_pipelines" / "helper.py"
    helper.write_text("from own_pipelines import SETTING as SCALE\n")


@pytest.mark.slow
def test_a_users_pipeline_is_run_beside_a_wrapped_reference(command: Command, folder: Path) -> None:
    """Factories in a file take parameters, may wrap ours, may print, and find the helpers in a
    package beside them.
    """
    write_pipelines(folder)
    done = command(
        "run",
        "--vector",
        "logo",
        "--json",
        "--pipeline",
        "wrap=mine.py:wrapped?model=biharmonic",
        "--pipeline",
        "mine.py:nearest?scale=2",
    )
    assert done.returncode == 0, done.stderr
    run = only_run(folder)
    assert {r.case.model.name for r in run.records} == {"wrap", "mine[2]"}
    assert run.records[0].config["inpaint.model"] == "biharmonic"
    assert "said by the user's code" not in done.stdout
    # Without a declared fingerprint nothing is cached: the code behind it may change unseen.
    assert command("run", "-q", "--vector", "logo", "--pipeline", "mine.py:wrapped").returncode == 0
    assert not any(
        r.cached
        for p in (folder / "runs").glob("*/manifest.json")
        for r in editproof.load(p.parent).records
    )


@pytest.mark.slow
def test_each_way_of_failing_is_that_cases_error_and_the_run_goes_on(
    command: Command, folder: Path
) -> None:
    """A wrong output, an exception, a crash and a hang are error rows with their reason; the good
    pipeline is measured.
    """
    write_pipelines(folder)
    ways = {
        "raises": "by design",
        "small": "64×64; 128×128 was expected",
        "bytes": "uint8",
        "range": "values from",
        "nan": "NaN",
        "array": "ndarray",
        "dies": "exit code 7",
        "hangs": "within 3 s",
    }
    bad = [
        argument for how in ways for argument in ("--pipeline", f"{how}=mine.py:broken?how={how}")
    ]
    done = command(
        "run", "--vector", "logo", "--timeout", "3", *bad, "--pipeline", "good=mine.py:wrapped"
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    records = {r.case.model.name: r for r in only_run(folder).records}
    for how, reason in ways.items():
        assert reason in records[how].reason, (how, records[how].reason)
    error = records["raises"].error
    assert error is not None
    assert "ZeroDivisionError" in error.traceback
    assert records["good"].status == "done"
    assert records["good"].measurements
    assert command("gate").returncode == 3
