"""A Ray cluster of logical nodes on this machine, bound to 127.0.0.1, in a process of its own.

    with LocalCluster(cpus=[1, 1]) as cluster:
        run_editproof(folder, ["run", "--on", "ray"], cluster.env)
        cluster.kill_node(1)

The process ends with its parent, and the cluster with it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

STORE_BYTES = 100 << 20
START_ATTEMPTS = 3

LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray then binds to 127.0.0.1 alone
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # how long a driver waits for a dead head
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",  # on a busy machine five seconds are too few
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
    "PYTHONWARNINGS": "ignore",
}


class LocalCluster:
    """A cluster, for as long as a block runs."""

    def __init__(
        self,
        cpus: Sequence[float] = (1, 1),
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`cpus`: of each node, the head first; `folder`: where it is started from; `env`: more
        that its processes have in their environment.
        """
        self._cpus, self._folder, self._env = list(cpus), folder, env or {}
        # Ray's sockets lie in it, whose paths have 107 bytes: TMPDIR may be too long
        self._home = tempfile.mkdtemp(prefix="ep-ray-", dir="/tmp")
        self._keeper: subprocess.Popen[str] | None = None
        self.address = ""
        self.nodes: list[list[int]] = []
        """Process numbers of each node's processes, its raylet's last."""

    def __enter__(self) -> LocalCluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def env(self) -> dict[str, str]:
        """What a command needs to find it."""
        return {**LOCAL, "RAY_ADDRESS": self.address}

    def start(self) -> None:
        """Start the head and all nodes."""
        self._keeper = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **LOCAL, "RAY_TMPDIR": self._home, **self._env},
            cwd=self._folder,
            text=True,
        )
        self.nodes = []
        for cpus in self._cpus:
            self.add_node(cpus)

    def add_node(self, cpus: float) -> int:
        """Start one more node, and give its number."""
        said = self._tell({"add": cpus})
        self.address = said["address"]
        self.nodes.append(said["pids"])
        return len(self.nodes) - 1

    def kill_node(self, number: int) -> None:
        """SIGKILL to a node's raylet, and whatever else runs the node; the head's is node 0."""
        for pid in self.nodes[number]:
            _send(pid, signal.SIGKILL)

    def freeze_node(self, number: int) -> None:
        """SIGSTOP to a node's raylet, until the cluster stops."""
        _send(self.nodes[number][-1], signal.SIGSTOP)

    def stop(self) -> None:
        """End all processes of the cluster."""
        if self._keeper is None:
            return
        try:
            self._keeper.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.communicate()
        for number in range(len(self.nodes)):
            self.kill_node(number)
        self._keeper = None

    def _tell(self, order: dict[str, Any]) -> dict[str, Any]:
        keeper = self._keeper
        if keeper is None or keeper.stdin is None or keeper.stdout is None:
            raise RuntimeError("the cluster is not started")
        keeper.stdin.write(json.dumps(order) + "\n")
        keeper.stdin.flush()
        printed = []
        for line in keeper.stdout:
            if line.startswith("{"):
                said: dict[str, Any] = json.loads(line)
                return said
            printed.append(line)
        raise RuntimeError("".join(printed[-20:]))


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _keep() -> None:
    """Start nodes as standard input says, until it closes."""
    cluster: Any = import_module("ray.cluster_utils").Cluster()
    (Path(os.environ["RAY_TMPDIR"]) / "ray").mkdir(exist_ok=True)
    for line in sys.stdin:
        node = _add_node(cluster, json.loads(line)["add"])
        pids = [one.process.pid for part in node.all_processes.values() for one in part]
        said = {"address": cluster.address, "pids": pids}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    cluster.shutdown()


def _add_node(cluster: Any, cpus: float) -> Any:
    """Start a node; again where a busy machine was too slow for Ray's half minute."""
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            return cluster.add_node(
                num_cpus=cpus,
                node_ip_address="127.0.0.1",
                object_store_memory=STORE_BYTES,
                include_dashboard=False,
                include_log_monitor=False,
                no_monitor=True,
            )
        except Exception:
            if attempt == START_ATTEMPTS:
                raise
    return None


if __name__ == "__main__":
    _keep()
