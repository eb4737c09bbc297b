"""`{name}` in a command or a pattern: what stands in its place is put in once, and is never read
for placeholders again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from editproof.pipelines.field_errors import suggest

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def find_placeholders(text: str) -> tuple[str, ...]:
    """Names of the placeholders in a text, each once."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def check_placeholders(text: str, known: Iterable[str], where: str) -> None:
    """Raise ValueError, listing those that there are, on another placeholder."""
    names = tuple(known)
    for name in find_placeholders(text):
        if name not in names:
            listed = " ".join(f"{{{one}}}" for one in names)
            raise ValueError(f"{where} has {{{name}}}; there are {listed}{suggest(name, names)}")


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """The text with each placeholder's value in its place."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)
