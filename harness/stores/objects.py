"""The objects below a URL, by their names relative to it.

`obstore` speaks to the stores. It takes credentials, endpoint and region from the environment, and
repeats what failed in between. What fails for good is one error that names the object.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError
from editproof.harness.stores.places import StoreUrl

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

MOST_BYTES = 1 << 30
"""Of an object that is read whole."""

AT_ONCE = 16
"""Requests that are under way together."""

ATTEMPTS = 4
"""How often an answer that ended early is asked for."""

PAGE = 1000
"""Objects in one answer of a listing."""

RETRIES: RetryConfig = {
    "max_retries": 8,
    "retry_timeout": timedelta(minutes=2),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=15)},
}

CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(minutes=5),
}

HELP = "docs/how-to/object-stores.md says where credentials come from"

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
        from obstore.exceptions import BaseError, NotModifiedError

        for attempt in range(1, ATTEMPTS + 1):
            with self._explaining(name):
                try:
                    content = self._get(name, since, most)
                except NotModifiedError:
                    return UNCHANGED
                except FileNotFoundError as error:
                    if "NoSuchBucket" in str(error):
                        raise
                    return None
                except BaseError:
                    if attempt == ATTEMPTS:
                        raise
                    continue
            if content:
                return content
        raise StoreError(f"{self.url}/{name} could not be read whole in {ATTEMPTS} attempts")

    def _get(self, name: str, since: Version | None, most: int) -> Content | None:
        """One attempt; None: the answer ended early."""
        options: GetOptions = {"if_none_match": since["e_tag"]} if since else {}
        answer = self._store.get(self._key(name), options=options)
        size = answer.meta["size"]
        if size > most:
            raise DamagedError(f"{self.url}/{name} has {size} bytes: at most {most} are read")
        data = bytes(answer.bytes())
        return Content(data, _version_of(answer.meta)) if len(data) == size else None

    def write(self, name: str, data: bytes) -> Version:
        """Write an object in place of what is there. Raises StoreError."""
        key, kind = self._key(name), _kind_of(name)
        with self._explaining(name):
            return _version_of(self._store.put(key, data, attributes=kind, use_multipart=False))

    def create(self, name: str, data: bytes) -> bool:
        """Write an object; False: there is one already, and it stays. Raises StoreError."""
        from obstore.exceptions import AlreadyExistsError

        with self._explaining(name):
            try:
                self._store.put(self._key(name), data, attributes=_kind_of(name), mode="create")
            except AlreadyExistsError:
                return False
            return True

    def replace(self, name: str, data: bytes, before: Version | None) -> bool:
        """Write an object in place of that version (None: where there is none); False: it has
        another one by now. Raises StoreError.
        """
        from obstore.exceptions import PreconditionError

        if before is None:
            return self.create(name, data)
        with self._explaining(name):
            try:
                self._store.put(self._key(name), data, mode=before)  # type: ignore[arg-type]
            except (PreconditionError, FileNotFoundError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                return False
            return True

    def list(self, folder: str = "") -> Iterator[ObjectInfo]:
        """Every object below a folder, in no order. Raises StoreError."""
        with self._explaining(folder):
            for page in self._store.list(self._key(folder) or None, chunk_size=PAGE):
                for found in page:
                    name = found["path"].removeprefix(self.url.prefix)
                    yield ObjectInfo(name, found["size"], found["last_modified"])

    def list_folders(self) -> Sequence[str]:
        """Names of the folders right below. Raises StoreError."""
        with self._explaining(""):
            found = self._store.list_with_delimiter(self.url.prefix or None)
        return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that are gone already are no error. Raises StoreError."""
        keys = [self._key(name) for name in names]
        for first in range(0, len(keys), PAGE):
            with self._explaining(""):
                try:
                    self._store.delete(keys[first : first + PAGE])
                except FileNotFoundError as error:
                    if "NoSuchBucket" in str(error):
                        raise

    def _key(self, name: str) -> str:
        return f"{self.url.prefix}{name}"

    @contextmanager
    def _explaining(self, name: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        where = f"{self.url}/{name}".rstrip("/")
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise DeniedError(f"{where}: access is denied ({_shorten(error)}). {HELP}") from error
        except FileNotFoundError as error:
            raise StoreError(
                f"{where} can't be used: there is no bucket {self.url.bucket}. Make it, or correct"
                " the URL"
            ) from error
        except BaseError as error:
            raise StoreError(
                f"{where} can't be reached: {_shorten(error)}. Try again when the store answers;"
                f" {HELP}"
            ) from error


def do_at_once(do: Callable[[T], R], all_of: Iterable[T], at_once: int = AT_ONCE) -> list[R]:
    """Call a function of ours with each, some of them at a time; the results in their order."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(do, all_of))


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


def _shorten(error: Exception) -> str:
    """What a client says, without the server's page and its own structures."""
    line = str(error).partition("\n")[0].partition("<?xml")[0]
    return line.strip().rstrip(".:")
