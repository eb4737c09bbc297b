"""The settings that a pipeline should have, as `editproof probe` found it: ready to paste."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from editproof.harness.setup.probe import Probe
from editproof.pipelines.adapters.names import NamedAdapter, find_adapter
from editproof.pipelines.contract import Capabilities
from editproof.pipelines.loader import parse

FOUND = ("scales", "needs_mask", "needs_prompt", "takes_seed", "multiple_px")
"""Capabilities that a probe can find out."""

FIELD_NAMES = {"takes_seed": "seed"}
"""Fields of adapters that are called otherwise than the capability."""


def write_settings(probe: Probe, name: str) -> str:
    """A table for editproof.toml, or the attributes of a Python pipeline; empty: it says what it
    can do already. `name`: what the pipeline is to be called.
    """
    spec = parse(probe.info.spec)
    if adapter := find_adapter(probe.info.spec):
        return _write_table(adapter, probe, adapter.name if name == spec.label else name)
    if spec.is_shipped:
        return ""
    return _write_attributes(probe)


def _write_table(adapter: NamedAdapter, probe: Probe, name: str) -> str:
    """Always written: a name for the pipeline is what a comparison goes by."""
    changed = {FIELD_NAMES.get(key, key): value for key, value in _find_changes(probe).items()}
    table = {"adapter": adapter.name, **adapter.table, **changed}
    lines = [f"{key} = {_write_value(value)}" for key, value in table.items()]
    return "\n".join([f"[pipelines.{_write_key(name)}]", *lines])


def _write_attributes(probe: Probe) -> str:
    changed = _find_changes(probe)
    lines = []
    if "stochastic" in changed:
        lines.append(f"edit.stochastic = {changed.pop('stochastic')}")
    if changed:
        can = replace(probe.info.capabilities, **changed)
        default = Capabilities()
        said = [
            f"{one.name}={getattr(can, one.name)!r}"
            for one in fields(can)
            if getattr(can, one.name) != getattr(default, one.name)
        ]
        lines.insert(0, f"edit.capabilities = Capabilities({', '.join(said)})")
        lines.insert(0, "from editproof.pipelines import Capabilities\n")
    return "\n".join(lines)


def _find_changes(probe: Probe) -> dict[str, Any]:
    """What was found that the pipeline does not say, by its attribute's name."""
    said, found = probe.info.capabilities, probe.can
    changes = {
        name: getattr(found, name) for name in FOUND if getattr(found, name) != getattr(said, name)
    }
    if probe.stochastic != probe.info.stochastic:
        changes["stochastic"] = probe.stochastic
    return changes


def _write_key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _write_value(value: object) -> str:
    """A value as TOML: scalars and lists are written as in JSON, tables in a line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_write_key(key)} = {_write_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_write_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
