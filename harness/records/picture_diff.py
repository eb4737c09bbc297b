"""What `editproof diff` finds between two pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from editproof.harness.records.cases import Measurement
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.vocabulary import Better, Region


@dataclass(frozen=True, slots=True)
class DiffLimit:
    """A limit that somebody set for one number."""

    metric: str
    """Name."""
    region: Region
    stat: str
    bound: Literal["min", "max"]
    value: float
    """In the metric's unit. Of a metric that is best at 0, `max` holds its size."""


@dataclass(frozen=True, slots=True)
class DiffCheck:
    """A limit, and whether it is kept."""

    limit: DiffLimit
    value: float | None
    """None: the number could not be measured."""
    unit: str
    reason: str
    """Why there is no value."""
    kept: bool | None
    """None: it could not be judged."""


@dataclass(frozen=True, slots=True)
class PictureDiff:
    """Two pictures, measured against each other."""

    expected: str
    """Path of the file."""
    actual: str
    mask: str
    """Empty: none was given."""
    width: int
    """Pixels of both pictures."""
    height: int
    changed_px: int
    """Pixels that differ at 8 bits."""
    changed_box: tuple[int, int, int, int] | None
    """y0, x0, y1, x1 around them, end-exclusive; None: no pixel differs."""
    measurements: tuple[Measurement, ...]
    better: Mapping[str, Better]
    """Identity of each metric -> which way it is good."""
    checks: tuple[DiffCheck, ...]
    notes: tuple[str, ...]
    """What had to be done to the files before they could be compared."""

    @property
    def exit_code(self) -> ExitCode:
        """1 past a limit, 3 where a limit could not be judged, else 0."""
        if any(check.kept is False for check in self.checks):
            return ExitCode.REGRESSION
        return (
            ExitCode.INCOMPLETE if any(check.kept is None for check in self.checks) else ExitCode.OK
        )


@dataclass(frozen=True, slots=True)
class DiffPictures:
    """The pictures of a difference, as PNG."""

    expected: bytes
    actual: bytes
    difference: bytes
    """CIEDE2000 of every pixel: black is equal, white is 20 and more."""
