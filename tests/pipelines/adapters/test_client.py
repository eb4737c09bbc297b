"""Asking a service within limits, whatever the service does."""

from __future__ import annotations

import asyncio
import gzip
import multiprocessing
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from editproof.pipelines.adapters.answers import root_cause
from editproof.pipelines.adapters.circuit import Circuit
from editproof.pipelines.adapters.client import Busy, Client, Patience
from editproof.pipelines.adapters.errors import (
    AnswerError,
    EditTimeoutError,
    ServiceError,
    ServiceGoneError,
)
from editproof.pipelines.adapters.fields import ServerFields
from tests.pipelines.adapters.fake_proxy import FakeProxy
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply


class Fields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str

    @property
    def address(self) -> str:
        return self.url


Make = Callable[..., Client]


@pytest.fixture
def make(server: FakeServer) -> Iterator[Make]:
    """A client of the fake server, with fields."""
    made: list[Client] = []

    def build(url: str = "", **fields: Any) -> Client:
        made.append(Client(Fields(url=url or server.url, **fields)))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again(server: FakeServer, make: Make, status: int) -> None:
    server.on("GET /a", Reply(status, headers={"Retry-After": "0"}), Reply(body=b"there"))
    assert make().ask("GET", "/a").body == b"there"
    assert len(server.requests) == 2


def test_a_date_says_when_to_ask_again(server: FakeServer, make: Make) -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    server.on("GET /a", Reply(429, headers={"Retry-After": past}), Reply(body=b"there"))
    assert make().ask("GET", "/a").body == b"there"


def test_what_is_put_off_is_no_failed_attempt() -> None:
    """A service that serves six requests a minute is asked until the edit's time is over."""
    later, soon, gone = Busy(OSError(), 10.0), Busy(OSError(), 0.0), Busy(OSError(), None)
    patience = Patience(3, time.monotonic() + 60)
    assert [patience(later) for _ in range(9)] == [10.0] * 9
    assert [patience(gone), patience(soon), patience(gone)] == [True, 0.0, False]
    assert Patience(3, time.monotonic() - 1)(later) is False
    assert Patience(3, time.monotonic() + 60)(OSError()) is False


def test_a_pause_beyond_the_edits_time_is_not_waited_for(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(429, b"slow down", headers={"Retry-After": "3600"}))
    with pytest.raises(ServiceError, match="It asks to wait 3600 s, and 270 s are left"):
        make().ask("GET", "/a")
    assert len(server.requests) == 1


def test_a_reset_connection_is_made_again(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(breaks_off="reset"), Reply(body=b"there"))
    assert make(edit_timeout_s=4).ask("GET", "/a").body == b"there"


def test_half_an_answer_is_asked_for_again(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(body=b"x" * 99, breaks_off="half"))
    with pytest.raises(ServiceError, match=r"GET http://\S+/a broke off"):
        make(edit_timeout_s=2, attempts=2).ask("GET", "/a")
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_another_error_is_final(server: FakeServer, make: Make, status: int) -> None:
    server.on("POST /a", Reply(status, b"<b>no</b>\x1b[31m" + b"y" * 900))
    with pytest.raises(ServiceError, match=rf"answered {status} \(request \w+\): <b>no") as caught:
        make().ask("POST", "/a", json={})
    assert len(server.requests) == 1
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_wrong_address_is_suspected(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(404, b"no"))
    with pytest.raises(ServiceError, match=r"no\. Is the address right"):
        make().ask("GET", "/a")


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_key_is_named_and_not_shown(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    server.on("GET /a", Reply(status, b"no"))
    with pytest.raises(ServiceError, match="MY_KEY as Authorization") as caught:
        make(header={"Authorization": "Bearer ${MY_KEY}"}).ask("GET", "/a")
    assert "sk-secret" not in str(caught.value)
    with pytest.raises(ServiceError, match=r"No key was sent\. Set header\.Authorization"):
        make().ask("GET", "/a")


def test_an_error_names_the_services_request_id(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(500, b"no", headers={"x-request-id": "req-77"}))
    with pytest.raises(ServiceError, match="request req-77"):
        make().ask("GET", "/a")
    assert len(server.requests[0].headers["x-request-id"]) == 32


def test_a_trickle_does_not_outlast_the_limit(server: FakeServer, make: Make) -> None:
    """Neither one in the head, nor one in the body."""
    server.on("GET /a", Reply(body=b"x" * 1000, pause_s=0.05))
    client = make(request_timeout_s=0.4)
    start = time.monotonic()
    with pytest.raises(ServiceError, match=r"did not answer within 0.4 s \(request_timeout_s\)"):
        client.ask("GET", "/a")
    assert time.monotonic() - start < 5


def test_repeated_requests_do_not_outlast_the_edit(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(503, b"busy"))
    client = make(edit_timeout_s=0.5, attempts=100)
    with client.edit(), pytest.raises(ServiceError, match=r"answered 503|edit_timeout_s"):
        client.ask("GET", "/a")
    with (
        client.edit(),
        pytest.raises(ServiceError, match=r"has not finished the edit within 0\.5 s"),
    ):
        client.wait(1)


def test_an_endless_body_is_cut_off(server: FakeServer, make: Make) -> None:
    def chunks() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    server.on("GET /a", Reply(chunks=chunks))
    with pytest.raises(AnswerError, match=r"more than 1 MiB \(max_answer_mib\)"):
        make(max_answer_mib=1).ask("GET", "/a")


def test_a_compressed_body_counts_as_what_it_holds(server: FakeServer, make: Make) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    server.on("GET /a", Reply(body=bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(AnswerError, match=r"more than 1 MiB"):
        make(max_answer_mib=1).ask("GET", "/a")


def test_a_body_ends_where_the_caller_says(server: FakeServer, make: Make) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: done\n\n"
        time.sleep(0.5)
        yield b"data: beyond\n\n"

    server.on("GET /a", Reply(chunks=chunks))
    answer = make().ask("GET", "/a", ends=lambda body: b"done" in body)
    assert answer.body == b"data: done\n\n"


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


SYSTEM_ERRORS = {
    "it refused the connection": OSError(
        "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect"
        " call failed ('127.0.0.1', 1)"
    ),
    "No route to host": OSError(113, "Connect call failed ('10.0.0.1', 1)"),
    "no host of that name is known": socket.gaierror(socket.EAI_NONAME, "Name not known"),
    "it reset the connection": ConnectionResetError(104, "Connection reset by peer"),
    "ValueError": ValueError(),
}


@pytest.mark.skipif(sys.platform != "linux", reason="errors have other numbers elsewhere")
@pytest.mark.parametrize(("said", "error"), SYSTEM_ERRORS.items(), ids=SYSTEM_ERRORS)
def test_an_error_of_the_system_is_said_in_words(said: str, error: Exception) -> None:
    assert root_cause(error) == said


def test_the_circuit_opens_and_says_one_thing(make: Make) -> None:
    client = make(f"http://127.0.0.1:{free_port()}", edit_timeout_s=2, attempts=2, refused_limit=2)
    with pytest.raises(ServiceGoneError, match="can't be reached: it refused the connection"):
        client.ask("GET", "/a")
    said = set()
    for _ in range(3):
        with pytest.raises(ServiceGoneError, match="refused the last 2 connections") as caught:
            client.ask("GET", "/a")
        said.add(str(caught.value))
    assert len(said) == 1


def test_an_answer_closes_the_circuit() -> None:
    circuit = Circuit("http://x", 2)
    circuit.note_refusal()
    circuit.note_answer()
    circuit.note_refusal()
    circuit.check()
    circuit.note_refusal()
    with pytest.raises(ServiceGoneError):
        circuit.check()


def test_edits_out_of_time_open_the_circuit_too(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(429, headers={"Retry-After": "1"}))
    client = make(edit_timeout_s=0.2, refused_limit=2)
    for _ in range(2):
        with pytest.raises(EditTimeoutError, match="It asks to wait 1 s, and 0 s are left of the"):
            ask_in_edit(client)
    asked = len(server.requests)
    with pytest.raises(ServiceGoneError, match="made none of the last 2 edits in time"):
        ask_in_edit(client)
    assert len(server.requests) == asked


def test_an_edit_in_time_closes_the_circuit(server: FakeServer, make: Make) -> None:
    client = make(edit_timeout_s=0.2, refused_limit=2)
    for status in (429, 400, 429):
        server.on("GET /a", Reply(status, headers={"Retry-After": "1"}))
        with pytest.raises(ServiceError):
            ask_in_edit(client)
    server.on("GET /a", Reply(body=b"there"))
    assert ask_in_edit(client) == b"there"


def ask_in_edit(client: Client) -> bytes:
    with client.edit():
        return client.ask("GET", "/a").body


def test_redirects_stay_with_the_host(server: FakeServer, make: Make) -> None:
    with FakeServer() as other:
        other.on("GET /b", Reply(body=b"other"))
        server.on("GET /near", Reply(302, headers={"Location": "/b"}))
        server.on("GET /b", Reply(body=b"own"))
        server.on("GET /far", Reply(302, headers={"Location": f"{other.url}/b"}))
        header = {"X-Mine": "mine"}
        assert make(header=header).ask("GET", "/near").body == b"own"
        with pytest.raises(AnswerError, match="which is not allowed: redirects is 'same host'"):
            make(header=header).ask("GET", "/far")
        with pytest.raises(AnswerError, match="redirects is 'none'"):
            make(redirects="none").ask("GET", "/near")
        assert make(header=header, redirects="any").ask("GET", "/far").body == b"other"
        assert "x-mine" not in other.requests[0].headers
        assert "x-mine" in server.requests[-1].headers


def test_no_header_of_the_user_goes_to_a_host_that_an_answer_names(make: Make) -> None:
    with FakeServer() as other:
        other.on("GET /picture", Reply(body=b"there"))
        client = make(header={"X-Mine": "mine"})
        client.ask("GET", f"{other.url}/picture", headers={"X-More": "more"})
        assert not {"x-mine", "x-more"} & set(other.requests[0].headers)


def test_a_loop_of_redirects_ends(server: FakeServer, make: Make) -> None:
    server.on("GET /a", Reply(307, headers={"Location": "/a"}))
    with pytest.raises(AnswerError, match="more than 5 redirects"):
        make().ask("GET", "/a")


def test_a_proxy_of_the_environment_is_used(
    server: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain proxy gets the whole URL, and asks for it itself."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.on("*", Reply(body=b"by the proxy"))
    assert make("http://editproof.example").ask("GET", "/a").body == b"by the proxy"
    assert server.requests[0].headers["host"] == "editproof.example"


def test_a_proxy_of_the_environment_tunnels_what_is_encrypted(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It joins client and service, and sees neither what is asked nor the answer."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("editproof.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with FakeServer(tls=context) as server, FakeProxy(server.url) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        server.on("GET /a", Reply(body=b"secure"))
        assert make("https://editproof.example").ask("GET", "/a").body == b"secure"
    assert proxy.tunnels == ["editproof.example:443"]
    assert server.requests[0].headers["host"] == "editproof.example"


def test_a_private_authority_is_named_in_the_environment(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with FakeServer(tls=context) as server:
        server.on("GET /a", Reply(body=b"secure"))
        with pytest.raises(ServiceGoneError, match="SSL_CERT_FILE"):
            make(server.url, attempts=1).ask("GET", "/a")
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert make(server.url).ask("GET", "/a").body == b"secure"


def edit_often(url: str, times: int) -> None:
    client = Client(Fields(url=url, concurrency=1))
    for _ in range(times):
        with client.edit():
            client.ask("POST", "/edit", json={})
    client.close()


@pytest.mark.slow
def test_a_serial_service_is_asked_by_one_process_at_a_time(server: FakeServer) -> None:
    server.on("POST /edit", Reply(delay_s=0.02))
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=edit_often, args=(server.url, 8)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(server.requests) == 16
    assert server.most_at_once == 1


def test_a_parallel_service_is_asked_by_several(server: FakeServer, make: Make) -> None:
    """Two edits at a time, where two are allowed."""

    def answer(asked: Asked) -> Reply:
        return Reply()

    server.on("POST /edit", answer)
    first, second = make(concurrency=2), make(concurrency=2)
    with first.edit(), second.edit() as waited_s:
        assert waited_s < 1
        second.ask("POST", "/edit", json={})


def test_a_client_may_end_while_another_asks(server: FakeServer, make: Make) -> None:
    """Whenever it is collected."""
    server.on("GET /a", Reply(body=b"there"))
    client = make()
    assert client.ask("GET", "/a").body == b"there"

    async def end() -> None:
        client.close()

    asyncio.run(end())
    assert client._http.is_closed
