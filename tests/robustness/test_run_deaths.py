"""A removal of a run dies anywhere: the run is whole, or it is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from editproof.harness.records.runs import find_newest
from editproof.harness.retention.run_pruning import find_runs, remove_run, sweep_leftovers
from tests.harness.retention.test_run_pruning import make_run
from tests.robustness.dying import deaths


@pytest.mark.slow
def test_a_killed_removal_leaves_a_whole_run_or_none(in_memory: Path) -> None:
    """Wherever it dies. What it leaves is found by nobody, and the next one removes it."""
    runs = in_memory / "runs"
    names = set()

    def restore() -> None:
        shutil.rmtree(runs, ignore_errors=True)
        make_run(runs / "old", days=99)
        make_run(runs / "new", days=1)

    for _ in deaths(lambda: remove_run(runs / "old"), restore, every=1):
        found = {run.name for run in find_runs(runs, (), "baseline.json")}
        names.add(frozenset(found))
        if "old" in found:
            assert (runs / "old" / "blobs" / "ab" / "picture.png").is_file()
            assert (runs / "old" / "verdict.json").is_file()
        assert find_newest(runs).name == "new"
        sweep_leftovers(runs)
        assert {path.name for path in runs.iterdir()} == found
    assert names == {frozenset({"old", "new"}), frozenset({"new"})}
