"""Bulks: masks found once, the heavy model for the few, and what that saved."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from editproof.harness.pictures.files import encode_png
from editproof.harness.serving.settings import Limits
from editproof.pipelines import reference
from editproof.pipelines.adapters.service_bulk import edit_files
from editproof.pipelines.array_file import decode_array
from editproof.pipelines.contract import EditRequest, Image, Mask, Param
from editproof.pipelines.files import decode_image
from tests.harness.serving.conftest import Server, Start, draw_mask, hash_of
from tests.harness.serving.test_jobs import follow, held_in_blend

EDGE = 64
RED = np.array([1.0, 0.0, 0.0], np.float32)
SEARCH: dict[str, Param] = {"detect.text": False, "detect.colour": "#ff0000"}


def draw_marked(*, rough: bool, seed: int = 1) -> Image:
    """A picture with a red mark: on smooth ground, which any model fills, or on rough ground."""
    levels = np.full((EDGE, EDGE, 3), 128.0)
    if rough:
        levels += np.random.default_rng(seed).normal(0, 40, levels.shape)
    else:
        levels += cv2.GaussianBlur(
            np.random.default_rng(seed).normal(0, 8, levels.shape), (0, 0), 1.5
        )
    image: Image = np.round(np.clip(levels, 0, 255)).astype(np.float32) / np.float32(255)
    image[24:36, 24:36] = RED
    return image


SMOOTH = [encode_png(draw_marked(rough=False, seed=seed)) for seed in range(3)]
ROUGH = encode_png(draw_marked(rough=True))
EMPTY = encode_png(np.full((EDGE, EDGE, 3), 0.5, np.float32))


def ask(server: Server, *pictures: bytes, key: str = "", **more: Any) -> Any:
    question = {
        "images": [server.put(picture) for picture in pictures],
        "classes": ["colour"],
        "settings": SEARCH,
        **more,
    }
    headers = {"Idempotency-Key": key} if key else {}
    return server.client.post("/v1/bulk", json=question, headers=headers)


def finish(server: Server, *pictures: bytes, **more: Any) -> dict[str, Any]:
    """The bulk once it is over."""
    answer = ask(server, *pictures, **more)
    assert answer.status_code == 202, answer.text
    for item in answer.json()["items"]:
        follow(server, item["job"])
    bulk: dict[str, Any] = server.client.get(answer.headers["location"]).json()
    assert bulk["is_over"]
    return bulk


def test_the_heavy_model_is_for_those_that_fail_the_check(server: Server) -> None:
    """Each result is that of a direct call with the same tiers and the same mask."""
    pictures = [*SMOOTH, ROUGH, EMPTY]
    bulk = finish(server, *pictures, settings={**SEARCH, "route.threshold": 0.15})
    items, report = bulk["items"], bulk["report"]
    assert [item["image"] for item in items] == [hash_of(picture) for picture in pictures]
    assert [item["tier"] for item in items[:4]] == ["ns", "ns", "ns", "patch"]
    assert report["pictures_by_tier"] == {"ns": 3, "patch": 1}
    assert report["nothing_found"] == 1
    assert report["states"] == {"done": 5}
    assert report["basis"] == "measured"
    alone, spent = report["seconds_heavy_only"], sum(report["seconds_by_tier"].values())
    assert report["seconds_saved"] == pytest.approx(alone - spent, abs=0.005)
    tiers: dict[str, Param] = {"route.tiers": "ns,patch", "route.threshold": 0.15}
    pipeline = reference.build(**tiers)
    for item, picture in zip(items[2:4], pictures[2:4], strict=True):
        image = draw_marked(rough=picture is ROUGH, seed=1 if picture is ROUGH else 2)
        mask = load(server, item["mask"])
        made = pipeline(EditRequest(image, mask=mask, file=picture))
        np.testing.assert_array_equal(load(server, item["result"]), made.image)


def load(server: Server, digest: str) -> Any:
    return decode_array(server.client.get(f"/v1/pictures/{digest}").content)


def test_masks_are_found_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the masks alone; the edits that follow look for nothing, and other settings do."""
    picture = encode_png(draw_marked(rough=True, seed=50))
    masks = finish(server, picture, edit=False)
    item = masks["items"][0]
    assert (item["state"], item["edit"]) == ("done", None)
    assert masks["report"]["detections"] == 1
    digest = hash_of(picture)
    known = server.client.get(f"/v1/masks/{digest}/candidates").json()["candidates"]
    assert known == item["candidates"]
    marked: Mask = load(server, known["colour"])
    assert marked[24:36, 24:36].all()
    assert marked.mean() < 0.1
    again = finish(server, picture)
    assert (again["report"]["detections"], again["report"]["detections_saved"]) == (0, 1)
    assert again["items"][0]["mask"] == known["colour"]
    other = finish(server, picture, settings={**SEARCH, "detect.colour_tolerance": 30.0})
    assert other["report"]["detections"] == 1


def test_a_class_may_come_from_elsewhere(server: Server) -> None:
    """Masks of a class that somebody put are joined with what is found; one in force wins."""
    picture = encode_png(draw_marked(rough=False, seed=60))
    digest = server.put(picture)
    unknown = ask(server, picture, classes=["dog"])
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_class")
    assert "PUT /v1/masks/{sha256}/candidates/dog" in unknown.json()["remedy"]
    dog = draw_mask(EDGE, at=4)
    path = f"/v1/masks/{digest}"
    put = server.client.put(f"{path}/candidates/dog", content=encode_png(dog))
    assert put.status_code == 200
    item = finish(server, picture, classes=["dog", "colour"])["items"][0]
    assert set(item["candidates"]) == {"dog", "colour"}
    colour = load(server, item["candidates"]["colour"])
    np.testing.assert_array_equal(load(server, item["mask"]), np.maximum(colour, dog))
    drawn = encode_png(draw_mask(EDGE, at=40))
    server.client.put(path, content=drawn)
    item = finish(server, picture, classes=["dog", "colour"])["items"][0]
    assert (item["mask"], item["candidates"]) == (hash_of(drawn), {})
    masks = finish(server, picture, classes=["dog", "colour"], edit=False)["items"][0]
    assert set(masks["candidates"]) == {"dog", "colour"}


def test_a_bulk_that_is_wrong_says_why(server: Server) -> None:
    held = ask(server, SMOOTH[0]).json()["items"][0]["image"]
    for more, status, code in (
        ({"tiers": ["ns"]}, 422, "too_few_tiers"),
        ({"tiers": ["ns", "spandrel:x"]}, 403, "setting_not_allowed"),
        ({"settings": {}}, 422, "unknown_class"),
        ({"classes": []}, 422, "invalid_request"),
        ({"images": [held, "0" * 64]}, 404, "unknown_picture"),
    ):
        answer = ask(server, SMOOTH[0], **more)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert server.client.get("/v1/bulk/none").json()["code"] == "unknown_bulk"


def test_one_key_is_one_bulk(server: Server) -> None:
    first, again = (ask(server, *SMOOTH, key="b-1").json() for _ in range(2))
    assert first["id"] == again["id"]
    other = ask(server, SMOOTH[0], key="b-1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_used")


def test_a_bulk_waits_behind_single_jobs_and_can_be_cancelled(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made before stays; a bulk that does not fit is 429."""
    server = start(limits=Limits(jobs=4))
    with held_in_blend(monkeypatch) as arrived:
        bulk = ask(server, *SMOOTH).json()
        assert arrived.wait(60)
        full = ask(server, SMOOTH[0], ROUGH)
        assert (full.status_code, full.json()["code"]) == (429, "too_many_jobs")
        single = server.client.post("/v1/jobs", json={"image": hash_of(SMOOTH[0])}).json()["id"]
        threading.Timer(0.2, monkeypatch.undo).start()
        cancelled = server.client.delete(f"/v1/bulk/{bulk['id']}").json()
        assert cancelled["report"]["states"] == {"cancelled": 3}
    assert follow(server, single)[-1]["state"] == "done"


def test_a_bulk_goes_with_its_owner(start: Start) -> None:
    """Its masks, too."""
    server = start()
    bulk = finish(server, SMOOTH[0])
    picture, mask = bulk["items"][0]["image"], bulk["items"][0]["mask"]
    server.client.delete("/v1/pictures")
    assert server.client.get(f"/v1/bulk/{bulk['id']}").status_code == 404
    assert server.client.get(f"/v1/pictures/{mask}").status_code == 404
    server.put(SMOOTH[0])
    assert server.client.get(f"/v1/masks/{picture}/candidates").json()["candidates"] == {}


def test_files_go_in_and_pictures_come_out(running: str, tmp_path: Path) -> None:
    """With our own client; two files of one name are refused before anything is sent."""
    files = [tmp_path / "a.png", tmp_path / "same.png", tmp_path / "b.png"]
    for file, data in zip(files, [SMOOTH[0], SMOOTH[0], EMPTY], strict=True):
        file.write_bytes(data)
    bulk = edit_files(running, files, tmp_path / "out", classes=["colour"], settings=SEARCH)
    assert bulk["report"]["states"] == {"done": 2}
    assert bulk["report"]["basis"] == "estimated"
    made = {path.name: decode_image(path.read_bytes())[0] for path in tmp_path.glob("out/*")}
    assert set(made) == {"a.png", "same.png", "b.png"}
    assert not (made["a.png"][24:36, 24:36] == RED).all()
    np.testing.assert_array_equal(made["a.png"], made["same.png"])
    np.testing.assert_array_equal(made["b.png"], decode_image(EMPTY)[0])
    with pytest.raises(ValueError, match=r"both become a\.png"):
        edit_files("http://127.0.0.1:1", [files[0], tmp_path / "x" / "a.jpg"], tmp_path)
