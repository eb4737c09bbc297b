"""Masks as a contract: what is in force is used, and nothing else unawares."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from editproof.harness.pictures.files import encode_png
from editproof.pipelines.config import DetectConfig
from editproof.pipelines.edit import TextRegion
from editproof.pipelines.stages import detect
from tests.harness.serving.conftest import (
    IMAGE_PNG,
    MASK_PNG,
    Server,
    Start,
    draw_image,
    draw_mask,
    hash_of,
)

OTHER_PNG = encode_png(draw_mask(at=24))


@pytest.fixture
def server(start: Start) -> Server:
    return start()


def put_mask(server: Server, image: str, mask: bytes, **headers: str) -> Any:
    return server.client.put(f"/v1/masks/{image}", content=mask, headers=headers)


def test_a_mask_is_put_in_force_and_replaced_by_who_knows_it(server: Server) -> None:
    image = server.put(IMAGE_PNG)
    first = put_mask(server, image, MASK_PNG)
    assert (first.status_code, first.json()) == (201, {"image": image, "mask": hash_of(MASK_PNG)})
    etag = first.headers["etag"]
    assert server.client.get(f"/v1/masks/{image}").headers["etag"] == etag
    assert put_mask(server, image, MASK_PNG).status_code == 200
    blind = put_mask(server, image, OTHER_PNG)
    assert (blind.status_code, blind.json()["in_force"]) == (428, hash_of(MASK_PNG))
    late = put_mask(server, image, OTHER_PNG, **{"If-Match": f'"{"0" * 64}"'})
    assert (late.status_code, late.json()["code"]) == (412, "mask_changed")
    second = put_mask(server, image, OTHER_PNG, **{"If-Match": etag})
    assert second.status_code == 200
    again = put_mask(server, image, MASK_PNG, **{"If-Match": etag})
    assert (again.status_code, again.json()["in_force"]) == (412, hash_of(OTHER_PNG))
    only_first = put_mask(server, image, MASK_PNG, **{"If-None-Match": "*"})
    assert only_first.status_code == 412


def test_a_mask_goes_out_of_force_by_who_knows_it(server: Server) -> None:
    """After that the image is detected in again, and any mask may come into force."""
    image = server.put(IMAGE_PNG)
    address = f"/v1/masks/{image}"
    assert server.client.delete(address, headers={"If-Match": "*"}).status_code == 404
    etag = put_mask(server, image, MASK_PNG).headers["etag"]
    assert server.client.delete(address).status_code == 428
    assert server.client.delete(address, headers={"If-Match": '"0"'}).status_code == 412
    gone = server.client.delete(address, headers={"If-Match": etag})
    assert (gone.status_code, gone.json()["mask"]) == (200, hash_of(MASK_PNG))
    assert server.client.get(address).status_code == 404
    assert server.edit(image=image).json()["request"]["mask"] is None
    assert put_mask(server, image, OTHER_PNG).status_code == 201


def test_a_stale_mask_is_409_with_both_hashes(server: Server) -> None:
    image, old = server.put(IMAGE_PNG), server.put(MASK_PNG)
    etag = put_mask(server, image, MASK_PNG).headers["etag"]
    put_mask(server, image, OTHER_PNG, **{"If-Match": etag})
    for path in ("edit", "inpaint", "jobs"):
        answer = server.client.post(f"/v1/{path}", json={"image": image, "mask": old})
        assert (answer.status_code, answer.json()["code"]) == (409, "stale_mask")
        assert answer.json()["given"] == old
        assert answer.json()["in_force"] == hash_of(OTHER_PNG)


def test_a_mask_of_another_image_is_409_with_both_images(server: Server) -> None:
    image, other = server.put(IMAGE_PNG), server.put(encode_png(draw_image(seed=9)))
    put_mask(server, image, MASK_PNG)
    answer = server.edit(image=other, mask=hash_of(MASK_PNG))
    assert (answer.status_code, answer.json()["code"]) == (409, "mask_of_another_image")
    assert (answer.json()["made_for"], answer.json()["image"]) == (image, other)
    put_mask(server, other, MASK_PNG)
    assert server.edit(image=other, mask=hash_of(MASK_PNG)).status_code == 200


def test_a_mask_in_force_is_used_and_nothing_is_detected(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text is looked for once, until somebody puts a mask in force; then never again."""
    looked: list[tuple[int, ...]] = []

    def look(pixels: np.ndarray[Any, Any], config: DetectConfig) -> list[TextRegion]:
        looked.append(pixels.shape)
        return []

    monkeypatch.setattr(detect, "find_text", look)
    server = start(pipeline={})
    looked.clear()
    image = server.put(encode_png(draw_image(seed=77)))
    for _ in range(3):
        assert server.edit(image=image).json()["found_mask"] != hash_of(MASK_PNG)
    assert len(looked) == 1
    put_mask(server, image, MASK_PNG)
    answer = server.edit(image=image, settings={"detect.upsample": 1}).json()
    assert answer["request"]["mask"] == hash_of(MASK_PNG)
    assert len(looked) == 1


def test_a_mask_of_another_size_is_refused(server: Server) -> None:
    image = server.put(IMAGE_PNG)
    answer = put_mask(server, image, encode_png(draw_mask(edge=20, at=2)))
    assert (answer.status_code, answer.json()["code"]) == (422, "sizes_differ")
    assert server.client.get(f"/v1/masks/{image}").status_code == 404
    assert put_mask(server, "0" * 64, MASK_PNG).json()["code"] == "unknown_picture"


def test_a_mask_that_comes_along_is_used_as_it_is(server: Server) -> None:
    """Whoever sends its bytes knows what it is."""
    image = server.put(IMAGE_PNG)
    put_mask(server, image, MASK_PNG)
    files = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", OTHER_PNG)}
    answer = server.client.post("/v1/edit", files=files).json()
    assert answer["request"]["mask"] == hash_of(OTHER_PNG)


def test_one_of_many_who_draw_at_once_wins(server: Server) -> None:
    """The others learn that they were late."""
    image = server.put(IMAGE_PNG)
    etag = put_mask(server, image, MASK_PNG).headers["etag"]
    drawn = [encode_png(draw_mask(at=at)) for at in range(12, 28, 2)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda one: put_mask(server, image, one, **{"If-Match": etag}), drawn)
        )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [412] * 7
    (winner,) = (one for one in answers if one.status_code == 200)
    assert server.client.get(f"/v1/masks/{image}").json() == winner.json()
