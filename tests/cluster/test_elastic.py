"""What a cluster is told of the work that is left, and one whose own store is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.conftest import SLEEPY, run_on, start_on, wait_for_cases
from tests.cluster.local_cluster import STORE_BYTES, LocalCluster
from tests.cluster.test_faults import SLOW_EDITS, assert_whole

READ_DEMAND = """
import ray
from ray.experimental.internal_kv import _internal_kv_get
ray.init("auto", log_to_driver=False)
print((_internal_kv_get("autoscaler_resource_request") or b"[]").decode())
"""

FILL_STORE = """
import sys
import numpy as np
import ray
ray.init("auto", log_to_driver=False)
kept = [ray.put(np.ones(10 << 20, np.uint8)) for _ in range(int(sys.argv[1]))]
print("full", flush=True)
sys.stdin.read()
"""


def read_demand(cluster: LocalCluster) -> list[dict[str, float]]:
    """What an autoscaler would be asked for."""
    done = subprocess.run(
        [sys.executable, "-c", READ_DEMAND],
        env={**os.environ, **cluster.env},
        capture_output=True,
        text=True,
        check=True,
    )
    demand: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return demand


def test_an_autoscaler_is_told_what_is_left(folder: Path, cluster: LocalCluster) -> None:
    """More than there is room for, and nothing once all has ended."""
    going = start_on(cluster, ["--out", "run", *SLOW_EDITS])
    wait_for_cases(folder / "run", 1, going)
    demand = read_demand(cluster)
    said = "".join(going.communicate())
    assert going.returncode == 0, said
    assert len(demand) > 2
    assert all(one == {"CPU": 1.0} for one in demand)
    assert read_demand(cluster) == []


def test_a_full_object_store(folder: Path, cluster: LocalCluster) -> None:
    """Somebody else fills Ray's own store twice over: only small things of ours lie in it."""
    parts = 2 * STORE_BYTES // (10 << 20)
    with subprocess.Popen(
        [sys.executable, "-c", FILL_STORE, str(parts)],
        env={**os.environ, **cluster.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as filling:
        assert filling.stdout
        assert any("full" in line for line in filling.stdout)
        done = run_on(cluster, ["--out", "run", "--no-cache", "--pipeline", f"s={SLEEPY}:build"])
        assert filling.poll() is None
        filling.communicate("")
    assert done.returncode == 0, done.stderr
    assert_whole(folder / "run")
