"""A server as a process: its socket, its logs, its keys."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import threading
from functools import partial
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from editproof.harness.records.errors import UsageError
from editproof.harness.records.json_files import is_alive
from editproof.harness.serving.app import make_app, make_service
from editproof.harness.serving.keys import list_keys
from editproof.harness.serving.metrics import FOLDER_VARIABLE
from editproof.harness.serving.service import Service
from editproof.harness.serving.settings import ServiceSettings
from editproof.pipelines.contract import ContractError

GRACE_S = 30
"""How long requests may go on once the server is to stop."""

SILENCE_S = 60
"""How long one of several processes may not answer before it is started again."""

BACKLOG = 128


def open_server(settings: ServiceSettings) -> tuple[uvicorn.Server, socket.socket]:
    """A server and the socket that it is to listen on, bound already.

    Raises UsageError where the pipeline's settings are wrong, the address can't be had, or others
    can reach it and there is no key.
    """
    service = _make_service(settings)
    _check_keys(service)
    return uvicorn.Server(_configure(make_app(service))), _bind(settings)


def open_workers(settings: ServiceSettings) -> tuple[Multiprocess, socket.socket]:
    """The same for a server of several processes. Each that ends is started again."""
    service = _make_service(settings)
    _check_keys(service)
    service.close()
    shared = settings.folder / "metrics"
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir()
    os.environ[FOLDER_VARIABLE] = str(shared)
    listening = _bind(settings)
    config = _configure(partial(make_worker, settings), factory=True, workers=settings.workers)
    return Multiprocess(config, [listening]), listening


def make_worker(settings: ServiceSettings) -> FastAPI:
    """The application in one of several processes, which ends when its parent has ended."""
    set_up_logs()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for numbers in Path(os.environ[FOLDER_VARIABLE]).glob("gauge_live*.db"):
        if not is_alive(int(numbers.stem.rpartition("_")[2])):
            numbers.unlink(missing_ok=True)
    return make_app(make_service(settings))


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)  # as if it was killed, too: what it made is in the database


def _make_service(settings: ServiceSettings) -> Service:
    try:
        return make_service(settings)
    except ContractError as error:
        raise UsageError(f"--set: {error}") from error


def _check_keys(service: Service) -> None:
    settings = service.settings
    if settings.checks_keys and not list_keys(service.database):
        raise UsageError(
            f"others may reach {settings.host}, and there is no API key yet. Make one first:"
            f" editproof serve-key NAME --folder {settings.folder}"
        )


def _configure(app: Any, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=SILENCE_S,
        **more,
    )


def address_of(listening: socket.socket) -> str:
    """The URL that a socket listens on."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def set_up_logs() -> None:
    """One JSON object a line on standard error; tracebacks without the values of variables."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _bind(settings: ServiceSettings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise UsageError(
            f"{settings.host}:{settings.port} can't be listened on: {error.strerror}. Choose"
            " another --host or --port"
        ) from error
    # Else each answer waits 40 ms for the client's acknowledgement: asyncio sets this itself only
    # for sockets that name their protocol.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
