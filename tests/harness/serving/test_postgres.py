"""The server on PostgreSQL, as Debian has it: started here, on this machine alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from editproof.harness.records.errors import UsageError
from editproof.harness.serving.database import Base, Database, Job, hide_password
from editproof.harness.serving.forgetting import forget_old
from editproof.harness.serving.keys import add_key, list_keys
from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, Start
from tests.harness.serving.test_jobs import FILES, follow, post

USER = "postgres"


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian's is not on the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    return next(iter([*folders, *([Path(on_path).parent] if on_path else [])]), None)


PROGRAMS = find_programs()

needs_postgres = pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed")


def run_as_user(command: list[str], **more: Any) -> subprocess.Popen[bytes]:
    """PostgreSQL refuses to run as root."""
    user = USER if os.getuid() == 0 else None
    return subprocess.Popen(command, user=user, group=user, cwd="/", **more)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """URL of a database that is empty, and gone afterwards."""
    assert PROGRAMS is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, USER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["--auth=trust", f"--username={USER}", "--no-sync", "-D", str(folder / "data")]
        made = run_as_user([str(PROGRAMS / "initdb"), *words], stdout=subprocess.DEVNULL)
        assert made.wait() == 0
        words = ["-h", "127.0.0.1", "-p", str(port), "-k", name, "-c", "fsync=off"]
        server = run_as_user(
            [str(PROGRAMS / "postgres"), "-D", str(folder / "data"), *words],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait()


def wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("PostgreSQL did not start")


@needs_postgres
def test_edits_jobs_and_masks(start: Start, postgres: str) -> None:
    server = start(database=postgres)
    edit = server.client.post("/v1/edit", files=FILES, data={"prompt": "a\u0000b"}).json()
    assert server.client.post(f"/v1/edits/{edit['id']}/replay").json()["image"] == edit["image"]
    job = follow(server, post(server).json()["id"])[-1]
    assert (job["state"], job["attempts"]) == ("done", 1)
    image = server.put(IMAGE_PNG)
    assert server.client.put(f"/v1/masks/{image}", content=MASK_PNG).status_code == 201
    assert server.edit(image=image).json()["image"] == edit["image"]
    assert server.client.get("/v1/edits/a%00b").status_code == 422
    gone = forget_old(server.service.database, server.service.pictures, timedelta(microseconds=1))
    assert (gone.edits, gone.jobs) == (4, 1)


@needs_postgres
def test_one_key_is_one_job_in_a_crowd(start: Start, postgres: str) -> None:
    """Though two servers share the database."""
    servers = [start(database=postgres), start(database=postgres)]
    for one in servers:  # FastAPI builds routes at the first request, and not for two at once
        post(one, f"first of {id(one)}")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: post(servers[one % 2], "crowd"), range(16)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    job = follow(servers[0], answers[0].json()["id"])[-1]
    assert (job["state"], job["attempts"]) == ("done", 1)


@needs_postgres
def test_two_servers_start_at_once(postgres: str) -> None:
    """Only one of them makes the tables."""
    url = postgres.removesuffix("/postgres") + "/fresh"
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE fresh"))
    engine.dispose()
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: Database(url), range(4)))
    add_key(databases[0], "ann")
    assert [key.name for key in list_keys(databases[3])] == ["ann"]
    for database in databases:
        database.close()


def test_the_steps_make_the_tables_that_the_code_has(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    Database(url).close()
    engine = create_engine(url)
    with closing(engine.connect()) as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_an_older_database_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds stays: a job that waited in it still waits."""
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    monkeypatch.setattr("editproof.harness.serving.upgrading.NEWEST", "0001")
    Database(url).close()
    monkeypatch.undo()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jobs"
                " (id, owner, made_at, state, stage, attempts, held_until, question)"
                " VALUES ('old', 'ann', 1.0, 'queued', '', 0, 0.0, '{}')"
            )
        )
    with closing(Database(url)) as database, database.reading() as session:
        job = session.get_one(Job, "old")
        assert (job.state, job.bulk, job.found) == ("queued", None, None)
    with closing(engine.connect()) as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    Database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(UsageError, match="a newer editproof has changed the database"):
        Database(url)


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://me:secret@127.0.0.1:1/no", "nonsense", "oracle://me:secret@x/y"]
)
def test_a_database_that_can_not_be_used_is_named(url: str) -> None:
    """Without its password."""
    with pytest.raises(UsageError, match="--database ") as error:
        Database(url)
    assert "secret" not in str(error.value)
    assert "secret" not in hide_password(url)
