"""A proxy before an S3 API that answers badly where it is asked to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx2

Fault = Literal["", "429", "500", "503", "507", "slow", "truncated", "denied", "quota", "lost"]
"""`lost`: the request is done, and its answer never comes. `507` is what MinIO says where its disks
are full, `quota` what Ceph says where a bucket is.
"""

REFUSALS: dict[Fault, tuple[int, str]] = {
    "429": (429, "SlowDown"),
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "507": (507, "XMinioStorageFull"),
    "denied": (403, "AccessDenied"),
    "quota": (403, "QuotaExceeded"),
}
"""Status and code of what is answered in place of doing what was asked."""

Choose = Callable[[str, str, int], Fault]
"""Method, path, and how often that was asked before -> how it is answered."""

SLOW_S = 3.0


class FaultProxy(ThreadingHTTPServer):
    """Passes requests on to an S3 API, unless `choose` names a fault."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.client = httpx2.Client(timeout=60)
        self.choose: Choose = lambda method, path, before: ""
        self.asked: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[Fault] = Counter()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def _answer(self) -> None:
        proxy = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = (self.command, self.path)
        fault = proxy.choose(*key, proxy.asked[key])
        proxy.asked[key] += 1
        proxy.faults[fault] += 1
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            page = f"<Error><Code>{code}</Code></Error>".encode()
            self._send(status, {"Content-Type": "application/xml"}, page)
            return
        if fault == "slow" and proxy.ended.wait(SLOW_S):
            return
        kept = {"connection", "content-length", "accept-encoding", "transfer-encoding", "expect"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in kept}
        answer = proxy.client.request(
            self.command, f"{proxy.upstream}{self.path}", content=body, headers=headers
        )
        if fault == "lost":
            self.close_connection = True
            return
        given = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}
        }
        length = answer.headers.get("Content-Length", len(answer.content))
        self._send(answer.status_code, given, answer.content, fault, int(length))

    def _send(
        self,
        status: int,
        headers: dict[str, str],
        body: bytes,
        fault: Fault = "",
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "truncated":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keeps silent."""


@contextmanager
def run_fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy that ends with the block."""
    proxy = FaultProxy(upstream)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.ended.set()
        proxy.shutdown()
        proxy.server_close()
        proxy.client.close()
        thread.join()
