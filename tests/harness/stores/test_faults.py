"""A store that answers badly: nothing is lost or double, and what fails for good is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

import editproof
from editproof.harness.pictures import files as pictures
from editproof.harness.stores import objects
from editproof.harness.stores.objects import DeniedError, FullError, StoreError
from editproof.harness.stores.places import find_url
from editproof.harness.stores.run_copy import RunCopy, send_opened
from editproof.harness.stores.run_store import open_run_store
from tests.harness.retention.cached import content_of, digest_of
from tests.harness.stores.conftest import BUCKET, Elsewhere, forget_clients, needs_s3, use_endpoint
from tests.harness.stores.fault_proxy import (
    REFUSALS,
    Choose,
    Fault,
    FaultProxy,
    run_fault_proxy,
)
from tests.harness.stores.test_run_store import STEPS, manifest, put, record

pytestmark = [needs_s3, pytest.mark.s3]

URL = f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture
def proxy(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Every request goes through it, and no client waits for long."""
    short = {
        "max_retries": 4,
        "retry_timeout": timedelta(seconds=20),
        "backoff": {
            "init_backoff": timedelta(milliseconds=10),
            "max_backoff": timedelta(milliseconds=50),
        },
    }
    monkeypatch.setattr(objects, "RETRIES", short)
    monkeypatch.setattr(objects, "WAIT_S", 0.01)
    monkeypatch.setattr(objects, "CLIENT", {"read_timeout": timedelta(seconds=1)})
    with run_fault_proxy(endpoint) as proxy:
        use_endpoint(proxy.url, monkeypatch)
        yield proxy
    forget_clients()


def at_first(fault: Fault) -> Choose:
    """Each request is answered so twice."""
    return lambda method, path, before: fault if before < 2 else ""


def write_run(url: str) -> None:
    store = open_run_store(url)
    store.start(manifest())
    put(store, *STEPS)
    store.close()


def check_run(url: str) -> None:
    run = editproof.load(url)
    assert run.records == tuple(map(record, STEPS))
    path = pictures.path_in([run.folder], digest_of("case 2"))
    assert path is not None
    assert path.read_bytes() == content_of("case 2")


@pytest.mark.parametrize("fault", ["429", "500", "503", "truncated", "lost"])
def test_a_fault_that_passes_is_not_noticed(
    fault: Fault, proxy: FaultProxy, elsewhere: Elsewhere
) -> None:
    """Neither while a run is written nor while it is read."""
    url = f"{URL}/{fault}"
    proxy.choose = at_first(fault)
    write_run(url)
    elsewhere()
    check_run(url)
    assert proxy.faults[fault] > 20


@pytest.mark.slow
def test_slow_answers_are_asked_for_again(proxy: FaultProxy, elsewhere: Elsewhere) -> None:
    """A write whose answer is late was done, and is not done twice."""
    url = f"{URL}/slow"
    proxy.choose = lambda method, path, before: (
        "slow" if not before and ("cases/" in path or "manifest" in path) else ""
    )
    write_run(url)
    elsewhere()
    check_run(url)
    assert proxy.faults["slow"] > 2


@pytest.mark.parametrize("fault", ["500", "503", "truncated"])
def test_a_fault_that_stays_is_said(fault: Fault, proxy: FaultProxy, elsewhere: Elsewhere) -> None:
    """With the URL, and what to do."""
    url = f"{URL}/stays-{fault}"
    write_run(url)
    elsewhere()
    proxy.choose = lambda method, path, before: fault if "manifest" in path else ""
    with pytest.raises(StoreError, match=f"{url}/manifest.json can't be reached: .*Try again"):
        editproof.load(url)


def test_a_store_that_refuses_is_said(proxy: FaultProxy) -> None:
    proxy.choose = lambda method, path, before: "denied"
    with pytest.raises(DeniedError, match=r"access is denied .*credentials"):
        editproof.load(f"{URL}/denied")


@pytest.mark.parametrize("fault", ["507", "quota"])
def test_a_store_that_is_full_is_said(fault: Fault, proxy: FaultProxy) -> None:
    """With what to do, and without waiting longer than the client does."""
    url = f"{URL}/full-{fault}"
    store = open_run_store(url)
    store.start(manifest())
    proxy.choose = lambda method, path, before: fault if method in {"PUT", "POST"} else ""
    said = rf"can't be written: the object store is full \({REFUSALS[fault][0]} .*Make room"
    with pytest.raises(FullError, match=said):
        put(store, 1)
    assert max(proxy.asked.values()) <= 5
    store.close()


def test_what_can_only_be_read_is_read(proxy: FaultProxy, elsewhere: Elsewhere) -> None:
    """What a command has written stays here, with a warning."""
    url = f"{URL}/read-only"
    write_run(url)
    elsewhere()
    proxy.choose = lambda method, path, before: "denied" if method in {"PUT", "POST"} else ""
    check_run(url)
    where = find_url(url)
    assert where
    (RunCopy(where).folder / "verdict.json").write_text("{}")
    lines: list[str] = []
    send_opened(lines.append)
    assert len(lines) == 1
    assert "what was written stays in" in lines[0]


def test_a_full_bucket_stops_a_run_that_can_be_resumed(
    proxy: FaultProxy, elsewhere: Elsewhere
) -> None:
    """What was put before is there."""
    url = f"{URL}/full"
    store = open_run_store(url)
    store.start(manifest())
    put(store, 1)
    proxy.choose = lambda method, path, before: "503" if method == "PUT" else ""
    with pytest.raises(StoreError, match="can't be reached"):
        put(store, 2)
    proxy.choose = lambda method, path, before: ""
    store.close()
    elsewhere()
    store = open_run_store(url)
    store.resume()
    put(store, 2, 3)
    store.close()
    elsewhere()
    check_run(url)
