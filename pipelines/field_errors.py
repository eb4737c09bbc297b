"""Say what is wrong with the fields of a table, and what was probably meant."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

import msgspec

_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a table",
    "str": "text",
}
"""msgspec's kinds of values, in words."""

_AT = r"(?: - at `\$\.?(?P<at>.*)`)?"
_UNKNOWN = re.compile(rf"Object contains unknown field `(?P<name>.*?)`{_AT}", re.DOTALL)
_MISSING = re.compile(rf"Object missing required field `(?P<name>.*?)`{_AT}", re.DOTALL)
_KIND = re.compile(rf"Expected `(?P<wanted>.*?)`, got `(?P<given>.*?)`{_AT}", re.DOTALL)


def explain_invalid(error: msgspec.ValidationError, kind: type[Any]) -> str:
    """What is wrong with a table that is not of that kind, and where in it."""
    message = str(error)
    if found := _UNKNOWN.fullmatch(message):
        name, at = found["name"], found["at"] or ""
        place = f" in `{at}`" if at else ""
        return f"there is no field `{name}`{place}{suggest(name, _list_fields(kind, at))}"
    if found := _MISSING.fullmatch(message):
        place = f" in `{found['at']}`" if found["at"] else ""
        return f"the field `{found['name']}` is missing{place}"
    if found := _KIND.fullmatch(message):
        return (
            f"`{found['at'] or 'it'}` must be {_say(found['wanted'])}, not {_say(found['given'])}"
        )
    return message.replace("`$.", "`")


def _say(kinds: str) -> str:
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds.split(" | "))


def suggest(name: str, known: Iterable[str]) -> str:
    """`. Did you mean …?` where something is near; else empty."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f". Did you mean `{close[0]}`?" if close else ""


def _list_fields(kind: Any, at: str) -> tuple[str, ...]:
    """The fields at a place like `cache` or `waivers[0]`; none where it is of no one struct."""
    for name in filter(None, re.sub(r"\[[^\]]*\]", "", at).split(".")):
        kinds = [one for one in _list_structs(kind) if name in one.__struct_fields__]
        if not kinds:
            return ()
        kind = typing.get_type_hints(kinds[0])[name]
    return tuple(field for one in _list_structs(kind) for field in one.__struct_fields__)


def _list_structs(kind: Any) -> list[Any]:
    """The structs within a type: itself, or those that it is a union, list or mapping of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    if typing.get_origin(kind) in {types.UnionType, typing.Union, tuple, list, dict}:
        return [one for part in typing.get_args(kind) for one in _list_structs(part)]
    return []
