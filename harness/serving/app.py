"""The server as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from editproof.harness.serving.blobs import open_blobs
from editproof.harness.serving.database import Database
from editproof.harness.serving.engine import Engine
from editproof.harness.serving.forgetting import SWEEP_S, forget_old
from editproof.harness.serving.gateway import Gate, RequestLog
from editproof.harness.serving.jobs import JobRunner
from editproof.harness.serving.metrics import Metrics
from editproof.harness.serving.openapi import describe_app
from editproof.harness.serving.problems import install_handlers
from editproof.harness.serving.routes import (
    about,
    bulk,
    edits,
    foreign,
    jobs,
    masks,
    pictures,
    stages,
)
from editproof.harness.serving.service import Service
from editproof.harness.serving.settings import ServiceSettings
from editproof.harness.serving.store import PictureStore
from editproof.harness.serving.warming import warm_up
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.reference import STAGES, Program

log = structlog.get_logger()

ROUTERS = (about, pictures, masks, edits, stages, foreign, jobs, bulk)


def open_pictures(settings: ServiceSettings) -> PictureStore:
    """Where a server keeps its pictures. Raises UsageError where that can't be used."""
    return PictureStore(open_blobs(settings.store, settings.folder / "pictures"), settings.limits)


def make_service(settings: ServiceSettings, program: Program = STAGES) -> Service:
    """The parts of a server, whose edits go through these stages. Raises ContractError where its
    pipeline's settings are wrong.
    """
    settings.folder.mkdir(parents=True, exist_ok=True)
    metrics = Metrics()
    return Service(
        settings=settings,
        config=ReferenceConfig().with_settings(settings.pipeline),
        database=Database(settings.database_url),
        pictures=open_pictures(settings),
        engine=Engine(settings.limits, metrics),
        metrics=metrics,
        program=program,
    )


async def sweep_often(service: Service) -> None:
    """Remove what is older than the settings keep, now and every hour."""
    keep = service.settings.keep
    while keep is not None:
        gone = await asyncio.to_thread(forget_old, service.database, service.pictures, keep)
        log.info("removed what is old", **gone.model_dump())
        await asyncio.sleep(SWEEP_S)


def make_app(service: Service) -> FastAPI:
    """The application. It loads its models when it starts, and ends its service when it stops."""

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        await warm_up(service)
        runner = app.state.jobs = JobRunner(service)
        runner.start()
        sweeper = asyncio.create_task(sweep_often(service))
        yield
        sweeper.cancel()
        await runner.stop()
        service.close()

    app = FastAPI(
        title="editproof",
        summary="An image-editing pipeline as services: whole edits, and each stage alone.",
        version="1",
        lifespan=live,
        docs_url=None,  # its page loads scripts from a network
        redoc_url=None,
    )
    app.state.service = service
    install_handlers(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.add_middleware(Gate, settings=service.settings)
    app.add_middleware(RequestLog, metrics=service.metrics)
    app.openapi = lambda: describe_app(app)  # type: ignore[method-assign]
    return app
