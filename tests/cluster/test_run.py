"""A run on a cluster is the run that it would have been here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run
from tests.cluster.conftest import (
    EDITPROOF,
    SLEEPY,
    ask,
    run_on,
    start_on,
    wait_for_cases,
    wait_until,
)
from tests.cluster.local_cluster import LocalCluster

BOTH = ("--pipeline", "reference", "--pipeline", f"sleepy={SLEEPY}:build")


def describe_record(record: CaseRecord) -> tuple[object, ...]:
    """All of a record that does not tell how long things took."""
    stages = [(stage.name, stage.decision, stage.artefact) for stage in record.stages]
    return (
        *(record.case, record.status, record.reason, dict(record.blobs), dict(record.config)),
        *(record.measurements, stages, record.error),
    )


def describe_run(run: Run) -> dict[str, tuple[object, ...]]:
    return {record.case.id: describe_record(record) for record in run.records}


def read_findings(run: Run) -> object:
    """The verdict, without where and when."""
    assert run.verdict is not None
    verdict = json.loads((run.folder / "verdict.json").read_text())
    return {name: verdict[name] for name in ("outcome", "findings", "reasons") if name in verdict}


def test_records_and_verdict_are_those_of_a_local_run(folder: Path, cluster: LocalCluster) -> None:
    """Bit for bit, in a folder with modules that are named as ours and as libraries are."""
    far = run_on(cluster, ["--out", "far", "--no-cache", *BOTH])
    assert far.returncode == 0, far.stderr
    here = subprocess.run(
        [EDITPROOF, "run", "--out", "here", "--no-cache", *BOTH],
        capture_output=True,
        text=True,
        check=False,
    )
    assert here.returncode == 0, here.stderr
    one, other = runs.load(folder / "here"), runs.load(folder / "far")
    assert one.manifest.cases == other.manifest.cases
    assert one.manifest.machine == other.manifest.machine
    assert describe_run(one) == describe_run(other)
    assert read_findings(one) == read_findings(other)
    for blob in (folder / "here" / "blobs").rglob("*.png"):
        name = blob.relative_to(folder / "here")
        assert (folder / "far" / name).read_bytes() == blob.read_bytes()
    assert re.search(r"16 of 16 cases, .* 2 nodes, 2 workers", far.stdout)
    assert_every_family_is_early(other)


def assert_every_family_is_early(run: Run) -> None:
    """The first half of the cases says something of every family."""
    lines = (run.folder / "journal.jsonl").read_text().splitlines()
    families = [json.loads(line)["case"]["family"] for line in lines]
    assert set(families[: len(families) // 2]) == set(families)


def test_a_run_is_followed_and_guarded(folder: Path, cluster: LocalCluster) -> None:
    """While it goes on, anybody can ask how far it is, and a second driver is refused."""
    going = start_on(
        cluster,
        ["--out", "going", "--no-cache", "--pipeline", f"s={SLEEPY}:build?seconds=5"],
    )
    wait_until((folder / "going" / "status.json").is_file, going)
    wait_for_cases(folder / "going", 1, going)
    status = json.loads(ask("runs", "status", "going", "--json"))
    assert status["state"] == "running"
    assert status["total"] == 12
    assert 0 < status["done"] < 12
    second = run_on(cluster, ["--resume", "--out", "going", "--trust"])
    assert second.returncode == 2
    assert "another editproof is running" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    going.terminate()
    going.communicate()
    assert going.returncode == 143
    said = ask("runs", "status", "going")
    assert said.startswith("stopped: ")
    assert "editproof run --resume --out going --on ray" in said


def test_a_failure_is_looked_up_by_its_case(folder: Path, cluster: LocalCluster) -> None:
    """With what the pipeline's process printed, wherever it ran."""
    failing = ("--pipeline", f"f={SLEEPY}:build_failing", "--vector", "logo", "--seed", "1")
    done = run_on(cluster, ["--out", "failed", "--no-cache", *failing])
    assert done.returncode == 3
    case = runs.load(folder / "failed").records[0].case
    log = ask("runs", "log", "failed", case.id[:8])
    assert "error: ValueError: it was to fail" in log
    assert "about to fail in process" in log
