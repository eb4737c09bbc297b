"""The desk over HTTP: who gets in, what is shown, what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from editproof.harness.pictures.files import encode_png
from editproof.harness.review.app import make_app
from editproof.harness.review.desk import Desk
from editproof.harness.review.gateway import DeskKeys
from editproof.harness.review.rerunning import Reruns
from editproof.reports.html.review_page import make_review_page
from tests.harness.review.conftest import OpenDesk
from tests.harness.review.made import make_means

PORT = 8123
BASE = f"http://127.0.0.1:{PORT}"


class Opened:
    """A desk, its keys, and a browser that has opened it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.keys = desk, DeskKeys(PORT)
        self.reruns = Reruns(desk, make_means())
        self.app = make_app(desk, self.reruns, make_review_page(), self.keys, PORT)
        self.client = TestClient(self.app, base_url=BASE, raise_server_exceptions=False)

    def enter(self) -> Opened:
        assert self.client.get(self.keys.link).status_code == 200
        return self

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={"Origin": BASE, **headers})


@pytest.fixture
def opened(desk_of: OpenDesk) -> Opened:
    return Opened(desk_of()).enter()


def test_the_link_opens_once(desk_of: OpenDesk) -> None:
    """The first browser gets a cookie that no script reads and no other site sends."""
    desk = Opened(desk_of())
    assert desk.client.get("/").status_code == 401
    assert desk.client.get("/open?token=guess").status_code == 403
    answer = desk.client.get(desk.keys.link)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert desk.client.get("/").status_code == 200
    assert desk.client.get(desk.keys.link).status_code == 200  # the same browser, again
    stranger = TestClient(desk.app, base_url=BASE)
    assert stranger.get(desk.keys.link).status_code == 403
    assert stranger.get("/api/desk").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"127.0.0.1:{PORT + 1}", "[::1]"])
def test_another_name_leads_nowhere(opened: Opened, host: str) -> None:
    answer = opened.client.get("/api/desk", headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["code"] == "foreign_origin"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
        {"Origin": BASE, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others_decide_nothing(opened: Opened, headers: dict[str, str]) -> None:
    body = {"kind": "accept", "cases": [0]}
    assert opened.client.post("/api/decisions", json=body, headers=headers).status_code == 403
    assert opened.desk.read_decisions() == ()


def test_a_form_without_an_origin_decides_nothing(opened: Opened) -> None:
    answer = opened.client.post("/api/decisions", json={"kind": "accept", "cases": [0]})
    assert answer.status_code == 403


def test_nothing_comes_from_elsewhere(opened: Opened) -> None:
    """By policy, and in the page itself."""
    answer = opened.client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    for name in ("review.js", "review.css", "tokens.css"):
        assert opened.client.get(f"/static/{name}").status_code == 200
    assert opened.client.get("/static/..%2findex.html").status_code == 404


def test_what_is_known_of_the_run(opened: Opened) -> None:
    about = opened.client.get("/api/desk").json()
    assert [len(group["members"]) for group in about["groups"]] == [17, 17, 16]
    assert sorted(n for group in about["groups"] for n in group["members"]) == list(range(50))
    assert about["author"] == "ann"
    assert about["unchanged"] == 4


def test_a_decision_and_its_undo(opened: Opened) -> None:
    """What is answered is what has changed, and how far the work is."""
    answer = opened.post("/api/decisions", {"kind": "reject", "cases": [3]}).json()
    assert [(one["cases"], one["state"]) for one in answer["states"]] == [([3], "reject")]
    assert (answer["done"], answer["asked"]) == (1, 50)
    known = opened.client.get("/api/decisions").json()
    assert known["states"] == answer["states"]
    assert opened.client.get(f"/api/decisions?version={known['version']}").json() == {"same": True}
    undone = opened.post("/api/undo", {}).json()["states"]
    assert undone == [{"cases": [3], "state": "", "votes": []}]


def test_a_comment_with_a_place(opened: Opened) -> None:
    question = {"kind": "comment", "cases": [0], "reason": "here", "place": {"x": 0.5, "y": 0.1}}
    (found,) = opened.post("/api/decisions", question).json()["comments"]
    assert (found["text"], found["place"], found["author"]) == ("here", [0.5, 0.1], "ann")


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"kind": "accept", "cases": []}, 422),
        ({"kind": "accept", "cases": [50]}, 422),
        ({"kind": "accept", "cases": [-1]}, 422),
        ({"kind": "undo", "cases": [0]}, 422),
        ({"kind": "accept", "cases": [0], "author": "ben"}, 422),
        ({"kind": "comment", "cases": [0], "reason": "x" * 4001}, 422),
        ({"kind": "comment", "cases": [0], "reason": "x", "place": {"x": 2, "y": 0}}, 422),
        ({"kind": "comment", "cases": [0]}, 409),
        ({"kind": "waive", "cases": [0], "reason": "x", "expires": "2020-01-01"}, 409),
        ([], 422),
    ],
)
def test_questions_that_are_wrong(opened: Opened, question: Any, status: int) -> None:
    answer = opened.post("/api/decisions", question)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert opened.desk.read_decisions() == ()


def test_a_body_without_an_end(opened: Opened) -> None:
    answer = opened.post("/api/decisions", {"kind": "comment", "reason": "x" * (9 << 20)})
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["before", "now", "difference"])
@pytest.mark.parametrize("edge", [0, 96])
def test_pictures(opened: Opened, kind: str, edge: int) -> None:
    answer = opened.client.get(f"/picture/0/{kind}?edge={edge}")
    assert answer.headers["content-type"] == ("image/webp" if edge else "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.content) > 100


@pytest.mark.parametrize(
    "path", ["/picture/54/now", "/picture/-1/now", "/picture/0/expected", "/picture/0/now?edge=97"]
)
def test_pictures_that_are_not_there(opened: Opened, path: str) -> None:
    assert opened.client.get(path).status_code == 404


def test_a_damaged_picture(opened: Opened) -> None:
    """One of another content than its name says is not shown."""
    change = opened.desk.changes[0]
    opened.desk.run.blob(change.picture).write_bytes(b"<script>")
    answer = opened.client.get("/picture/0/now")
    assert answer.status_code == 409
    assert "damaged" in answer.json()["detail"]


def test_apply(opened: Opened) -> None:
    """Afterwards the desk takes no more decisions: the baseline is another one."""
    opened.post("/api/decisions", {"kind": "accept", "cases": [0, 1]})
    assert opened.post("/api/apply", {"reason": ""}).status_code == 409
    assert opened.post("/api/apply", {"reason": "new blur"}).json()["cases"] == 2
    answer = opened.post("/api/decisions", {"kind": "accept", "cases": [2]})
    assert answer.status_code == 409
    assert "editproof gate" in answer.json()["detail"]


def test_a_desk_to_look_at(desk_of: OpenDesk) -> None:
    desk = Opened(desk_of(read_only=True)).enter()
    assert json.loads(desk.client.get("/api/desk").content)["read_only"] is True
    for path, body in (
        ("/api/decisions", {"kind": "accept", "cases": [0]}),
        ("/api/undo", {}),
        ("/api/cases", {"case": 0, "name": "x", "mask": ""}),
        ("/api/apply", {"reason": "x"}),
        ("/api/reruns", {"case": 0}),
    ):
        assert desk.post(path, body).status_code in {403, 409}


def test_what_a_case_asks(opened: Opened) -> None:
    """Its scene is not drawn any more, so the run's picture is what can be edited again."""
    about = opened.client.get("/api/cases/0").json()
    assert about["pipeline"] == "reference?inpaint.model=ns"
    assert "The picture is the one that the run keeps" in about["note"]
    assert opened.client.get("/api/cases/0/mask").status_code == 404
    assert opened.client.get("/api/cases/54").status_code == 409
    assert len(opened.client.get("/api/others").json()["cases"]) == 4


def test_edits_that_are_not_begun(opened: Opened) -> None:
    """A body that can't be read, and an edit that nobody asked for."""
    for body in (
        {"case": 0, "settings": {"mask.dilate_px": float("nan")}},
        {"case": 0, "seed": -1},
        {"case": 0, "mask": base64.b64encode(b"no picture").decode()},
        {"case": 54},
        {"case": 0, "settings": {"inpaint.model": "diffusers:somebody/else"}},
    ):
        sent = json.dumps(body)
        headers = {"Origin": BASE, "Content-Type": "application/json"}
        answer = opened.client.post("/api/reruns", content=sent, headers=headers)
        assert answer.status_code in {409, 422}, body
    assert opened.client.get("/api/reruns").json() == {"reruns": []}
    for path in ("cancel", "forget"):
        assert opened.post(f"/api/reruns/1/{path}", {}).status_code == 409
    assert opened.post("/api/reruns/1/keep", {"reason": "x"}).status_code == 409
    assert opened.client.get("/api/reruns/1/picture").status_code == 409


def test_a_case_is_kept(opened: Opened) -> None:
    """With the mask that was drawn; a body that is no mask writes nothing."""
    mask = np.zeros((64, 64), np.float32)
    mask[10:20] = 1
    data = encode_png(mask)
    question = {"case": 0, "name": "tag", "mask": base64.b64encode(data).decode()}
    kept = opened.post("/api/cases", question).json()
    assert kept["mask"] == hashlib.sha256(data).hexdigest()
    assert (opened.desk.cases / "tag" / "mask.png").read_bytes() == data
    for more, status in (
        ({}, 409),
        ({"name": "other", "case": 54}, 409),
        ({"name": "other", "mask": "%%%"}, 409),
        ({"name": "other", "mask": ""}, 409),
    ):
        assert opened.post("/api/cases", {**question, **more}).status_code == status
    assert [path.name for path in opened.desk.cases.iterdir()] == ["tag"]
