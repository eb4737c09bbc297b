"""Commands on runs and baselines at URLs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

import editproof
from editproof.harness.commands.cli import app
from editproof.harness.records.runs import load
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from tests.harness.conftest import SETTINGS, Command
from tests.harness.stores.conftest import BUCKET, Elsewhere, needs_s3

SUITE = """
name = "small"
size = 64
seeds = [1]
metrics = ["psnr"]

[vectors]
logo = [1, 2]

[models]
ns = "reference?inpaint.model=ns"
"""


def invoke(*words: str, code: int = 0) -> Result:
    """A command in this process: `memory://` ends with its process."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == code, (words, done.output, done.exception)
    return done


def names(url: str) -> set[str]:
    """What of a run lies at a URL, by the first part of its name."""
    where = find_url(url)
    assert where
    return {found.name.partition("/")[0] for found in ObjectFolder(where).list()}


@needs_s3
@pytest.mark.s3
@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(endpoint: str, folder: Path, command: Command) -> None:
    """From another folder for copies, as on another machine: each case ends once."""
    url = f"s3://{BUCKET}/{uuid4().hex}/killed"
    where = find_url(url)
    assert where
    objects = ObjectFolder(where)
    program = str(Path(sys.executable).parent / "editproof")
    words = [program, "run", "--no-cache", "--jobs", "1", "--out", url]
    driver = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: len(list(objects.list("cases/"))) >= 2, driver)
    finally:
        driver.kill()
        driver.wait()
    before = {found.name: found.modified for found in objects.list("cases/")}
    env = {"EDITPROOF_CACHE": str(folder / "elsewhere")}
    done = command("run", "--resume", "--out", url, "--json", env=env)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["run"] == url
    assert said["finished"] == said["cases"] > len(before)
    assert editproof.load(url).missing == ()
    assert "lease.json" not in names(url)
    assert command("gate", url).returncode == 3  # there is no baseline
    assert command("report", url, "--maps", "0").returncode == 0


def wait_for(is_so: Callable[[], bool], driver: subprocess.Popen[bytes]) -> None:
    while not is_so():
        assert driver.poll() is None, "the run ended first"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_project_lives_at_a_url(folder: Path, elsewhere: Elsewhere) -> None:
    """Runs and the baseline: made on one machine, read on others."""
    home = f"memory://{uuid4().hex}/editproof"
    (folder / "small.toml").write_text(SUITE)
    places = f'runs = "{home}/runs"\nbaseline = "{home}/baselines/small"\n'
    (folder / "editproof.toml").write_text(places + SETTINGS)
    first = json.loads(invoke("run", "--json").stdout)["run"]
    assert first.startswith(f"{home}/runs/small-")
    assert names(first) >= {"manifest.json", "parts", "blobs", "verdict.json", "report", "logs"}
    assert not names(first) & {"cases", "lease.json", "journal.jsonl"}
    elsewhere()
    assert "accepted:" in invoke("baseline", "accept").stdout
    elsewhere()
    invoke("run", "--no-cache", "--out", f"{home}/runs/second")
    elsewhere()
    judged = json.loads(invoke("gate", f"{home}/runs/second", "--json").stdout)
    assert judged["verdict"]["outcome"] == "unchanged"
    elsewhere()
    assert load(editproof.load(f"{home}/runs/second").folder).verdict is not None
    elsewhere()
    page = Path(invoke("report", f"{home}/runs/second").stdout.strip())
    assert page.is_file()
    elsewhere()
    invoke("compare", first, f"{home}/runs/second")
    listed = json.loads(invoke("runs", "list", "--json").stdout)
    assert {one["run"] for one in listed} == {"second", first.rpartition("/")[2]}
    assert all(one["bytes"] > 10_000 for one in listed)
    elsewhere()
    invoke("runs", "prune", first.rpartition("/")[2])
    assert not names(first)
    elsewhere()
    assert [one["run"] for one in json.loads(invoke("runs", "list", "--json").stdout)] == ["second"]
    undone = invoke("baseline", "undo", code=2)
    assert f"{home}/baselines/small: there is no earlier state" in undone.stderr
