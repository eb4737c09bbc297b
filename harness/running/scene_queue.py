"""The order of work: which worker gets what, scene by scene."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Container, Sequence
from dataclasses import replace

from editproof.harness.running.worker import EditWork, Work


class SceneQueue:
    """Hands out work so that a worker stays with a scene while there is some; an idle one helps
    with the largest rest. The turns of a chain all go to one worker, in their order.
    """

    def __init__(
        self,
        work: Sequence[Work],
        ends_at: float | None = None,
        dropped: Container[str] = frozenset(),
    ) -> None:
        """`ends_at`: from then on nothing is handed out, seconds of the monotonic clock. `dropped`:
        models of which nothing is handed out any more.
        """
        self._dropped = dropped
        scenes: dict[tuple[object, ...], deque[list[Work]]] = {}
        for one in work:
            first = one.cases[0]
            chains = scenes.setdefault(replace(first, turn=1).scene_key, deque())
            if first.turn > 1 and chains and chains[-1][-1].cases[0].chain == first.chain:
                chains[-1].append(one)
            else:
                chains.append([one])
        self._waiting = deque(scenes.values())
        self._current: dict[int, deque[list[Work]]] = {}
        self._chains: dict[int, list[Work]] = {}
        self._ends_at = ends_at
        self.left = len(work)
        """How much is not handed out."""

    def next_for(self, worker: int) -> Work | None:
        """What the worker does next; None when all is handed out, or the time is up."""
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            return None
        while chain := self._chains.get(worker) or self._next_chain(worker):
            self._chains[worker] = chain
            self.left -= 1
            work = chain.pop(0)
            if work.cases[0].model.name not in self._dropped:
                return work
        return None

    def give_back(self, worker: int, work: Work | None) -> None:
        """Take back what a lost worker was at, and what was kept for it: others do it first."""
        chain = self._chains.pop(worker, [])
        if work is not None:
            chain.insert(0, work)
            self.left += 1
        scene = self._current.pop(worker, deque())
        if chain:
            scene.appendleft(chain)
        shared = any(other is scene for other in self._current.values())
        if scene and not shared:
            self._waiting.appendleft(scene)

    def _next_chain(self, worker: int) -> list[Work]:
        """What nobody has started yet; empty when all is handed out."""
        if not self._current.get(worker):
            if self._waiting:
                self._current[worker] = self._waiting.popleft()
            else:
                self._current[worker] = max(self._current.values(), key=len, default=deque())
        return self._current[worker].popleft() if self._current[worker] else []


def spread_families(work: Sequence[EditWork]) -> list[EditWork]:
    """The same work in turns: the first scene of each family, then the second of each; of those in
    turn the cheap ones first. So a part of a run says something about every family, and soon.
    """
    families: dict[str, dict[tuple[object, ...], list[EditWork]]] = {}
    for one in work:
        first = one.case
        scenes = families.setdefault(first.family, {})
        scenes.setdefault(replace(first, turn=1).scene_key, []).append(one)
    rounds = itertools.zip_longest(*(scenes.values() for scenes in families.values()), fillvalue=[])
    return [
        one for scenes in rounds for scene in sorted(scenes, key=_count_pixels) for one in scene
    ]


def _count_pixels(scene: Sequence[EditWork]) -> int:
    """What its edits make, all turns, seeds and models together."""
    return sum((one.case.size * one.case.scale) ** 2 for one in scene)
