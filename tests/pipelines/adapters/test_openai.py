"""OpenAI's image edits, and servers of that shape."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image as Pil

from editproof.pipelines.adapters.errors import AnswerError, ServiceError
from editproof.pipelines.adapters.names import name_table
from editproof.pipelines.adapters.openai import OpenAI
from editproof.pipelines.contract import ContractError, EditRequest, Status
from editproof.pipelines.files import decode_image, decode_mask
from editproof.pipelines.loader import load, parse
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply, make_picture

PICTURE = make_picture(12, 8, (40, 80, 120))
ANSWER = Reply.of_json({"created": 1, "data": [{"b64_json": base64.b64encode(PICTURE).decode()}]})

Make = Callable[..., OpenAI]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own key is sent."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def make(server: FakeServer) -> Iterator[Make]:
    """A pipeline at the fake server."""
    made: list[OpenAI] = []

    def build(**table: Any) -> OpenAI:
        full = {"adapter": "openai", "url": server.url, **table}
        pipeline = load(name_table(full, "pipelines.mine").locate(Path("/")))
        assert isinstance(pipeline, OpenAI)
        made.append(pipeline)
        return pipeline

    yield build
    for pipeline in made:
        pipeline.close()


def request_of(**changes: Any) -> EditRequest:
    mask = np.zeros((8, 12), np.float32)
    mask[2:5, 3:7] = 1
    given = {"image": np.ones((8, 12, 3), np.float32), "mask": mask, "prompt": "a cat", "seed": 7}
    return EditRequest(**{**given, **changes})


def shape_of(asked: Asked) -> dict[str, tuple[str, str, bytes]]:
    """Of each part its file's name and kind, and its value where it is not a file."""
    return {
        part.name: (part.file_name, part.media_type, b"" if part.file_name else part.data)
        for part in asked.parts
    }


def test_the_request_is_the_official_clients(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same fields, files, kinds, path and key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    server.on("POST /v1/images/edits", ANSWER)
    pipeline = make(url=f"{server.url}/v1", model="gpt-image-1", size="1024x1024", quality="high")
    assert pipeline(request_of()).image is not None
    ours = server.requests[0]
    with openai.OpenAI(base_url=f"{server.url}/v1", max_retries=0) as client:
        answer = client.images.edit(
            image=("image.png", ours.form["image"].data, "image/png"),
            mask=("mask.png", ours.form["mask"].data, "image/png"),
            prompt="a cat",
            model="gpt-image-1",
            n=1,
            size="1024x1024",
            quality="high",
        )
    theirs = server.requests[1]
    assert answer.data is not None
    assert shape_of(ours) == shape_of(theirs)
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert ours.headers["authorization"] == theirs.headers["authorization"] == "Bearer sk-test"
    kinds = [one.headers["content-type"].partition(";")[0] for one in (ours, theirs)]
    assert kinds == ["multipart/form-data"] * 2


def test_alpha_0_of_the_mask_means_edit_here(server: FakeServer, make: Make) -> None:
    server.on("POST /v1/images/edits", ANSWER)
    request = request_of()
    assert request.mask is not None
    make()(request)
    assert (decode_mask(server.requests[0].form["mask"].data) == 1 - request.mask).all()


def test_soft_edges_of_the_mask_are_cut_at_half(server: FakeServer, make: Make) -> None:
    """An endpoint of this shape edits where alpha is 0, and nowhere else."""
    server.on("POST /v1/images/edits", ANSWER)
    mask = np.tile(np.array([0, 0.2, 0.49, 0.51, 0.8, 1], np.float32), (8, 2))
    make()(request_of(mask=mask))
    with Pil.open(io.BytesIO(server.requests[0].form["mask"].data)) as sent:
        alpha = np.asarray(sent.getchannel("A"))
    assert alpha.tolist() == [[255, 255, 255, 0, 0, 0] * 2] * 8


def test_a_request_without_a_mask_sends_none(server: FakeServer, make: Make) -> None:
    server.on("POST /v1/images/edits", ANSWER)
    make()(request_of(mask=None))
    assert set(server.requests[0].form) == {"image", "prompt", "n"}


def test_no_seed_unless_the_server_takes_one(server: FakeServer, make: Make) -> None:
    server.on("POST /v1/images/edits", ANSWER)
    plain = make()
    seeded = make(seed=True, extra={"num_inference_steps": 30, "guidance_scale": 4.5, "hd": True})
    assert (plain.capabilities.takes_seed, seeded.capabilities.takes_seed) == (False, True)
    plain(request_of())
    seeded(request_of())
    first, second = (asked.form for asked in server.requests)
    assert "seed" not in first
    assert {name: second[name].data for name in ("seed", "num_inference_steps", "hd")} == {
        "seed": b"7",
        "num_inference_steps": b"30",
        "hd": b"true",
    }


def test_the_size_of_the_input_can_be_asked_for(server: FakeServer, make: Make) -> None:
    server.on("POST /v1/images/edits", ANSWER)
    make(size="same")(request_of(prompt=""))
    form = server.requests[0].form
    assert form["size"].data == b"12x8"
    assert form["prompt"].data.startswith(b"Remove what the mask covers")


def test_a_url_is_fetched_without_the_key(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with FakeServer() as other:
        other.on("GET /a.png", Reply.of_png(PICTURE))
        server.on("POST /v1/images/edits", Reply.of_json({"data": [{"url": f"{other.url}/a.png"}]}))
        result = make()(request_of())
        assert "authorization" not in other.requests[0].headers
    assert result.image is not None
    assert (result.image == decode_image(PICTURE)[0]).all()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("", "/v1/images/edits"),
        ("/", "/v1/images/edits"),
        ("/v1", "/v1/images/edits"),
        ("/openai/v1/", "/openai/v1/images/edits"),
        ("/v1/images/edits", "/v1/images/edits"),
    ],
)
def test_the_base_or_the_whole_url_is_enough(
    server: FakeServer, make: Make, url: str, path: str
) -> None:
    server.on(f"POST {path}", ANSWER)
    assert make(url=f"{server.url}{url}")(request_of()).image is not None


def test_another_key_wins_over_the_environments(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("AZURE_KEY", "azure")
    server.on("POST /v1/images/edits", ANSWER)
    make(header={"api-key": "${AZURE_KEY}"})(request_of())
    assert server.requests[0].headers["api-key"] == "azure"
    assert "authorization" not in server.requests[0].headers


def test_who_is_asked_to_trust_it_reads_which_key_it_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert parse("openai:http://host").reaches == (
        "send pictures to http://host/v1/images/edits with OPENAI_API_KEY of your environment"
    )


def test_an_answer_without_pictures_is_said(server: FakeServer, make: Make) -> None:
    server.on("POST /v1/images/edits", Reply.of_json({"data": []}))
    with pytest.raises(AnswerError, match=r"answered without 'data\.0'"):
        make()(request_of())


def test_what_is_moderated_is_refused_and_no_error(server: FakeServer, make: Make) -> None:
    said = {"error": {"code": "moderation_blocked", "message": "Rejected by the safety system"}}
    server.on("POST /v1/images/edits", Reply.of_json(said, 400), Reply.of_json({"error": {}}, 400))
    result = make()(request_of())
    assert (result.status, result.image) == (Status.REFUSED, None)
    assert result.reason == "Rejected by the safety system"
    with pytest.raises(ServiceError, match="answered 400"):
        make()(request_of())


def test_the_cases_own_fields_are_not_extra(make: Make) -> None:
    with pytest.raises(ContractError, match="extra must not hold prompt"):
        make(extra={"prompt": "x"})


def test_a_missing_key_names_the_variable(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("POST /v1/images/edits", Reply.of_json({"error": {"message": "no key"}}, 401))
    with pytest.raises(ServiceError, match="Set the environment variable OPENAI_API_KEY"):
        make()(request_of())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with pytest.raises(ServiceError, match="OPENAI_API_KEY as Authorization"):
        make()(request_of())
