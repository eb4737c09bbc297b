"""The objects below a URL, by their names relative to it.

`obstore` speaks to the stores. It takes credentials, endpoint and region from the environment, and
asks again after an answer such as 500 or 503. Here we ask again where no answer came at all, or
half of one. What fails for good is one error that names the object.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache, lru_cache, partial
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError
from editproof.harness.stores.places import StoreUrl

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

MOST_BYTES = 1 << 30
"""Of an object that is read whole."""

AT_ONCE = 16
"""Requests that are under way together."""

ATTEMPTS = 4
"""How often a request is made whose answer did not come, or ended early."""

WAIT_S = 0.25
"""About half of the wait before the second attempt."""

PAGE = 1000
"""Objects in one answer of a listing."""

PATIENCE = timedelta(minutes=1)
"""How long a request is repeated."""

RETRIES: RetryConfig = {
    "max_retries": 100,  # the pauses grow slowly, so that PATIENCE comes first
    "retry_timeout": PATIENCE,
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=15)},
}

CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(minutes=5),
}

FULL = ("status code: 507", "QuotaExceeded</Code>")
"""What stores say that are full: of MinIO the disks, of Ceph and MinIO a bucket's quota."""

HELP = "docs/how-to/object-stores.md says where credentials come from"

_ANSWER = re.compile(r"status code: (\d{3} [\w ]*\w)(?:.*?<Code>(\w+)</Code>)?", re.DOTALL)

Version = dict[str, str]
"""What tells one content of an object from the next."""

T = TypeVar("T")
R = TypeVar("R")


class Unchanged(Enum):
    """In place of a content that is known already."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


class Content(NamedTuple):
    """What an object holds."""

    data: bytes
    version: Version


class StoreError(IncompleteError):
    """A store can't be reached, or refuses."""


class DeniedError(StoreError):
    """A store refuses these credentials."""


class FullError(StoreError):
    """A store takes nothing more."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object of a listing."""

    name: str
    size: int
    """Bytes."""
    modified: datetime


class ObjectFolder:
    """The objects below a URL. All methods may be called by several threads at once."""

    def __init__(self, url: StoreUrl) -> None:
        self.url = url
        self._store = open_store(url.bucket)

    def read(self, name: str, most: int = MOST_BYTES) -> bytes | None:
        """The content of an object; None: there is none. Raises StoreError, and DamagedError where
        it is larger than `most`.
        """
        found = self.read_version(name, most)
        return found.data if found else None

    def read_version(self, name: str, most: int = MOST_BYTES) -> Content | None:
        """As `read`, with the version."""
        found = self.read_changed(name, None, most)
        return None if found is UNCHANGED else found

    def read_changed(
        self, name: str, since: Version | None, most: int = MOST_BYTES
    ) -> Content | Unchanged | None:
        """As `read_version`, but UNCHANGED where the object still has the version `since`."""
        from obstore.exceptions import NotModifiedError

        try:
            return self._repeat(name, lambda: self._get(name, since, most))
        except NotModifiedError:
            return UNCHANGED
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> Version:
        """Write an object in place of what is there. Raises StoreError."""
        key, kind = self._key(name), _kind_of(name)

        def put() -> Version:
            return _version_of(self._store.put(key, data, attributes=kind, use_multipart=False))

        return self._repeat(name, put)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object; False: there is another one already, and it stays. Raises StoreError."""
        return self._put_if(name, data, "create")

    def write_once(self, name: str, data: bytes) -> None:
        """Write an object whose name says what it holds, unless it is there. Raises StoreError."""
        from obstore.exceptions import AlreadyExistsError

        key, kind = self._key(name), _kind_of(name)

        def put() -> None:
            with suppress(AlreadyExistsError):
                self._store.put(key, data, attributes=kind, mode="create")

        self._repeat(name, put)

    def replace(self, name: str, data: bytes, before: Version | None) -> bool:
        """Write an object in place of that version (None: where there is none); False: it has
        another one by now. Raises StoreError.
        """
        return self._put_if(name, data, before or "create")

    def _put_if(self, name: str, data: bytes, mode: Version | Literal["create"]) -> bool:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        key, kind = self._key(name), _kind_of(name)

        def put() -> bool:
            try:
                self._store.put(key, data, attributes=kind, mode=mode)  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError):
                return self.read(name) == data  # a request whose answer was lost has done it
            return True

        try:
            return self._repeat(name, put)
        except FileNotFoundError:  # there is nothing to replace
            return False

    def find_date(self, name: str) -> datetime | None:
        """When an object was written; None: there is none. Raises StoreError."""
        try:
            return self._repeat(name, lambda: self._store.head(self._key(name))["last_modified"])
        except FileNotFoundError:
            return None

    def list(self, folder: str = "") -> Iterator[ObjectInfo]:
        """Every object below a folder, in the order of their names. Raises StoreError."""
        last = None
        while page := self._repeat(folder, partial(self._list_page, folder, last)):
            for found in page:
                name = found["path"].removeprefix(self.url.prefix)
                yield ObjectInfo(name, found["size"], found["last_modified"])
            last = page[-1]["path"]

    def list_folders(self) -> Sequence[str]:
        """Names of the folders right below. Raises StoreError."""
        prefix = self.url.prefix or None
        found = self._repeat("", lambda: self._store.list_with_delimiter(prefix))
        return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that are gone already are no error. Raises StoreError."""
        keys = [self._key(name) for name in names]
        for first in range(0, len(keys), PAGE):
            some = keys[first : first + PAGE]
            with suppress(FileNotFoundError):
                self._repeat("", partial(self._store.delete, some))

    def _get(self, name: str, since: Version | None, most: int) -> Content:
        options: GetOptions = {"if_none_match": since["e_tag"]} if since else {}
        answer = self._store.get(self._key(name), options=options)
        size = answer.meta["size"]
        if size > most:
            raise DamagedError(f"{self.url}/{name} has {size} bytes: at most {most} are read")
        return Content(bytes(answer.bytes()), _version_of(answer.meta))

    def _list_page(self, folder: str, last: str | None) -> Sequence[ObjectMeta]:
        """The next objects after the one of that key; none: there are no more."""
        pages = self._store.list(self._key(folder) or None, offset=last, chunk_size=PAGE)
        return next(iter(pages), ())

    def _key(self, name: str) -> str:
        return f"{self.url.prefix}{name}"

    def _repeat(self, name: str, ask: Callable[[], T]) -> T:
        """Ask, again where no answer came: all that we ask for can be asked twice. Raises
        StoreError, FileNotFoundError and NotModifiedError.
        """
        from obstore.exceptions import GenericError

        give_up_at = time.monotonic() + PATIENCE.total_seconds()
        with self._explaining(name):
            for attempt in range(1, ATTEMPTS):
                try:
                    return ask()
                except GenericError as error:
                    has_answered = _ANSWER.search(str(error))  # so the client has asked again
                    if has_answered or time.monotonic() > give_up_at:
                        raise
                time.sleep(WAIT_S * 2**attempt * (0.5 + random.random()))
            return ask()

    @contextmanager
    def _explaining(self, name: str) -> Iterator[None]:
        from obstore.exceptions import (
            BaseError,
            NotModifiedError,
            PermissionDeniedError,
            UnauthenticatedError,
        )

        where = f"{self.url}/{name}".rstrip("/")
        try:
            yield
        except NotModifiedError:
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            if _says_full(error):
                raise FullError(_explain_full(where, error)) from error
            raise DeniedError(f"{where}: access is denied ({_shorten(error)}). {HELP}") from error
        except FileNotFoundError as error:
            if "NoSuchBucket" not in str(error):
                raise
            raise StoreError(
                f"{where} can't be used: there is no bucket {self.url.bucket}. Make it, or correct"
                " the URL"
            ) from error
        except BaseError as error:
            if _says_full(error):
                raise FullError(_explain_full(where, error)) from error
            raise StoreError(
                f"{where} can't be reached: {_shorten(error)}. Try again when the store answers;"
                f" {HELP}"
            ) from error


def do_at_once(do: Callable[[T], R], all_of: Iterable[T]) -> list[R]:
    """Call a function of ours with each, some of them at a time; the results in their order. What
    it calls does not call this.
    """
    items = list(all_of)
    if len(items) < 2:
        return [do(item) for item in items]
    return list(_start_threads().map(do, items))


@cache
def _start_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE)


@lru_cache(maxsize=64)
def open_store(bucket: str) -> ObjectStore:
    """The client of a bucket: one for all its folders."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import MemoryStore, from_url
    except ImportError as error:
        raise UsageError(
            f'{bucket} needs another library: pip install "editproof[stores]"'
        ) from error
    if bucket.startswith("memory:"):
        return MemoryStore()
    # Of a client's own options only ours count, also where the environment names this one.
    plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"true", "1"}
    options: ClientConfig = {**CLIENT, "allow_http": plain}
    try:
        return from_url(bucket, client_options=options, retry_config=RETRIES)
    except (BaseError, ValueError) as error:
        raise UsageError(f"{bucket} can't be used: {_shorten(error)}. {HELP}") from error


def _kind_of(name: str) -> dict[str, str]:
    """So that a browser shows a report that it reads from the store."""
    return {"Content-Type": guess_type(name)[0] or "application/octet-stream"}


def _version_of(meta: Any) -> Version:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


def _says_full(error: Exception) -> bool:
    """Whether asking again is of no use until somebody makes room."""
    return any(words in str(error) for words in FULL)


def _explain_full(where: str, error: Exception) -> str:
    return (
        f"{where} can't be written: the object store is full ({_shorten(error)}). Make room in it,"
        " or raise its quota"
    )


def _shorten(error: Exception) -> str:
    """What the server has answered, or what the client says without its own structures."""
    if answer := _ANSWER.search(str(error)):
        return ", ".join(filter(None, answer.groups()))
    line = str(error).partition("\n")[0].partition("<?xml")[0]
    return line.strip().rstrip(".:")
