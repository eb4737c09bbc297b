"""What a user says of a case of their own: its `case.toml`, and the prompt of a prompt file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from editproof.harness.records.errors import UsageError
from editproof.harness.records.vocabulary import Param
from editproof.harness.suites.own_cases import OwnCase
from editproof.harness.suites.settings import convert, read_toml

MAX_SCALE = 8
MAX_INT = 2**63 - 1


class BoxFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of `[[boxes]]`: what is written or drawn where."""

    label: str
    box: tuple[int, int, int, int]
    """y0, x0, y1, x1 in pixels of the input, end-exclusive."""
    kind: str = "text"


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case.toml."""

    prompt: str = ""
    scale: int = 0
    """Output pixels per input pixel; 0: as `expected` is larger than `input`, or else the suite's.
    """
    give_mask: bool = True
    """Whether the pipeline is given the mask, or must find out itself what to replace."""
    config: dict[str, Param] = {}
    """Settings for the pipeline, by dotted name."""
    metadata: dict[str, Param] = {}
    protect: dict[str, tuple[int, int, int, int] | str] = {}
    """What must survive, by name: a box (y0, x0, y1, x1 in pixels of the input), or a mask's file
    beside this one.
    """
    boxes: tuple[BoxFacts, ...] = ()


def read_facts(own: OwnCase) -> Facts:
    """The case's own words, over those of the whole folder."""
    table: dict[str, Any] = {}
    for path in own.facts:
        table |= read_toml(path)
    facts = convert(table, Facts, own.facts[-1] if own.facts else own.name)
    if own.prompt:
        facts = msgspec.structs.replace(facts, prompt=own.prompt)
    for name, value in (*facts.config.items(), *facts.metadata.items()):
        if isinstance(value, int) and abs(value) > MAX_INT:
            raise UsageError(f"{own.facts[-1]}: {name} is a number of more than 64 bits")
    if not 0 <= facts.scale <= MAX_SCALE:
        raise UsageError(f"{own.facts[-1]}: scale must be 1 to {MAX_SCALE}; it is {facts.scale}")
    return facts


def find_protect_files(own: OwnCase, facts: Facts) -> dict[str, Path]:
    """Masks of what must survive, by name; they lie beside the case's toml."""
    named = {name: area for name, area in facts.protect.items() if isinstance(area, str)}
    for name, area in named.items():
        if not area or "\0" in area:
            raise UsageError(f"{own.facts[-1]}: protect.{name} is {area!r}, which names no file")
    return {name: own.facts[-1].parent / area for name, area in named.items()}
