"""Each stage alone: one after the other, they are the whole edit to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from editproof.harness.pictures.files import encode_png
from editproof.pipelines.adapters.service_stages import path_of
from editproof.pipelines.array_file import decode_array
from editproof.pipelines.contract import EditRequest
from editproof.pipelines.reference import STAGES, build
from tests.harness.serving.conftest import (
    IMAGE,
    IMAGE_PNG,
    MASK,
    MASK_PNG,
    Server,
    Start,
    draw_image,
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


HANDED_ON = ("picture", "mask", "fill", "blended")


def test_every_stage_has_its_path() -> None:
    """They are the pipeline's own."""
    assert {*PATHS, "decode", "upscale/check"} == {path_of(name) for name, _ in STAGES}


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
    body: dict[str, Any] = {
        "image": server.put(IMAGE_PNG),
        "mask": server.put(MASK_PNG),
        "seed": 3,
        "scale": 2,
        "settings": settings,
    }
    decisions = []
    for name, _ in pipeline.stages(request):
        answer = server.client.post(f"/v1/{path_of(name)}", json=body)
        assert answer.status_code == 200, answer.text
        body = answer.json()["next"]
        decisions.append(answer.json()["decision"])
    state = body["state"]
    assert decisions == [trace.decision for trace in whole.stages]
    kept = server.client.get(f"/v1/pictures/{state['picture']}").content
    np.testing.assert_array_equal(decode_array(kept), whole.image)
    assert state["status"] == whole.status.value


def test_a_stage_can_be_tried_alone(server: Server) -> None:
    """A picture and a mask are enough to fill it."""
    files = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}
    answer = server.client.post("/v1/inpaint", files=files).json()
    fill = decode_array(
        server.client.get(f"/v1/pictures/{answer['next']['state']['fill']}").content
    )
    assert (fill != IMAGE).any()
    np.testing.assert_array_equal(fill[MASK == 0], IMAGE[MASK == 0])
    assert answer["decision"].startswith("ns: 64 px")


def test_the_precheck_says_what_there_is_to_do(server: Server) -> None:
    files = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}
    answer = server.client.post("/v1/precheck", files=files).json()
    assert answer["found"]["estimate_ms"] > 0
    assert answer["next"]["state"]["needs_inpainting"] is True
    assert answer["next"]["state"]["needs_text_removal"] is False
    proxy = decode_array(server.client.get(f"/v1/pictures/{answer['artefact']}").content)
    assert proxy.shape == MASK.shape


def test_verify_gives_its_numbers(server: Server) -> None:
    """A picture that changed outside the mask needs review."""
    changed = 1 - IMAGE
    state = {"blended": server.put(encode_png(changed)), "picture": server.put(encode_png(changed))}
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG), "state": state}
    answer = server.client.post("/v1/verify", json=question).json()
    assert answer["next"]["state"]["status"] == "needs_review"
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
    body = server.client.post("/v1/inpaint", json=question).json()["next"]
    pictures = {body["image"], body["mask"], *(body["state"][name] for name in HANDED_ON)}
    for digest in pictures:
        assert other.put(server.client.get(f"/v1/pictures/{digest}").content) == digest
    there, here = (one.client.post("/v1/blend", json=body).json() for one in (other, server))
    assert there["next"] == here["next"]


@pytest.mark.parametrize("path", ["blend", "verify", "harmonise", "upscale/check", "inpaint"])
def test_a_state_that_does_not_fit_together_is_a_problem(server: Server, path: str) -> None:
    """Never an internal error: it may come from anybody."""
    large, small = draw_image(edge=96), draw_image(edge=12)
    state = {
        "picture": server.put(encode_png(large)),
        "enlarged_from": server.put(encode_png(small)),
        "filled": server.put(MASK_PNG),
    }
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG), "scale": 2}
    answer = server.client.post(f"/v1/{path}", json={**question, "state": state})
    assert answer.status_code in {200, 422}, answer.text


def test_a_picture_that_is_all_mask_is_a_problem(server: Server) -> None:
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(encode_png(np.ones_like(MASK)))}
    answer = server.edit(**question, settings={"mask.max_coverage": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "edit_failed")


def test_a_stage_answers_with_its_picture(server: Server) -> None:
    """Where PNG is asked for; a stage without a picture answers in JSON."""
    body = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG)}
    headers = {"Accept": "image/png"}
    made = server.client.post("/v1/inpaint", json=body).json()["artefact"]
    shown = server.client.get(f"/v1/pictures/{made}", params={"as": "png"}).content
    answer = server.client.post("/v1/inpaint", json=body, headers=headers)
    assert (answer.headers["content-type"], answer.content) == ("image/png", shown)
    answer = server.client.post("/v1/upscale/check", json=body, headers=headers)
    assert answer.json()["artefact"] is None
