"""Suites: what is left of one where only a part is asked for."""

from __future__ import annotations

from pathlib import Path

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
