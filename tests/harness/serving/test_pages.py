"""An edit's live URL: a page for its owner's browser, and for nobody else."""

from __future__ import annotations

import base64
import json

from editproof.harness.serving.keys import add_key
from tests.harness.serving.conftest import Server, Start
from tests.harness.serving.test_jobs import FILES

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def sign(key: str) -> dict[str, str]:
    """As a browser does, once it has asked for a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()}


def test_a_browser_gets_a_page(server: Server) -> None:
    """Others get JSON; what somebody typed is text on the page, and no markup."""
    data = {"prompt": "<script>alert(1)</script>", "seed": "11"}
    edit = server.client.post("/v1/edit", files=FILES, data=data).json()
    answer = server.client.get(f"/v1/edits/{edit['id']}", headers=BROWSER)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    for stage in edit["stages"]:
        assert stage["name"] in answer.text
    for digest in (edit["image"], edit["request"]["image"], edit["request"]["mask"]):
        path = f"/v1/pictures/{digest}?as=png"
        assert f'src="{path}"' in answer.text
        assert server.client.get(path).headers["content-type"] == "image/png"
    assert server.client.get(f"/v1/edits/{edit['id']}").json() == edit


def test_only_its_owner_sees_it(start: Start) -> None:
    """A browser asks for the key as a password, which changes nothing."""
    server = start(needs_key=True)
    ann, bob = (add_key(server.service.database, name) for name in ("ann", "bob"))
    bearer = {"Authorization": f"Bearer {ann}"}
    edit = server.client.post("/v1/edit", files=FILES, headers=bearer).json()
    path = f"/v1/edits/{edit['id']}"
    asked = server.client.get(path, headers=BROWSER)
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith("Basic realm=")
    assert server.client.get(path, headers=BROWSER | sign(ann)).status_code == 200
    picture = f"/v1/pictures/{edit['image']}?as=png"
    asked = server.client.get(picture, headers={"Accept": "image/avif,image/*,*/*;q=0.8"})
    assert asked.headers["www-authenticate"].startswith("Basic realm=")
    assert server.client.get(picture, headers=sign(ann)).status_code == 200
    assert server.client.get(path, headers=BROWSER | sign(bob)).status_code == 404
    for wrong in ("Basic ?", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Basic"):
        assert server.client.get(path, headers={"Authorization": wrong}).status_code == 401
    refused = server.client.post(f"{path}/replay", headers=sign(ann))
    assert (refused.status_code, json.loads(refused.text)["code"]) == (401, "key_needed")
    assert server.client.delete("/v1/pictures", headers=sign(ann)).status_code == 401
