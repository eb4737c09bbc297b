"""Where two manifests differ."""

from __future__ import annotations

from dataclasses import replace

from editproof.harness.records.manifest_differences import (
    ManifestDifference,
    manifest_differences,
)
from tests.harness.made import case, measured, run_of


def test_fields_differ_as_a_whole_and_mappings_key_by_key() -> None:
    """In the order of the paths; what one side lacks is None there."""
    before = run_of(measured(35.0)).manifest
    now = replace(
        before,
        suite=replace(before.suite, size=512),
        machine={**before.machine, "device": "cuda", "driver": "1"},
        cases=(case(2),),
    )
    paths = ("machine", "suite.size", "suite.name", "cases")
    found = list(manifest_differences(before, now, *paths))
    names = ["machine.device", "machine.driver", "suite.size", "cases"]
    assert [one.name for one in found] == names
    assert found[1] == ManifestDifference("machine.driver", None, "1")
    assert (found[2].before, found[2].now, found[2].part) == (before.suite.size, 512, "suite")
    assert not list(manifest_differences(before, before, *paths))
