"""Kills, crowds and nonsense: nothing accepted is lost, and no answer is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editproof.harness.pictures.files import encode_png
from editproof.harness.serving.bodies import StageQuestion
from editproof.pipelines import reference
from editproof.pipelines.adapters.service_stages import path_of
from editproof.pipelines.array_file import decode_array, encode_array
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import EditRequest, Param
from editproof.pipelines.reference import STAGES
from tests.harness.serving.conftest import (
    IMAGE_PNG,
    MASK,
    MASK_PNG,
    Server,
    draw_image,
    wait_until_ready,
)

GRAINY: dict[str, Param] = {"harmonise.grain": True, "harmonise.colour": "none"}
"""Another picture for each seed."""


def test_many_at_once_each_get_their_own(running: str, http: httpx2.Client) -> None:
    """Whoever is told to come back does so; every answer is that of a direct call."""
    images = [draw_image(seed=seed) for seed in range(100, 112)]
    wanted = [reference.build()(EditRequest(image, mask=MASK)).image for image in images]

    def edit(image: np.ndarray[Any, Any]) -> Any:
        files = {"image": ("i.npy", encode_array(image)), "mask": ("m.png", MASK_PNG)}
        while True:
            answer = http.post(f"{running}/v1/edit", files=files, timeout=120)
            if answer.status_code != 429:
                break
            time.sleep(0.05)
        digest = answer.json()["image"]
        return decode_array(http.get(f"{running}/v1/pictures/{digest}").content)

    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(edit, images))
    for one, other in zip(made, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@contextmanager
def serve_in_process(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that can be killed."""
    command = [sys.executable, "-m", "editproof", "serve", "--port", "0", "--folder", str(folder)]
    with (folder.parent / "log.txt").open("a+") as log:
        start = log.tell()
        server = subprocess.Popen(command, stderr=log, text=True)
        try:
            while not (found := re.search(r"http://\S+\d", _read_from(log.name, start))):
                assert server.poll() is None
                time.sleep(0.1)
            wait_until_ready(found[0])
            yield found[0], server
        finally:
            server.kill()
            server.wait()


def _read_from(path: str, start: int) -> str:
    return Path(path).read_text()[start:]


@pytest.mark.slow
def test_accepted_jobs_outlive_kills(tmp_path: Path, http: httpx2.Client) -> None:
    """Two kills in the middle: every accepted job ends once, with the right picture."""
    seeds = range(20)
    settings_json = json.dumps(GRAINY)
    jobs: dict[int, str] = {}
    folder = tmp_path / "state"
    folder.mkdir()
    for kill in range(3):
        with serve_in_process(folder) as (url, server):
            for seed in seeds:
                answer = http.post(
                    f"{url}/v1/jobs",
                    files={"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)},
                    data={"seed": str(seed), "settings": settings_json},
                    headers={"Idempotency-Key": f"seed-{seed}"},
                    timeout=60,
                )
                assert answer.status_code == 202
                assert jobs.setdefault(seed, answer.json()["id"]) == answer.json()["id"]
                if kill < 2 and seed == 8 * (kill + 1):
                    break
            if kill < 2:
                server.kill()
                continue
            records = {seed: _await_edit(http, url, job) for seed, job in jobs.items()}
    pipeline = reference.build(**GRAINY)
    assert len(records) == len(seeds)
    assert len({record["image"] for record in records.values()}) == len(seeds)
    for seed in (0, 9, 19):
        request = EditRequest(draw_image(), mask=MASK, seed=seed)
        image = pipeline(request).image
        assert image is not None
        kept = folder / "pictures" / records[seed]["image"][:2] / records[seed]["image"]
        np.testing.assert_array_equal(decode_array(kept.read_bytes()), image)


def _await_edit(http: httpx2.Client, url: str, job: str) -> Any:
    """The edit of a job that ends."""
    for _ in range(1200):
        answer = http.get(f"{url}/v1/jobs/{job}", timeout=60).json()
        if answer["state"] not in {"queued", "running"}:
            assert answer["state"] == "done", answer
            return http.get(f"{url}/v1/edits/{answer['edit']}", timeout=60).json()
        time.sleep(0.1)
    return pytest.fail(f"job {job} did not end")


NAMES = st.sampled_from([*ReferenceConfig().as_settings(), "a.b", "inpaint", ""])
PLANES = ("mask", "strokes_add", "strokes_subtract")
VALUES = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["ns", "patch", "/etc/passwd", "#12345"]),
)


@pytest.mark.slow
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_body_is_a_crash(server: Server, data: st.DataObject) -> None:
    """Any fields, any settings, states that fit nothing: an answer or a problem, never 500."""
    sizes = {
        "image": encode_png(draw_image()),
        "large": encode_png(draw_image(edge=96)),
        "small": encode_array(draw_image(edge=5)),
        "mask": MASK_PNG,
        "plane": encode_array(np.ones_like(MASK)),
    }
    pictures = st.sampled_from([server.put(one) for one in sizes.values()])
    fields: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(PLANES, pictures)
    state = st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(
                ("picture", "mask", "fill", "blended", "enlarged_from", "filled"), pictures
            ),
            "needs_inpainting": st.booleans(),
            "status": st.sampled_from(["done", "needs_review", "refused"]),
            "lines": st.lists(
                st.fixed_dictionaries(
                    {
                        "corners": st.lists(
                            st.tuples(st.floats(-50, 99), st.floats(-50, 99)),
                            min_size=4,
                            max_size=4,
                        ),
                        "confidence": st.floats(0, 1),
                    }
                ),
                max_size=2,
            ),
        },
    )
    body = data.draw(
        st.fixed_dictionaries(
            {"image": pictures},
            optional={
                **fields,
                "scale": st.integers(1, 2),
                "seed": st.integers(-(2**64), 2**64),
                "prompt": st.text(max_size=5),
                "settings": st.dictionaries(NAMES, VALUES, max_size=2),
                "metadata": st.dictionaries(st.text(max_size=5), VALUES, max_size=2),
                "state": state,
            },
        )
    )
    path = data.draw(st.sampled_from(["edit", *(path_of(name) for name, _ in STAGES)]))
    if path == "edit":
        body.pop("state", None)
    answer = server.client.post(f"/v1/{path}", json=body)
    assert answer.status_code < 500, (path, body, answer.text)
    assert set(body) <= set(StageQuestion.model_fields)
