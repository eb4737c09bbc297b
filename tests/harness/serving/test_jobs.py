"""Jobs: none is lost, none is made twice for one key, each can be followed and cancelled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from editproof.harness.serving.database import Job
from editproof.harness.serving.engine import Watch, watch_stages
from editproof.harness.serving.settings import Limits
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.reference import Program
from editproof.pipelines.stages.blend import blend
from tests.harness.serving.conftest import IMAGE_PNG, MASK_PNG, Server, Start

FILES = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}


def post(server: Server, key: str = "", **data: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return server.client.post("/v1/jobs", files=FILES, data=data, headers=headers)


def follow(server: Server, job: str) -> list[dict[str, Any]]:
    """All events until the job has ended."""
    with server.client.stream("GET", f"/v1/jobs/{job}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    return [
        json.loads(line.removeprefix("data: "))
        for line in text.splitlines()
        if line.startswith("data: ")
    ]


@contextmanager
def held_in_blend(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """While the block runs, every edit waits in `blend`; the event says that one has come there."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(edit: Edit) -> Step:
        arrived.set()
        assert go_on.wait(60)
        return blend(edit)

    def watch(program: Program, watch: Watch) -> Program:
        held = tuple((name, hold if name == "blend" else stage) for name, stage in program)
        return watch_stages(held, watch)

    monkeypatch.setattr("editproof.harness.serving.making.watch_stages", watch)
    try:
        yield arrived
    finally:
        go_on.set()
        monkeypatch.undo()


def test_a_job_gives_the_edit_of_a_direct_call(server: Server) -> None:
    answer = post(server, seed="3")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    events = follow(server, answer.json()["id"])
    assert events[-1]["state"] == "done"
    record = server.client.get(f"/v1/edits/{events[-1]['edit']}").json()
    direct = server.client.post("/v1/edit", files=FILES, data={"seed": "3"}).json()
    assert record["image"] == direct["image"]
    assert server.client.get(answer.headers["location"]).json() == events[-1]


def test_one_key_is_one_job(server: Server) -> None:
    """However often it is sent; with another question it is 409."""
    first, second = post(server, "k-1", seed="1"), post(server, "k-1", seed="1")
    assert first.json()["id"] == second.json()["id"]
    other = post(server, "k-1", seed="2")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_used")
    assert follow(server, first.json()["id"])[-1]["attempts"] == 1


def test_one_key_is_one_job_in_a_crowd(server: Server) -> None:
    """Who sends it at the same moment gets the same job."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(server, "k-crowd", seed="5"), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_job_that_fails_says_why(server: Server) -> None:
    image = server.put(IMAGE_PNG)
    digest = server.put(MASK_PNG)
    question = {"image": image, "protect": {"a": digest}, "scale": 8}
    job = server.client.post("/v1/jobs", json={**question, "mask": image}).json()
    assert follow(server, job["id"])[-1]["state"] in {"done", "failed"}
    wrong = server.client.post("/v1/jobs", json={**question, "settings": {"a.b": 1}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_edit")
    assert server.client.get("/v1/jobs/none").json()["code"] == "unknown_job"


def test_a_full_queue_is_429_with_retry_after(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(limits=Limits(jobs=1))
    with held_in_blend(monkeypatch) as arrived:
        job = post(server).json()["id"]
        assert arrived.wait(60)
        full = post(server)
    assert (full.status_code, full.json()["code"]) == (429, "too_many_jobs")
    assert int(full.headers["retry-after"]) > 0
    assert follow(server, job)[-1]["state"] == "done"


def test_a_job_is_cancelled_before_its_next_stage(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits, at once."""
    server = start()
    with held_in_blend(monkeypatch) as arrived:
        running = post(server).json()["id"]
        assert arrived.wait(60)
        waiting = post(server).json()["id"]
        for job in (running, waiting):
            answer = server.client.delete(f"/v1/jobs/{job}")
            assert answer.json()["state"] == "cancelled"
    for job in (running, waiting):
        last = follow(server, job)[-1]
        assert (last["state"], last["edit"]) == ("cancelled", None)
    later = post(server).json()["id"]
    assert follow(server, later)[-1]["state"] == "done"


def test_a_job_that_ran_when_the_server_ended_runs_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same picture; none is lost."""
    server = start()
    direct = server.client.post("/v1/edit", files=FILES).json()["image"]
    with held_in_blend(monkeypatch) as arrived:
        jobs = [post(server).json()["id"] for _ in range(3)]
        assert arrived.wait(60)
        with server.service.database.reading() as session:
            assert {session.get_one(Job, job).state for job in jobs} == {"queued", "running"}
        threading.Timer(0.2, monkeypatch.undo).start()
        later = start()  # as after a kill: nobody told the first server
    for job in jobs:
        last = follow(later, job)[-1]
        assert last["state"] == "done"
        edit = later.client.get(f"/v1/edits/{last['edit']}").json()
        assert edit["image"] == direct


def test_a_full_server_turns_edits_away(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After; what was accepted is answered."""
    server = start(limits=Limits(queue=1))
    answers = []

    def edit() -> None:
        answers.append(server.client.post("/v1/edit", files=FILES))

    with held_in_blend(monkeypatch) as arrived:
        threads = [threading.Thread(target=edit) for _ in range(6)]
        for thread in threads:
            thread.start()
        assert arrived.wait(60)
        while len(answers) < 4:
            threads[0].join(0.05)
    for thread in threads:
        thread.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200, 200, 429, 429, 429, 429]
    turned_away = next(answer for answer in answers if answer.status_code == 429)
    assert int(turned_away.headers["retry-after"]) >= 1
    assert turned_away.json()["code"] == "queue_full"


def test_an_edit_over_its_time_is_given_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """504 at once; the edit ends before its next stage, and the next one is made."""
    server = start(limits=Limits(edit_timeout_s=0.5))
    with held_in_blend(monkeypatch):
        answer = server.client.post("/v1/edit", files=FILES)
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert server.client.get("/healthz").status_code == 200
