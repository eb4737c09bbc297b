"""Suites: what is left of one where only a part is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.harness.records.errors import UsageError
from editproof.harness.suites.suite import load_suite, narrow_suite


def test_a_suite_of_which_families_or_models_are_left_out_is_narrowed() -> None:
    """Naming all that there is, or other seeds, leaves nothing out."""
    quick = load_suite("quick", Path())
    families = [variant.family for variant in quick.variants]
    assert not quick.narrowed
    assert narrow_suite(quick, families=families[:1]).narrowed
    assert narrow_suite(quick, models=["ns"]).narrowed
    assert not narrow_suite(
        quick, families=families, models=[model.name for model in quick.models], seeds=[1]
    ).narrowed


def test_a_run_in_place_of_a_suite_is_said_to_be_one(tmp_path: Path) -> None:
    """With the command that continues it."""
    (tmp_path / "runs/a b").mkdir(parents=True)
    (tmp_path / "runs/a b/manifest.json").write_text("{}")
    with pytest.raises(UsageError, match=r"is a run, and not a suite.*--resume --out 'runs/a b'"):
        load_suite("runs/a b", tmp_path)
