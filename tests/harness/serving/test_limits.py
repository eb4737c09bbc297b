"""What a server turns away, and how it says so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.harness.pictures.files import encode_png
from editproof.harness.serving.keys import add_key, remove_key
from editproof.harness.serving.settings import Limits, is_loopback
from editproof.pipelines.array_file import encode_array
from tests.harness.serving.conftest import (
    IMAGE_PNG,
    MASK_PNG,
    Server,
    Start,
    draw_image,
    hash_of,
)

FILES = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}


def check_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """It is RFC 9457's, and says what to do."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["remedy"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def test_a_body_over_the_limit_says_the_limit_and_how_to_split(start: Start) -> None:
    """By its stated length, and without one by what comes."""
    client = start(limits=Limits(max_body_mib=1)).client
    body = b"\0" * (1 << 20 | 1)
    for content in (body, (part for part in (body[:1000], body[1000:]))):
        answer = client.put(f"/v1/pictures/{hash_of(body)}", content=content)
        problem = check_problem(answer, 413, "body_too_large")
        assert problem["limit_bytes"] == 1 << 20
        assert "tiles" in problem["remedy"]


@pytest.mark.parametrize("limits", [Limits(max_body_mib=1), Limits(max_pixels=200_000)])
def test_a_tile_of_the_size_that_a_refusal_names_is_taken(start: Start, limits: Limits) -> None:
    """Also of noise, which no file compresses."""
    client = start(limits=limits).client

    def upload(edge: int) -> Any:
        picture = draw_noise(edge)
        return client.put(f"/v1/pictures/{hash_of(picture)}", content=picture)

    found = re.search(r"at most (\d+)×", upload(1024).json()["remedy"])
    assert found is not None
    assert upload(int(found[1])).status_code == 201


def draw_noise(edge: int) -> bytes:
    """A PNG of that size."""
    return encode_png(np.random.default_rng(3).random((edge, edge, 3), np.float32))


def test_a_damaged_picture_is_named_and_can_be_uploaded_again(start: Start, tmp_path: Path) -> None:
    """No edit is made of it."""
    digest = hash_of(IMAGE_PNG)
    server = start()
    server.put(IMAGE_PNG)
    (path,) = (tmp_path / "state").rglob(digest)
    path.write_bytes(IMAGE_PNG[:-20] + b"\x01" + IMAGE_PNG[-19:])
    problem = check_problem(server.client.get(f"/v1/pictures/{digest}"), 500, "damaged_picture")
    assert problem["picture"] == digest
    server.put(IMAGE_PNG)
    assert server.client.get(f"/v1/pictures/{digest}").content == IMAGE_PNG


def test_a_small_file_of_many_pixels_is_not_decoded(start: Start) -> None:
    server = start(limits=Limits(max_pixels=10_000))
    flat = encode_png(np.zeros((200, 200, 3), np.float32))
    answer = server.client.put(f"/v1/pictures/{hash_of(flat)}", content=flat)
    assert check_problem(answer, 413, "too_many_pixels")["limit_pixels"] == 10_000
    check_problem(
        server.client.post("/v1/edit", files={"image": ("i.png", flat)}), 413, "too_many_pixels"
    )


def test_a_result_over_the_limit_is_not_made(start: Start) -> None:
    server = start(limits=Limits(max_output_pixels=5_000))
    image = server.put(IMAGE_PNG)
    problem = check_problem(server.edit(image=image, scale=2), 413, "result_too_large")
    assert problem["field"] == "scale"


@pytest.mark.parametrize(
    "data",
    [
        b"no picture",
        IMAGE_PNG[:20],
        b"\x93NUMPY\x01\x00garbage",
        encode_array(draw_image())[:-1],
        b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (3, 3), }",
    ],
    ids=["text", "cut", "garbage", "short", "objects"],
)
def test_what_is_no_picture_is_named(server: Server, data: bytes) -> None:
    answer = server.client.put(f"/v1/pictures/{hash_of(data)}", content=data)
    assert answer.status_code == 422
    assert answer.json()["code"] == "unreadable_picture"
    form = server.client.post("/v1/edit", files={"image": ("a.png", data)})
    problem = form.json()
    assert (form.status_code, problem["code"], problem["field"]) == (
        422,
        "unreadable_picture",
        "image",
    )
    assert problem["detail"].startswith("image can't be used: ")


def test_values_outside_the_range_are_an_error(server: Server) -> None:
    image = server.put(encode_array(draw_image() + np.float32(np.nan)))
    problem = check_problem(server.edit(image=image), 422, "invalid_edit")
    assert "NaN" in problem["detail"]


def test_the_hash_must_be_the_bodys(server: Server) -> None:
    answer = server.client.put(f"/v1/pictures/{'0' * 64}", content=IMAGE_PNG)
    problem = check_problem(answer, 422, "hash_differs")
    assert problem["found"] == hash_of(IMAGE_PNG)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scale": 9}, "scale"),
        ({"image": "../../etc/passwd"}, "image"),
        ({"image": "https://example.com/a.png"}, "image"),
        ({"colour": "red"}, "colour"),
        ({"settings": {"inpaint.modle": "ns"}}, ""),
        ({"settings": {"mask.dilate_px": -3}}, "mask.dilate_px"),
        ({"settings": {"inpaint.model": "magic"}}, "settings"),
    ],
)
def test_a_wrong_field_is_named(server: Server, changes: dict[str, Any], field: str) -> None:
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG), **changes}
    answer = server.edit(**question)
    assert answer.status_code in {403, 422}
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inpaint.model", "diffusers:somebody/model"),
        ("inpaint.model", "spandrel:/etc/passwd"),
        ("detect.template", "/etc/passwd"),
        ("verify.lpips_weights", "/etc"),
        ("inpaint.conditioning", "https://example.com/x"),
        ("route.tiers", "ns,spandrel:/etc/passwd"),
    ],
)
def test_no_setting_of_a_request_opens_a_file(server: Server, name: str, value: str) -> None:
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG)}
    answer = server.edit(**question, settings={name: value})
    check_problem(answer, 403, "setting_not_allowed")


def test_a_setting_that_the_server_was_started_with_is_allowed(
    start: Start, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(IMAGE_PNG)
    server = start(pipeline={"detect.template": str(logo), "detect.text": False})
    question = {"image": server.put(IMAGE_PNG), "mask": server.put(MASK_PNG)}
    assert server.edit(**question, settings={"detect.template": str(logo)}).status_code == 200


def test_bad_json_and_bad_forms_are_problems(server: Server) -> None:
    post = server.client.post
    json_type = {"Content-Type": "application/json"}
    check_problem(post("/v1/edit", content=b"{", headers=json_type), 400, "bad_json")
    check_problem(post("/v1/edit", content=b'{"seed": NaN}', headers=json_type), 400, "bad_json")
    check_problem(post("/v1/edit", content=b"[]", headers=json_type), 422, "invalid_request")
    check_problem(post("/v1/edit", content=b"x=1"), 415, "media_type")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    check_problem(post("/v1/edit", content=b"--y", headers=form), 400, "bad_request")
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    check_problem(post("/v1/edit", content=b"x", headers=packed), 415, "content_encoding")
    check_problem(server.client.get("/nowhere"), 404, "not_found")
    check_problem(server.client.delete("/v1/edit"), 405, "method_not_allowed")


def test_pages_of_other_origins_may_not_ask(server: Server) -> None:
    """A form of any page reaches this machine, and any name may be made to lead here."""
    foreign = server.client.post(
        "/v1/edit", files=FILES, headers={"Origin": "https://evil.example"}
    )
    check_problem(foreign, 403, "foreign_origin")
    renamed = server.client.get("/v1/schema", headers={"Host": "evil.example"})
    assert check_problem(renamed, 403, "foreign_origin")["field"] == "Host"


def test_a_proxy_of_another_name_may_stand_before_it(start: Start) -> None:
    """Where keys are needed: the proxy's own name is in `Host`."""
    server = start(needs_key=True)
    key = add_key(server.service.database, "ann")
    headers = {"Host": "edits.example.com", "Authorization": f"Bearer {key}"}
    assert server.client.get("/v1/schema", headers=headers).status_code == 200
    del headers["Authorization"]
    check_problem(server.client.get("/v1/schema", headers=headers), 401, "key_needed")


def test_a_request_id_is_kept(server: Server) -> None:
    given = server.client.get("/healthz", headers={"X-Request-ID": "mine-7"})
    assert given.headers["x-request-id"] == "mine-7"
    strange = server.client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert strange.headers["x-request-id"] != "a b\tc"


def test_keys_are_needed_beyond_this_machine(start: Start) -> None:
    """Each key sees what is its own, and does what its scopes allow."""
    server = start(host="0.0.0.0")  # noqa: S104 - it is not listened on
    database, client = server.service.database, server.client
    check_problem(client.post("/v1/edit", files=FILES), 401, "key_needed")
    assert client.get("/healthz").status_code == 200
    ann, bob = (
        {"Authorization": f"Bearer {add_key(database, name, scopes)}"}
        for name, scopes in (("ann", ("read", "edit")), ("bob", ("read",)))
    )
    made = client.post("/v1/edit", files=FILES, headers=ann)
    edit, image = made.json()["id"], made.json()["image"]
    assert client.get(f"/v1/edits/{edit}", headers=ann).status_code == 200
    check_problem(client.get(f"/v1/edits/{edit}", headers=bob), 404, "unknown_edit")
    check_problem(client.get(f"/v1/pictures/{image}", headers=bob), 404, "unknown_picture")
    check_problem(client.post("/v1/edit", files=FILES, headers=bob), 403, "scope_missing")
    check_problem(client.get("/metrics", headers=ann), 403, "scope_missing")
    remove_key(database, "ann")
    check_problem(client.get(f"/v1/edits/{edit}", headers=ann), 401, "key_needed")


def test_a_key_is_kept_as_a_hash(start: Start) -> None:
    server = start()
    key = add_key(server.service.database, "ann")
    files = [path.read_bytes() for path in server.service.settings.folder.rglob("*.sqlite*")]
    assert files
    assert not any(key.encode() in data for data in files)
    with pytest.raises(ValueError, match="already"):
        add_key(server.service.database, "ann")
    with pytest.raises(ValueError, match="no scope 'all'"):
        add_key(server.service.database, "bob", ["all"])


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],  # noqa: S104
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_every_setting_has_its_range(server: Server) -> None:
    settings = server.client.get("/v1/schema").json()["settings"]
    assert settings["mask.dilate_px"] | {"about": ""} == {
        "type": "integer",
        "default": 1,
        "allowed": "0 to 64",
        "about": "",
        "minimum": 0,
        "maximum": 64,
        "value": 1,
    }
    assert set(settings) == set(server.service.config.as_settings())


def test_the_document_describes_both_bodies(server: Server) -> None:
    """References within it lead somewhere."""
    document = server.client.get("/openapi.json").json()
    content = document["paths"]["/v1/edit"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"], name
