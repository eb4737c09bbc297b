"""A server as a process: its socket, its logs, its keys."""

from __future__ import annotations

import logging
import socket
import sys

import structlog
import uvicorn

from editproof.harness.records.errors import UsageError
from editproof.harness.serving.app import make_app, make_service
from editproof.harness.serving.keys import list_keys
from editproof.harness.serving.settings import ServiceSettings
from editproof.pipelines.contract import ContractError

GRACE_S = 30
"""How long requests may go on once the server is to stop."""

BACKLOG = 128


def open_server(settings: ServiceSettings) -> tuple[uvicorn.Server, socket.socket]:
    """A server and the socket that it is to listen on, bound already.

    Raises UsageError where the pipeline's settings are wrong, the address can't be had, or others
    can reach it and there is no key.
    """
    try:
        service = make_service(settings)
    except ContractError as error:
        raise UsageError(f"--set: {error}") from error
    if settings.checks_keys and not list_keys(service.database):
        raise UsageError(
            f"others may reach {settings.host}, and there is no API key yet. Make one first:"
            f" editproof serve-key NAME --folder {settings.folder}"
        )
    config = uvicorn.Config(
        make_app(service),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return uvicorn.Server(config), _bind(settings)


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
