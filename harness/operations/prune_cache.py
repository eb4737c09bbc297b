"""`cache`: how large the cache is, and what goes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from editproof.harness.records.errors import UsageError
from editproof.harness.records.wording import count_noun
from editproof.harness.retention import cache_pruning
from editproof.harness.retention.cache_pruning import CacheUse, Pruned
from editproof.harness.retention.durations import parse_duration
from editproof.harness.retention.sizes import format_size, parse_size
from editproof.harness.running.runner import Warn
from editproof.harness.stores import copy_pruning
from editproof.harness.suites.settings import Project

T = TypeVar("T")

FILLED_AGAIN = 0.9
"""A cache that is over its limit is pruned to this share of it, so that not every run prunes."""


@dataclass(frozen=True, slots=True)
class CacheState:
    """The cache of a project."""

    folder: Path
    is_on: bool
    use: CacheUse
    max_size: int | None
    """Bytes; None: there is no limit."""


def find_cache_state(project: Project) -> CacheState:
    """How large the cache is, and how large it may be."""
    folder = project.cache_folder
    use = cache_pruning.measure_cache(folder)
    return CacheState(folder, project.settings.cache.enabled, use, project.max_cache_size)


def prune_cache(older_than: str, max_size: str, project: Project) -> Pruned:
    """Prune the cache by age and by size; where neither is given, to the setting's size. Raises
    UsageError.
    """
    age = _parse(parse_duration, older_than, "--older-than") if older_than else None
    size = _parse(parse_size, max_size, "--max-size") if max_size else None
    return cache_pruning.prune_cache(
        project.cache_folder,
        now=time.time(),
        max_size=project.max_cache_size if size is None and age is None else size,
        older_than=age,
    )


def prune_copies(older_than: str) -> str:
    """Remove local copies of URLs that were not used for so long, and say so; empty: nothing
    went. Raises UsageError.
    """
    if not older_than:
        return ""
    age = _parse(parse_duration, older_than, "--older-than")
    removed, freed = copy_pruning.prune_copies(age, now=time.time())
    copies = f"{removed:,} local {'copy' if removed == 1 else 'copies'}"
    return f"removed {copies} of runs at URLs, {format_size(freed)}" if removed else ""


def keep_cache_small(folder: Path, project: Project, warn: Warn) -> None:
    """Prune the cache if it holds more than the settings allow. Trouble with it is said, and the
    run goes on.
    """
    limit = project.max_cache_size
    try:
        if limit is None or cache_pruning.measure_cache(folder).size <= limit:
            return
        pruned = cache_pruning.prune_cache(
            folder, now=time.time(), max_size=int(FILLED_AGAIN * limit)
        )
    except OSError as error:
        warn(f"the cache could not be pruned: {error}")
        return
    warn(f"the cache held more than {format_size(limit)} (cache.max_size): {describe(pruned)}")


def describe(pruned: Pruned) -> str:
    """What went, in words."""
    entries = f"{pruned.entries:,} {'entry' if pruned.entries == 1 else 'entries'}"
    pictures = count_noun(pruned.pictures, "picture")
    return f"removed {entries} and {pictures}, {format_size(pruned.size)}"


def _parse(parse: Callable[[str, str], T], text: str, option: str) -> T:
    try:
        return parse(text, option)
    except ValueError as error:
        raise UsageError(str(error)) from error
