"""The actors of a run, without Ray: a cluster that does as it is told."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.cluster import pool as pool_module
from editproof.harness.cluster.machines import Machine, Machines
from editproof.harness.cluster.orders import (
    ActorOrder,
    Answer,
    ClusterOrder,
    Introduction,
    News,
    Resources,
)
from editproof.harness.cluster.pool import Pool
from editproof.harness.cluster.slots import Node, explain_misfits
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import EditproofError, IncompleteError, UsageError
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import Model
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.stores.objects import DeniedError, FullError
from editproof.harness.suites.cases import Environment
from editproof.harness.suites.source import code_hash
from editproof.pipelines.contract import Capabilities
from tests.harness.made import case

A_GPU = {"system": "Linux", "device": "cuda: A"}
SETUP = WorkerSetup((), NO_WEIGHTS, Path("/nowhere"), 60.0)


class Actor:
    """What the test has not answered yet, by method."""

    def __init__(self, order: ActorOrder, resources: Resources, node: str) -> None:
        self.number, self.resources, self.node = order.number, resources, node
        self.work: EditWork | None = None
        self.answer: Future[Any] = Future()
        self.is_alive = True
        self.hangs = False


class Cluster:
    """Answers as Ray would; work is answered when the test says so."""

    dashboard = ""

    def __init__(self, cpus: Mapping[str, float]) -> None:
        self.cpus = dict(cpus)
        self.gpus = dict.fromkeys(cpus, 0.0)
        self.machines: dict[str, Mapping[str, str]] = {}
        self.capabilities: dict[str, Capabilities] = {}
        self.actors: list[Actor] = []
        self.refused: EditproofError | None = None
        self.wanted: list[int] = []
        """How many workers room was asked for, each time."""

    def list_nodes(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "NodeID": name,
                "Alive": True,
                "NodeManagerAddress": name,
                "NodeManagerHostname": f"{name}.example",
                "Resources": {"CPU": cpus, "GPU": self.gpus[name], "memory": 2**34},
            }
            for name, cpus in self.cpus.items()
        ]

    def start_actor(self, order: ActorOrder, resources: Resources, node: str) -> Actor:
        self.actors.append(Actor(order, resources, node))
        return self.actors[-1]

    def ask_for_room(self, wanted: Sequence[Resources]) -> None:
        self.wanted.append(len(wanted))

    def call(self, actor: Actor, method: str, arguments: Sequence[Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        if method == "introduce":
            machine = self.machines.get(actor.node, A_GPU)
            answer.set_result(Introduction(Environment({"numpy": "2"}, machine, code_hash())))
        elif method == "describe":
            answer.set_result({model.name: self._describe(model) for model in arguments[0]})
        elif method == "prepare":
            answer.set_result(self.refused)
        elif method == "take":
            (actor.work,), actor.answer = arguments, answer
        elif not actor.hangs:
            answer.set_result(None)
        return answer

    def share(self, value: object) -> object:
        return value

    def end_actor(self, actor: Actor) -> None:
        actor.is_alive = False

    def _describe(self, model: Model) -> PipelineInfo:
        capabilities = self.capabilities.get(model.name, Capabilities())
        return PipelineInfo(model.spec, "1", "", stochastic=False, capabilities=capabilities)

    @property
    def busy(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.is_alive and actor.work]

    def finish(self, actor: Actor) -> None:
        """Have an actor finish its work."""
        assert actor.work
        work, actor.work = actor.work, None
        record = CaseRecord(work.case, "done", "", 1.0, cached=False)
        actor.answer.set_result(Answer((record,)))

    def lose(self, actor: Actor) -> None:
        """Kill an actor."""
        actor.is_alive, actor.work = False, None
        actor.answer.set_exception(ConnectionError("the actor died"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "TICK_S", 0.005)
    monkeypatch.setattr(pool_module, "WATCH_EVERY_S", 0.01)


@contextmanager
def run_pool(cluster: Cluster, **order: Any) -> Iterator[Pool]:
    told = ClusterOrder("auto", order.pop("resources", {}), "/", {}, **order)
    pool = Pool(told, cluster)  # type: ignore[arg-type]
    thread = threading.Thread(target=pool.run, daemon=True)
    thread.start()
    try:
        yield pool
    finally:
        pool.close()
        thread.join()


def make_work(count: int, model: str = "m") -> list[EditWork]:
    return [
        EditWork(replace(case(step, model=Model(model, model)), id=f"{model}{step}"))
        for step in range(1, count + 1)
    ]


def describe(pool: Pool, *models: str) -> Mapping[str, PipelineInfo]:
    pool.describe([Model(name, name) for name in models])
    return next(news.described for news in follow(pool) if news.described)


def follow(pool: Pool) -> Iterator[News]:
    while True:
        yield pool.take_news(0.05)


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def finish_all(pool: Pool, cluster: Cluster) -> tuple[list[str], list[str]]:
    """Let all work end; the ids in their order, and what people were told."""
    done: list[str] = []
    lines: list[str] = []
    for news in follow(pool):
        done += [record.case.id for answer in news.answers for record in answer.records]
        lines += news.lines
        if news.is_over:
            return done, lines
        for actor in cluster.busy:
            cluster.finish(actor)
    raise AssertionError


def test_each_node_gets_as_many_workers_as_it_has_room_for() -> None:
    cluster = Cluster({"one": 2, "two": 1})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(9), None)
        wait_for(lambda: len(cluster.busy) == 3)
        assert sorted(actor.node for actor in cluster.busy) == ["one", "one", "two"]
        done, _ = finish_all(pool, cluster)
    assert sorted(done) == sorted(work.case.id for work in make_work(9))


def test_a_lost_workers_case_goes_to_another_once() -> None:
    cluster = Cluster({"one": 1, "two": 1})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(4), None)
        wait_for(lambda: len(cluster.busy) == 2)
        cluster.lose(cluster.busy[0])
        done, lines = finish_all(pool, cluster)
    assert sorted(done) == ["m1", "m2", "m3", "m4"]
    assert any("Its case goes to another" in line for line in lines)


def test_a_case_whose_workers_are_lost_again_and_again_fails() -> None:
    cluster = Cluster({"one": 1})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(1), None)
        for _ in range(pool_module.MOST_TRIES):
            wait_for(lambda: cluster.busy)
            cluster.lose(cluster.busy[0])
        answers = next(news.answers for news in follow(pool) if news.answers)
    error = answers[0].records[0].error
    assert error
    assert error.kind == "WorkerLost"


def test_the_first_answer_counts_where_a_worker_was_silent() -> None:
    """What it was at is done by another; what it says in the end changes nothing."""
    cluster = Cluster({"one": 1, "two": 1})
    with run_pool(cluster, silent_s=0.2) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(3), None)
        wait_for(lambda: len(cluster.busy) == 2)
        silent, other = cluster.busy
        silent.hangs = True
        late = silent.work
        assert late
        done: list[str] = []

        def take_over() -> bool:
            done.extend(
                record.case.id
                for answer in pool.take_news(0.01).answers
                for record in answer.records
            )
            if other.work:
                cluster.finish(other)
            return late.case.id in done

        wait_for(take_over)
        if silent.is_alive:
            cluster.finish(silent)
        assert done.count(late.case.id) == 1
        wait_for(lambda: take_over() and len(done) == 3)
    assert sorted(done) == ["m1", "m2", "m3"]


def test_unlike_machines_are_refused_unless_one_is_pinned() -> None:
    cluster = Cluster({"one": 1, "two": 1})
    cluster.machines["two"] = {**A_GPU, "device": "cuda: B"}
    with run_pool(cluster) as pool, pytest.raises(UsageError) as mixed:
        describe(pool, "m")
    assert "2 kinds of machines: cuda: A (1 node, one); cuda: B (1 node, two)" in str(mixed.value)
    for pin, node in (("cuda: B", "two"), ("one.example", "one")):
        cluster = Cluster({"one": 1, "two": 1})
        cluster.machines["two"] = {**A_GPU, "device": "cuda: B"}
        with run_pool(cluster, pin=pin) as pool:
            describe(pool, "m")
            pool.make_edits(SETUP, "", make_work(3), None)
            wait_for(partial(getattr, cluster, "busy"))
            assert {actor.node for actor in cluster.busy} == {node}
            finish_all(pool, cluster)


def test_a_library_of_another_version_makes_another_machine() -> None:
    """Also where the device is the same, and pinned."""
    machines = Machines("cuda: A", "code")
    for node, numpy in (("one", "2"), ("two", "3")):
        machines.note(Machine(node, (node,), Environment({"numpy": numpy}, A_GPU, "code")))
    with pytest.raises(UsageError, match=r"cuda: A with numpy 3 \(1 node, two\)"):
        machines.choose(all_have_spoken=True)
    assert machines.chosen is None


def test_a_service_is_asked_for_no_more_edits_at_a_time_than_it_makes() -> None:
    cluster = Cluster({"one": 4})
    cluster.capabilities["m"] = Capabilities(remote=True, concurrency=2)
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(6), None)
        done: list[str] = []
        for news in follow(pool):
            done += [record.case.id for answer in news.answers for record in answer.records]
            assert len(cluster.busy) <= 2
            if news.is_over:
                break
            for actor in cluster.busy[:1]:
                cluster.finish(actor)
    assert len(done) == 6


def test_models_that_take_a_gpu_get_one_each() -> None:
    """Two models share the only GPU one after the other, and both are described."""
    cluster = Cluster({"one": 4})
    cluster.gpus["one"] = 1.0
    kinds = {"a": Resources(1, 1), "b": Resources(2, 1)}
    with run_pool(cluster, resources=kinds) as pool:
        assert set(describe(pool, "a", "b")) == {"a", "b"}
        pool.make_edits(SETUP, "", make_work(2, "a") + make_work(2, "b"), None)
        done: list[str] = []
        for news in follow(pool):
            done += [record.case.id for answer in news.answers for record in answer.records]
            assert sum(actor.resources.gpus for actor in cluster.busy) <= 1
            if news.is_over:
                break
            for actor in cluster.busy:
                cluster.finish(actor)
    assert sorted(done) == ["a1", "a2", "b1", "b2"]


def test_a_node_that_does_not_see_the_folder_takes_no_part() -> None:
    """Where no node is left, the run ends and says why."""
    cluster = Cluster({"one": 1})
    cluster.refused = UsageError("the node does not see the run's folder")
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(2), None)
        with pytest.raises(IncompleteError, match="one: the node does not see the run's folder"):
            for _ in itertools.islice(follow(pool), 200):
                pass


def test_a_full_store_ends_the_run() -> None:
    """At once, but what others have finished is told before."""
    cluster = Cluster({"one": 2})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(9), None)
        wait_for(lambda: len(cluster.busy) == 2)
        first, second = cluster.busy
        cluster.finish(first)
        second.answer.set_result(FullError("the object store is full"))
        wait_for(lambda: pool._outbox._failure)
        (answer,) = pool.take_news(0.05).answers
        assert answer.records[0].case.id == "m1"
        with pytest.raises(FullError):
            pool.take_news(0.05)


def test_a_node_whose_credentials_are_refused_takes_no_part() -> None:
    """After one case, which another node does."""
    cluster = Cluster({"one": 1, "two": 1})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(4), None)
        wait_for(lambda: len(cluster.busy) == 2)
        refused = next(actor for actor in cluster.busy if actor.node == "one")
        refused.work = None
        refused.answer.set_result(DeniedError("access is denied"))
        done, lines = finish_all(pool, cluster)
        assert {actor.node for actor in cluster.actors if actor.is_alive} == {"two"}
    assert sorted(done) == ["m1", "m2", "m3", "m4"]
    assert "the node one takes no part: access is denied" in lines


def test_a_message_names_the_first_few_of_many_nodes() -> None:
    nodes = [Node(f"n{i}", (f"n{i}",), Resources(), misfit="it is too old") for i in range(9)]
    said = explain_misfits([Node("good", ("good",), Resources()), *nodes])
    assert said.startswith("n0: it is too old; n1: it is too old; ")
    assert said.endswith("; and 6 more nodes")
    assert not explain_misfits([])


def test_nothing_is_begun_after_the_deadline() -> None:
    cluster = Cluster({"one": 1})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(3), time.monotonic() + 0.3)
        wait_for(lambda: cluster.busy)
        time.sleep(0.35)
        done, _ = finish_all(pool, cluster)
    assert done == ["m1"]


def test_a_node_that_joins_gets_work() -> None:
    cluster = Cluster({"one": 1})
    with run_pool(cluster) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(4), None)
        wait_for(lambda: cluster.busy)
        cluster.gpus["two"] = 0.0
        cluster.cpus["two"] = 1.0
        wait_for(lambda: len(cluster.busy) == 2)
        finish_all(pool, cluster)


@pytest.mark.parametrize(("jobs", "first"), [(0, 9), (4, 4)])
def test_an_autoscaler_is_told_how_much_is_left(jobs: int, first: int) -> None:
    """Room for all that has something to do, though two workers fit; none when all is done."""
    cluster = Cluster({"a": 2})
    with run_pool(cluster, jobs=jobs) as pool:
        describe(pool, "m")
        pool.make_edits(SETUP, "", make_work(9), None)
        wait_for(lambda: cluster.wanted)
        finish_all(pool, cluster)
    assert cluster.wanted[0] == first
    assert cluster.wanted == sorted(cluster.wanted, reverse=True)
    assert cluster.wanted[-1] == 0
