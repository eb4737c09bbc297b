"""The server on a Ray cluster, by Ray Serve: stages in deployments of their own, each with as many
replicas as it needs, on any machine.

    serve deploy serve.yaml

docs/how-to/serve.md has such a file. What is not a deployment runs in the replica of `Server` that
was asked; each of them makes one edit at a time.
"""

# No `from __future__ import annotations`: Ray reads the kind of `build`'s argument, not its name.
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from ray import serve

from editproof.harness.records.errors import UsageError
from editproof.harness.serving.app import make_app, make_service
from editproof.harness.serving.logs import set_up_logs
from editproof.harness.serving.settings import ServiceSettings
from editproof.pipelines.edit import Edit, RefusedError, Step
from editproof.pipelines.reference import STAGES, Program, Stage

SLOW = ("detect", "inpaint", "upscale", "verify")
"""Stages that take most of an edit's time."""

MOST_REQUESTS = 100
"""That a replica of `Server` holds: most wait for its queue, or are quick."""


class ServeArguments(BaseModel):
    """What `args` of the deployment file may say."""

    model_config = ConfigDict(extra="forbid")

    folder: Path
    """Database and pictures, where `database` and `store` name no other place. All machines must
    see it under the same path."""
    database: str = ""
    store: str = ""
    settings: dict[str, str | bool | int | float] = Field(default_factory=dict)
    """Of the reference pipeline, by dotted name."""
    need_key: bool = True
    stages: tuple[str, ...] = SLOW
    """Stages with a deployment of their own, which has the stage's name."""


class StageReplica:
    """One stage."""

    def __init__(self, name: str) -> None:
        self._stage = dict(STAGES)[name]

    def __call__(self, edit: Edit) -> Step | str:
        """What the stage hands on, or why it refuses the edit."""
        try:
            return self._stage(edit)
        except RefusedError as error:
            return str(error)


def build(args: ServeArguments) -> Any:
    """The application that Ray Serve deploys. Raises UsageError where a stage is unknown."""
    names = [name for name, _ in STAGES]
    if unknown := sorted(set(args.stages) - set(names)):
        raise UsageError(f"stages: {unknown[0]!r} is unknown; there are: {', '.join(names)}")
    replica: Any = serve.deployment(StageReplica)
    stages = {name: replica.options(name=name).bind(name) for name in args.stages}

    def make() -> FastAPI:
        return _make_app(args)

    ingress = serve.ingress(make)(Server)
    server: Any = serve.deployment(ingress, max_ongoing_requests=MOST_REQUESTS)
    return server.bind(stages)


class Server:
    """What requests reach first."""

    def __init__(self, stages: Mapping[str, Any]) -> None:
        """Ray starts the deployments that its arguments name."""
        self._stages = stages


def _make_app(args: ServeArguments) -> FastAPI:
    """The application of one replica, which is made where the replica is."""
    set_up_logs()
    app_name = serve.get_replica_context().app_name
    far = {name: serve.get_deployment_handle(name, app_name) for name in args.stages}
    settings = ServiceSettings(
        folder=args.folder,
        needs_key=args.need_key,
        pipeline=args.settings,
        database=args.database,
        store=args.store,
    )
    return make_app(make_service(settings, send_away(STAGES, far)))


def send_away(program: Program, far: Mapping[str, Any]) -> Program:
    """The same stages; those with a handle run in that deployment."""
    return tuple((name, _send_to(far[name]) if name in far else stage) for name, stage in program)


def _send_to(handle: Any) -> Stage:
    def stage(edit: Edit) -> Step:
        answer: Step | str = handle.remote(edit).result()
        if isinstance(answer, str):
            raise RefusedError(answer)
        return answer

    return stage
