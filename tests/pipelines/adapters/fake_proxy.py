"""A proxy that tunnels: it joins a client with whatever server it names by `CONNECT`."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from types import TracebackType
from typing import Self


class FakeProxy:
    """Serves on a free port of 127.0.0.1 while it is entered."""

    def __init__(self, target: str) -> None:
        self.tunnels: list[str] = []
        """What clients asked to be joined with, as `host:port`."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(target, self.tunnels))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _make_handler(target: str, tunnels: list[str]) -> type[BaseHTTPRequestHandler]:
    """Joins every client with the one target, whatever name it asks for."""
    host, _, port = target.removeprefix("https://").rpartition(":")

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            tunnels.append(self.path)
            with socket.create_connection((host, int(port)), timeout=10) as server:
                self.send_response(200)
                self.end_headers()
                _join(self.connection, server)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until either side ends."""
    with DefaultSelector() as selector:
        selector.register(one, EVENT_READ, other)
        selector.register(other, EVENT_READ, one)
        while ready := selector.select(timeout=10):
            for key, _ in ready:
                data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)
