"""The reference pipeline's settings, for people; read from config.py, so that they can't differ."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from editproof.pipelines import config
from editproof.pipelines.config import RANGES, ReferenceConfig
from editproof.pipelines.contract import Param


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    """`section.setting`."""
    default: Param
    allowed: str
    """The values it can take, in words."""
    about: str


@dataclass(frozen=True, slots=True)
class Section:
    """A stage's settings."""

    name: str
    about: str
    settings: tuple[Setting, ...]


@cache
def sections() -> tuple[Section, ...]:
    """Every section, in the order of the settings."""
    return tuple(
        _section(field.name, get_type_hints(ReferenceConfig)[field.name])
        for field in fields(ReferenceConfig)
    )


def summary() -> list[str]:
    """Paragraphs: what each section is for, and how to go on."""
    width = max(len(section.name) for section in sections())
    rows = [f"{section.name:{width}}  {section.about}" for section in sections()]
    return [
        "\n".join(rows),
        "editproof explain SECTION lists its settings; docs/pipeline.md has all of them.",
    ]


def explain(topic: str) -> list[str]:
    """Paragraphs on a section, or on one `section.setting`. topic: one of `topics()`."""
    section = next(section for section in sections() if section.name == topic.partition(".")[0])
    if topic == section.name:
        return [section.about, *(_describe_setting(setting) for setting in section.settings)]
    return [_describe_setting(setting) for setting in section.settings if setting.name == topic]


def topics() -> list[str]:
    """Every section and every `section.setting`."""
    return [
        name
        for section in sections()
        for name in (section.name, *(setting.name for setting in section.settings))
    ]


def _section(name: str, kind: Any) -> Section:
    abouts, types, defaults = _docstrings()[kind.__name__], get_type_hints(kind), kind()
    settings = (
        Setting(
            f"{name}.{key}",
            getattr(defaults, key),
            _describe_allowed(f"{name}.{key}", types[key]),
            abouts[key],
        )
        for key in types
    )
    return Section(name, " ".join(str(kind.__doc__).split()), tuple(settings))


@cache
def _docstrings() -> dict[str, dict[str, str]]:
    """The string below each field, by class and field: Python itself does not keep them."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(config)).body:
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            found[node.name] = {
                field.target.id: " ".join(str(text.value.value).split())
                for field, text in pairs
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            }
    return found


def _describe_allowed(name: str, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(kind))
    if kind is bool:
        return "true, false"
    if name in RANGES:
        low, high = RANGES[name]
        return f"{low:.10g} to {high:.10g}"
    return "0 and more" if kind in {int, float} else "text"


def _describe_setting(setting: Setting) -> str:
    return (
        f"{setting.name} = {format_value(setting.default).strip('`')} ({setting.allowed})\n "
        f" {setting.about}"
    )


def format_value(value: Param) -> str:
    """Write a setting's value for people."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if value != "" else "empty"
