"""The desk as a process: its socket and its link."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import uvicorn

from editproof.harness.records.errors import UsageError
from editproof.harness.review.app import make_app
from editproof.harness.review.desk import Desk
from editproof.harness.review.gateway import DeskKeys
from editproof.harness.review.rerunning import Reruns

HOST = "127.0.0.1"


def open_server(
    desk: Desk, reruns: Reruns, port: int, page: Mapping[str, bytes]
) -> tuple[uvicorn.Server, socket.socket, str]:
    """A server, the socket that it is to listen on, and the link that opens the desk once. `port`
    0: a free one. Raises UsageError where the port can't be had.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(
            f"{HOST}:{port} can't be listened on: {error.strerror}. Choose another --port"
        ) from error
    port = listening.getsockname()[1]
    keys = DeskKeys(port)
    config = uvicorn.Config(
        make_app(desk, reruns, page, keys, port),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config), listening, f"http://{HOST}:{port}{keys.link}"
