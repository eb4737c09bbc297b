"""A small HTTP server on 127.0.0.1 that answers as it is told, and keeps what it was asked.

    with FakeServer() as server:
        server.on("POST /edit", Reply(503), Reply.of_json({"image": "…"}))
        ...
        assert [request.path for request in server.requests] == ["/edit", "/edit"]

The answers of a path are given one after the other; the last one is given again and again. An
answer may be a function of the request.
"""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from PIL import Image as Pil


@dataclass(frozen=True)
class Part:
    """A part of a form."""

    name: str
    file_name: str
    """Empty: a field without a file."""
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Asked:
    """A request, as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def parts(self) -> list[Part]:
        """The parts of a form, in their order."""
        boundary = self.headers["content-type"].partition("boundary=")[2].strip('"').encode()
        pieces = self.body.split(b"--" + boundary)[1:-1]
        return [_read_part(piece[2:-2]) for piece in pieces]

    @property
    def form(self) -> dict[str, Part]:
        """The same by name."""
        return {part.name: part for part in self.parts}


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Before the answer starts."""
    pause_s: float = 0.0
    """After each byte, of the head too: the server trickles."""
    chunks: Callable[[], Iterator[bytes]] | None = None
    """Instead of a body: sent in chunks, as long as they come."""
    breaks_off: str = ""
    """`reset`: the connection is reset before the answer. `half`: after half of the body."""

    @classmethod
    def of_json(cls, value: Any, status: int = 200, **rest: Any) -> Reply:
        """JSON."""
        return cls(status, json.dumps(value).encode(), "application/json", **rest)

    @classmethod
    def of_png(cls, data: bytes, **rest: Any) -> Reply:
        """A picture."""
        return cls(body=data, media_type="image/png", **rest)


Answer = Reply | Callable[[Asked], Reply]


class FakeServer:
    """The server. It runs from `with` to the end of the block."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Asked] = []
        self.most_at_once = 0
        """The most requests that were being answered at the same time."""
        self._at_once = 0
        self._answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self._scheme = "https" if tls else "http"
        self._http = _Http(self, port)
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`"""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    def on(self, what: str, *answers: Answer) -> None:
        """Answer `METHOD /path` so; `*` answers whatever nothing else answers."""
        self._answers[what] = list(answers)

    def asked(self, what: str) -> list[Asked]:
        """The requests for `METHOD /path`."""
        return [asked for asked in self.requests if f"{asked.method} {asked.path}" == what]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop, and close every connection."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def answer(self, asked: Asked) -> Reply:
        """The next answer to that request."""
        with self._lock:
            self.requests.append(asked)
            key = f"{asked.method} {asked.path}"
            answers = self._answers.get(key) or self._answers.get("*") or [Reply(404, b"not here")]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Reply) else answer(asked)

    def note_start(self) -> None:
        """A request is being answered."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def note_end(self) -> None:
        """It was answered."""
        with self._lock:
            self._at_once -= 1


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # each is joined in the end
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, owner: FakeServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner
        self.connections: set[socket.socket] = set()

    def server_close(self) -> None:
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed meanwhile
                continue
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side went away: that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing is printed."""

    def _handle(self) -> None:
        owner = self.server.owner
        owner.note_start()
        try:
            reply = owner.answer(self._read())
            time.sleep(reply.delay_s)
        finally:
            owner.note_end()  # before the client can know, so that its next request is not beside
        self._write(reply)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _handle  # noqa: N815

    def _read(self) -> Asked:
        place = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("transfer-encoding") == "chunked":
            body = self._read_chunks()
        else:
            body = self.rfile.read(int(headers.get("content-length", 0)))
        return Asked(self.command, place.path, dict(parse_qsl(place.query)), headers, body)

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _write(self, reply: Reply) -> None:
        if reply.breaks_off == "reset":
            self._reset()
            return
        size = {"Transfer-Encoding": "chunked"} if reply.chunks else self._size_of(reply)
        self.send_response(reply.status)
        stated = {"Content-Type": reply.media_type, **size, **reply.headers}
        for name, value in stated.items():
            self.send_header(name, value)
        if reply.pause_s:
            self._trickle(reply)
            return
        self.end_headers()
        if reply.chunks:
            for chunk in reply.chunks():
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
        elif reply.breaks_off == "half":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(reply.body)

    @staticmethod
    def _size_of(reply: Reply) -> dict[str, str]:
        return {"Content-Length": str(len(reply.body))}

    def _trickle(self, reply: Reply) -> None:
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer: list[bytes] = []
        for byte in head + reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(reply.pause_s)

    def _reset(self) -> None:
        """Closed with a time to linger of 0, a connection is reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _read_part(piece: bytes) -> Part:
    head, _, data = piece.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
    stated = headers["content-disposition"]
    name = re.search(r'\bname="(.*?)"', stated)
    file_name = re.search(r'filename="(.*?)"', stated)
    return Part(
        name[1] if name else "",
        file_name[1] if file_name else "",
        headers.get("content-type", ""),
        data,
    )


def make_picture(
    width: int = 8, height: int = 8, colour: tuple[int, int, int] = (40, 80, 120), kind: str = "png"
) -> bytes:
    """A picture of one colour, as a file."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = colour
    file = io.BytesIO()
    Pil.fromarray(pixels).save(file, kind)
    return file.getvalue()
