"""Crowds, kills and long runs: every accepted job ends once, every answer is right, memory is flat.
`nox -s serve_load` runs it; EDITPROOF_LOAD is the number of requests of each test.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from editproof.pipelines.array_file import decode_array
from tests.harness.serving.conftest import hash_of
from tests.load.conftest import (
    REQUESTS,
    Killable,
    Question,
    ask_until_answered,
    median_of,
    write_figures,
)

CLIENTS = 12
WORKERS = 4
QUEUE = 16
OVERLOAD = 4
MOST_GROWTH_KIB = 48 * 1024
"""Of a process's memory over all requests but the first fifth."""


@contextmanager
def killed_often(server: Killable) -> Iterator[Counter[str]]:
    """Every few seconds, while the block runs, a process of the server is killed; every fourth
    time the whole server is, and started again.
    """
    over, kills = threading.Event(), Counter[str]()

    def kill() -> None:
        pauses = random.Random(1)
        while not over.wait(pauses.uniform(2, 6)):
            whole = kills.total() % 4 == 3
            kills["servers" if whole else "workers"] += 1
            (server.kill if whole else server.kill_worker)()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield kills
    finally:
        over.set()
        thread.join()


def test_kills_lose_nothing(tmp_path: Path, questions: list[Question]) -> None:
    """Edits and jobs in turn: each job has one edit, and every picture is the library's."""
    server = Killable(tmp_path, "--workers", str(WORKERS))
    client = httpx2.Client(base_url=server.url)
    start = time.monotonic()

    def ask(number: int) -> tuple[str, Question]:
        question = questions[number % len(questions)]
        if number % 2:
            answer = ask_until_answered(client, "/v1/edit", question)
            assert (answer.status_code, answer.json()["image"]) == (200, question.answer)
            return "", question
        key = {"Idempotency-Key": f"load-{number}"}
        answer = ask_until_answered(client, "/v1/jobs", question, headers=key)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"], question

    with client, killed_often(server) as kills, ThreadPoolExecutor(CLIENTS) as pool:
        asked = list(pool.map(ask, range(REQUESTS)))
    jobs = {job: question for job, question in asked if job}
    assert len(jobs) == (REQUESTS + 1) // 2
    _wait_for_jobs(server)
    with closing(sqlite3.connect(tmp_path / "state" / "service.sqlite")) as database:
        ended = database.execute("select id, state, edit, attempts from jobs").fetchall()
        made = dict(database.execute("select id, image from edits").fetchall())
        edits = Counter(
            row[0] for row in database.execute("select request_id from edits").fetchall()
        )
    assert {row[0] for row in ended} == set(jobs)
    assert Counter(row[1] for row in ended) == {"done": len(jobs)}
    for job, _, edit, _ in ended:
        assert made[edit] == jobs[job].answer
        assert edits[f"job-{job}"] == 1
    _check_files(tmp_path / "state" / "pictures", questions)
    again = sum(row[3] > 1 for row in ended)
    server.stop()
    write_figures(
        "Kills",
        f"{REQUESTS} requests of {CLIENTS} clients to {WORKERS} processes: edits and jobs in turn.",
        f"{kills['workers']} times a process was killed, {kills['servers']} times all of them.",
        f"It took {(time.monotonic() - start) / 60:.0f} minutes.",
        f"All {len(jobs)} jobs ended, each with one edit; {again} were begun again.",
        "Every picture has the bytes that the library gives.",
    )
    assert kills["workers"] > 0


def _wait_for_jobs(server: Killable) -> None:
    """Until none waits or runs."""
    path = server.log.parent / "state" / "service.sqlite"
    while True:
        with closing(sqlite3.connect(path)) as database:
            query = "select count(*) from jobs where state in ('queued', 'running')"
            if not database.execute(query).fetchone()[0]:
                return
        assert server.process.poll() is None
        time.sleep(0.5)


def _check_files(pictures: Path, questions: list[Question]) -> None:
    """The kept pictures have the bytes that their names say."""
    for question in questions:
        data = (pictures / question.answer[:2] / question.answer).read_bytes()
        assert hash_of(data) == question.answer
        assert decode_array(data).ndim == 3


def test_overload_is_turned_away(tmp_path: Path, questions: list[Question]) -> None:
    """With four times as many clients as the queue holds, whoever is let in is answered within the
    time that the queue takes; others get 429 with Retry-After.
    """
    server = Killable(tmp_path, "--queue", str(QUEUE))
    clients = OVERLOAD * (QUEUE + 1)
    per_client = max(4, REQUESTS // clients)
    waits: list[float] = []
    makings: list[float] = []
    statuses: Counter[int] = Counter()

    def ask(number: int) -> None:
        question = questions[number % len(questions)]
        with httpx2.Client(base_url=server.url, verify=False) as client:
            for _ in range(per_client):
                start = time.perf_counter()
                answer = client.post(
                    "/v1/edit", files=question.files, data=question.data, timeout=300
                )
                statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    waits.append(time.perf_counter() - start)
                    makings.append(_read_making(answer))
                    assert answer.json()["image"] == question.answer
                else:
                    assert answer.json()["code"] == "queue_full"
                    assert int(answer.headers["retry-after"]) >= 1

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, range(clients)))
    server.stop()
    assert set(statuses) <= {200, 429}
    assert statuses[429] > 0
    longest = float(np.percentile(waits, 99))
    turns = longest / median_of(makings)
    write_figures(
        "Overload",
        f"{clients} clients asked a queue of {QUEUE}, {OVERLOAD} times what it holds.",
        f"{statuses[200]} requests were answered, and {statuses[429]} were turned away with 429.",
        f"99 % of the answers came within {longest:.2f} s, the time of {turns:.0f} edits.",
    )
    assert longest < 3 * (QUEUE + 2) * float(np.percentile(makings, 95))


def _read_making(answer: Any) -> float:
    """Seconds that an edit's own parts took, from Server-Timing."""
    parts = answer.headers["server-timing"].split(", ")
    return sum(float(part.partition("dur=")[2]) for part in parts) / 1000


def test_memory_stays_flat(tmp_path: Path, questions: list[Question]) -> None:
    """Over all requests, the process grows by no more than what its caches may hold."""
    server = Killable(tmp_path)
    sizes: list[int] = []

    def ask(number: int) -> None:
        question = questions[number % len(questions)]
        answer = ask_until_answered(client, "/v1/edit", question)
        assert (answer.status_code, answer.json()["image"]) == (200, question.answer)
        if number % max(1, REQUESTS // 20) == 0:
            sizes.append(server.resident_kib)

    with httpx2.Client(base_url=server.url) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(REQUESTS)))
    server.stop()
    warm, last = sizes[len(sizes) // 5], sizes[-1]
    write_figures(
        "Memory",
        f"Over {REQUESTS} requests, the process had {warm // 1024} MiB after a fifth of them, and"
        f" {last // 1024} MiB in the end.",
    )
    assert last - warm < MOST_GROWTH_KIB
