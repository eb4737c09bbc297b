"""The desk without its page: a run beside its baseline, and every decision about it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.baselines.index import INDEX
from editproof.harness.pictures import files
from editproof.harness.records.accepted_cases import load_pairs
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.decisions import (
    DecidedCase,
    Decision,
    DecisionFiles,
    Kind,
    Place,
    drop_undone,
)
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.json_files import file_digest
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import count_noun, name_case, name_few
from editproof.harness.review.answers import (
    Answer,
    Move,
    accept_answers,
    begin_move,
    finish_move,
    list_answers,
)
from editproof.harness.review.changes import ChangedCase, list_changed_cases, list_other_cases
from editproof.harness.review.groups import Group, group_changes
from editproof.harness.review.keeping import CaseContent, KeptCase, keep_case
from editproof.harness.review.standing import CONFLICT, Standing, Standings

Clock = Callable[[], datetime]


def read_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class UnknownCaseError(UsageError):
    """No case has a number."""


@dataclass(frozen=True)
class Ruling:
    """What a reviewer decides, before it is written."""

    kind: Kind
    cases: tuple[str, ...]
    """Ids."""
    reason: str = ""
    place: Place | None = None
    expires: date | None = None


@dataclass
class Desk:
    """A run that people look at. Decisions are made under one lock."""

    run: Run
    folder: Path
    """Of the baseline, whether there is one or not."""
    digest: str
    """Of the baseline that is judged against; empty: there is none."""
    baseline: Baseline | None
    files: DecisionFiles
    author: str
    cases: Path
    """Folder of the user's own cases, where new ones are kept."""
    answers: Path
    """Folder of the runs that kept answers are."""
    read_only: bool = False
    clock: Clock = read_clock
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _checked: tuple[object, ...] = ()
    """What the baseline's index was like when its digest was last compared."""
    _counted: tuple[Decision, ...] = ()
    _standings: Standings | None = None
    """What the counted decisions amount to."""

    @cached_property
    def changes(self) -> tuple[ChangedCase, ...]:
        """Every case to decide about, in the order of the groups."""
        return tuple(member for group in self.groups for member in group.members)

    @cached_property
    def decided_cases(self) -> tuple[DecidedCase, ...]:
        """The changed cases as decisions name them."""
        return tuple(
            DecidedCase(change.case.id, name_case(change.case), change.picture, change.accepted)
            for change in self.changes
        )

    @cached_property
    def others(self) -> tuple[ChangedCase, ...]:
        """Every other case that has ended, in the order of the run."""
        return list_other_cases(self.run, self.baseline, self.numbers)

    def find_case(self, number: int) -> ChangedCase:
        """A case by its number: the changed ones first, then the others. Raises UnknownCaseError
        where there is none.
        """
        changed = len(self.changes)
        if 0 <= number < changed:
            return self.changes[number]
        if not 0 <= number - changed < len(self.others):
            raise UnknownCaseError("no case has that number. Reload the desk")
        return self.others[number - changed]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Case id -> its place in `changes`."""
        return {change.case.id: place for place, change in enumerate(self.changes)}

    def is_here(self, case: DecidedCase) -> bool:
        """Whether a decided case is one of this run, with the same picture."""
        place = self.numbers.get(case.id)
        return place is not None and self.changes[place].picture == case.picture

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """What is alike."""
        return group_changes(list_changed_cases(self.run, self.baseline))

    @cached_property
    def asking(self) -> frozenset[str]:
        """Ids of the cases that ask for a decision."""
        return frozenset(change.case.id for change in self.changes if change.asks)

    @cached_property
    def partial(self) -> str:
        """Why nothing of the run can be accepted; empty: it is complete."""
        failed = int(self.run.ending_table.failed.sum())
        if not self.run.missing and not failed and len(self.run.ending_table):
            return ""
        return (
            f"Of {count_noun(len(self.run.manifest.cases), 'case')} {len(self.run.missing)} are"
            f" missing and {failed} failed, so nothing of this run can be accepted. Finish it with"
            " `editproof run --resume`"
        )

    def read_decisions(self) -> tuple[Decision, ...]:
        """Every decision beside the baseline, those of other reviewers too."""
        with self._lock:
            return self.files.read()

    def find_standing(self, *, read: bool = True) -> Standings:
        """What is decided about each case. `read`: what others have decided since is read first.
        Only new decisions are counted, since ten thousand cases may have been decided about before.
        """
        with self._lock:
            decisions = self.files.read() if read else self.files.known
            today = self.clock().date()
            fresh = decisions[len(self._counted) :]
            if (
                self._standings is None
                or self._standings.today != today
                or decisions[: len(self._counted)] != self._counted
                or any(one.kind == "undo" for one in fresh)
            ):
                pictures = {change.case.id: change.picture for change in self.changes}
                self._standings = Standings(pictures, self.digest, today)
                fresh = drop_undone(decisions)
            for one in fresh:
                self._standings.add(one)
            self._counted = decisions
            return self._standings

    def decide(self, ruling: Ruling) -> Decision:
        """Write one decision. Raises UsageError where it can't be made, and IncompleteError where
        something of a run that is not complete would be accepted.
        """
        with self._lock:
            self._check_may_write()
            self._check_ruling(ruling)
            cases = tuple(self.decided_cases[self.numbers[case_id]] for case_id in ruling.cases)
            return self._add(ruling, cases)

    def undo(self) -> Decision:
        """Take back the author's last decision about this run. Raises UsageError where there is
        none.
        """
        with self._lock:
            self._check_may_write()
            own = [
                one
                for one in drop_undone(self.read_decisions())
                if one.author == self.author
                and one.baseline == self.digest
                and any(self.is_here(case) for case in one.cases)
            ]
            if not own:
                raise UsageError(f"{self.author} has no decision that could be taken back")
            return self._add(Ruling("undo", ()), own[-1].cases, undoes=own[-1].id)

    def find_input(self, number: int) -> Path:
        """Where the input of a case lies. Raises UsageError where the run has none, or a damaged
        one.
        """
        digest = self.run.endings[self.find_case(number).case.id].input
        path = files.path_in([self.run.folder], digest)
        if path is None or not files.is_intact(path, path.read_bytes()):
            raise UsageError("the run does not have the input of that case, or it is damaged")
        return path

    def keep_case(self, number: int, name: str, content: CaseContent) -> KeptCase:
        """Keep a case's input with a mask as a new case. Raises UsageError where that can't be."""
        with self._lock:
            self.check_may_edit()
            return keep_case(self.cases, name, self.find_input(number), content)

    def list_answers(self) -> list[tuple[Path, Answer]]:
        """The kept answers that wait for the desk's decisions to be applied."""
        return list_answers(self.answers, self.run.folder.name, self.digest)

    def _add(self, ruling: Ruling, cases: tuple[DecidedCase, ...], undoes: str = "") -> Decision:
        decision = Decision(
            id=secrets.token_hex(8),
            kind=ruling.kind,
            author=self.author,
            when=self.clock().isoformat(timespec="microseconds"),
            baseline=self.digest,
            run=self.run.folder.name,
            cases=cases,
            reason=ruling.reason,
            undoes=undoes,
            place=ruling.place,
            expires=ruling.expires,
        )
        self.files.add(decision)
        return decision

    def check_may_edit(self) -> None:
        """Raise UsageError where the desk is for looking only."""
        if self.read_only:
            raise UsageError(
                "this desk is for looking only. Start it without --read-only to decide"
            )

    def _check_may_write(self) -> None:
        self.check_may_edit()
        self.check_baseline()

    def check_baseline(self) -> None:
        """Raise UsageError where the baseline is not the one that was judged against any more."""
        state = _read_state(self.folder)
        if state == self._checked:
            return
        if baseline_folder.find_digest(self.folder) != self.digest:
            raise UsageError(
                f"the baseline {self.folder} has changed since this desk was opened. Judge the run"
                " again with `editproof gate`, and open the desk again"
            )
        self._checked = state

    def _check_ruling(self, ruling: Ruling) -> None:
        unknown = [case_id for case_id in ruling.cases if case_id not in self.numbers]
        if unknown or not ruling.cases:
            raise UsageError(
                f"there is no changed case {unknown[0]!r} here" if unknown else "no case was named"
            )
        if ruling.kind == "accept" and self.partial:
            raise IncompleteError(self.partial)
        if ruling.kind in {"waive", "comment"} and not ruling.reason.strip():
            raise UsageError(f"a {'waiver' if ruling.kind == 'waive' else 'comment'} needs a text")
        if ruling.kind == "waive" and (
            ruling.expires is None or ruling.expires < self.clock().date()
        ):
            raise UsageError("a waiver needs a last day that is not over yet")


def open_desk(
    run: Run,
    folder: Path,
    decisions: Path,
    author: str,
    *,
    cases: Path,
    answers: Path,
    read_only: bool = False,
) -> Desk:
    """The desk of a run that was judged against the baseline in `folder`. Raises UsageError where
    it was not judged, or against another baseline.
    """
    if run.verdict is None:
        raise UsageError(
            f"{run.folder} has not been judged. Judge it first: `editproof gate {run.folder}`"
        )
    digest = baseline_folder.find_digest(folder)
    baseline = baseline_folder.load(folder) if digest else None
    _check_judged_against(run, folder, digest)
    if not read_only:
        finish_move(answers, folder)
    kept = DecisionFiles(decisions)
    return Desk(run, folder, digest, baseline, kept, author, cases, answers, read_only)


def apply_decisions(desk: Desk, reason: str = "") -> tuple[Path, int]:
    """Accept every case that is accepted and about which nobody says otherwise, and every answer
    that was kept; give the baseline's folder and how many of both it were. Other cases stay as they
    were in the baseline.

    Raises UsageError where two reviewers disagree, where nothing is accepted, where no reason is
    given, or where the baseline has moved. Raises IncompleteError on a run that is not complete.
    """
    if desk.partial:
        raise IncompleteError(desk.partial)
    standing = desk.find_standing()
    names = {one.id: one.name for one in desk.decided_cases}
    split = [names[case_id] for case_id, one in standing.items() if one.state == CONFLICT]
    if split:
        raise UsageError(
            f"reviewers disagree about {count_noun(len(split), 'case')} ({name_few(split)}). Agree"
            " at the desk first: the last decision of each reviewer counts"
        )
    accepted = {case_id: one for case_id, one in standing.items() if one.state == "accept"}
    answers = desk.list_answers()
    if not accepted and not answers:
        raise UsageError("nothing is accepted at the desk yet, so there is nothing to apply")
    if answers:
        begin_move(desk.answers, Move(desk.run.folder.name, desk.digest))
    if accepted:
        acceptance.accept(desk.run, desk.folder, _make_request(desk, accepted, reason))
    else:
        desk.check_baseline()
    accept_answers(desk.folder, answers)
    return desk.folder, len(accepted) + len(answers)


def _make_request(desk: Desk, accepted: Mapping[str, Standing], reason: str) -> AcceptRequest:
    votes = [vote for one in accepted.values() for vote in one.votes]
    why = reason.strip() or "; ".join(dict.fromkeys(filter(None, (vote.reason for vote in votes))))
    if not why:
        raise UsageError("say with --reason TEXT why these pictures are right now")
    request = AcceptRequest(
        reason=why,
        author=", ".join(dict.fromkeys(vote.author for vote in votes)),
        seen=desk.digest,
    )
    if desk.baseline:
        return replace(request, cases=tuple(accepted))
    open_cases = [name_case(one.case) for one in desk.changes if one.case.id not in accepted]
    if open_cases:
        raise UsageError(
            "there is no baseline yet, and the first one is a whole run. Accept all cases: left"
            f" are {name_few(open_cases)}"
        )
    return request


def _check_judged_against(run: Run, folder: Path, digest: str) -> None:
    pairs = load_pairs(run.folder)
    if pairs.digest or not digest:
        same = pairs.digest == digest
    else:  # the run was judged by an editproof that did not note the digest
        same = bool(pairs.journal) and pairs.journal == _digest_journal(folder)
    if not same:
        raise UsageError(
            f"{run.folder} was not judged against the baseline {folder} as it is now. Check out the"
            f" baseline that belongs to the run, or judge it again: `editproof gate {run.folder}`"
        )


def _digest_journal(folder: Path) -> str:
    path = folder / JOURNAL
    return file_digest(path) if path.is_file() else ""


def _read_state(folder: Path) -> tuple[object, ...]:
    """What changes with every acceptance, and is quick to read."""
    found: list[object] = ["read"]
    for name in (INDEX, JOURNAL):
        path = folder / name
        known = path.stat() if path.is_file() else None
        found.append((known.st_ino, known.st_mtime_ns, known.st_size) if known else None)
    return tuple(found)
