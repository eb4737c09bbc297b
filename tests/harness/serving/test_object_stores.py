"""Pictures in an object store: in memory, and at an S3 API that `nox -s cluster` starts."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from editproof.harness.commands.serving import app
from editproof.harness.serving.keys import add_key
from editproof.harness.stores.objects import ObjectFolder, StoreError
from editproof.harness.stores.places import find_url
from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, Start, hash_of
from tests.harness.serving.test_jobs import FILES
from tests.harness.stores.conftest import BUCKET, endpoint, needs_s3

__all__ = ["endpoint"]


@pytest.fixture(params=["memory", pytest.param("s3", marks=[needs_s3, pytest.mark.s3])])
def store(request: pytest.FixtureRequest) -> str:
    """Where nothing is yet."""
    if request.param == "memory":
        return f"memory://{uuid4().hex}/pictures"
    request.getfixturevalue("endpoint")
    return f"s3://{BUCKET}/{uuid4().hex}"


def list_objects(store: str) -> set[str]:
    url = find_url(store)
    assert url is not None
    return {found.name for found in ObjectFolder(url).list()}


def test_two_machines_share_a_store(start: Start, store: str, tmp_path: Path) -> None:
    """What one has made, the other has, too; nothing of it lies in either's folder."""
    first, second = start(store=store), start(store=store)
    edit = first.client.post("/v1/edit", files=FILES).json()
    assert list_objects(store) == {hash_of(IMAGE_PNG), hash_of(MASK_PNG), edit["image"]}
    picture = second.client.get(f"/v1/pictures/{edit['image']}")
    assert hash_of(picture.content) == edit["image"]
    assert second.client.post(f"/v1/edits/{edit['id']}/replay").json()["image"] == edit["image"]
    assert not (tmp_path / "state" / "pictures").exists()


@pytest.mark.parametrize("way", ["http", "command"])
def test_deleted_pictures_leave_the_store(
    start: Start, store: str, way: str, tmp_path: Path
) -> None:
    server = start(store=store, needs_key=True)
    signed = {"Authorization": f"Bearer {add_key(server.service.database, 'ann')}"}
    assert server.client.post("/v1/edit", files=FILES, headers=signed).status_code == 200
    assert len(list_objects(store)) == 3
    if way == "http":
        assert server.client.delete("/v1/pictures", headers=signed).status_code == 200
    else:
        words = ["--forget", "--folder", str(tmp_path / "state"), "--store", store]
        done = CliRunner().invoke(app, ["serve-key", "ann", *words])
        assert done.exit_code == 0, done.output
    assert list_objects(store) == set()


def test_a_store_that_fails_is_a_problem(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After, and no word of where it is."""
    server = start(store=f"memory://{uuid4().hex}/pictures")

    def fail(*_: object) -> None:
        raise StoreError("s3://secret can't be reached")

    monkeypatch.setattr(ObjectFolder, "write_once", fail)
    answer = server.client.post("/v1/edit", files=FILES)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unreachable")
    assert "secret" not in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_a_path_is_no_store() -> None:
    answer = CliRunner().invoke(app, ["serve", "--store", "/somewhere"])
    assert answer.exit_code == 2
    assert "--store /somewhere: it must be a URL" in answer.output
