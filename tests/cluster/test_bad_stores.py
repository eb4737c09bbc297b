"""A run on a cluster whose object store answers badly: nothing is lost, and nothing made twice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

import editproof
from tests.cluster.conftest import SLEEPY, read_resumption, run_on, start_on, wait_until
from tests.cluster.local_cluster import LocalCluster
from tests.cluster.test_stores import CLIENT, ENDPOINT, read_done
from tests.harness.stores.fault_proxy import Fault, FaultProxy, run_fault_proxy

BUCKET = "editproof-bad"
THROTTLED_S = 6.0
SLOW_EDITS = ("--no-cache", "--pipeline", f"s={SLEEPY}:build?seconds=2")

pytestmark = [
    pytest.mark.skipif(not ENDPOINT, reason="no S3 API: `nox -s cluster` starts one"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def store() -> Iterator[FaultProxy]:
    """What all processes of the cluster, and the command, take for the object store."""
    httpx2.put(f"{ENDPOINT}/{BUCKET}").raise_for_status()
    with run_fault_proxy(ENDPOINT) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def far(store: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two nodes that know the store only by that."""
    cache = {"EDITPROOF_CACHE": str(tmp_path_factory.mktemp("nodes"))}
    env = {**CLIENT, "AWS_ENDPOINT_URL": store.url, **cache}
    with LocalCluster([1, 1], env=env) as started:
        yield started


@pytest.fixture
def url(store: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {**CLIENT, "AWS_ENDPOINT_URL": store.url}.items():
        monkeypatch.setenv(name, value)
    store.asked.clear()
    store.faults.clear()
    yield f"s3://{BUCKET}/{uuid4().hex}/run"
    heal(store)


def heal(store: FaultProxy) -> None:
    """Let it answer well again."""
    store.choose = lambda method, path, before: ""


def throttle(store: FaultProxy, seconds: float) -> None:
    """Refuse most requests for a while, as a store does that is asked too much."""
    ends_at, counted = time.monotonic() + seconds, itertools.count()

    def choose(_method: str, _path: str, _before: int) -> Fault:
        if time.monotonic() > ends_at:
            return ""
        return ("503", "429", "503", "")[next(counted) % 4]

    store.choose = choose


def fill(store: FaultProxy, fault: Fault) -> None:
    """Take nothing more, and give and remove what is there."""
    store.choose = lambda method, path, before: fault if method in {"PUT", "POST"} else ""


def assert_whole(url: str, cases: int = 12) -> None:
    """Every case is there, without an error."""
    run = editproof.load(url)
    assert len(run.records) == cases
    assert not run.missing
    assert not [ending for ending in run.endings.values() if ending.error]


def test_a_throttled_store(folder: Path, far: LocalCluster, store: FaultProxy, url: str) -> None:
    """The run waits for it and ends whole; no worker is lost over it."""
    going = start_on(far, ["--out", url, *SLOW_EDITS])
    wait_until(lambda: read_done(url) > 1, going)
    throttle(store, THROTTLED_S)
    said, wrong = going.communicate()
    assert going.returncode == 0, said + wrong
    assert store.faults["503"] > 10
    assert store.faults["429"] > 5
    assert "was lost" not in said
    assert_whole(url)


@pytest.mark.parametrize(
    "fault", ["quota", "denied", pytest.param("507", marks=pytest.mark.exhaustive)]
)
def test_a_full_store(
    fault: Fault, folder: Path, far: LocalCluster, store: FaultProxy, url: str
) -> None:
    """The run stops with one line that says why and how to go on; what was written stays."""
    going = start_on(far, ["--out", url, *SLOW_EDITS])
    wait_until(lambda: read_done(url) > 1, going)
    fill(store, fault)
    _, wrong = going.communicate()
    assert going.returncode == 3
    (line,) = wrong.splitlines()
    assert url in line
    assert "full" in line if fault != "denied" else "access is denied" in line
    heal(store)
    written = {record.case.id: record for record in editproof.load(url).records}
    assert 1 < len(written) < 12
    resumed = run_on(far, [*read_resumption(line), "--no-cache"])
    assert resumed.returncode == 0, resumed.stderr
    assert_whole(url)
    after = {record.case.id: record for record in editproof.load(url).records}
    assert {name: after[name] for name in written} == written
