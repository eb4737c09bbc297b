"""The server that other tests rely on."""

from __future__ import annotations

import httpx2
import pytest

from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply


def test_answers_come_in_their_order_and_the_last_stays(server: FakeServer) -> None:
    server.on("GET /a", Reply(503), Reply(body=b"done"))
    with httpx2.Client(base_url=server.url) as client:
        assert [client.get("/a").status_code for _ in range(3)] == [503, 200, 200]
        assert client.get("/b").status_code == 404
    assert [asked.path for asked in server.requests] == ["/a", "/a", "/a", "/b"]


def test_a_form_is_taken_apart(server: FakeServer) -> None:
    def echo(asked: Asked) -> Reply:
        part = asked.form["picture"]
        return Reply.of_json([part.file_name, part.media_type, len(part.data)])

    server.on("POST /form", echo)
    with httpx2.Client(base_url=server.url) as client:
        data = bytes(range(256)) + b"\r\n--\r\n"
        answer = client.post(
            "/form", data={"seed": "7"}, files={"picture": ("a.png", data, "image/png")}
        )
    assert answer.json() == ["a.png", "image/png", len(data)]
    assert server.requests[0].form["seed"].data == b"7"
    assert server.requests[0].form["picture"].data == data


def test_a_connection_breaks_off(server: FakeServer) -> None:
    server.on("GET /reset", Reply(breaks_off="reset"))
    server.on("GET /half", Reply(body=b"x" * 100, breaks_off="half"))
    with httpx2.Client(base_url=server.url) as client:
        with pytest.raises(httpx2.NetworkError):
            client.get("/reset")
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get("/half")
