"""Secrets of services: they come from the environment, and go nowhere but into the request."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from editproof.pipelines.contract import ContractError

_REFERENCE = re.compile(r"\$\{(\w+)\}")

_SECRET_NAME = re.compile(
    r"(^|[-_.])(auth|authori[sz]ation|key|api[-_]?key|token|secret|password|passwd|cookie"
    r"|credentials?|signature)$",
    re.IGNORECASE,
)
"""Headers and fields that hold secrets: `X-API-Key`, `access_token`, but not `keywords`."""

SHORTEST = 4
"""Characters of a secret that is looked for in texts: shorter ones are everywhere."""


def check_no_secrets(table: Any, where: str) -> None:
    """Raise ValueError where a field, however deep, or a header seems to hold a secret itself."""
    for name, value in table.items():
        inner = f"{where}.{name}"
        if isinstance(value, Mapping):
            check_no_secrets(value, inner)
        elif isinstance(value, str) and _is_secret(name, value):
            raise ValueError(
                f"{inner} must not hold the secret itself, since runs keep these fields. Put it"
                " into an environment variable NAME, and write ${NAME}"
            )


def _is_secret(name: str, value: str) -> bool:
    """Whether a value seems to be a secret, and not only to name a variable."""
    return bool(value and _SECRET_NAME.search(name) and not _REFERENCE.search(value))


def hide_given_secrets(text: str) -> str:
    """A pipeline's name as a message may show it: without the secrets that were written into it."""
    return _GIVEN.sub(
        lambda found: f"{found[1]}{found[2]}…" if _is_secret(found[1], found[3]) else found[0], text
    )


_GIVEN = re.compile(r'([\w.-]+)(=|"\s*:\s*")([^&"]+)')
"""A field and its value, as `NAME=VALUE` or as `"NAME": "VALUE"`."""


def check_headers(headers: Mapping[str, str], where: str = "header") -> None:
    """Raise ValueError where a header seems to hold a secret itself, or can't be sent."""
    check_no_secrets(headers, where)
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"{where}.{name} must hold printable ASCII characters only")


def check_address(address: str, where: str = "url") -> None:
    """Raise ValueError unless it is an http(s) URL without a password, whose host is written out:
    who reads it must see where pictures go.
    """
    shown = re.sub(r"//.*@", "//…@", address)
    try:
        parts = urlsplit(address)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:  # an address that can't be
        valid = False
    if not valid or not re.fullmatch(r"\S+", address):
        raise ValueError(
            f"{where} must be a URL that starts with http:// or https://; it is {shown!r}"
        )
    if not _has_valid_port(parts):
        raise ValueError(
            f"{where} has a port that is not valid: it must be a number from 1 to 65535; the URL"
            f" is {shown!r}"
        )
    if parts.password or parts.username:
        raise ValueError(
            f"{where} must not hold a user or a password, since runs keep it. Send them in"
            " header.Authorization, from an environment variable"
        )
    if _REFERENCE.search(parts.netloc):
        raise ValueError(f"{where} must name its host itself, not by an environment variable")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    check_no_secrets(query, f"{where}, in its query,")


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:  # too large, or not a number
        return False


def find_variables(table: Any) -> tuple[str, ...]:
    """Names of the environment variables that fields refer to, anywhere within."""
    return tuple(dict.fromkeys(_walk(table)))


def _walk(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield from _REFERENCE.findall(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _walk(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _walk(part)


class Secrets:
    """The values of the variables that an adapter's fields refer to."""

    def __init__(self, names: Iterable[str], where: str) -> None:
        """Raises ContractError where one is not set."""
        self.values: dict[str, str] = {}
        """By name of the variable."""
        for name in names:
            value = os.environ.get(name, "").strip()
            if not value:
                raise ContractError(
                    f"{where} needs the environment variable {name}, which is not set. Set it, and"
                    " start again"
                )
            if not (value.isascii() and value.isprintable()):
                raise ContractError(
                    f"{where} needs the environment variable {name}, which holds characters that"
                    " no secret has. It must be one line of ASCII"
                )
            self.values[name] = value
        self._hidden = sorted(
            {form for value in self.values.values() for form in _forms(value)},
            key=len,
            reverse=True,
        )

    def fill(self, value: Any) -> Any:
        """Texts with `${NAME}` replaced, however deep in tables and lists."""
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: self.values[found[1]], value)
        if isinstance(value, Mapping):
            return {key: self.fill(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(part) for part in value]
        return value

    def hide(self, text: str) -> str:
        """A text of a service, without the secrets that it may repeat."""
        for form in self._hidden:
            text = text.replace(form, "[secret]")
        return text


def _forms(value: str) -> Iterable[str]:
    """How a secret may be written."""
    encoded = value.encode()
    forms = {
        value,
        quote(value),
        quote(value, safe=""),
        base64.b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode().rstrip("="),
        json.dumps(value)[1:-1],
        html.escape(value),
    }
    return {form for form in forms if len(form) >= SHORTEST}
