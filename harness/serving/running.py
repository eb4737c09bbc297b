"""A server as a process: its socket, its logs, its keys."""

from __future__ import annotations

import socket

import uvicorn

from editproof.harness.records.errors import UsageError
from editproof.harness.serving.app import make_app, make_service
from editproof.harness.serving.keys import list_keys
from editproof.harness.serving.service import Service
from editproof.harness.serving.settings import ServiceSettings
from editproof.harness.serving.workers import Workers
from editproof.pipelines.contract import ContractError

GRACE_S = 30
"""How long requests may go on once the server is to stop."""

BACKLOG = 128


def open_server(settings: ServiceSettings) -> tuple[uvicorn.Server, socket.socket]:
    """A server and the socket that it is to listen on, bound already.

    Raises UsageError where the pipeline's settings are wrong, the address can't be had, or others
    can reach it and there is no key.
    """
    service = _make_service(settings)
    _check_keys(service)
    return make_server(service), _bind(settings)


def make_server(service: Service) -> uvicorn.Server:
    """What serves in one process."""
    config = uvicorn.Config(
        make_app(service),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return uvicorn.Server(config)


def open_workers(settings: ServiceSettings) -> tuple[Workers, socket.socket]:
    """The same for a server of several processes."""
    service = _make_service(settings)
    _check_keys(service)
    service.close()
    listening = _bind(settings)
    return Workers(settings, listening), listening


def _make_service(settings: ServiceSettings) -> Service:
    try:
        return make_service(settings)
    except ContractError as error:
        raise UsageError(f"--set: {error}") from error


def _check_keys(service: Service) -> None:
    settings = service.settings
    if settings.checks_keys and not list_keys(service.database):
        raise UsageError(
            f"other machines may reach {settings.host}, and there is no API key yet. Make one"
            f" first: editproof serve-key NAME --folder {settings.folder}"
        )


def address_of(listening: socket.socket) -> str:
    """The URL that a socket listens on."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
