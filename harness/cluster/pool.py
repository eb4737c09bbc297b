"""The actors of a run: started where there is room, given work, and replaced where they are lost.

One thread owns all of it. What Ray answers comes to that thread as an event.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from editproof.harness.cluster.demand import Demand
from editproof.harness.cluster.lanes import Lane, make_lanes
from editproof.harness.cluster.machines import Machine, Machines
from editproof.harness.cluster.orders import (
    ActorOrder,
    Answer,
    ClusterOrder,
    ClusterState,
    Introduction,
    News,
    Resources,
)
from editproof.harness.cluster.outbox import Outbox
from editproof.harness.cluster.ray_cluster import RayCluster, explain_loss
from editproof.harness.cluster.slots import Node, Slot, explain_misfits, read_nodes
from editproof.harness.records.cases import CaseError, CaseRecord
from editproof.harness.records.errors import EditproofError, IncompleteError, UsageError
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import Model
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.stores.objects import DeniedError, FullError
from editproof.harness.suites.cases import Environment
from editproof.harness.suites.source import code_hash

TICK_S = 0.2
WATCH_EVERY_S = 1.0
"""How often we look which nodes there are."""
GRACE_S = 60.0
"""How long nodes that are busy with other people's work may delay the choice of machines."""
MOST_TRIES = 10
"""After so many lost actors a case fails. What it runs can't end an actor, so most are chance."""
MOST_WAITING = 10_000
"""Answers that wait for the run to write them down: beyond that nothing is handed out."""


class Pool:
    """Describes pipelines and makes edits by actors."""

    def __init__(self, order: ClusterOrder, cluster: RayCluster) -> None:
        self._order, self._cluster = order, cluster
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._machines = Machines(order.pin, code_hash())
        self._nodes: dict[str, Node] = {}
        self._slots: dict[int, Slot] = {}
        self._numbers = 0
        self._models: dict[str, Model] = {}
        self._asked: dict[str, int] = {}
        """By model: which worker was asked what it is."""
        self._pipelines: dict[str, PipelineInfo] = {}
        self._lanes: list[Lane] = []
        self._demand = Demand(cluster, order.jobs)
        self._dropped: set[str] = set()
        self._setup: Any = None
        self._url = ""
        self._total = 0
        self._ends_at: float | None = None
        self._done: set[str] = set()
        self._tries: dict[str, int] = {}
        self._chained: set[tuple[object, ...]] = set()
        self._before: dict[tuple[object, ...], CaseRecord] = {}
        self._started_at = self._moved_at = time.monotonic()
        self._last_trouble = ""
        self._closed = False
        self.ticked_at = time.monotonic()
        """When the thread last went round."""
        self._outbox = Outbox(ClusterState(dashboard=cluster.dashboard))

    def run(self) -> None:
        """Take events until `close`. What goes wrong is raised by `take_news`."""
        watch_at = 0.0
        try:
            while not self._closed:
                with suppress(Empty):
                    self._events.get(timeout=TICK_S)()
                self.ticked_at = time.monotonic()
                if self.ticked_at >= watch_at:
                    watch_at = self.ticked_at + WATCH_EVERY_S
                    self._watch()
        except Exception as error:  # noqa: BLE001 - the thread's boundary: it is raised where it is awaited
            self._outbox.fail(error)

    def describe(self, models: Sequence[Model]) -> None:
        """Begin to ask what these pipelines are."""
        self._events.put(partial(self._begin_describing, models))

    def make_edits(
        self, setup: WorkerSetup, url: str, work: Sequence[EditWork], ends_at: float | None
    ) -> None:
        """Begin to do the work. `url`: the run's; empty: it lies in `setup.folder`."""
        self._events.put(partial(self._begin_edits, setup, url, work, ends_at))

    def drop(self, model: str) -> None:
        """Begin no more edits of a model."""
        self._dropped.add(model)

    def take_news(self, patience_s: float) -> News:
        """What has happened since the last call; waits a little where that is nothing. Raises what
        went wrong.
        """
        return self._outbox.take(patience_s)

    @property
    def environment(self) -> Environment | None:
        """That of all machines that take part; None: it is not known yet."""
        return self._machines.chosen

    def close(self) -> None:
        """End all actors."""
        self._closed = True
        for slot in list(self._slots.values()):
            self._cluster.end_actor(slot.actor)

    # Describing

    def _begin_describing(self, models: Sequence[Model]) -> None:
        self._models = {model.name: model for model in models}
        self._asked = {}
        self._pipelines = {
            name: info for name, info in self._pipelines.items() if name not in self._models
        }
        self._moved_at = time.monotonic()
        self._watch()
        for slot in list(self._slots.values()):
            self._describe_by(slot)

    def _describe_by(self, slot: Slot) -> None:
        """Have a worker describe the pipelines that it is made for, where nobody does."""
        undescribed = self._list_undescribed()
        mine = [one for one in undescribed if self._resources(one.name) == slot.resources]
        if mine and slot.is_admitted:
            self._asked |= dict.fromkeys((model.name for model in mine), slot.number)
            self._ask(slot, "describe", self._take_description, mine, self._order.limits)

    def _take_description(self, slot: Slot, reply: dict[str, PipelineInfo]) -> None:
        self._pipelines |= reply
        self._asked = {name: n for name, n in self._asked.items() if name not in reply}
        if self._list_undescribed():
            self._release(slot)  # a worker of another kind may need its place
        if self._models.keys() <= self._pipelines.keys():
            described = {name: self._pipelines[name] for name in self._models}
            self._models = {}
            self._outbox.add_description(described)

    def _list_undescribed(self) -> list[Model]:
        """Models that nobody has described or is asked to."""
        known = self._asked.keys() | self._pipelines.keys()
        return [model for name, model in self._models.items() if name not in known]

    # Machines and workers

    def _watch(self) -> None:
        """Look which nodes there are, start workers where there is room and need, and give the work
        of the lost and the silent to others.
        """
        self._nodes = read_nodes(self._cluster.list_nodes(), self._nodes)
        for slot in list(self._slots.values()):
            if slot.node not in self._nodes:
                self._lose(slot, "its node is gone")
        self._listen()
        self._choose_machines()
        for node in self._nodes.values():
            self._start_workers(node)
        self._check_patience()
        self._check_end()
        self._feed_idle()
        self._demand.ask(self._lanes, self._slots.values())
        admitted = [slot for slot in self._slots.values() if slot.is_admitted]
        state = ClusterState(
            nodes=len({slot.node for slot in admitted}),
            gpus=sum(slot.resources.gpus for slot in admitted),
            workers=len(admitted),
            dashboard=self._cluster.dashboard,
        )
        self._outbox.note_state(state)

    def _needs(self) -> list[tuple[Resources, int]]:
        """How many more workers of each kind have something to do."""
        if self._models or not self._lanes:
            waiting = [self._resources(model.name) for model in self._list_undescribed()]
            return [(one, 1) for index, one in enumerate(waiting) if one not in waiting[:index]]
        idle = [s.resources for s in self._slots.values() if not s.work and not s.is_silent]
        return [(lane.resources, lane.left - idle.count(lane.resources)) for lane in self._lanes]

    def _start_workers(self, node: Node) -> None:
        now = time.monotonic()
        while not node.misfit and now >= node.next_start and self._has_room(node):
            if self._order.jobs and len(self._slots) >= self._order.jobs:
                return
            needs = [(one, need) for one, need in self._needs() if self._may_start(node, one, need)]
            if not needs:
                return
            self._start_worker(node, max(needs, key=lambda one: one[1])[0])

    def _has_room(self, node: Node) -> bool:
        """Whether any worker that this run may need fits."""
        lanes = [lane.resources for lane in self._lanes]
        kinds = lanes or [self._resources(name) for name in self._models]
        return any(map(node.has_room_for, kinds))

    def _may_start(self, node: Node, wanted: Resources, need: int) -> bool:
        """Whether a worker of that kind is needed, fits, and would tell something new: while
        pipelines are described, one a node is enough, and one of each kind.
        """
        if need <= 0 or not node.has_room_for(wanted):
            return False
        is_first = all(slot.resources != wanted for slot in self._slots.values())
        return bool(self._lanes) or is_first or not node.slots

    def _start_worker(self, node: Node, resources: Resources) -> None:
        number, self._numbers = self._numbers, self._numbers + 1
        start = "" if "working_dir" in resources.runtime_env else self._order.start
        order = ActorOrder(number, start, self._order.environ)
        actor = self._cluster.start_actor(order, resources, node.name)
        slot = Slot(number, resources, node.name, actor, time.monotonic())
        self._slots[number] = node.slots[number] = slot
        self._ask(slot, "introduce", self._take_introduction, self._order.limits)

    def _take_introduction(self, slot: Slot, reply: Introduction) -> None:
        node = self._nodes.get(slot.node)
        if node is None:
            self._lose(slot, "its node is gone")
            return
        self._machines.note(Machine(node.name, node.names, reply.environment))
        slot.has_spoken = True
        if not self._machines.chosen:
            self._choose_machines()
        else:
            self._admit(slot)

    def _choose_machines(self) -> None:
        """Decide which machines take part, once all have said what they are."""
        if self._machines.chosen or not self._machines.nodes:
            return
        expected = {slot.node for slot in self._slots.values()}
        spoken = expected <= set(self._machines.nodes)
        waited_s = time.monotonic() - self._started_at
        self._machines.choose(all_have_spoken=spoken or waited_s > GRACE_S)
        if self._machines.chosen:
            for slot in [slot for slot in self._slots.values() if slot.has_spoken]:
                self._admit(slot)

    def _admit(self, slot: Slot) -> None:
        """Let a worker take part, unless its machine is of another kind."""
        node = self._nodes[slot.node]
        if node.misfit:
            self._release(slot)
            return
        node.misfit = self._machines.explain_misfit(self._machines.find(node.name))
        if node.misfit:
            self._outbox.add_line(f"the node {node.names[0]} takes no part: {node.misfit}")
            self._release(slot)
            return
        slot.is_admitted = True
        self._moved_at = time.monotonic()
        self._describe_by(slot)
        self._prepare(slot)

    def _prepare(self, slot: Slot) -> None:
        """Tell a worker what all work has in common, where it is known."""
        if self._setup is not None and slot.is_admitted:
            self._ask(slot, "prepare", self._take_prepared, self._setup, self._url)

    def _take_prepared(self, slot: Slot, _reply: None) -> None:
        slot.is_prepared = True
        self._feed(slot)

    def _check_patience(self) -> None:
        """Raise IncompleteError where nothing has moved for as long as loading may take."""
        waits = self._models or (self._lanes and len(self._done) < self._total)
        at_work = any(slot.work and not slot.is_silent for slot in self._slots.values())
        asked = any(n in self._slots and self._slots[n].has_spoken for n in self._asked.values())
        patience_s = self._order.limits.load_timeout_s
        if waits and self._nodes and all(node.misfit for node in self._nodes.values()):
            raise IncompleteError(f"no node can do the work: {self._explain_standstill()}")
        if not waits or at_work or (self._models and asked):
            self._moved_at = time.monotonic()
        elif time.monotonic() - self._moved_at > patience_s:
            raise IncompleteError(
                f"no worker could start within {patience_s:g} s (load_timeout_s):"
                f" {self._explain_standstill()}"
            )

    def _explain_standstill(self) -> str:
        wanted = {self._resources(name).describe() for name in self._order.resources}
        if reason := explain_misfits(self._nodes.values()) or self._last_trouble:
            return reason
        room = ", ".join(
            f"{node.names[0]} has {node.room.describe()}" for node in self._nodes.values()
        )
        return f"a worker takes {' or '.join(sorted(wanted))}; {room or 'there is no node'}"

    # Edits

    def _begin_edits(
        self, setup: WorkerSetup, url: str, work: Sequence[EditWork], ends_at: float | None
    ) -> None:
        self._models = {}
        self._total, self._ends_at = len(work), ends_at
        resources = {one.case.model.name: self._resources(one.case.model.name) for one in work}
        self._lanes = make_lanes(work, resources, self._pipelines, ends_at, self._dropped)
        self._done, self._tries, self._before = set(), {}, {}
        self._chained = {one.case.chain for one in work if one.case.turn > 1}
        at_once = sum(lane.most for lane in self._lanes)
        self._setup, self._url = self._cluster.share(replace(setup, jobs=max(1, at_once))), url
        self._moved_at = time.monotonic()
        for slot in list(self._slots.values()):
            slot.is_prepared = False
            self._prepare(slot)
        self._watch()

    def _feed(self, slot: Slot) -> None:
        """Give a worker something to do, where there is something."""
        ready = slot.is_prepared and not slot.work and slot.number in self._slots
        if not ready or self._outbox.count_answers() >= MOST_WAITING:
            return
        fitting = [lane for lane in self._lanes if lane.resources == slot.resources]
        # Stay with the lane of the last case, whose model is loaded.
        for lane in sorted(fitting, key=lambda lane: (lane is not slot.lane, -lane.left)):
            if work := lane.next_for(slot.number, self._done):
                self._hand_over(slot, lane, work)
                return
        if any(lane.left for lane in self._lanes if lane not in fitting):
            self._release(slot)  # others need its place

    def _hand_over(self, slot: Slot, lane: Lane, work: EditWork) -> None:
        before = self._before.get(work.case.chain) if work.case.turn > 1 else None
        if before and work.case.follows(before.case):
            work = replace(work, before=before)
        slot.lane, slot.work = lane, work
        self._ask(slot, "take", partial(self._finish, lane=lane, work=work), work)

    def _finish(self, slot: Slot, answer: Answer, *, lane: Lane, work: EditWork) -> None:
        """Take what came of a piece of work; the first answer to a case counts."""
        slot.work = None
        lane.busy.discard(slot.number)
        if node := self._nodes.get(slot.node):
            node.failures = 0
        self._note_answer(work, answer)
        self._feed(slot)
        if lane.most:
            self._feed_idle()

    def _feed_idle(self) -> None:
        """Give work to those that there was none for."""
        for slot in [one for one in self._slots.values() if one.is_prepared and not one.work]:
            self._feed(slot)

    def _note_answer(self, work: EditWork, answer: Answer) -> None:
        if work.case.id in self._done:
            return
        self._done.add(work.case.id)
        self._moved_at = time.monotonic()
        if work.case.chain in self._chained:
            self._before[work.case.chain] = answer.records[0]
        self._outbox.add_answer(answer)
        self._check_end()

    def _check_end(self) -> None:
        """Say so where nothing more will come."""
        if not self._lanes:
            return
        at_work = any(slot.work and not slot.is_silent for slot in self._slots.values())
        late = self._ends_at is not None and time.monotonic() >= self._ends_at
        nothing_left = late or (self._dropped and not any(lane.queue.left for lane in self._lanes))
        if len(self._done) >= self._total or (nothing_left and not at_work):
            self._lanes = []
            self._demand.end()
            self._outbox.end()

    # Loss

    def _listen(self) -> None:
        """Ask every worker for a sign of life; the work of one that gave none goes to others."""
        now = time.monotonic()
        for slot in list(self._slots.values()):
            if not slot.has_spoken:
                continue
            if not slot.is_asked and now - slot.heard_at > self._order.silent_s / 4:
                slot.is_asked = True
                self._ask(slot, "ping", lambda _slot, _reply: None)
            if now - slot.heard_at > 5 * self._order.silent_s:
                self._lose(slot, f"it said nothing for {5 * self._order.silent_s:g} s")
            elif now - slot.heard_at > self._order.silent_s and not slot.is_silent:
                slot.is_silent = True
                self._outbox.add_line(f"{self._name(slot)} is silent: its case goes to another")
                self._give_back(slot, is_lost=False)

    def _lose(self, slot: Slot, reason: str) -> None:
        """Give up a worker; what it was at is done by another."""
        if self._slots.pop(slot.number, None) is None:
            return
        self._cluster.end_actor(slot.actor)
        self._last_trouble = f"{self._name(slot)} was lost: {reason}"
        node = self._nodes.get(slot.node)
        if node:
            node.slots.pop(slot.number, None)
            if not slot.is_prepared:
                node.note_failure(reason, time.monotonic())
        self._asked = {name: n for name, n in self._asked.items() if n != slot.number}
        if slot.work and not slot.is_silent:
            self._outbox.add_line(f"{self._last_trouble}. Its case goes to another")
        self._give_back(slot, is_lost=True)

    def _give_back(self, slot: Slot, *, is_lost: bool) -> None:
        """Let others have what a worker was at, and what was kept for it."""
        work = slot.work
        given_back = bool(slot.is_silent and is_lost)  # before, when it fell silent
        if work and is_lost and not given_back:
            tries = self._tries[work.case.id] = self._tries.get(work.case.id, 0) + 1
            if tries >= MOST_TRIES:
                self._note_answer(work, self._fail(work))
        for lane in self._lanes:
            mine = work if lane is slot.lane and not given_back else None
            lane.give_back(slot.number, None if mine and mine.case.id in self._done else mine)
        self._feed_idle()

    def _fail(self, work: EditWork) -> Answer:
        summary = f"{MOST_TRIES} workers were lost while they were at it. {self._last_trouble}"
        error = CaseError("WorkerLost", summary, summary)
        return Answer((CaseRecord(work.case, "error", summary, 0.0, cached=False, error=error),))

    def _release(self, slot: Slot) -> None:
        """End a worker that is not needed."""
        self._slots.pop(slot.number, None)
        if node := self._nodes.get(slot.node):
            node.slots.pop(slot.number, None)
        for lane in self._lanes:
            lane.give_back(slot.number, None)
        self._cluster.end_actor(slot.actor)

    # What Ray is asked, and what people are told

    def _ask(
        self, slot: Slot, method: str, then: Callable[[Slot, Any], None], *arguments: Any
    ) -> None:
        answer = self._cluster.call(slot.actor, method, arguments)
        answer.add_done_callback(
            lambda done: self._events.put(partial(self._take_reply, slot, then, done))
        )

    def _take_reply(self, slot: Slot, then: Callable[[Slot, Any], None], done: Future[Any]) -> None:
        """Take an answer; whatever Ray raises instead means that the actor is lost."""
        if slot.number not in self._slots:
            return
        try:
            reply = done.result()
        except Exception as error:  # noqa: BLE001 - Ray raises errors of all kinds
            self._lose(slot, explain_loss(error))
            return
        slot.heard_at, slot.is_asked, slot.is_silent = time.monotonic(), False, False
        if isinstance(reply, EditproofError):
            self._take_error(slot, reply)
        else:
            then(slot, reply)

    def _take_error(self, slot: Slot, error: EditproofError) -> None:
        """What a worker can't do: a pipeline that does not load or a full store ends the run, a
        node that can't work takes no part, at once or after some failures. Raises what ends it.
        """
        if slot.number in self._asked.values() or isinstance(error, FullError):
            raise error
        node = self._nodes.get(slot.node)
        if node and slot.is_admitted:
            if isinstance(error, UsageError | DeniedError):
                node.misfit = str(error)
                self._outbox.add_line(f"the node {node.names[0]} takes no part: {error}")
            else:  # such as a store that does not answer
                node.note_failure(str(error), time.monotonic())
        self._lose(slot, str(error))

    def _resources(self, model: str) -> Resources:
        return self._order.resources.get(model, Resources())

    def _name(self, slot: Slot) -> str:
        node = self._nodes.get(slot.node)
        return f"worker {slot.number} on {node.names[0] if node else slot.node[:8]}"
