"""A report is served to this machine, and nothing beside it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from editproof.harness.records.errors import UsageError
from editproof.reports.html.serve import ReportServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReportServer]:
    """Serves the page of a run that has a secret beside it, and links that lead out."""
    run = tmp_path / "run 1"
    for name, text in (
        ("report/index.html", "the page"),
        ("report/static/a.js", "a script"),
        ("blobs/ab/abc.png", "a picture"),
        ("manifest.json", "a secret"),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    (tmp_path / "secret").write_text("a secret")
    (run / "report" / "link").symlink_to(tmp_path / "secret")
    with ReportServer(run / "report" / "index.html", run) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


def ask(server: ReportServer, path: str, *, host: str = "") -> tuple[int, str]:
    """Status and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode("utf-8", "replace")
    connection.close()
    return found


@pytest.mark.parametrize("path", ["/report/index.html", "/report/static/a.js", "/blobs/ab/abc.png"])
def test_the_report_and_its_pictures_are_served(server: ReportServer, path: str) -> None:
    assert ask(server, path)[0] == 200
    assert server.address.endswith("/report/index.html")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/report/",
        "/manifest.json",
        "/report/../manifest.json",
        "/report/..%2fmanifest.json",
        "/report/%2e%2e/manifest.json",
        "/../secret",
        "/..%2f..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/report/link",
        "/blobs/../../secret",
        "/report/no-such-file",
    ],
)
def test_nothing_else_is_served(server: ReportServer, path: str) -> None:
    """Neither a folder's listing, nor what lies beside, nor what a link leads to."""
    status, text = ask(server, path)
    assert status == 404
    assert "a secret" not in text


def test_another_name_is_refused(server: ReportServer) -> None:
    """A foreign site that resolves to this machine reads nothing."""
    host = f"evil.example:{server.server_port}"
    assert ask(server, "/report/index.html", host=host)[0] == 403


def test_a_taken_port_is_said(server: ReportServer, tmp_path: Path) -> None:
    page = tmp_path / "run 1" / "report" / "index.html"
    with pytest.raises(UsageError, match="Choose another one with --port"):
        ReportServer(page, tmp_path / "run 1", server.server_port)
