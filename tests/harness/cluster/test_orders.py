"""What a cluster is told, and what is said where it can't be."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from editproof.harness.cluster.engine import open_cluster
from editproof.harness.cluster.orders import ClusterOrder, ClusterState, Resources
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.operations.cluster import make_order
from editproof.harness.records.errors import UsageError
from editproof.harness.running.runner import RunConfig
from editproof.harness.running.scene_queue import SceneQueue, spread_families
from editproof.harness.running.worker import EditWork
from editproof.harness.suites.settings import Project, Settings
from editproof.harness.suites.suite import load_suite
from tests.harness.made import MODEL, OTHER, case

CONFIG = RunConfig(
    load_suite("quick", Path.cwd()), Path("/nowhere"), False, 2, 60.0, None, NO_WEIGHTS
)


def order(on: str, table: dict[str, object] | None = None) -> ClusterOrder:
    settings = msgspec.convert(table or {}, Settings)
    return make_order(on, "", 0, Project(settings, Path.cwd(), "editproof.toml"), CONFIG)


@pytest.mark.parametrize(
    ("on", "address"),
    [
        ("ray", "auto"),
        ("ray://10.0.0.5", "ray://10.0.0.5:10001"),
        ("ray://head.example:7", "ray://head.example:7"),
    ],
)
def test_a_cluster_has_an_address(on: str, address: str) -> None:
    assert order(on).address == address


@pytest.mark.parametrize("on", ["slurm", "ray://", "ray://a/b", "ray:auto"])
def test_what_is_no_cluster_is_refused(on: str) -> None:
    with pytest.raises(UsageError, match="write ray, or ray://HOST"):
        order(on)


def test_resources_go_by_the_models_name() -> None:
    table = {"cpus": 4, "gpus": 0.5, "memory": "24 GB"}
    told = order("ray", {"resources": {"patch": table}})
    assert told.resources["patch"] == Resources(4, 0.5, 24_000_000_000)
    assert told.resources["ns"] == Resources()
    assert told.resources["patch"].describe() == "4 CPUs, 0.5 GPUs, 24 GB"


def test_resources_of_no_model_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\[resources.pach\] is of no model of this run"):
        order("ray", {"resources": {"pach": {}}})


def test_without_ray_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    opened = open_cluster(order("ray"), print, lambda _state: None)
    with pytest.raises(UsageError, match='pip install "editproof\\[ray\\]"'):
        opened.__enter__()


def test_who_takes_part_is_said_in_a_few_words() -> None:
    assert ClusterState(nodes=1, workers=2).describe() == "1 node, 2 workers"
    assert ClusterState(2, 0.5, 1).describe() == "2 nodes, 0.5 GPUs, 1 worker"


def test_families_take_turns() -> None:
    """Scene by scene, and a scene stays together."""
    work = [
        EditWork(case(step, seed, family=family))
        for family in ("logo", "stroke")
        for step in (1, 2)
        for seed in (1, 2)
    ]
    spread = [(one.case.family, one.case.step, one.case.seed) for one in spread_families(work)]
    assert spread == [
        *[("logo", 1, 1), ("logo", 1, 2), ("stroke", 1, 1), ("stroke", 1, 2)],
        *[("logo", 2, 1), ("logo", 2, 2), ("stroke", 2, 1), ("stroke", 2, 2)],
    ]


def test_the_cheap_scenes_of_a_round_come_first() -> None:
    """Fewer seeds or turns, or smaller pictures; every family still has its first scene early."""
    large = [EditWork(replace(case(step, family="logo"), size=512)) for step in (1, 2)]
    long = [EditWork(replace(case(1, family="stroke"), turn=turn)) for turn in (1, 2, 3)]
    small = [EditWork(case(step, family="hair")) for step in (1, 2)]
    spread = [one.case.family for one in spread_families([*large, *long, *small])]
    assert spread == ["hair", "stroke", "stroke", "stroke", "logo", "hair", "logo"]


def test_models_that_are_dropped_are_not_handed_out() -> None:
    """From then on, whoever asks."""
    dropped: set[str] = set()
    work = [EditWork(case(step, model=one)) for step in (1, 2) for one in (MODEL, OTHER)]
    queue = SceneQueue(work, dropped=dropped)
    assert queue.next_for(0) == work[0]
    dropped.add(OTHER.name)
    assert queue.next_for(0) == work[2]
    assert queue.next_for(1) is None
    assert queue.left == 0


def test_what_is_given_back_comes_first_and_in_its_order() -> None:
    """A chain that a lost worker had begun goes on where it was."""
    first = case()
    turns = [EditWork(replace(first, id=str(turn), turn=turn)) for turn in (1, 2, 3)]
    queue = SceneQueue([*turns, EditWork(case(2))])
    assert queue.next_for(0) == turns[0]
    assert queue.next_for(0) == turns[1]
    queue.give_back(0, turns[1])
    assert queue.left == 3
    assert [queue.next_for(1) for _ in range(3)] == [*turns[1:], EditWork(case(2))]
    assert queue.next_for(1) is None
