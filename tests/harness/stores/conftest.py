"""Places to write a run to: local disk, memory, and an S3 API where `nox -s cluster` has started
one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from editproof.harness.stores import blobs, copies, objects, run_copy

ENDPOINT = os.environ.get("EDITPROOF_S3", "")
BUCKET = "editproof-tests"

needs_s3 = pytest.mark.skipif(not ENDPOINT, reason="no S3 API: `nox -s cluster` starts one")

Elsewhere = Callable[[], Callable[[], None]]
"""Gives what goes back."""


@pytest.fixture(autouse=True)
def nothing_to_send() -> Iterator[None]:
    """A later test in this process sends nothing of what this one opened."""
    yield
    run_copy._OPENED.clear()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The S3 API, with credentials in the environment and a bucket."""
    use_endpoint(ENDPOINT, monkeypatch)
    httpx2.put(f"{ENDPOINT}/{BUCKET}").raise_for_status()
    yield ENDPOINT
    forget_clients()


def use_endpoint(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `s3://` lead there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    forget_clients()


def forget_clients() -> None:
    """Make the next client from what the environment says then."""
    objects.open_store.cache_clear()
    blobs.open_folder.cache_clear()


@pytest.fixture(params=["memory", pytest.param("s3", marks=[needs_s3, pytest.mark.s3])])
def url(request: pytest.FixtureRequest) -> str:
    """Where no run is yet, in an object store."""
    if request.param == "memory":
        return f"memory://{uuid4().hex}/runs/made-1"
    request.getfixturevalue("endpoint")
    return f"s3://{BUCKET}/{uuid4().hex}/runs/made-1"


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=[needs_s3, pytest.mark.s3])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where no run is yet."""
    if request.param == "local":
        return str(tmp_path / "runs" / "made-1")
    if request.param == "memory":
        return f"memory://{uuid4().hex}/runs/made-1"
    request.getfixturevalue("endpoint")
    return f"s3://{BUCKET}/{uuid4().hex}/runs/made-1"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Go on on another machine, which has no local copy of anything."""

    def move() -> Callable[[], None]:
        before = os.environ["EDITPROOF_CACHE"]
        use(str(tmp_path / uuid4().hex))
        return lambda: use(before)

    def use(cache: str) -> None:
        monkeypatch.setenv("EDITPROOF_CACHE", cache)
        monkeypatch.setattr(copies, "find_memory_root", lambda: Path(cache) / "memory")

    use(os.environ["EDITPROOF_CACHE"])
    return move
