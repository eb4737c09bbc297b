"""Whatever dies, every case ends once: none is lost, none is made twice after it was written."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from editproof.harness.records import runs
from tests.cluster.conftest import (
    SLEEPY,
    count_done,
    find_actors,
    run_on,
    send,
    start_on,
    wait_for_cases,
    wait_until,
)
from tests.cluster.local_cluster import LocalCluster

SLOW_EDITS = ("--no-cache", "--pipeline", f"s={SLEEPY}:build?seconds=1")


def assert_whole(run: Path, written_twice: int = 0) -> None:
    """Every case is there, without an error, and was written once."""
    lines = (run / "journal.jsonl").read_text().splitlines()
    counts = Counter(json.loads(line)["case"]["id"] for line in lines)
    assert sum(counts.values()) - len(counts) == written_twice
    whole = runs.load(run)
    assert not whole.missing
    assert not [ending for ending in whole.endings.values() if ending.error]


def test_an_actor_is_killed(folder: Path, cluster: LocalCluster) -> None:
    """Another does its case, and nobody has to do anything."""
    going = start_on(cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 1, going)
    send(find_actors(folder / "run")[0], signal.SIGKILL)
    said, _ = going.communicate()
    assert going.returncode == 0
    assert "Its case goes to another" in said
    assert_whole(folder / "run")


@pytest.mark.slow
def test_a_worker_that_hangs(folder: Path, cluster: LocalCluster) -> None:
    """It is silent, so another does its case; what it says later does no harm."""
    going = start_on(cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 1, going)
    actor = find_actors(folder / "run")[0]
    send(actor, signal.SIGSTOP)
    try:
        wait_for_cases(folder / "run", 11, going)
    finally:
        send(actor, signal.SIGCONT)
    said, _ = going.communicate()
    assert going.returncode == 0
    assert "is silent: its case goes to another" in said
    assert_whole(folder / "run")


@pytest.mark.slow
def test_the_driver_is_killed(folder: Path, cluster: LocalCluster) -> None:
    """Its actors end, and `--resume` does what is left."""
    going = start_on(cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 2, going)
    actors = find_actors(folder / "run")
    assert actors
    going.kill()
    going.communicate()
    wait_until(lambda: not find_actors(folder / "run"))
    written = count_done(folder / "run")
    resumed = run_on(cluster, ["--resume", "--out", "run", "--trust", "--no-cache"])
    assert resumed.returncode == 0, resumed.stderr
    assert written < 12
    assert_whole(folder / "run")


@pytest.mark.slow
def test_a_node_is_killed(folder: Path, own_cluster: LocalCluster) -> None:
    """The others do its cases, and one that is added helps."""
    going = start_on(own_cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 1, going)
    own_cluster.kill_node(1)
    own_cluster.add_node(1)
    said, wrong = going.communicate()
    assert going.returncode == 0, said + wrong
    assert_whole(folder / "run")


@pytest.mark.slow
def test_a_node_is_frozen(folder: Path, own_cluster: LocalCluster) -> None:
    """Its raylet says nothing more, though its workers live: it counts as lost."""
    going = start_on(own_cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 1, going)
    own_cluster.freeze_node(1)
    said, wrong = going.communicate()
    assert going.returncode == 0, said + wrong
    assert_whole(folder / "run")


@pytest.mark.slow
def test_the_head_is_killed(folder: Path, own_cluster: LocalCluster) -> None:
    """The run stops with one line that says how to go on, and goes on with another cluster."""
    going = start_on(own_cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 1, going)
    own_cluster.kill_node(0)
    _, wrong = going.communicate()
    assert going.returncode == 3
    (line,) = wrong.splitlines()
    assert "the Ray cluster is gone" in line
    assert "`editproof run --resume --out" in line
    own_cluster.stop()
    own_cluster.start()
    resumed = run_on(own_cluster, ["--resume", "--out", "run", "--trust", "--no-cache"])
    assert resumed.returncode == 0, resumed.stderr
    assert_whole(folder / "run")


@pytest.mark.slow
def test_a_deadline(folder: Path, cluster: LocalCluster) -> None:
    """No case is begun after it, those that were begun end, and `--resume` does the rest."""
    late = run_on(cluster, ["--out", "run", "--deadline", "0.05 minutes", *SLOW_EDITS])
    assert late.returncode == 3
    assert "--deadline is reached" in late.stderr
    done = count_done(folder / "run")
    assert done < 12
    resumed = run_on(cluster, ["--resume", "--out", "run", "--trust", "--no-cache"])
    assert resumed.returncode == 0, resumed.stderr
    assert_whole(folder / "run")


@pytest.mark.slow
def test_no_room(folder: Path, cluster: LocalCluster) -> None:
    """A pipeline that takes more than any node has is not waited for longer than loading may
    take.
    """
    with (folder / "editproof.toml").open("a") as settings:
        settings.write("[resources.ns]\ngpus = 1\n")
    text = (folder / "editproof.toml").read_text()
    (folder / "editproof.toml").write_text(f"load_timeout_s = 5\n{text}")
    done = run_on(cluster, ["--out", "run", "--no-cache"])
    assert done.returncode == 3
    assert "a worker takes 1 CPU, 1 GPU; 127.0.0.1 has 1 CPU" in done.stderr
    assert not (folder / "run").exists()


@pytest.mark.slow
def test_a_pipeline_brings_its_environment(folder: Path, cluster: LocalCluster) -> None:
    """Its worker runs in the runtime environment that the settings name."""
    (folder / "kit").mkdir()
    (folder / "kit" / "brought_along.py").write_text(SLEEPY.read_text())
    with (folder / "editproof.toml").open("a") as settings:
        settings.write('[pipelines]\nown = "brought_along:build"\n')
        parts = [str(folder / "kit"), os.environ.get("PYTHONPATH", "")]
        path = os.pathsep.join(filter(None, parts))  # an empty part is the cluster's folder
        settings.write(f'[resources.own.runtime_env.env_vars]\nPYTHONPATH = "{path}"\n')
    done = run_on(cluster, ["--out", "run", "--no-cache"])
    assert done.returncode == 0, done.stderr
    assert_whole(folder / "run")
    with (folder / "editproof.toml").open("a") as settings:
        settings.write('[resources.own.runtime_env]\nworking_dir = "kit"\n')
    refused = run_on(cluster, ["--out", "other", "--no-cache"])
    assert refused.returncode == 2
    assert "[resources] runtime_env: ValueError: kit is not a valid path" in refused.stderr
