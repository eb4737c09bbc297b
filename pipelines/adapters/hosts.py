"""Which host a URL leads to."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL: `https://api.example.com:443`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS.get(parts.scheme)}"


def is_one_of(url: str, patterns: Iterable[str]) -> bool:
    """Whether a URL's host is one of them, each a name or `*.example.com`. Only over https: what is
    sent there may be secret.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" and any(fnmatch.fnmatchcase(host, name) for name in patterns)
