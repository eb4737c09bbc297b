"""`POST /v1/edit`: what the library gives, to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from editproof.harness.pictures.files import encode_png
from editproof.pipelines import reference
from editproof.pipelines.array_file import decode_array, encode_array
from editproof.pipelines.contract import EditRequest
from editproof.pipelines.files import decode_image
from tests.harness.serving.conftest import (
    IMAGE,
    IMAGE_NPY,
    IMAGE_PNG,
    MASK,
    MASK_NPY,
    MASK_PNG,
    Server,
    Start,
    draw_image,
    draw_mask,
)

FILES = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}


@pytest.mark.parametrize(
    ("settings", "scale"),
    [({}, 1), ({"inpaint.model": "patch", "harmonise.grain": True}, 1), ({"tile.size_px": 80}, 2)],
    ids=["default", "seeded", "enlarged"],
)
def test_an_edit_is_the_librarys_to_the_bit(
    server: Server, settings: dict[str, str | bool | int], scale: int
) -> None:
    """The same picture, decisions and settings as a direct call."""
    request = EditRequest(IMAGE, mask=MASK, seed=5, scale=scale, config=settings, file=IMAGE_PNG)
    direct = reference.build()(request)
    image, mask = server.put(IMAGE_PNG), server.put(MASK_PNG)
    answer = server.edit(image=image, mask=mask, seed=5, scale=scale, settings=settings).json()
    kept = server.client.get(f"/v1/pictures/{answer['image']}")
    assert kept.headers["content-type"] == "application/x-npy"
    assert direct.image is not None
    np.testing.assert_array_equal(decode_array(kept.content), direct.image)
    assert answer["request"]["settings"] == dict(direct.config)
    assert [stage["name"] for stage in answer["stages"]] == [one.name for one in direct.stages]
    decisions = [stage["decision"] for stage in answer["stages"]]
    assert decisions == [one.decision for one in direct.stages]


def test_words_of_a_form_need_no_quotation_marks(server: Server) -> None:
    """As `curl -F tier=preview` sends them; a word that is none of them is named."""
    asked = {"tier": "preview", "prompt": "remove the sign"}
    answer = server.client.post("/v1/edit", files=FILES, data=asked)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()["request"][name] for name in asked} == asked
    wrong = server.client.post("/v1/edit", files=FILES, data={"tier": "draft"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "tier")


def test_a_form_with_files_and_json_with_hashes_ask_the_same(server: Server) -> None:
    form = server.client.post(
        "/v1/edit", files=FILES, data={"seed": "5", "settings": json.dumps({"blend.mode": "hard"})}
    )
    image, mask = server.put(IMAGE_PNG), server.put(MASK_PNG)
    by_hash = server.edit(image=image, mask=mask, seed=5, settings={"blend.mode": "hard"})
    as_floats = server.edit(
        image=server.put(IMAGE_NPY),
        mask=server.put(MASK_NPY),
        seed=5,
        settings={"blend.mode": "hard"},
    )
    answers = [one.json() for one in (form, by_hash, as_floats)]
    assert len({answer["image"] for answer in answers}) == 1
    assert answers[0]["request"] == answers[1]["request"]


def test_a_picture_can_be_had_at_once(server: Server) -> None:
    """With `Accept: image/png`, and how it was made in the headers."""
    answer = server.client.post("/v1/edit", files=FILES, headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-edit-status"] == "done"
    assert "inpaint;dur=" in answer.headers["server-timing"]
    record = server.client.get(answer.headers["location"]).json()
    kept = server.client.get(f"/v1/pictures/{record['image']}", params={"as": "png"})
    assert kept.content == answer.content
    assert decode_image(answer.content)[0].shape == IMAGE.shape


def test_a_refused_edit_says_why(server: Server) -> None:
    files = {"image": FILES["image"], "mask": ("m.png", encode_png(np.ones_like(MASK)))}
    answer = server.client.post("/v1/edit", files=files)
    assert answer.json()["status"] == "refused"
    assert "covers too much" in answer.json()["reason"]
    picture = server.client.post("/v1/edit", files=files, headers={"Accept": "image/png"})
    assert picture.status_code == 422
    assert picture.json()["code"] == "edit_refused"


def test_the_servers_own_settings_are_the_default(start: Start) -> None:
    server = start(pipeline={"inpaint.model": "telea", "detect.text": False})
    answer = server.client.post("/v1/edit", files=FILES).json()
    assert answer["request"]["settings"]["inpaint.model"] == "telea"
    schema = server.client.get("/v1/schema").json()
    assert schema["settings"]["inpaint.model"]["value"] == "telea"


def test_numbers_for_prometheus(start: Start) -> None:
    """By stage and model, and the share of stages that kept their budget."""
    server = start(pipeline={"detect.text": False, "inpaint.budget_ms": 1e9})
    server.client.post("/v1/edit", files=FILES)
    text = server.client.get("/metrics").text
    assert 'editproof_edits_total{status="done"} 1.0' in text
    assert 'editproof_stage_seconds_count{model="ns",stage="verify"} 1.0' in text
    assert 'editproof_stage_budgets_total{kept="true",stage="inpaint"} 1.0' in text
    assert "editproof_queue 0.0" in text


def test_another_picture_does_not_share_its_answer(server: Server) -> None:
    """Nothing is kept from one edit to the next but what has the same hash."""
    for seed in (2, 3):
        image, mask = draw_image(seed=seed), draw_mask(at=20)
        direct = reference.build()(EditRequest(image, mask=mask))
        answer = server.edit(image=server.put(encode_png(image)), mask=server.put(encode_png(mask)))
        kept = server.client.get(f"/v1/pictures/{answer.json()['image']}").content
        np.testing.assert_array_equal(decode_array(kept), direct.image)


def test_a_preview_is_small_and_quick(server: Server) -> None:
    """By the quickest model, at no scale; a picture that is small already keeps its size."""
    image, mask = draw_image(edge=640), draw_mask(edge=640, at=100)
    question = {"image": server.put(encode_array(image)), "mask": server.put(encode_array(mask))}
    answer = server.edit(
        **question, scale=2, tier="preview", settings={"inpaint.model": "patch"}
    ).json()
    settings = answer["request"]["settings"]
    assert (answer["status"], settings["inpaint.model"]) == ("done", "ns")
    kept = decode_array(server.client.get(f"/v1/pictures/{answer['image']}").content)
    assert kept.shape == (512, 512, 3)
    again = server.client.post(f"/v1/edits/{answer['id']}/replay").json()
    assert again["image"] == answer["image"]
    small = server.edit(image=server.put(IMAGE_PNG), mask=server.put(MASK_PNG), tier="preview")
    picture = server.client.get(f"/v1/pictures/{small.json()['image']}").content
    assert decode_array(picture).shape == IMAGE.shape
