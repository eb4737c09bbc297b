"""What became of each trial, and the file that keeps it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from editproof.harness.records.errors import UsageError

OUTCOMES = "outcomes.jsonl"


class PeerVerdict(msgspec.Struct, frozen=True):
    """What another gate says of a trial."""

    failed: bool | None
    """Whether it fails the run; None: it raised."""
    reason: str = ""
    """Why it fails, or what it raised."""


class TrialOutcome(msgspec.Struct, frozen=True):
    """What became of a trial."""

    kind: str
    name: str
    share: float
    model_kind: str
    """`deterministic`, `stochastic` or `switched`."""
    models: str
    """As a person says them: `ns`, or `patch → ns`."""
    seeds: tuple[int, ...]
    """Of the new side; empty: the suite's."""
    against: tuple[int, ...]
    """Of the accepted side; empty: the suite's."""
    exit_code: int
    outcome: str
    """The gate's, as `Outcome`."""
    whole: float
    """JOD: the most visible change of a whole picture; 0: none changed."""
    worst: float
    """JOD: the most visible change of any window."""
    step: float
    """JOD: how much further from the right answer its visible changes lie, in sum; below 0: nearer.
    """
    differs: int
    """Pictures that are not the accepted one, by their hashes: counted here, not by the gate."""
    changed: int
    """Pictures that the gate lists as changed, invisible ones too."""
    visible: bool
    """Whether somebody can see a change: in a picture, or in how an edit ends."""
    leading: str
    """The first finding, in words; empty: there is none."""
    top: str
    """The first finding's text, or why the run could not be judged."""
    stage: str
    """The stage that is named first; empty: none is."""
    blamed: str
    """The stage that answers for most of it when stages are swapped; empty: it was not asked, or
    nobody knows.
    """
    peers: dict[str, PeerVerdict]
    """Other gates; empty: they were not asked."""

    @property
    def key(self) -> tuple[str, str, float, str, tuple[int, ...], tuple[int, ...]]:
        """Which trial this is."""
        return self.kind, self.name, self.share, self.models, self.seeds, self.against

    @property
    def fails(self) -> bool:
        """Whether the build fails: a regression, or a run that can't be judged."""
        return self.exit_code != 0


def read_outcomes(folder: Path) -> list[TrialOutcome]:
    """What is known by now. A torn last line is none. Raises UsageError where another version wrote
    it.
    """
    path = folder / OUTCOMES
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    try:
        return [msgspec.json.decode(line, type=TrialOutcome) for line in lines]
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path} was not written by this version of editproof ({error}). Name another folder"
            " with --out, or remove this one"
        ) from error


def append_outcome(folder: Path, outcome: TrialOutcome) -> None:
    """Add a line."""
    with (folder / OUTCOMES).open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")


def drop_torn_line(folder: Path) -> None:
    """What a killed calibration was just writing is written again."""
    path = folder / OUTCOMES
    if path.is_file():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
