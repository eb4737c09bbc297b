"""The outcome of each trial, and the file that stores it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from editproof.harness.records.errors import UsageError

OUTCOMES = "outcomes.jsonl"


class PeerVerdict(msgspec.Struct, frozen=True):
    """What another gate says about a trial."""

    failed: bool | None
    """Whether it fails the run; None: it raised an error."""
    reason: str = ""
    """Why it fails the run, or what it raised."""


class TrialOutcome(msgspec.Struct, frozen=True):
    """The outcome of a trial."""

    kind: str
    name: str
    share: float
    model_kind: str
    """`deterministic`, `stochastic` or `switched`."""
    models: str
    """For people: `ns`, or `patch → ns`."""
    seeds: tuple[int, ...]
    """Seeds of the new side; empty: the suite's."""
    against: tuple[int, ...]
    """Seeds of the accepted side; empty: the suite's."""
    exit_code: int
    outcome: str
    """The verdict's outcome, as in `Outcome`."""
    whole: float
    """The most visible change of a whole picture, in JOD; 0: none changed."""
    worst: float
    """The most visible change of any window, in JOD."""
    step: float
    """How much further from the right answer the visible changes lie, summed, in JOD; below 0:
    nearer.
    """
    differs: int
    """Pictures that differ from the accepted ones by their hashes, counted without the gate."""
    changed: int
    """Pictures that the gate lists as changed, including invisible changes."""
    visible: bool
    """Whether somebody can see a change, in a picture or in how an edit ends."""
    leading: str
    """The first finding, in words; empty: there is none."""
    top: str
    """The text of the first finding, or why the run could not be judged."""
    stage: str
    """The stage that is named first; empty: none is named."""
    blamed: str
    """The stage with the largest effect when stages are swapped; empty: not asked, or unknown."""
    peers: dict[str, PeerVerdict]
    """Answers of other gates; empty: not asked."""
    chance: float = 0.0
    """How likely such steps are by chance, if nothing changed; 0: pictures do not depend on a
    seed.
    """

    @property
    def key(self) -> tuple[str, str, float, str, tuple[int, ...], tuple[int, ...]]:
        """What identifies the trial."""
        return self.kind, self.name, self.share, self.models, self.seeds, self.against

    @property
    def fails(self) -> bool:
        """Whether the build fails: a regression, or a run that cannot be judged."""
        return self.exit_code != 0


def read_outcomes(folder: Path) -> list[TrialOutcome]:
    """Read the outcomes so far, without a torn last line. Raises UsageError if another version
    wrote the file.
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
    """Append an outcome to the file."""
    with (folder / OUTCOMES).open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")


def drop_torn_line(folder: Path) -> None:
    """Remove the last line if a calibration was killed while writing it."""
    path = folder / OUTCOMES
    if path.is_file():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
