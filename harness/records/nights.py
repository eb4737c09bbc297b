"""What is known of a night of a suite, and what its history shows. Frozen, plain, without logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NIGHT_SCHEMA = 1
"""Of a part of the history: raised when a column changes its meaning or goes."""


@dataclass(frozen=True, slots=True)
class WaivedFinding:
    """What would have failed a night, had nobody answered for it."""

    families: tuple[str, ...]
    models: tuple[str, ...]
    text: str
    """With the owner, the reason, and the waiver's last day."""


@dataclass(frozen=True, slots=True)
class Night:
    """One run in the history."""

    schema: int
    editproof: str
    suite: str
    run: str
    """Name of the run's folder."""
    created: str
    """UTC, ISO 8601."""
    commit: str
    """The commit of the user's repository; empty: not known."""
    outcome: str
    """The verdict's; empty: it was not judged."""
    exit_code: int | None
    """The gate's; None: it was not judged."""
    cases: int
    errors: int
    """Cases that ended in an error, or were not finished."""
    versions: Mapping[str, str]
    """Of the libraries."""
    machine: Mapping[str, str]
    """The machine's class: system, processor, device."""
    baseline: str = ""
    """The digest of the baseline that it was compared with; empty: none, or not known."""
    waived: tuple[WaivedFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class PointPictures:
    """A case of a series whose picture became another one at a change point."""

    scene: str
    seed: int
    before: str
    """Hash of its picture in the night before."""
    after: str
    """Hash of its picture in the first night on the new level."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A night from which a series is on another level. Sizes are in margins; above 0: worse."""

    night: int
    """The first on the new level; its place among all nights."""
    before: int
    """The night before it in this series."""
    size: float
    p: float
    """How likely it is by chance, corrected for the nights at which it could have been; 0: the
    nights before it were bit-equal.
    """
    recovered: int | None = None
    """The night from which the series is back on the level before; None: it is not."""
    pictures: PointPictures | None = None
    """A case that shows it; None: not known."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Many small changes in one direction."""

    since: int
    """The night before they began."""
    night: int
    """The night that gave the alarm."""
    size: float
    """In margins, from the level before to the night of the alarm; above 0: worse."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Nights of a series that can be compared: one environment, and the same numbers measured."""

    nights: tuple[int, ...]
    changed: tuple[str, ...]
    """What is different from the segment before, such as `torch 2.4 -> 2.5`; empty: the first."""


@dataclass(frozen=True, slots=True)
class SeriesTrend:
    """One aspect of a family and model over the nights."""

    family: str
    model: str
    aspect: str
    values: tuple[float | None, ...]
    """Of each night, in margins: more is worse. None: it was not measured."""
    noise: float
    """Standard deviation from night to night while nothing changed; 0: nights are bit-equal."""
    segments: tuple[Segment, ...]
    points: tuple[ChangePoint, ...]
    drifts: tuple[Drift, ...]
    loss: float
    """How much worse the last night is than the first level of its segment, by what was found."""
    accepted: tuple[float | None, ...] = ()
    """Of each night, the score of the baseline; None: not known. Empty: of no night."""

    @property
    def name(self) -> str:
        """`logo · ns · structure`."""
        return f"{self.family} · {self.model} · {self.aspect}"


@dataclass(frozen=True, slots=True)
class Mode:
    """One of the pictures that a case gave."""

    picture: str
    """Hash."""
    nights: int
    run: str
    """A run that has it."""


@dataclass(frozen=True, slots=True)
class FlakyCase:
    """A case whose picture or ending changed though its fingerprint did not."""

    case_id: str
    family: str
    model: str
    scene: str
    seed: int
    edits: int
    """Nights that edited it, not taken from the cache."""
    pairs: int
    """Pairs of edits, one after the other, with the same fingerprint."""
    picture_changes: int
    """Of these pairs: the picture is another one."""
    verdict_changes: int
    """Of these pairs: the gate said something else, or the edit ended otherwise."""
    modes: tuple[Mode, ...]
    """The pictures of the newest fingerprint, the most frequent first."""
    advice: Literal["second answer", "more seeds"]
    command: str
    """What to type."""

    @property
    def rate(self) -> float:
        """Share of the pairs in which something changed."""
        return max(self.picture_changes, self.verdict_changes) / self.pairs


@dataclass(frozen=True, slots=True)
class Trends:
    """What the history of a suite shows."""

    suite: str
    nights: tuple[Night, ...]
    """Oldest first."""
    series: tuple[SeriesTrend, ...]
    """Worst first."""
    flaky: tuple[FlakyCase, ...]
    """Those that changed most often first."""
    false_discovery: float
    """The share of false change points that is accepted, over all series together."""
    run_length: int
    """Nights of a series from one false alarm of drift to the next."""


@dataclass(frozen=True, slots=True)
class CaseNights:
    """How the cases of a suite ended in its last nights."""

    page: Path | None
    """The page of the suite's history; None: it was not written."""
    days: tuple[str, ...]
    """Of each night, oldest first."""
    endings: Mapping[str, tuple[str, ...]]
    """Case id -> how it ended in each night: the gate's outcome, or the status where it has none;
    empty: it was not in that night.
    """
