"""Regression tests for image-editing pipelines: damage measured where it is, judged, and shown.

import editproof

run = editproof.load("runs/quick-20261121-101500")
run.measurements            # a pandas frame, one row a number
run.stages                  # a pandas frame, one row a stage of a case
run.cases                   # a pandas frame, one row a planned case

The rooms of the house:

pipelines/    what is under test: the edit contract, the reference pipeline, and how a pipeline is
              named and loaded
vectors/      what goes wrong: synthetic scenes with known ground truth
harness/      the engine: suite -> cases -> run -> measurements -> verdict
reports/      what people look at: HTML, charts, tables
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from editproof.harness.records.runs import Run


def load(folder: Path | str) -> Run:
    """Read a run in a folder or at a URL; see editproof.harness.records.runs.load."""
    from editproof.harness.records import runs
    from editproof.harness.stores.run_copy import open_run

    return runs.load(open_run(folder))


def claim_packages() -> NoReturn:
    """What the `repro.py` of a bundle of 0.1 calls first: say what to change in it."""
    sys.exit(
        "This script was written by editproof 0.1, whose modules had other names. "
        "Run `editproof blame` again: it writes a script that works with this version"
    )
