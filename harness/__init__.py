"""The engine: suite -> cases -> runs -> measurements -> verdict.

import harness

run = harness.load("runs/quick-20261121-101500")
run.measurements            # a pandas frame, one row a number
run.stages                  # a pandas frame, one row a stage of a case
run.cases                   # a pandas frame, one row a planned case
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.runs import Run


def load(folder: Path | str) -> Run:
    """Read a run folder; see harness.runs.load."""
    from harness import runs

    return runs.load(folder)
