"""`runs merge`: one whole run from its shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from editproof.harness.records import runs
from editproof.harness.records.runs import Run
from editproof.harness.running.merge import merge_shards
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.run_copy import open_run


def merge_runs(out: Path, shards: Sequence[Path]) -> Run:
    """Merge runs in folders or at URLs into a new one; give it. Raises as `merge_shards`."""
    return merge_shards([runs.load(open_run(one)) for one in shards], find_folder(out).resolve())
