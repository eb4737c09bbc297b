"""What people decide at the desk: one small file a decision, beside the baseline, never changed.

BASELINE.decisions/TIME-AUTHOR-ID.json

Files of two reviewers never have one name, so git merges them without a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from editproof.harness.records.digests import Digest
from editproof.harness.records.foreign import check_no_links
from editproof.harness.records.json_files import read_json, write_json
from editproof.harness.records.suites import Waiver

Kind = Literal["accept", "reject", "needs work", "waive", "comment", "undo"]
"""`undo` takes back another decision; a comment decides nothing."""

JUDGING: frozenset[Kind] = frozenset({"accept", "reject", "needs work", "waive"})
"""Kinds of which the last one of an author counts for a case."""

DecisionId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class DecidedCase(msgspec.Struct, frozen=True):
    """A case, and the pictures that somebody looked at."""

    id: str
    name: str
    """`logo/2 patch seed 42`, for whoever reads the file."""
    picture: Digest
    """Of the run."""
    accepted: Digest = ""
    """Of the baseline; empty: it has none."""


class Place(msgspec.Struct, frozen=True):
    """A point of a picture, from its left top corner, in shares of its width and height."""

    x: Share
    y: Share


class Decision(msgspec.Struct, frozen=True):
    """Who decided what, when, and about which pictures."""

    id: DecisionId
    kind: Kind
    author: str
    when: str
    """UTC, ISO 8601, with microseconds: decisions are in this order."""
    baseline: str
    """SHA-256 of the index of the baseline that was judged against; empty: there was none."""
    run: str
    """Name of its folder."""
    cases: tuple[DecidedCase, ...] = ()
    reason: str = ""
    """Of a comment, its text."""
    undoes: str = ""
    """Of an undo, the decision that it takes back."""
    place: Place | None = None
    """Of a comment that is pinned to a place."""
    expires: date | None = None
    """Of a waiver, the last day that it counts, UTC."""


def find_decisions_folder(baseline: Path) -> Path:
    """Where the decisions about a baseline lie."""
    return baseline.with_name(f"{baseline.name}.decisions")


def write_decision(folder: Path, decision: Decision) -> Path:
    """Write one decision as a file of its own, and give the file."""
    time = re.sub(r"[^0-9T]", "", decision.when.partition("+")[0])
    author = re.sub(r"[^a-z0-9]+", "-", decision.author.lower()).strip("-")[:30] or "somebody"
    path = folder / f"{time}-{author}-{decision.id}.json"
    write_json(path, decision)
    return path


class DecisionFiles:
    """A folder of decisions. A file is read once, since it never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, Decision] = {}
        self._known: tuple[Decision, ...] = ()

    @property
    def known(self) -> tuple[Decision, ...]:
        """Every decision that was read or added here, oldest first."""
        return self._known

    def add(self, decision: Decision) -> None:
        """Keep one more decision, on the disk before this returns."""
        path = write_decision(self.folder, decision)
        self._files[path.name] = decision
        self._known = (*self._known, decision)
        if len(self._known) > 1 and _order(decision) < _order(self._known[-2]):
            self._known = tuple(sorted(self._known, key=_order))

    def read(self) -> tuple[Decision, ...]:
        """Every decision, oldest first, those that were taken back too. Raises DamagedError where a
        file does not hold a decision, and UsageError where it is a link.
        """
        paths = self.folder.glob("[!.]*.json") if self.folder.is_dir() else ()
        names = {path.name for path in paths}
        if names == self._files.keys():
            return self._known
        if names - self._files.keys():
            check_no_links(self.folder)
        for name in sorted(names - self._files.keys()):
            self._files[name] = read_json(self.folder / name, Decision)
        self._files = {name: one for name, one in self._files.items() if name in names}
        self._known = tuple(sorted(self._files.values(), key=_order))
        return self._known


def _order(one: Decision) -> tuple[str, str]:
    return one.when, one.id


def drop_undone(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Those that count: neither taken back nor an undo. Only its author takes a decision back."""
    known = tuple(decisions)
    undone = {(one.undoes, one.author) for one in known if one.kind == "undo"}
    return tuple(one for one in known if one.kind != "undo" and (one.id, one.author) not in undone)


def list_waivers(decisions: Iterable[Decision]) -> tuple[Waiver, ...]:
    """The waivers among decisions, each of the pictures that all reviewers who decided about them
    waived last.
    """
    counted = drop_undone(decisions)
    votes: dict[DecidedCase, dict[str, Decision]] = {}
    for one in counted:
        for case in one.cases if one.kind in JUDGING else ():
            votes.setdefault(_forget_accepted(case), {})[one.author] = one
    found = []
    for one in counted:
        if one.kind == "waive" and one.expires:
            keys = (_forget_accepted(case) for case in one.cases)
            pictures = {
                key.id: key.picture
                for key in keys
                if votes[key][one.author] is one
                and all(vote.kind == "waive" for vote in votes[key].values())
            }
            if pictures:
                found.append(Waiver(one.author, one.reason, one.expires, pictures=pictures))
    return tuple(found)


def _forget_accepted(case: DecidedCase) -> DecidedCase:
    """A case and its picture, whatever it stood beside."""
    return msgspec.structs.replace(case, accepted="")
