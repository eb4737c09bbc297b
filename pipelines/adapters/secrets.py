"""Secrets of services: they come from the environment, and go nowhere but into the request."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from editproof.pipelines.contract import ContractError

_REFERENCE = re.compile(r"\$\{(\w+)\}")

_SECRET_HEADER = re.compile(r"authori[sz]ation|api-?key|token|secret|cookie", re.IGNORECASE)
"""Headers that hold secrets."""

SHORTEST = 4
"""Characters of a secret that is looked for in texts: shorter ones are everywhere."""


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise ValueError where a header seems to hold a secret itself."""
    for name, value in headers.items():
        if _SECRET_HEADER.search(name) and value and not _REFERENCE.search(value):
            raise ValueError(
                f"header.{name} must not hold the secret itself, since runs keep these fields. Put"
                " it into an environment variable NAME, and write ${NAME}"
            )


def check_address(address: str) -> None:
    """Raise ValueError unless it is an http(s) URL without a password."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{address!r} must be a URL that starts with http:// or https://")
    if parts.password or parts.username:
        raise ValueError(
            f"the URL of {parts.hostname} must not hold a user or a password, since runs keep it."
            " Send them in header.Authorization, from an environment variable"
        )


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
        self._values: dict[str, str] = {}
        for name in names:
            value = os.environ.get(name, "")
            if not value:
                raise ContractError(
                    f"{where} needs the environment variable {name}, which is not set. Set it, and"
                    " start again"
                )
            self._values[name] = value
        self._hidden = sorted(
            {form for value in self._values.values() for form in _forms(value)},
            key=len,
            reverse=True,
        )

    def fill(self, value: Any) -> Any:
        """Texts with `${NAME}` replaced, however deep in tables and lists."""
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: self._values[found[1]], value)
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
    }
    return {form for form in forms if len(form) >= SHORTEST}
