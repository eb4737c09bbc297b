"""What an autoscaler is told: how many workers have something to do. A worker is started only where
there is room, so nothing that waits would show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from editproof.harness.cluster.lanes import Lane
from editproof.harness.cluster.orders import Resources
from editproof.harness.cluster.ray_cluster import RayCluster
from editproof.harness.cluster.slots import Slot

MOST_WANTED = 1000
"""Workers that an autoscaler is asked for at most. It has a limit of its own."""


class Demand:
    """Asks for room for the work that is left, as often as that changes."""

    def __init__(self, cluster: RayCluster, most: int) -> None:
        """`most`: workers that the run may have; 0: any number."""
        self._cluster = cluster
        self._most = min(most or MOST_WANTED, MOST_WANTED)
        self._asked: list[Resources] = []

    def ask(self, lanes: Iterable[Lane], slots: Iterable[Slot]) -> None:
        """Ask for as many workers as have something to do, those at work among them."""
        at_work = [slot.resources for slot in slots if slot.work and not slot.is_silent]
        wanted: list[Resources] = []
        for lane in lanes:
            left = self._most - len(wanted)
            wanted += [lane.resources] * min(left, lane.left)
        self._tell([*at_work, *wanted][: self._most])

    def end(self) -> None:
        """Ask for nothing more."""
        self._tell([])

    def _tell(self, wanted: Sequence[Resources]) -> None:
        if list(wanted) != self._asked:
            self._asked = list(wanted)
            self._cluster.ask_for_room(wanted)
