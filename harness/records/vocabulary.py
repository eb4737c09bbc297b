"""Words that numbers and rules are told apart by."""

from __future__ import annotations

from typing import Literal, get_args

Param = str | int | float | bool

Region = Literal["all", "edit", "ring", "keep", "protect", "seams", "border"]

REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep", "protect", "seams", "border")

Aspect = Literal[
    "structure",
    "detail",
    "colour and tone",
    "ghosts and residue",
    "seams",
    "edge of the edit",
    "legibility",
    "what had to be kept",
    "geometry",
]

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
"""What can get better or worse about an edit. Each metric belongs to one."""

Better = Literal["higher", "lower", "zero"]
"""Which way a measurement is good; `zero`: the nearer to 0 the better."""
