"""The work of a run, by what a worker for it takes of a node."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from editproof.harness.cluster.orders import Resources
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.running.scene_queue import SceneQueue, spread_families
from editproof.harness.running.worker import EditWork


@dataclass(slots=True)
class Lane:
    """Work that the same workers can do."""

    resources: Resources
    queue: SceneQueue
    most: int
    """Most edits at a time, where a service allows no more; 0: any number."""
    busy: set[int] = field(default_factory=set)
    """Numbers of the workers that are at it."""

    @property
    def left(self) -> int:
        """How many more workers could begin something."""
        room = self.most - len(self.busy) if self.most else self.queue.left
        return min(self.queue.left, max(0, room))

    def next_for(self, worker: int, done: Container[str]) -> EditWork | None:
        """What the worker does next; None: there is nothing now."""
        if self.most and len(self.busy) >= self.most:
            return None
        while work := self.queue.next_for(worker):
            if isinstance(work, EditWork) and work.case.id not in done:
                self.busy.add(worker)
                return work
        return None

    def give_back(self, worker: int, work: EditWork | None) -> None:
        """Take back what was kept for a worker, and what it was at."""
        self.busy.discard(worker)
        self.queue.give_back(worker, work)


def make_lanes(
    work: Sequence[EditWork],
    resources: Mapping[str, Resources],
    pipelines: Mapping[str, PipelineInfo],
    ends_at: float | None,
    dropped: Container[str] = frozenset(),
) -> list[Lane]:
    """One lane for all models that take the same, and one for each model whose service makes only
    so many edits at a time. Each begins with something of every family.
    """
    kinds: list[tuple[Resources, str]] = []
    parts: list[list[EditWork]] = []
    for one in spread_families(work):
        model = one.case.model.name
        limited = model if pipelines[model].capabilities.concurrency else ""
        kind = (resources[model], limited)
        if kind not in kinds:
            kinds.append(kind)
            parts.append([])
        parts[kinds.index(kind)].append(one)
    return [
        Lane(
            resources,
            SceneQueue(part, ends_at, dropped),
            (pipelines[limited].capabilities.concurrency or 0) if limited else 0,
        )
        for (resources, limited), part in zip(kinds, parts, strict=True)
    ]
