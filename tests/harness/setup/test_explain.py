"""The page of measurements says what the metrics say of themselves now."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.registry import METRICS, get_metric
from editproof.harness.setup import explain
from editproof.harness.setup.pages import wrap_lines

PAGE = Path(__file__).parents[3] / "docs" / "measurements.md"


@pytest.mark.parametrize(
    "name", [name for name in METRICS if not name.startswith("lpips")]
)  # it has weights to name
def test_the_page_has_every_metric_as_it_is(name: str) -> None:
    """Write it again with `editproof explain --page docs/measurements.md`."""
    page = PAGE.read_text(encoding="utf-8")
    assert explain.INTRODUCTION in page
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    for paragraph in explain.explain_metric(get_metric(name, find_weights("", download=False))):
        assert wrap_lines(paragraph) in section
    assert f"measurements/{name}.png" in section
