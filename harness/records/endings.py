"""How a case ended: what the gate and `cases.parquet` need of a record."""

from __future__ import annotations

import msgspec

from editproof.harness.records.cases import CaseRecord

PICTURES = ("actual", "expected", "input", "regions")
"""Pictures whose hashes stand in `cases.parquet`: what the pipeline made, and what tells whether
two scenes are the same.
"""


class CaseEnding(msgspec.Struct, frozen=True, gc=False):
    """How a case ended: its record without numbers and stages."""

    status: str
    """As CaseRecord's."""
    reason: str
    seconds: float
    peak_mb: float | None
    cached: bool
    error: str
    """Kind of the error; empty: none."""
    cpu_s: float | None = None
    held_mb: float | None = None
    turn: int | None = None
    """As CaseRecord's."""
    actual: str = ""
    expected: str = ""
    input: str = ""
    regions: str = ""
    """Hashes of its pictures; empty: there is none, or it is not known."""


def make_ending(record: CaseRecord) -> CaseEnding:
    """How the record's case ended."""
    return CaseEnding(
        record.status,
        record.reason,
        record.seconds,
        record.peak_mb,
        record.cached,
        record.error.kind if record.error else "",
        record.cpu_s,
        record.held_mb,
        record.turn,
        *(record.blobs.get(picture, "") for picture in PICTURES),
    )
