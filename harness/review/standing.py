"""What stands of the decisions about a run: the last one of each author, and where two differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from editproof.harness.records.decisions import JUDGING, Decision, drop_undone
from editproof.harness.review.changes import ChangedCase

CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is decided about one case."""

    votes: tuple[Decision, ...]
    """The last decision of each author, oldest first; there is at least one."""

    @property
    def state(self) -> str:
        """The decision that all authors share, or `conflict`."""
        kinds = {vote.kind for vote in self.votes}
        return self.votes[-1].kind if len(kinds) == 1 else CONFLICT


def find_standing(
    decisions: Iterable[Decision], changes: Iterable[ChangedCase], baseline: str, today: date
) -> Mapping[str, Standing]:
    """Case id -> what is decided about it, of the cases about which anything is.

    A decision counts for the picture that it names, beside the baseline whose digest it names. A
    waiver counts beside any baseline, since it accepts nothing, until its last day.
    """
    pictures = {change.case.id: change.picture for change in changes}
    votes: dict[str, dict[str, Decision]] = {}
    for one in drop_undone(decisions):
        if one.kind not in JUDGING or not _counts(one, baseline, today):
            continue
        for case in one.cases:
            if pictures.get(case.id) == case.picture and case.id in pictures:
                own = votes.setdefault(case.id, {})
                own.pop(one.author, None)  # the later decision stands at the end
                own[one.author] = one
    return {case_id: Standing(tuple(own.values())) for case_id, own in votes.items()}


def _counts(one: Decision, baseline: str, today: date) -> bool:
    if one.kind == "waive":
        return one.expires is not None and today <= one.expires
    return one.baseline == baseline
