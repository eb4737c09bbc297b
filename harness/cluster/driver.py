"""The process that speaks Ray for a run.

Ray ends the process that speaks to it where a cluster's head is gone, so that is never the run's
own. Messages: ("connect", order) -> None; ("environment",) -> Environment; ("describe", models) and
("edits", setup, url, work, ends_at) -> None, and then ("news",) -> News until nothing more comes;
("drop", model) -> None meanwhile.
What can't be done comes back as an error of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Thread

from editproof.harness.cluster.orders import ClusterOrder, News
from editproof.harness.cluster.pool import Pool
from editproof.harness.cluster.ray_cluster import RayCluster
from editproof.harness.processes.serving import Requests
from editproof.harness.records.errors import EditproofError, IncompleteError
from editproof.harness.records.suites import Model
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.suites.cases import Environment

NEWS_WITHIN_S = 1.0
"""How long the run waits for news that there are not."""

STUCK_S = 90.0
"""How long the cluster's head may not answer. Ray itself gives up after a minute."""


def main(requests: Requests) -> None:
    """Answer requests until the run is done."""
    driver = _Driver()
    answers: dict[str, Callable[..., object]] = {
        "connect": driver.connect,
        "describe": driver.describe,
        "drop": driver.drop,
        "edits": driver.make_edits,
        "environment": driver.find_environment,
        "news": driver.take_news,
    }
    while True:
        message = requests.receive()
        try:
            reply = answers[message[0]](*message[1:])
        except EditproofError as error:
            reply = error
        requests.answer(reply)


class _Driver:
    """The connection, and the thread that owns the actors."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def connect(self, order: ClusterOrder) -> None:
        """Connect to the cluster. Raises IncompleteError where none answers."""
        self._pool = Pool(order, RayCluster(order.address))
        Thread(target=self._pool.run, daemon=True).start()

    def describe(self, models: Sequence[Model]) -> None:
        """Begin to ask what these pipelines are."""
        self._find_pool().describe(models)

    def make_edits(
        self, setup: WorkerSetup, url: str, work: Sequence[EditWork], ends_at: float | None
    ) -> None:
        """Begin to do the work."""
        self._find_pool().make_edits(setup, url, work, ends_at)

    def drop(self, model: str) -> None:
        """Begin no more edits of a model."""
        self._find_pool().drop(model)

    def find_environment(self) -> Environment:
        """That of the machines that take part, once pipelines have been described."""
        environment = self._find_pool().environment
        if environment is None:
            raise RuntimeError("no pipeline was described")
        return environment

    def take_news(self) -> News:
        """What has happened since the last time. Raises IncompleteError where the cluster's head
        does not answer.
        """
        pool = self._find_pool()
        if time.monotonic() - pool.ticked_at > STUCK_S:
            raise IncompleteError(f"the cluster's head has not answered for {STUCK_S:g} s")
        return pool.take_news(NEWS_WITHIN_S)

    def _find_pool(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("nothing is connected")
        return self._pool
