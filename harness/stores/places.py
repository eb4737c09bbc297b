"""Places by their name: a local path, or a URL of an object store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.records.errors import UsageError

SCHEMES = ("s3", "gs", "az", "memory")

_URL = re.compile(r"(s3|gs|az|memory|file):/(.*)\Z", re.DOTALL)
"""With one slash: pathlib makes one of two."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9_=+,@~ -][A-Za-z0-9_.=+,@~ -]*\Z")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A folder in an object store."""

    scheme: str
    """One of SCHEMES."""
    parts: tuple[str, ...]
    """The bucket, then the folders below it."""

    def __str__(self) -> str:
        return f"{self.scheme}://{'/'.join(self.parts)}"

    @property
    def name(self) -> str:
        """Of the folder itself."""
        return self.parts[-1]

    @property
    def parent(self) -> StoreUrl:
        """The folder that it lies in. The bucket's has no parts."""
        return StoreUrl(self.scheme, self.parts[:-1])

    @property
    def bucket(self) -> str:
        """The bucket's URL."""
        return f"{self.scheme}://{self.parts[0]}"

    @property
    def prefix(self) -> str:
        """What the name of every object in it starts with: empty, or with a slash at its end."""
        return "".join(f"{part}/" for part in self.parts[1:])

    def join(self, name: str) -> StoreUrl:
        """A folder in it."""
        return StoreUrl(self.scheme, (*self.parts, name))


def find_url(place: Path | str) -> StoreUrl | None:
    """The URL that a place is; None: a local path. A `Path` may hold a URL, too: that is what a
    command line gives.

    Raises UsageError where a URL can't be used.
    """
    match = _URL.match(str(place))
    if not match or match[1] == "file":
        return None
    url = StoreUrl(match[1], tuple(match[2].removeprefix("/").removesuffix("/").split("/")))
    check_url(url)
    return url


def check_url(url: StoreUrl) -> None:
    """Raise UsageError where a URL names what can't be a bucket or a folder."""
    if "@" in url.parts[0]:  # not repeated: it may be a password
        raise UsageError(
            f"a URL of {url.scheme}:// names a user or a password. Leave them out: credentials come"
            " from the environment"
        )
    wrong = [part for part in url.parts[1:] if not _SEGMENT.match(part)]
    wrong = wrong if _BUCKET.match(url.parts[0]) else [url.parts[0]]
    if wrong:
        raise UsageError(
            f"'{url}' can't be used as a URL: a part of it is {wrong[0]!r}. Write"
            f" {url.scheme}://BUCKET/FOLDER, of letters, digits, spaces and -_.=+,@~"
        )


def find_local(place: Path | str) -> Path:
    """The path that a place is, whose URL is none or begins with `file:`."""
    match = _URL.match(str(place))
    return Path(f"/{match[2].lstrip('/')}") if match and match[1] == "file" else Path(place)
