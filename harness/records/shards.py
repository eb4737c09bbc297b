"""Shards: which part of a suite a run has, where several machines share one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError

MOST_SHARDS = 10_000

_SHARD = re.compile(r"(\d{1,5})/(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a suite's scenes. Which scene is in which part depends on its name alone."""

    number: int
    """From 1."""
    of: int
    scenes: tuple[str, ...] = ()
    """Every scene of the suite, `family/name`, in its order."""

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, scene: str) -> bool:
        """Whether a scene, `family/name`, is in this part."""
        digest = hashlib.sha256(scene.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1


def parse_shard(text: str) -> Shard | None:
    """`2/4`; None where the text is empty. Raises UsageError."""
    if not text:
        return None
    match = _SHARD.fullmatch(text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= of <= MOST_SHARDS:
        raise UsageError(
            f"--shard takes I/N, such as 2/4: part I of N, with I from 1 to N and N at most"
            f" {MOST_SHARDS}, not {text!r}"
        )
    return Shard(number, of)


def name_scene(case: Case) -> str:
    """`family/name`, equal for the turns of a scene, for all models and seeds."""
    return f"{case.family}/{case.first_turn_name}"
