"""Runs against services over HTTP: what is left of a service that ends meanwhile, where secrets go,
and what is contacted for data of a stranger.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import editproof
from tests.harness.conftest import Command
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply, make_picture

TOKEN = "tok-1234567890/secret+value"  # noqa: S105 - made up

SUITE = """
name = "served"
size = 64
scale = 1
seeds = [{seeds}]
metrics = ["psnr"]
[vectors]
logo = [1, 2]
[models]
ns = "reference?inpaint.model=ns"
"""

SETTINGS = """
suite = "served.toml"
jobs = 1
[lpips]
download = false
"""

PIPELINE = """
[pipelines.mine]
adapter = "http"
url = "{url}/edit"
refused_limit = 2
header.Authorization = "Bearer ${{TOKEN}}"
"""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.on("POST /edit", give_back)
        yield running


@pytest.fixture
def served(folder: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose settings name a pipeline at the server."""
    monkeypatch.setenv("TOKEN", TOKEN)
    (folder / "served.toml").write_text(SUITE.format(seeds="1, 2"))
    (folder / "editproof.toml").write_text(SETTINGS + PIPELINE.format(url=server.url))
    return folder


def give_back(asked: Asked) -> Reply:
    """The picture as it came: an edit that does nothing."""
    return Reply.of_png(asked.form["image"].data)


@pytest.mark.slow
def test_a_service_that_ends_meanwhile_is_said_once_and_the_run_goes_on_later(
    command: Command, served: Path, server: FakeServer
) -> None:
    seeds = ", ".join(str(seed) for seed in range(15))
    (served / "served.toml").write_text(SUITE.format(seeds=seeds))

    def edit_or_end(asked: Asked) -> Reply:
        if len(server.requests) == 8:
            threading.Thread(target=server.stop).start()
        return give_back(asked)

    server.on("POST /edit", edit_or_end)
    done = command("run", "--out", "run", "--jobs", "2")
    assert done.returncode == 3, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("failed: ")]
    assert 2 <= len(told) <= 6, done.stdout
    assert sum("refused the last 2 connections" in line for line in told) == 1
    assert any(
        re.match(r"failed: \d+ more cases for the same reason as logo/", one) for one in told
    )
    records = editproof.load(served / "run").records
    assert len(records) == 30
    assert {record.error.kind for record in records if record.error} <= {
        *("ServiceGoneError", "ServiceError")
    }
    with FakeServer(server.port) as again:
        again.on("POST /edit", give_back)
        assert command("run", "--out", "run", "--resume").returncode == 0
    assert not any(record.error for record in editproof.load(served / "run").records)


def repeat_the_token(asked: Asked) -> Reply:
    """What a careless service says: in a text, in JSON, in a header, or cut in two."""
    token = asked.headers["authorization"]
    number = int(asked.form["seed"].data)
    return [
        Reply(401, f"no: {token}".encode()),
        Reply.of_json({"detail": {"headers": {"Authorization": token}}}, 403),
        Reply(400, b"bad", headers={"X-Request-ID": token}),
        Reply(400, b"x" * 285 + token.encode()),
        Reply(body=token.encode(), media_type="text/html"),
        Reply(302, headers={"Location": f"http://elsewhere.example/{token}"}),
        give_back(asked),
    ][number]


@pytest.mark.slow
def test_no_secret_is_left_anywhere(command: Command, served: Path, server: FakeServer) -> None:
    """Whatever the service repeats of it: in the run, its logs and report, the cache, or on the
    terminal.
    """
    (served / "served.toml").write_text(SUITE.format(seeds="0, 1, 2, 3, 4, 5, 6"))
    server.on("POST /edit", repeat_the_token)
    server.on(
        "GET /api/v1/model",
        lambda asked: Reply.of_json({"name": asked.headers["authorization"], "path": "x"}),
    )
    server.on("POST /api/v1/inpaint", Reply.of_png(make_picture(64, 64)))
    with (served / "editproof.toml").open("a") as settings:
        settings.write(
            f'[pipelines.paint]\nadapter = "iopaint"\nurl = "{server.url}"\n'
            'header.Authorization = "Bearer ${TOKEN}"\n'
        )
    done = command("run", "--out", "run", "--jobs", "2", "--json")
    assert done.returncode == 3, done.stderr
    sent = {asked.headers.get("authorization") for asked in server.requests}
    assert sent == {f"Bearer {TOKEN}"}
    records = editproof.load(served / "run").records
    assert sum("[secret]" in record.reason for record in records) >= 8
    assert any(record.config.get("model") == "Bearer [secret]" for record in records)
    half = TOKEN[:12].encode()
    assert half not in (done.stdout + done.stderr).encode()
    for root in (served / "run", Path(os.environ["EDITPROOF_CACHE"])):
        files = [path for path in root.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if half in path.read_bytes()]


@pytest.mark.slow
def test_a_run_of_a_stranger_contacts_nobody_until_it_is_trusted(
    command: Command, served: Path, server: FakeServer
) -> None:
    """Neither to go on with it, nor to find blame in it."""
    server.on("POST /edit", Reply(500, b"out of memory"))
    assert command("run", "--out", "run", "-q").returncode == 3
    server.on("POST /edit", give_back)
    own = (served / "editproof.toml").read_text()
    (served / "editproof.toml").write_text(SETTINGS)
    shutil.move(served / "run", served / "received")
    before = len(server.requests)
    for words in (
        ("run", "--resume", "--out", "received"),
        ("blame", "logo/1 mine seed 1", "--run", "received"),
    ):
        refused = command(*words)
        assert refused.returncode == 2, refused.stdout
        if words[0] == "run":
            assert f"send pictures to {server.url}/edit with TOKEN of" in refused.stderr
    assert len(server.requests) == before
    trusted = command("run", "--resume", "--out", "received", "--trust", "-q")
    assert trusted.returncode == 0, trusted.stderr
    assert len(server.requests) > before
    (served / "editproof.toml").write_text(own)
    assert command("run", "--resume", "--out", "received", "-q").returncode == 0


@pytest.mark.exhaustive
def test_blame_asks_a_service_only_where_it_is_trusted(
    command: Command, served: Path, server: FakeServer
) -> None:
    small = SUITE.format(seeds="1").replace("[1, 2]", "[1]")
    (served / "served.toml").write_text(small)
    assert command("run", "-q").returncode == 0
    assert command("baseline", "accept", "--reason", "first").returncode == 0
    server.on("POST /edit", Reply.of_png(make_picture(64, 64)))
    own = (served / "editproof.toml").read_text() + 'header.X-Release = "2"\n'
    (served / "editproof.toml").write_text(own)
    command("run", "-q", "--no-cache")
    (served / "editproof.toml").write_text(SETTINGS)
    before = len(server.requests)
    words = ("blame", "logo/1 mine seed 1", "--metric", "psnr/all/mean", "--out", "bundle")
    refused = command(*words)
    assert refused.returncode == 2, refused.stdout
    assert f"It would send pictures to {server.url}/edit" in refused.stderr
    assert len(server.requests) == before
    trusted = command(*words, "--trust")
    assert trusted.returncode == 0, trusted.stderr
    files = [path for path in (served / "bundle").rglob("*") if path.is_file()]
    assert any("${TOKEN}" in path.read_text(errors="replace") for path in files)
    assert not [path for path in files if TOKEN[:12].encode() in path.read_bytes()]
    shutil.rmtree(served / "bundle")
    before_that = PIPELINE.format(url=server.url).replace("mine", "older")
    (served / "editproof.toml").write_text(own + before_that)
    assert command(*words).returncode == 0
