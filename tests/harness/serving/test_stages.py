"""Each stage alone: one after the other, they are the whole edit to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from editproof.harness.serving.routes.stages import path_of
from editproof.harness.serving.store import decode_array
from editproof.pipelines.contract import EditRequest
from editproof.pipelines.reference import STAGES, build
from tests.harness.serving.conftest import (
    IMAGE,
    IMAGE_PNG,
    MASK,
    MASK_PNG,
    Server,
    Start,
    encode_png,
)

PATHS = [
    "precheck",
    "detect",
    "mask/refine",
    "mask/check",
    "remove-text",
    "inpaint",
    "blend",
    "upscale",
    "harmonise",
    "verify",
]


def test_every_stage_has_its_path() -> None:
    assert set(PATHS) | {"decode", "check-upscale"} == {path_of(name) for name, _ in STAGES} | {
        "check-upscale"
    } - {"upscale/check"}


@pytest.mark.parametrize(
    "settings",
    [{}, {"inpaint.model": "patch", "text.mode": "auto"}, {"order.upscale_first": True}],
    ids=["default", "patch", "upscale_first"],
)
def test_the_stages_in_a_row_are_the_whole(server: Server, settings: dict[str, Any]) -> None:
    """What a stage hands on goes by hash, as float32."""
    request = EditRequest(IMAGE, mask=MASK, seed=3, scale=2, file=IMAGE_PNG, config=settings)
    pipeline = build()
    whole = pipeline(request)
    question = {
        "image": server.put(IMAGE_PNG),
        "mask": server.put(MASK_PNG),
        "seed": 3,
        "scale": 2,
        "settings": settings,
    }
    state: dict[str, Any] = {}
    decisions = []
    for name, _ in pipeline.stages(request):
        answer = server.client.post(f"/v1/{path_of(name)}", json={**question, "state": state})
        assert answer.status_code == 200, answer.text
        state = answer.json()["state"]
        decisions.append(answer.json()["decision"])
    assert decisions == [trace.decision for trace in whole.stages]
    kept = server.client.get(f"/v1/pictures/{state['picture']}").content
    np.testing.assert_array_equal(decode_array(kept), whole.image)
    assert state["status"] == whole.status.value


def test_a_stage_can_be_tried_alone(server: Server) -> None:
    """A picture and a mask are enough to fill it."""
    files = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}
    answer = server.client.post("/v1/inpaint", files=files).json()
    fill = decode_array(server.client.get(f"/v1/pictures/{answer['state']['fill']}").content)
    assert (fill != IMAGE).any()
    np.testing.assert_array_equal(fill[MASK == 0], IMAGE[MASK == 0])
    assert answer["decision"].startswith("ns: 64 px")


def test_the_precheck_says_what_there_is_to_do(server: Server) -> None:
    files = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}
    answer = server.client.post("/v1/precheck", files=files).json()
    assert answer["found"]["estimate_ms"] > 0
    assert answer["state"]["needs_inpainting"] is True
    assert answer["state"]["needs_text_removal"] is False
    proxy = decode_array(server.client.get(f"/v1/pictures/{answer['artefact']}").content)
    assert proxy.shape == MASK.shape


def test_verify_gives_its_numbers(server: Server) -> None:
    """A picture that changed outside the mask needs review."""
    changed = 1 - IMAGE
    state = {"blended": server.put(encode_png(changed)), "picture": server.put(encode_png(changed))}
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG), "state": state}
    answer = server.client.post("/v1/verify", json=question).json()
    assert answer["state"]["status"] == "needs_review"
    assert answer["found"]["outside"] == pytest.approx(float(np.abs(changed - IMAGE).max()))


def test_a_stage_that_refuses_is_a_problem(server: Server) -> None:
    question = {
        "image": server.put(IMAGE_PNG),
        "mask": server.put(encode_png(np.ones_like(MASK))),
    }
    answer = server.client.post("/v1/mask/check", json=question)
    assert (answer.status_code, answer.json()["code"]) == (422, "edit_refused")
    assert answer.json()["stage"] == "check_mask"


def test_a_state_of_another_size_is_named(server: Server) -> None:
    state = {"fill": server.put(encode_png(IMAGE[:20, :20]))}
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG), "state": state}
    answer = server.client.post("/v1/blend", json=question)
    assert (answer.status_code, answer.json()["field"]) == (422, "state.fill")


def test_stages_of_two_servers_make_one_edit(start: Start, server: Server) -> None:
    """A picture that one server handed on is sent to the other under the same hash."""
    other = start(pipeline={})
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG)}
    first = server.client.post("/v1/inpaint", json=question).json()["state"]
    for digest in {IMAGE_PNG: 0, MASK_PNG: 0}:
        other.put(digest)
    for digest in {first[name] for name in ("picture", "mask", "fill", "blended")}:
        assert other.put(server.client.get(f"/v1/pictures/{digest}").content) == digest
    there = other.client.post("/v1/blend", json={**question, "state": first}).json()["state"]
    here = server.client.post("/v1/blend", json={**question, "state": first}).json()["state"]
    assert there == here
