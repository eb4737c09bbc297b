"""Anybody's endpoint, by a template."""

from __future__ import annotations

import base64
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.pipelines.adapters.errors import AnswerError, ServiceError
from editproof.pipelines.adapters.http import Http
from editproof.pipelines.adapters.names import name_table
from editproof.pipelines.contract import CaseName, ContractError, EditRequest, Status
from editproof.pipelines.files import decode_image, decode_mask
from editproof.pipelines.loader import load
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply, make_picture

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "services.md"

COLOUR = (40, 80, 120)


def request_of(**changes: Any) -> EditRequest:
    image = np.zeros((8, 12, 3), np.float32)
    image[:, :6] = 1
    mask = np.zeros((8, 12), np.float32)
    mask[2:5, 3:7] = 1
    given = {"image": image, "mask": mask, "prompt": "a {cat}", "seed": 7, "scale": 1}
    return EditRequest(case=CaseName("own", "poster"), **{**given, **changes})


def outside_of(request: EditRequest) -> Any:
    """1 where nothing is to be edited."""
    assert request.mask is not None
    return 1 - request.mask


PICTURE = make_picture(12, 8, COLOUR)

Make = Callable[..., Http]


@pytest.fixture
def make() -> Iterator[Make]:
    """A pipeline of a table."""
    made: list[Http] = []

    def build(**table: Any) -> Http:
        text = name_table({"adapter": "http", **table}, "pipelines.mine").locate(Path("/"))
        pipeline = load(text)
        assert isinstance(pipeline, Http)
        made.append(pipeline)
        return pipeline

    yield build
    for pipeline in made:
        pipeline.close()


def is_the_picture(image: Any) -> bool:
    return bool((np.rint(image * 255) == np.array(COLOUR)).all())


# the tables of the docs


def table_of_docs(name: str, server: FakeServer) -> dict[str, Any]:
    """A worked table, pointed at the fake server."""
    block = re.search(rf"<!-- table {name} -->\n```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block, name
    (table,) = tomllib.loads(block[1])["pipelines"].values()
    table["url"] = re.sub(r"^https?://[^/]+", server.url, table["url"])
    assert table.pop("adapter") == "http"
    return dict(table)


def data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def pixels_of(text: str) -> Any:
    return decode_image(base64.b64decode(text.partition("base64,")[2] or text))[0]


def test_every_worked_table_is_tested_here() -> None:
    names = re.findall(r"<!-- table ([\w-]+) -->", PAGE.read_text())
    assert names == ["replicate", "fal", "bfl", "hugging-face", "gradio"]


def test_replicates_shape(server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_secret")
    table = table_of_docs("replicate", server)
    path = table["url"].removeprefix(server.url)
    state = f"{server.url}/v1/predictions/abc"
    server.on(f"POST {path}", Reply.of_json({"id": "abc", "urls": {"get": state}}, 201))
    server.on(
        "GET /v1/predictions/abc",
        Reply.of_json({"status": "starting", "output": None}),
        Reply.of_json({"status": "succeeded", "output": [f"{server.url}/out.png"]}),
    )
    server.on("GET /out.png", Reply.of_png(PICTURE))
    table["poll"]["every_s"] = 0.01
    result = make(**table)(request_of())
    assert is_the_picture(result.image)
    sent = server.requests[0].json["input"]
    assert (sent["seed"], sent["prompt"]) == (7, "a {cat}")
    assert sent["image"].startswith("data:image/png;base64,")
    assert (pixels_of(sent["mask"])[..., 0] == request_of().mask).all()
    assert all(one.headers["authorization"] == "Bearer r8_secret" for one in server.requests[:3])


def test_fals_shape(server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "fal_secret")
    table = table_of_docs("fal", server)
    path = table["url"].removeprefix(server.url)
    urls = {"status_url": f"{server.url}/s", "response_url": f"{server.url}/r"}
    server.on(f"POST {path}", Reply.of_json(urls))
    server.on(
        "GET /s",
        Reply.of_json({"status": "IN_PROGRESS", **urls}),
        Reply.of_json({"status": "COMPLETED", **urls}),
    )
    server.on("GET /r", Reply.of_json({"images": [{"url": data_url(PICTURE)}]}))
    table["poll"]["every_s"] = 0.01
    assert is_the_picture(make(**table)(request_of()).image)
    assert set(server.requests[0].json) == {
        *("image_url", "mask_url", "prompt", "seed", "output_format")
    }


@pytest.mark.parametrize(
    ("state", "status"), [("Ready", Status.DONE), ("Content Moderated", Status.REFUSED)]
)
def test_bfls_shape(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch, state: str, status: Status
) -> None:
    monkeypatch.setenv("BFL_API_KEY", "bfl_secret")
    table = table_of_docs("bfl", server)
    path = table["url"].removeprefix(server.url)
    server.on(f"POST {path}", Reply.of_json({"polling_url": f"{server.url}/get?id=1"}))
    server.on(
        "GET /get",
        Reply.of_json({"status": "Pending", "result": None}),
        Reply.of_json({"status": state, "result": {"sample": f"{server.url}/s.png"}}),
    )
    server.on("GET /s.png", Reply.of_png(PICTURE))
    table["poll"]["every_s"] = 0.01
    result = make(**table)(request_of())
    assert result.status is status
    assert is_the_picture(result.image) if status is Status.DONE else result.image is None
    assert server.requests[0].headers["x-key"] == "bfl_secret"


def test_hugging_faces_shape(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.on("POST /", Reply.of_png(PICTURE))
    assert is_the_picture(make(**table_of_docs("hugging-face", server))(request_of()).image)
    sent = server.requests[0].json
    assert (sent["inputs"], sent["parameters"]["seed"]) == ("a {cat}", 7)
    assert (pixels_of(sent["image"]) == request_of().image).all()
    assert server.requests[0].headers["accept"] == "image/png"


def test_gradios_shape(server: FakeServer, make: Make) -> None:
    server.on(
        "POST /gradio_api/upload",
        Reply.of_json(["/tmp/gradio/1/image.png"]),  # noqa: S108 - as gradio names them
        Reply.of_json(["/tmp/gradio/2/mask.png"]),  # noqa: S108
    )
    server.on("POST /gradio_api/call/inpaint", Reply.of_json({"event_id": "e1"}))
    events = (
        "event: heartbeat\ndata: null\n\n"
        'event: generating\ndata: [{"url": "early"}]\n\n'
        f'event: complete\ndata: [{{"url": "{server.url}/file=out.webp"}}]\n\n'
    )
    stream = Reply(chunks=lambda: iter([events.encode()]), media_type="text/event-stream")
    server.on("GET /gradio_api/call/inpaint/e1", stream)
    server.on("GET /file=out.webp", Reply.of_png(PICTURE))
    assert is_the_picture(make(**table_of_docs("gradio", server))(request_of()).image)
    first, second, call = server.requests[:3]
    assert (first.parts[0].name, first.parts[0].media_type) == ("files", "image/png")
    assert (decode_mask(second.parts[0].data) == request_of().mask).all()
    assert [part.get("path") for part in call.json["data"][:2]] == [
        "/tmp/gradio/1/image.png",  # noqa: S108
        "/tmp/gradio/2/mask.png",  # noqa: S108
    ]
    assert call.json["data"][2:] == ["a {cat}", 7]


# how things are sent


def test_the_short_form_sends_a_form(server: FakeServer) -> None:
    server.on("POST /edit", Reply.of_png(PICTURE))
    pipeline = load(f"http:{server.url}/edit")
    assert isinstance(pipeline, Http)
    assert is_the_picture(pipeline(request_of()).image)
    pipeline.close()
    form = server.requests[0].form
    assert {name: part.media_type for name, part in form.items()} == {
        "image": "image/png",
        "mask": "image/png",
        "prompt": "",
        "seed": "",
    }
    assert (form["seed"].data, form["image"].file_name) == (b"7", "image.png")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_pictures_are_sent_in_the_format_that_is_asked_for(
    server: FakeServer, make: Make, kind: str
) -> None:
    server.on("POST /", Reply.of_png(PICTURE))
    make(url=server.url, image_format=kind)(request_of())
    part = server.requests[0].form["image"]
    assert (part.media_type, part.file_name) == (f"image/{kind}", f"image.{kind}")
    assert abs(decode_image(part.data)[0] - request_of().image).max() < 0.2


@pytest.mark.parametrize(("mask", "inside"), [("white", 255), ("black", 0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_mask_is_the_right_way_round(
    server: FakeServer, make: Make, mask: str, inside: int, channels: int
) -> None:
    server.on("POST /", Reply.of_png(PICTURE))
    make(url=server.url, mask=mask, mask_channels=channels)(request_of())
    image, said = decode_image(server.requests[0].form["mask"].data)
    assert image[3, 4, 0] * 255 == inside
    assert image[0, 0, 0] * 255 == 255 - inside
    assert said == ("PNG L" if channels == 1 else "PNG RGB")


def test_alpha_0_means_edit_here(server: FakeServer, make: Make) -> None:
    """One picture can say both."""
    server.on("POST /", Reply.of_png(PICTURE))
    make(url=server.url, mask="alpha", form={"image": "{mask}"})(request_of())
    assert (decode_mask(server.requests[0].form["image"].data) == outside_of(request_of())).all()


def test_placeholders_become_values(server: FakeServer, make: Make) -> None:
    server.on("POST /", Reply.of_png(make_picture(24, 16, COLOUR)))
    table = {
        "i": "{image}",
        "n": ["{seed}", "{scale}"],
        "size": "{width}x{height} of {case}",
        "braces": "{{seed}}",
    }
    make(url=server.url, json=table, scales=[1, 2])(request_of(scale=2))
    sent = server.requests[0].json
    assert (sent["n"], sent["size"]) == ([7, 2], "24x16 of own/poster")
    assert sent["braces"] == "{seed}"


def test_a_prompt_names_no_variable(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case of a stranger could ask for a secret by its prompt."""
    monkeypatch.setenv("TOKEN", "hidden")
    server.on("POST /", Reply.of_png(PICTURE))
    pipeline = make(url=server.url, json={"i": "{image}", "p": "{prompt}", "k": "${TOKEN}"})
    pipeline(request_of(prompt="${TOKEN} {seed}"))
    assert server.requests[0].json["p"] == "${TOKEN} {seed}"
    assert server.requests[0].json["k"] == "hidden"


def test_what_is_not_sent_can_not_be_asked_for(server: FakeServer, make: Make) -> None:
    stated = make(url=server.url, json={"image": "{image}"}).capabilities
    assert (stated.takes_seed, stated.needs_mask, stated.remote) == (False, False, True)


def test_a_mask_that_there_is_not_is_said(server: FakeServer, make: Make) -> None:
    with pytest.raises(ContractError, match="the case has no mask, and the request sends one"):
        make(url=server.url)(request_of(mask=None))
    assert not server.requests


# what comes back

RESULTS = {
    "base64": base64.b64encode(PICTURE).decode(),
    "data URL": data_url(PICTURE),
}


@pytest.mark.parametrize("text", RESULTS.values(), ids=RESULTS)
def test_a_path_names_the_picture(server: FakeServer, make: Make, text: str) -> None:
    server.on("POST /", Reply.of_json({"data": [{"picture": text}]}))
    assert is_the_picture(make(url=server.url, result="data[0].picture")(request_of()).image)


def test_a_relative_url_is_fetched(server: FakeServer, make: Make) -> None:
    server.on("POST /a/edit", Reply.of_json({"file": "out.png"}))
    server.on("GET /a/out.png", Reply.of_png(PICTURE))
    pipeline = make(url=f"{server.url}/a/edit", result="file", result_as="url")
    assert is_the_picture(pipeline(request_of()).image)


BAD = {
    "html": (Reply(body=b"<html>502</html>", media_type="text/html"), "with HTML: <html>502"),
    "empty": (Reply(media_type="image/png"), "with an empty body, where a picture was"),
    "json": (Reply.of_json({"detail": "no"}), 'answered with {"detail": "no"}, where'),
    "half": (Reply.of_png(PICTURE[: len(PICTURE) // 2]), "bytes that can't be read as a picture"),
    "size": (Reply.of_png(make_picture(6, 4)), "gave a picture of 6×4; 12×8 was asked for"),
    "bomb": (Reply.of_png(make_picture(400, 400)), "400×400, more than max_pixels 1000"),
}


@pytest.mark.parametrize(("reply", "said"), BAD.values(), ids=BAD)
def test_what_is_no_picture_is_said(
    server: FakeServer, make: Make, reply: Reply, said: str
) -> None:
    server.on("POST /", reply)
    with pytest.raises(AnswerError, match=re.escape(said)):
        make(url=server.url, max_pixels=1000)(request_of())


def test_another_size_is_resized_where_that_is_asked_for(server: FakeServer, make: Make) -> None:
    server.on("POST /", Reply.of_png(make_picture(6, 4, COLOUR)))
    result = make(url=server.url, resize="back")(request_of())
    assert result.image is not None
    assert result.image.shape == (8, 12, 3)
    assert result.config["resize"] == "back"


NO_JSON = {
    "html": (
        b"<!DOCTYPE html><title>Login</title>",
        "answered with HTML, not with JSON: <!DOCTYPE",
    ),
    "empty": (b"", "answered with an empty body, where JSON was expected"),
    "text": (b"hello", "answered with text that is not JSON: hello"),
    "half": (b'{"images": [', "answered with text that is not JSON"),
    "no picture": (b"{}", "answered without 'images.0' (result): {}"),
}


@pytest.mark.parametrize(("body", "said"), NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_said_with_a_next_step(
    server: FakeServer, make: Make, body: bytes, said: str
) -> None:
    server.on("POST /", Reply(body=body))
    with pytest.raises(AnswerError, match=re.escape(said)) as caught:
        make(url=server.url, result="images.0")(request_of())
    assert "Is the address right" in str(caught.value)
    assert "byte 0" not in str(caught.value)


def test_a_missing_path_is_named(server: FakeServer, make: Make) -> None:
    server.on("POST /", Reply.of_json({"error": "out of memory"}))
    with pytest.raises(AnswerError, match=r"without 'images.0' \(result\): .*out of memory"):
        make(url=server.url, result="images.0")(request_of())


def test_a_failed_state_says_why(server: FakeServer, make: Make) -> None:
    server.on("POST /", Reply.of_json({"id": "1"}))
    server.on("GET /s/1", Reply.of_json({"status": "failed", "error": "CUDA out of memory"}))
    with pytest.raises(ServiceError, match="did not make the edit: failed: CUDA out of memory"):
        make(url=server.url, poll={"url": "/s/{id}"}, result="out")(request_of())


def test_a_state_that_never_ends_ends_with_the_edit(server: FakeServer, make: Make) -> None:
    server.on("POST /", Reply.of_json({"id": "1"}))
    server.on("GET /s/1", Reply.of_json({"status": "running"}))
    poll = {"url": "/s/{id}", "every_s": 0.05}
    with pytest.raises(ServiceError, match=r"0\.5 s.*\(edit_timeout_s\)"):
        make(url=server.url, poll=poll, result="out", edit_timeout_s=0.5)(request_of())
    assert len(server.requests) > 3


def test_a_busy_moment_while_polling_is_waited_out(server: FakeServer, make: Make) -> None:
    busy = Reply(429, headers={"Retry-After": "0"})
    server.on("POST /up", busy, Reply.of_json({"url": "u"}))
    server.on("POST /", Reply.of_json({"id": "1"}))
    done = {"status": "done", "out": RESULTS["base64"]}
    server.on("GET /s/1", busy, Reply.of_json({"status": "running"}), busy, Reply.of_json(done))
    pipeline = make(
        url=server.url,
        poll={"url": "/s/{id}", "every_s": 0.01},
        json={"image": "{image}"},
        pictures_as="upload",
        upload={"url": "/up"},
        result="out",
    )
    assert is_the_picture(pipeline(request_of()).image)


def test_a_failed_event_says_why(server: FakeServer, make: Make) -> None:
    server.on("POST /", Reply.of_json({"event_id": "1"}))
    events = b'event: error\ndata: {"error": "queue is full"}\n\n'
    server.on("GET /1", Reply(body=events, media_type="text/event-stream"))
    pipeline = make(url=server.url, poll={"url": "/{event_id}", "events": True}, result="0")
    with pytest.raises(ServiceError, match="error: queue is full"):
        pipeline(request_of())


# what is refused before anything is sent

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"jsn": {}}, "there is no field `jsn`. Did you mean `json`?"),
    "within": (
        {"poll": {"url": "x", "stat": "y"}},
        "there is no field `stat` in `poll`. Did you mean `state`",
    ),
    "placeholder": (
        {"json": {"image": "{image}", "s": "{sead}"}},
        "json has the placeholder {sead}",
    ),
    "no image": ({"json": {"mask": "{mask}"}}, "json must hold {image} somewhere"),
    "both": ({"json": {"i": "{image}"}, "form": {"i": "{image}"}}, "set one of them"),
    "file in json": ({"json": {"i": "{image}"}, "pictures_as": "file"}, "pictures_as can't be"),
    "upload": ({"pictures_as": "upload"}, "need each other"),
    "method": ({"method": "post"}, "method must be one of POST"),
    "mask": ({"mask": "grey"}, "`mask`"),
    "timeout": ({"edit_timeout_s": 0}, "edit_timeout_s must be above 0"),
    "kind": ({"concurrency": "two"}, "`concurrency` must be a whole number, not text"),
    "header": ({"header": {"Authorization": "Bearer abc"}}, "header.Authorization must not hold"),
    "field": ({"json": {"image": "{image}", "in": {"api_key": "abc"}}}, "json.in.api_key must not"),
    "form": ({"form": {"image": "{image}", "token": "abc"}}, "form.token must not hold"),
    "user": ({"url": "http://me:pass9@host/"}, "url must not hold a user or a password"),
    "query": ({"url": "http://host/?key=abc"}, "in its query,.key must not hold"),
    "scheme": ({"url": "ftp://host/"}, "url must be a URL that starts with http://"),
    "host": ({"url": "http://${HOST}/"}, "url must name its host itself"),
}


@pytest.mark.parametrize(("table", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError, match=re.escape(said)) as caught:
        name_table({"adapter": "http", "url": "http://host/", **table}, "pipelines.mine")
    assert str(caught.value).startswith("pipelines.mine: ")
    assert "pass9" not in str(caught.value)


def test_a_variable_that_is_not_set_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with pytest.raises(ContractError, match="needs the environment variable NO_SUCH_TOKEN"):
        make(url="http://127.0.0.1:1/", header={"Authorization": "Bearer ${NO_SUCH_TOKEN}"})


def echo_all(asked: Asked) -> Reply:
    """An error that repeats what was sent, in the body, a header and JSON."""
    token = asked.headers["authorization"]
    return Reply.of_json({"detail": f"bad token {token}"}, 401, headers={"X-Request-ID": token})


def test_an_error_does_not_repeat_the_secret(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret/with+signs")
    server.on("POST /", echo_all)
    with pytest.raises(ServiceError, match=r"bad token Bearer \[secret\]") as caught:
        make(url=server.url, header={"Authorization": "Bearer ${TOKEN}"})(request_of())
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_is_hidden_before_a_text_is_cut(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "abcdefghijklmnopqrstuvwxyz")
    server.on("POST /", Reply(400, b"x" * 290 + b"abcdefghijklmnopqrstuvwxyz"))
    with pytest.raises(ServiceError) as caught:
        make(url=server.url, header={"X-API-Key": "${TOKEN}"})(request_of())
    assert "abc" not in str(caught.value)
