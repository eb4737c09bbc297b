"""A run on a cluster, at a URL: the actors store pictures and cases, and only records travel."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

import editproof
from editproof.harness.records.run_status import STATUS, decode_status
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from tests.cluster.conftest import SLEEPY, ask, find_actors, run_on, send, start_on, wait_until
from tests.cluster.local_cluster import LocalCluster
from tests.cluster.test_run import BOTH, describe_run, read_findings

ENDPOINT = os.environ.get("EDITPROOF_S3", "")
BUCKET = "editproof-cluster"

pytestmark = pytest.mark.skipif(not ENDPOINT, reason="no S3 API: `nox -s cluster` starts one")

CLIENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": ENDPOINT,
    "AWS_ALLOW_HTTP": "true",
}


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two nodes with credentials, and local copies of their own."""
    httpx2.put(f"{ENDPOINT}/{BUCKET}").raise_for_status()
    cache = {"EDITPROOF_CACHE": str(tmp_path_factory.mktemp("nodes"))}
    with LocalCluster([1, 1], env={**CLIENT, **cache}) as started:
        yield started


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in CLIENT.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid4().hex}/run"


def test_it_is_the_local_run(folder: Path, far: LocalCluster, url: str) -> None:
    """Bit for bit, read from a third machine."""
    done = run_on(far, ["--out", url, "--no-cache", *BOTH])
    assert done.returncode == 0, done.stderr
    ask("run", "--out", "here", "--no-cache", *BOTH)
    elsewhere = editproof.load(url)
    here = editproof.load(folder / "here")
    assert describe_run(elsewhere) == describe_run(here)
    assert read_findings(elsewhere) == read_findings(here)
    assert ask("runs", "status", url).startswith("done: 16 of 16 cases")


@pytest.mark.slow
def test_a_killed_driver_and_a_killed_actor(folder: Path, far: LocalCluster, url: str) -> None:
    """What was stored counts, also where no driver has heard of it; a case is stored once."""
    words = ("--no-cache", "--pipeline", f"s={SLEEPY}:build?seconds=1")
    going = start_on(far, ["--out", url, *words])
    wait_until(lambda: read_done(url) > 1, going)
    send(find_actors("")[0], signal.SIGKILL)
    seen = read_done(url)
    wait_until(lambda: read_done(url) > seen, going)
    going.kill()
    going.communicate()
    resumed = run_on(far, ["--resume", "--out", url, "--trust", *words[:1]])
    assert resumed.returncode == 0, resumed.stderr
    run = editproof.load(url)
    assert not run.missing
    assert not [ending for ending in run.endings.values() if ending.error]


def read_done(url: str) -> int:
    """How many cases the driver has noted."""
    place = find_url(url)
    said = ObjectFolder(place).read(STATUS) if place else None
    return decode_status(said, url).done if said else 0
