"""`/v1/bulk` of the server: bodies that are made to harm, and kills in the middle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from editproof.harness.serving.settings import Limits
from tests.harness.serving.conftest import (  # noqa: F401 - fixtures
    Server,
    Start,
    hash_of,
    http,
    server,
    start,
)
from tests.harness.serving.test_bulk import SEARCH, SMOOTH, ask
from tests.harness.serving.test_robustness import serve_in_process

JSON = {"Content-Type": "application/json"}
HALF = "\ud800"
LONG = 10**400

VALUES: tuple[Any, ...] = (
    float("nan"), float("inf"), 1e308, -1, 2**63, 2**70, LONG, "x" * 100_000, True, None, [], {},
    "\0\x1b", HALF,
)  # fmt: skip

FIELDS = ("images", "classes", "tiers", "edit", "prompt", "seed", "scale", "settings", "unknown")

BODIES = (
    b"", b"{", b"null", b"[]", b"[" * 200_000, b'{"images":' * 100_000, b"9" * 6000,
    b'{"images":' + b"9" * 5000 + b"}", b'{"images":["\\ud800"]}', b"\xff" * 10,
    b'{"images":[' + b'"a",' * 100_000 + b'"a"]}',
)  # fmt: skip


def test_no_bulk_is_a_crash(server: Server, count_attempt: Callable[[str], None]) -> None:  # noqa: F811
    """Each value in each field, as it is, in a list, and as a setting."""
    image = server.put(SMOOTH[0])
    whole = {"images": [image], "classes": ["colour"], "settings": SEARCH}
    questions = [
        json.dumps({**whole, field: form}).encode()
        for field in FIELDS
        for value in VALUES
        for form in (value, [value], [value, value], {"inpaint.radius_px": value}, {"a": value})
    ]
    settings = ("inpaint.model", "inpaint.budget_ms", "route.threshold", "route.tiers")
    questions += [
        json.dumps({**whole, "settings": {**SEARCH, name: value}}).encode()
        for name in settings
        for value in VALUES
    ]
    for body in (*BODIES, *questions):
        answer = server.client.post("/v1/bulk", content=body, headers=JSON)
        assert answer.status_code < 500, (body[:200], answer.text)
        if answer.status_code == 202:
            assert server.client.delete(answer.headers["location"]).status_code == 200
        count_attempt("bodies of a bulk")


@pytest.mark.parametrize("path", ["/v1/edit", "/v1/jobs"])
def test_half_a_character_is_no_text(server: Server, path: str) -> None:  # noqa: F811
    """JSON can name it, and nothing can write it down."""
    image = server.put(SMOOTH[0])
    for more in ({"metadata": {"sku": HALF}}, {"metadata": {HALF: 1}}, {"settings": {"a": HALF}}):
        body = json.dumps({"image": image, **more}).encode()
        answer = server.client.post(path, content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_picture_that_is_named_twice_is_one_job(server: Server) -> None:  # noqa: F811
    image = server.put(SMOOTH[0])
    question = {"images": [image] * 1000, "classes": ["colour"], "settings": SEARCH}
    assert len(server.client.post("/v1/bulk", json=question).json()["items"]) == 1
    question["images"] = [image] * 1001
    assert server.client.post("/v1/bulk", json=question).status_code == 422


def test_one_bad_picture_or_one_too_many_adds_nothing(start: Start) -> None:  # noqa: F811
    server = start(limits=Limits(jobs=2))  # noqa: F811
    held = [server.put(picture) for picture in SMOOTH]
    question: dict[str, Any] = {"classes": ["colour"], "settings": SEARCH}
    for images, status in (([*held[:1], "0" * 64], 404), (held, 429)):
        answer = server.client.post("/v1/bulk", json={**question, "images": images})
        assert answer.status_code == status
        assert "waiting" not in answer.text
    assert server.client.post("/v1/bulk", json={**question, "images": held[:2]}).status_code == 202


def test_pictures_may_be_removed_in_the_middle(server: Server) -> None:  # noqa: F811
    """The bulk goes with them, and the server goes on."""
    place = ask(server, *SMOOTH).headers["location"]
    assert server.client.delete("/v1/pictures").status_code == 200
    assert server.client.get(place).status_code == 404
    for path in ("0" * 32, "..", "%2e%2e", "a" * 65, "'", "-x"):
        assert server.client.delete(f"/v1/bulk/{path}").status_code in {404, 405, 422}
    assert ask(server, SMOOTH[0]).status_code == 202


@pytest.mark.slow
def test_a_bulk_outlives_kills(tmp_path: Path, http: httpx2.Client) -> None:  # noqa: F811
    """Sent again with its key, it is the same bulk, and each picture is edited once."""
    folder = tmp_path / "state"
    folder.mkdir()
    ids = set()
    for kill in range(3):
        with serve_in_process(folder) as (url, process):
            images = [hash_of(picture) for picture in SMOOTH]
            for image, picture in zip(images, SMOOTH, strict=True):
                http.put(f"{url}/v1/pictures/{image}", content=picture, timeout=60)
            question = {"images": images, "classes": ["colour"], "settings": SEARCH}
            key = {"Idempotency-Key": "one"}
            answer = http.post(f"{url}/v1/bulk", json=question, headers=key, timeout=60)
            ids.add(answer.json()["id"])
            if kill < 2:
                process.kill()
                continue
            bulk = _await_bulk(http, f"{url}/v1/bulk/{answer.json()['id']}")
    assert len(ids) == 1
    assert [item["state"] for item in bulk["items"]] == ["done"] * 3
    assert len({item["edit"] for item in bulk["items"]}) == 3


def _await_bulk(client: httpx2.Client, url: str) -> Any:
    for _ in range(600):
        bulk = client.get(url, timeout=60).json()
        if bulk["is_over"]:
            return bulk
        time.sleep(0.1)
    return pytest.fail("the bulk did not end")
