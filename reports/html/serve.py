"""Serve a report on this machine: a page from a server may read the pixels of every picture."""

from __future__ import annotations

import os
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from editproof.harness.records.errors import UsageError
from editproof.harness.records.runs import BLOBS
from editproof.reports.common.pictures import make_url

HOST = "127.0.0.1"


class ReportServer(ThreadingHTTPServer):
    """Serves the folder of a report's page and the run's pictures, and nothing else, to this
    machine alone.
    """

    daemon_threads = True

    def __init__(self, page: Path, run_folder: Path, port: int = 0) -> None:
        """Listen at once; `port` 0: a free one. Raises UsageError where the port is taken."""
        self.allowed = (page.parent.resolve(), (run_folder / BLOBS).resolve())
        root = Path(os.path.commonpath([page.parent.resolve(), run_folder.resolve()]))
        try:
            super().__init__((HOST, port), partial(_Handler, directory=str(root)))
        except OSError as error:
            raise UsageError(
                f"port {port} can't be served: {error.strerror}. Choose another one with --port"
            ) from error
        self.address = f"http://{HOST}:{self.server_port}/{make_url(page.resolve(), root)}"


class _Handler(SimpleHTTPRequestHandler):
    server: ReportServer

    def send_head(self) -> Any:
        """Refuse what does not ask this machine by its own name, and what is not the report's."""
        port = self.server.server_port
        if self.headers.get("Host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers this machine alone")
            return None
        path = Path(self.translate_path(self.path)).resolve()
        known = any(path.is_relative_to(folder) for folder in self.server.allowed)
        if not known or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """A page that is written again is shown again."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        """Say nothing."""
