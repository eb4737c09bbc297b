"""The shapes that other clients speak: the official ones, and our own adapters against us."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image as Pil

from editproof.harness.serving.routes.foreign import decode_transparent, find_scale
from editproof.pipelines import reference
from editproof.pipelines.adapters.errors import ServiceError
from editproof.pipelines.adapters.pictures import encode_image, encode_mask
from editproof.pipelines.contract import EditRequest, Pipeline, Status
from editproof.pipelines.files import decode_image
from editproof.pipelines.loader import load
from tests.harness.serving.conftest import IMAGE, MASK, Server

ALPHA = encode_mask(MASK, "alpha", IMAGE)
WHITE = encode_mask(MASK, "white", IMAGE)
PICTURE = encode_image(IMAGE)
REQUEST = EditRequest(IMAGE, mask=MASK, seed=7)


def edit_directly(**settings: Any) -> np.ndarray[Any, Any]:
    """In 8 bits, as files hold it."""
    image = reference.build(**settings)(REQUEST).image
    assert image is not None
    return decode_image(encode_image(image).data)[0]


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def close(pipeline: Pipeline) -> None:
    pipeline.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", ["", "telea"])
def test_the_official_client(running: str, model: str) -> None:
    """The picture that the library gives, several with one seed each, in other formats."""
    with openai.OpenAI(base_url=f"{running}/v1", api_key="any", max_retries=0) as client:
        given: dict[str, Any] = {"model": model} if model else {}
        answer = client.images.edit(
            image=("a.png", PICTURE.data, "image/png"),
            mask=("m.png", ALPHA.data, "image/png"),
            prompt="",
            n=2,
            extra_body={"seed": 7},
            **given,
        )
        names = {one.id for one in client.models.list()}
    assert {"ns", "telea", "patch"} <= names
    assert answer.data is not None
    assert len(answer.data) == 2
    pixels = decode_image(base64.b64decode(str(answer.data[0].b64_json)))[0]
    np.testing.assert_array_equal(pixels, edit_directly(**({"inpaint.model": model or "ns"})))


def test_errors_as_the_official_client_reads_them(running: str) -> None:
    with openai.OpenAI(base_url=f"{running}/v1", api_key="any", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            client.images.edit(image=("a.png", PICTURE.data), prompt="", model="gpt-image-1")
        with pytest.raises(openai.BadRequestError) as size:
            client.images.edit(image=("a.png", PICTURE.data), prompt="", size="1024x1024")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert size.value.code == "invalid_size"
    assert "48x48" in size.value.message


def test_our_openai_adapter_gives_the_librarys_picture(running: str, no_key: None) -> None:
    pipeline = load(f"openai:{running}/v1?seed=true&stochastic=false")
    result = pipeline(REQUEST)
    np.testing.assert_array_equal(result.image, edit_directly())
    refused = pipeline(EditRequest(IMAGE, mask=np.ones_like(MASK)))
    assert refused.status is Status.REFUSED
    assert "covers too much" in refused.reason
    close(pipeline)


def test_our_iopaint_adapter_gives_the_librarys_picture(running: str) -> None:
    pipeline = load(f"iopaint:{running}")
    np.testing.assert_array_equal(pipeline(REQUEST).image, edit_directly())
    assert pipeline.fingerprint  # type: ignore[attr-defined]
    with pytest.raises(ServiceError, match="covers too much"):
        pipeline(EditRequest(IMAGE, mask=np.ones_like(MASK)))
    close(pipeline)


def test_iopaints_shape(server: Server) -> None:
    """The picture comes back in its own format, with its seed; sizes must agree."""
    jpeg = encode_image(IMAGE, "jpeg")
    post, model = server.client.post, server.client.get("/api/v1/model").json()
    assert (model["name"], model["model_type"]) == ("ns", "inpaint")
    body = {"image": jpeg.data_url, "mask": WHITE.base64, "hd_strategy": "Crop"}
    answer = post("/api/v1/inpaint", json=body)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-seed"] == "42"
    assert post("/api/v1/inpaint", json={**body, "sd_seed": -1}).headers["x-seed"] != "-1"
    small = encode_mask(MASK[:20], "white", IMAGE[:20])
    other = post("/api/v1/inpaint", json={**body, "mask": small.base64})
    assert (other.status_code, other.json()["code"]) == (400, "sizes_differ")
    broken = post("/api/v1/inpaint", json={**body, "image": "%%%"})
    assert (broken.status_code, broken.json()["code"]) == (400, "bad_base64")


def test_a_mask_of_openais_must_be_transparent(server: Server) -> None:
    files = {"image": ("a.png", PICTURE.data), "mask": ("m.png", WHITE.data)}
    answer = server.client.post("/v1/images/edits", files=files, data={"prompt": ""})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_mask"


def test_what_is_transparent_in_the_image_is_edited(server: Server) -> None:
    answer = server.client.post("/v1/images/edits", files={"image": ("a.png", ALPHA.data)})
    record = server.client.get(f"/v1/edits/{answer.json()['data'][0]['edit']}").json()
    assert record["request"]["mask"] is not None
    mask = decode_transparent(ALPHA.data)
    assert mask is not None
    np.testing.assert_array_equal(mask, MASK)
    file = io.BytesIO()
    Pil.new("RGB", (4, 4)).save(file, "PNG")
    assert decode_transparent(file.getvalue()) is None


def test_sizes_are_scales() -> None:
    assert [find_scale(size, 30, 40) for size in ("", "auto", "40x30", "120x90")] == [1, 1, 1, 3]
    for size in ("41x30", "40x60", "20x15", "400x300"):
        with pytest.raises(Exception, match=size):
            find_scale(size, 30, 40)
