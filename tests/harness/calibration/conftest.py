"""The suite that calibrations are tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.harness.records.suites import Suite
from editproof.harness.suites.suite import load_suite

SUITE = """
name = "small"
size = 64
seeds = [1, 2]
metrics = ["psnr", "ssim", "hue_offset"]

[vectors]
logo = [1]

[models]
ns = "reference?inpaint.model=ns"
patch = "reference?inpaint.model=patch&harmonise.grain=true"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "small.toml").write_text(SUITE)
    return load_suite("small.toml", tmp_path)
