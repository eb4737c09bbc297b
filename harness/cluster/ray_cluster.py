"""What we ask of Ray: nodes, actors, their answers. All that knows Ray's own names is here.

Ray is an extra, so it has no types here: mypy says the same with it and without it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from typing import Any

from editproof.harness.cluster.actor import CaseActor
from editproof.harness.cluster.orders import ActorOrder, Resources
from editproof.harness.records.errors import IncompleteError, UsageError, join_one_line

WATCH = "watch"
"""The group of an actor's calls that are answered while it works."""


class RayCluster:
    """A connection to a cluster, for the life of the process."""

    def __init__(self, address: str) -> None:
        """`address`: `auto`, or `ray://HOST:PORT`. Raises IncompleteError where none answers."""
        ray: Any = import_module("ray")
        os.chdir("/")  # Ray has its workers import from the driver's folder first
        if address == "auto":
            address = os.environ.get("RAY_ADDRESS") or address
        try:
            context = ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
        except Exception as error:
            reason = join_one_line(error)[-300:].rstrip(".")
            raise IncompleteError(
                f"no Ray cluster answers at {address}: {reason}. Start one with"
                " `ray start --head`, or name one: --on ray://HOST"
            ) from error
        self.dashboard = f"http://{context.dashboard_url}" if context.dashboard_url else ""
        self._ray = ray
        self._actor_class = ray.remote(concurrency_groups={WATCH: 1}, max_restarts=0)(CaseActor)

    def list_nodes(self) -> Sequence[Mapping[str, Any]]:
        """As `ray.nodes()`."""
        nodes: Sequence[Mapping[str, Any]] = self._ray.nodes()
        return nodes

    def start_actor(self, order: ActorOrder, resources: Resources, node: str) -> Any:
        """Start an actor on a node, as soon as that has room. Raises UsageError where Ray does not
        take its runtime environment.
        """
        strategies: Any = import_module("ray.util.scheduling_strategies")
        options: dict[str, Any] = {
            "num_cpus": resources.cpus,
            "num_gpus": resources.gpus,
            "scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node, soft=False),
        }
        if resources.memory:
            options["memory"] = resources.memory
        if resources.runtime_env:
            options["runtime_env"] = dict(resources.runtime_env)
        try:
            return self._actor_class.options(**options).remote(order)
        except (TypeError, ValueError) as error:
            raise UsageError(f"[resources] runtime_env: {join_one_line(error)}") from error

    def ask_for_room(self, wanted: Sequence[Resources]) -> None:
        """Tell the cluster's autoscaler, where it has one, how many workers want room; none: no
        more than there are. Ray keeps that until it is told again.
        """
        sdk: Any = import_module("ray.autoscaler.sdk")
        bundles = [_describe_bundle(one) for one in wanted]
        with suppress(Exception):  # it is a wish: work goes on without
            sdk.request_resources(bundles=bundles)

    def call(self, actor: Any, method: str, arguments: Sequence[object]) -> Future[Any]:
        """Call a method of an actor. `ping` is answered while it works."""
        call = getattr(actor, method)
        call = call.options(concurrency_group=WATCH) if method == "ping" else call
        answer: Future[Any] = call.remote(*arguments).future()
        return answer

    def share(self, value: object) -> Any:
        """Store a value once for all actors; what it gives goes into their calls."""
        return self._ray.put(value)

    def end_actor(self, actor: Any) -> None:
        """Kill an actor."""
        with suppress(Exception):  # it may be gone, and so may the cluster
            self._ray.kill(actor)


def _describe_bundle(resources: Resources) -> dict[str, float]:
    counts = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": resources.memory}
    return {name: count for name, count in counts.items() if count}


def explain_loss(error: Exception) -> str:
    """What Ray raises in place of an answer: its kind, and its end, where the cause stands."""
    line = join_one_line(error)
    return line if len(line) <= 300 else f"{line[:100]} … {line[-200:]}"
