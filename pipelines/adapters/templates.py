"""Requests as the user writes them, with placeholders: `{"image": "{image}", "seed": "{seed}"}`.

A text that is one placeholder becomes its value: a number stays a number. Within a text, values are
written out. `{{` and `}}` are braces, and `${NAME}` is a variable of the environment. All are
replaced in one go, so what stands in a prompt is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from editproof.pipelines.field_errors import suggest

_PLACE = re.compile(r"\$\{(?P<variable>\w+)\}|\{\{|\}\}|\{(?P<name>[^{}]*)\}")


def fill_template(
    template: Any, values: Mapping[str, Any], variables: Mapping[str, str] = MappingProxyType({})
) -> Any:
    """A template with its placeholders replaced, however deep in tables and lists. Raises KeyError
    where one has no value.
    """
    if isinstance(template, str):
        return _fill_text(template, values, variables)
    if isinstance(template, Mapping):
        return {key: fill_template(part, values, variables) for key, part in template.items()}
    if isinstance(template, list | tuple):
        return [fill_template(part, values, variables) for part in template]
    return template


def find_placeholders(template: Any) -> tuple[str, ...]:
    """The names of a template's placeholders."""
    return tuple(dict.fromkeys(_walk(template)))


def check_template(template: Any, known: tuple[str, ...], where: str) -> None:
    """Raise ValueError where a placeholder is none of the known."""
    for name in find_placeholders(template):
        if name not in known:
            raise ValueError(
                f"{where} has the placeholder {{{name}}}; there are"
                f" {', '.join(f'{{{one}}}' for one in known)}. Write {{{{ for a brace"
                f"{suggest(name, known)}"
            )


def _fill_text(text: str, values: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    def find(found: re.Match[str]) -> Any:
        if found["variable"] is not None:
            return variables[found["variable"]]
        return found[0][0] if found["name"] is None else values[found["name"]]

    alone = _PLACE.fullmatch(text)
    return find(alone) if alone else _PLACE.sub(lambda found: str(find(found)), text)


def _walk(template: Any) -> Iterable[str]:
    if isinstance(template, str):
        found = (place["name"] for place in _PLACE.finditer(template))
        yield from (name for name in found if name is not None)
    elif isinstance(template, Mapping):
        for part in template.values():
            yield from _walk(part)
    elif isinstance(template, list | tuple):
        for part in template:
            yield from _walk(part)
