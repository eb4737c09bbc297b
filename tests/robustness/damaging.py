"""Ways in which a file is damaged on a disk or a wire."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

Damage = Literal["bit", "bits", "byte", "zeros", "cut", "swapped", "noise"]
DAMAGES: tuple[Damage, ...] = get_args(Damage)


def damage(data: bytes, kind: Damage, rng: np.random.Generator) -> bytes:
    """The data with that damage at a random place; never the same data."""
    changed = _damage(data, kind, rng)
    return changed if changed != data else _damage(data, "bit", rng)


def _damage(data: bytes, kind: Damage, rng: np.random.Generator) -> bytes:
    raw = bytearray(data)
    at = int(rng.integers(len(raw)))
    length = int(rng.integers(1, min(64, len(raw)) + 1))
    match kind:
        case "bit":
            raw[at] ^= 1 << int(rng.integers(8))
        case "bits":
            for place in rng.integers(len(raw), size=3):
                raw[place] ^= 1 << int(rng.integers(8))
        case "byte":
            raw[at] = int(rng.integers(256))
        case "zeros":
            raw[at : at + length] = bytes(len(raw[at : at + length]))
        case "cut":
            del raw[at:]
        case "swapped":
            other = int(rng.integers(len(raw)))
            raw[at : at + length] = raw[other : other + length]
        case "noise":
            raw[at : at + length] = rng.bytes(len(raw[at : at + length]))
    return bytes(raw)
