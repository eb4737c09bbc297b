"""Runs use the cache while somebody prunes it: they find a whole case or none."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from editproof.harness.records.runs import blob_path
from editproof.harness.retention.cache_pruning import prune_cache
from editproof.harness.running.cache import Cache
from tests.harness.retention.cached import cached_record, content_of, digest_of, put_case

ROUNDS = 60
CASES = 4


def run_cases(folder: Path, name: str) -> tuple[int, int]:
    """Take cases from the cache, or make them; how many were hits and misses."""
    cache, hits, misses = folder / "cache", 0, 0
    for turn, number in itertools.product(range(ROUNDS), range(CASES)):
        run = folder / f"{name}-{turn}"
        case = f"case {number}"
        found = Cache(cache).get(cached_record(case, "scene").case, run)
        if found is None:
            misses += 1
            put_case(cache, case, used=None, shared="scene", run=run.name)
        hits += found is not None
        for picture in (case, "scene"):
            assert blob_path(run, digest_of(picture)).read_bytes() == content_of(picture)
    return hits, misses


@pytest.mark.slow
def test_a_cache_is_pruned_while_runs_use_it(in_memory: Path) -> None:
    """Every run has all its pictures, whole, whatever went meanwhile."""
    entries = 0
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(run_cases, in_memory, name) for name in ("one", "other")]
        while not all(one.done() for one in running):
            entries += prune_cache(in_memory / "cache", now=time.time(), max_size=1).entries
        done = [one.result() for one in running]
    assert entries > 0
    assert all(hits + misses == ROUNDS * CASES for hits, misses in done)
    assert sum(misses for _, misses in done) > CASES
