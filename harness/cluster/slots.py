"""The workers that a cluster could hold, and those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from editproof.harness.cluster.lanes import Lane
from editproof.harness.cluster.orders import Resources
from editproof.harness.running.worker import EditWork

MOST_FAILURES = 3
"""After so many in a row a node gets no more workers."""

MOST_EXPLAINED = 3
"""Nodes of which a message says why they do nothing."""


@dataclass(slots=True)
class Slot:
    """One actor, and what it is at."""

    number: int
    resources: Resources
    node: str
    actor: Any
    heard_at: float
    """When it last said something, seconds of the monotonic clock."""
    has_spoken: bool = False
    """Whether it has ever said something: until then it waits for its place."""
    is_admitted: bool = False
    """Whether its machine takes part."""
    is_prepared: bool = False
    """Whether it can be given work."""
    is_asked: bool = False
    """Whether it has been pinged and has not answered."""
    is_silent: bool = False
    """Whether its work was given to another."""
    lane: Lane | None = None
    work: EditWork | None = None


@dataclass(slots=True)
class Node:
    """A node of the cluster that lives."""

    name: str
    """Ray's."""
    names: tuple[str, ...]
    """What people call it."""
    room: Resources
    """All that it has."""
    misfit: str = ""
    """Why it gets no workers; empty: it does."""
    failures: int = 0
    """Workers in a row that did not start, or could not store what they made."""
    next_start: float = 0.0
    """When another worker may be started, seconds of the monotonic clock."""
    slots: dict[int, Slot] = field(default_factory=dict)

    def has_room_for(self, wanted: Resources) -> bool:
        """Whether one more worker fits beside those that there are."""
        used = [slot.resources for slot in self.slots.values()]
        return (
            sum(one.cpus for one in used) + wanted.cpus <= self.room.cpus
            and sum(one.gpus for one in used) + wanted.gpus <= self.room.gpus
            and sum(one.memory for one in used) + wanted.memory <= self.room.memory
        )

    def note_failure(self, reason: str, now: float) -> None:
        """Wait longer after each failed worker, and give up after some."""
        self.failures += 1
        self.next_start = now + 2.0**self.failures
        if self.failures >= MOST_FAILURES:
            self.misfit = f"{self.failures} workers in a row failed: {reason}"


def read_nodes(stated: Iterable[Mapping[str, Any]], known: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes that live, as `ray.nodes()` states them; those that are known stay as they are."""
    nodes = {}
    for one in stated:
        name, has = one["NodeID"], one["Resources"]
        if not one["Alive"]:
            continue
        names = (one["NodeManagerAddress"], one["NodeManagerHostname"], name)
        room = Resources(has.get("CPU", 0.0), has.get("GPU", 0.0), int(has.get("memory", 0)))
        nodes[name] = known.get(name) or Node(name, names, room)
    return nodes


def explain_misfits(nodes: Iterable[Node]) -> str:
    """Why nodes get no workers, of the first few; empty: all do."""
    misfits = [f"{node.names[0]}: {node.misfit}" for node in nodes if node.misfit]
    more = len(misfits) - MOST_EXPLAINED
    return "; ".join(misfits[:MOST_EXPLAINED]) + (f"; and {more} more nodes" if more > 0 else "")
