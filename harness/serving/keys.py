"""API keys: random, shown once, kept as hashes, each with what it may do."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from editproof.harness.serving.database import Database, Key
from editproof.harness.serving.problems import Problem

SCOPES = ("read", "edit", "metrics")
"""What a key may allow: to look at what is its owner's, to edit, to read the metrics."""

ASK_BROWSER = 'Basic realm="editproof: any name, and your API key as the password"'

LOCAL = "local"
"""The owner of what is made without a key."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    owner: str
    scopes: frozenset[str]


def add_key(database: Database, name: str, scopes: Collection[str] = ("read", "edit")) -> str:
    """Make a key, and give it: it can't be read again. Raises ValueError where the name is taken or
    a scope unknown.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise ValueError(f"there is no scope {unknown[0]!r}; there are: {', '.join(SCOPES)}")
    key = f"ep_{secrets.token_urlsafe(32)}"
    with database.writing() as session:
        if session.get(Key, name):
            raise ValueError(f"there is a key {name!r} already: remove it first, or use another")
        session.add(Key(name=name, digest=hash_key(key), scopes=" ".join(scopes)))
    return key


def remove_key(database: Database, name: str) -> None:
    """From now on the key opens nothing. Raises ValueError where there is none of that name."""
    with database.writing() as session:
        found = session.get(Key, name)
        if found is None:
            raise ValueError(f"there is no key {name!r}")
        session.delete(found)


def list_keys(database: Database) -> list[Key]:
    """All keys, by name."""
    with database.reading() as session:
        return list(session.scalars(select(Key).order_by(Key.name)))


def hash_key(key: str) -> str:
    """SHA-256: enough for a key of 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_key(database: Database, key: str) -> Key | None:
    """What is known of a key; None: nothing."""
    with database.reading() as session:
        return session.scalar(select(Key).where(Key.digest == hash_key(key)))


def read_key(request: Request) -> str:
    """The key that came along; empty: none. A browser that looks at a page sends it as a password,
    and sends it by itself from then on, so such a key changes nothing.
    """
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic" or request.method != "GET":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for something to look at."""
    return "text/html" in request.headers.get("accept", "")


def _is_browser(request: Request) -> bool:
    """Whether a page is asked for, or a picture of one."""
    accepted = request.headers.get("accept", "")
    return request.method == "GET" and ("text/html" in accepted or "image/" in accepted)


async def identify(request: Request) -> Caller:
    """Who asks, by `Authorization: Bearer KEY`. Raises Problem 401 where a key is needed."""
    service = request.app.state.service
    if not service.settings.checks_keys:
        return Caller(LOCAL, frozenset(SCOPES))
    found = await run_in_threadpool(find_key, service.database, read_key(request))
    if found is None:
        raise Problem(
            401,
            "key_needed",
            "This server needs an API key, and none that it knows came with the request.",
            field="Authorization",
            remedy="Send `Authorization: Bearer KEY`. `editproof serve-key NAME` makes a key.",
            headers={"WWW-Authenticate": ASK_BROWSER if _is_browser(request) else "Bearer"},
        )
    return Caller(found.name, frozenset(found.scopes.split()))


def require(scope: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who must be allowed that."""

    async def check(caller: Annotated[Caller, Depends(identify)]) -> Caller:
        if scope not in caller.scopes:
            raise Problem(
                403,
                "scope_missing",
                f"The key {caller.owner!r} does not allow {scope!r}.",
                field="Authorization",
                remedy=f"Use a key with the scope {scope!r}.",
            )
        return caller

    return check


Reader = Annotated[Caller, Depends(require("read"))]
Editor = Annotated[Caller, Depends(require("edit"))]
Scraper = Annotated[Caller, Depends(require("metrics"))]
