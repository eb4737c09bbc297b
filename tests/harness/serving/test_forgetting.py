"""What goes: what is old, and all that belongs to one key."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from editproof.harness.commands.serving import app
from editproof.harness.serving.database import Base, EditRecord, Holding, Job
from editproof.harness.serving.forgetting import forget_old
from editproof.harness.serving.keys import add_key
from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, Server, Start, hash_of
from tests.harness.serving.test_jobs import FILES, follow, post

OLD_S = 10 * 86400


def files_of(server: Server) -> set[str]:
    """Pictures that lie on the disk."""
    return {path.name for path in (server.service.settings.folder / "pictures").glob("*/*")}


def sign(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def edit_as(server: Server, key: str, **data: Any) -> Any:
    answer = server.client.post("/v1/edit", files=FILES, data=data, headers=sign(key))
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("way", ["http", "command"])
def test_one_customers_pictures_go_everywhere(start: Start, way: str, tmp_path: Path) -> None:
    """Another's stay, the same files too."""
    server = start(needs_key=True)
    ann, bob = (add_key(server.service.database, name) for name in ("ann", "bob"))
    mine = edit_as(server, ann, seed="1", settings='{"harmonise.grain": true}')
    theirs = edit_as(server, bob, seed="2", settings='{"harmonise.grain": true}')
    assert mine["image"] in files_of(server)
    if way == "http":
        gone = server.client.delete("/v1/pictures", headers=sign(ann)).json()
        assert gone == {"edits": 1, "jobs": 0, "pictures": 3}
    else:
        words = ["serve-key", "ann", "--forget", "--folder", str(tmp_path / "state")]
        assert "1 edits, 0 jobs, 3 pictures" in CliRunner().invoke(app, words).output
    assert files_of(server) == {hash_of(IMAGE_PNG), hash_of(MASK_PNG), theirs["image"]}
    for path in (f"/v1/edits/{mine['id']}", f"/v1/pictures/{mine['image']}"):
        assert server.client.get(path, headers=sign(ann)).status_code == 404
    kept = server.client.get(f"/v1/pictures/{theirs['image']}", headers=sign(bob))
    assert hash_of(kept.content) == theirs["image"]
    replay = server.client.post(f"/v1/edits/{theirs['id']}/replay", headers=sign(bob))
    assert replay.json()["image"] == theirs["image"]


def make_old(server: Server, table: type[Base], **changes: Any) -> None:
    with server.service.database.writing() as session:
        session.execute(update(table).values(**changes))


def test_what_is_old_goes(start: Start) -> None:
    """A picture stays while an edit that is kept names it."""
    server = start()
    old = server.client.post("/v1/edit", files=FILES, data={"scale": "2"}).json()
    follow(server, post(server, seed="5").json()["id"])
    before = time.time() - OLD_S
    make_old(server, EditRecord, made_at=before)
    make_old(server, Job, made_at=before)
    make_old(server, Holding, used_at=before)
    new = server.client.post("/v1/edit", files=FILES).json()
    service = server.service
    gone = forget_old(service.database, service.pictures, timedelta(days=1))
    assert (gone.edits, gone.jobs) == (2, 1)
    assert server.client.get(f"/v1/edits/{old['id']}").status_code == 404
    assert files_of(server) == {hash_of(IMAGE_PNG), hash_of(MASK_PNG), new["image"]}
    replay = server.client.post(f"/v1/edits/{new['id']}/replay").json()
    assert replay["image"] == new["image"]


def test_a_server_sweeps_when_it_starts(start: Start) -> None:
    server = start()
    old = server.client.post("/v1/edit", files=FILES).json()
    make_old(server, EditRecord, made_at=time.time() - OLD_S)
    later = start(keep=timedelta(days=1))
    for _ in range(200):
        if later.client.get(f"/v1/edits/{old['id']}").status_code == 404:
            return
        time.sleep(0.05)
    pytest.fail("the edit is still there")


def test_a_wrong_duration_is_named() -> None:
    answer = CliRunner().invoke(app, ["serve", "--keep", "a while"])
    assert answer.exit_code == 2
    assert "--keep is 'a while'" in answer.output
