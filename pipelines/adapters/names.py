"""From an adapter's name and fields to a pipeline's name, and back.

    iopaint:http://127.0.0.1:8080               the short form: what it is pointed at
    comfyui:graph.json?server=http://host:8188  with more of its fields
    http:{"url": "https://…", "method": "PUT"}  the full form: all of its fields, as JSON

A pipeline's name travels in runs and bundles. It never holds a secret: `${NAME}` in a field stands
for an environment variable, which is read where the request is made.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from editproof.pipelines.adapters.fields import AdapterFields
from editproof.pipelines.adapters.secrets import hide_given_secrets
from editproof.pipelines.contract import ContractError, Pipeline
from editproof.pipelines.field_errors import explain_invalid, suggest

SHORT_FORMS = {
    "cmd": "cmd:COMMAND",
    "comfyui": "comfyui:WORKFLOW.json?server=URL",
    "http": "http:URL",
    "iopaint": "iopaint:URL",
    "openai": "openai:URL",
    "outputs": "outputs:FOLDER",
    "service": "service:URL",
}
"""How each adapter's short form is written."""

ADAPTERS = tuple(SHORT_FORMS)

WHOLE_TARGET = frozenset({"cmd"})
"""Adapters whose target may hold a question mark of its own."""

PACKAGE = "editproof.pipelines.adapters"


class AdapterModule(Protocol):
    """What a module of an adapter offers."""

    Fields: type[AdapterFields]
    build: Callable[..., Pipeline]


@dataclass(frozen=True, slots=True)
class NamedAdapter:
    """An adapter and what it was told."""

    name: str
    table: Mapping[str, Any]
    """The fields that were given, without defaults."""
    fields: AdapterFields

    @property
    def module(self) -> str:
        """Where its `build` is."""
        return f"{PACKAGE}.{self.name}"

    @property
    def json(self) -> str:
        """The fields that were given, always in one order."""
        return json.dumps(self.table, sort_keys=True, ensure_ascii=False)

    def locate(self, base: Path) -> str:
        """The pipeline's name in the full form, its files made absolute: relative ones start at
        `base`.
        """
        located = self.fields.located(base)
        paths = {name: getattr(located, name) for name in located.FILES}
        return f"{self.name}:{replace(self, table={**self.table, **paths}).json}"


def find_adapter(text: str) -> NamedAdapter | None:
    """The adapter that a pipeline's name means; None: it means none. Raises ContractError where
    its fields are wrong.
    """
    name, _, target = text.partition(":")
    if re.match(r"https?://", text):
        raise ContractError(
            f"{text!r} is a URL alone. Write which adapter asks it: 'iopaint:{text}',"
            f" 'openai:{text}' or 'http:{text}'. docs/how-to/services.md says which"
        )
    if name not in ADAPTERS:
        return None
    if not target:
        raise ContractError(
            f"{text!r} does not say what the adapter {name} is pointed at. Write"
            f" {SHORT_FORMS[name]}"
        )
    shown = hide_given_secrets(text)
    return _named(name, _read_target(name, target, shown), shown)


def name_table(table: Mapping[str, Any], where: str) -> NamedAdapter:
    """The adapter of a table `[pipelines.NAME]`. Raises ContractError that starts with `where`."""
    fields = dict(table)
    name = fields.pop("adapter", None)
    if name is None:
        raise ContractError(
            f"{where}: the field `adapter` is missing. There are {', '.join(ADAPTERS)}"
        )
    if name not in ADAPTERS:
        raise ContractError(
            f"{where}: adapter must be one of {', '.join(ADAPTERS)}; it is {name!r}"
            + suggest(str(name), ADAPTERS)
        )
    return _named(str(name), fields, where)


def suggest_adapter(text: str) -> str:
    """`. Did you mean …?` where a pipeline's name starts nearly as an adapter's; else empty."""
    return suggest(text.partition(":")[0], ADAPTERS)


def load_module(name: str) -> AdapterModule:
    """The adapter's module."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def _named(name: str, table: Mapping[str, Any], where: str) -> NamedAdapter:
    kind = load_module(name).Fields
    try:
        return NamedAdapter(name, table, msgspec.convert(dict(table), kind))
    except msgspec.ValidationError as error:
        said = explain_invalid(error, kind)
        raise ContractError(f"{where}: {said}{_say_where_it_belongs(said, kind)}") from error


def _say_where_it_belongs(said: str, kind: type[AdapterFields]) -> str:
    """Where a field belongs that we do not know: perhaps the server does; empty: nowhere."""
    unknown = re.match(r"there is no field `(\S+)`(?! in)", said)
    if not unknown or not kind.PASSED_ON:
        return ""
    stop = "" if said.endswith("?") else "."
    return (
        f"{stop} What is sent to the server as it is goes into `{kind.PASSED_ON}`:"
        f" {kind.PASSED_ON}.{unknown[1]}=VALUE"
    )


def _read_target(name: str, target: str, text: str) -> dict[str, Any]:
    """The fields in what follows `ADAPTER:`."""
    if target.startswith("{"):
        try:
            table = json.loads(target)
        except ValueError as error:
            raise ContractError(f"{text}: its fields are not valid JSON: {error}") from error
        if not isinstance(table, dict):
            raise ContractError(f"{text}: its fields must be a JSON object")
        return table
    kind = load_module(name).Fields
    if name in WHOLE_TARGET:
        return kind.of_short_form(target)
    place, _, query = target.partition("?")
    table = kind.of_short_form(place)
    for part in query.split("&") if query else []:
        key, equals, value = part.partition("=")
        if not equals:
            raise ContractError(f"{text}: what follows '?' must be key=value&key=value")
        _put(table, key.split("."), _typed(unquote(value)))
    return table


def _put(table: dict[str, Any], path: list[str], value: object) -> None:
    """Set `header.Accept` in {"header": {"Accept": …}}."""
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ContractError(f"{'.'.join(path)}: {key} holds a value already")
        table = inner
    table[path[-1]] = value


def _typed(text: str) -> object:
    """A value as JSON reads it, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
