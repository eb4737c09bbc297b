"""What stands of the decisions about a run: the last one of each author, and where two differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date

from editproof.harness.records.decisions import JUDGING, Decision

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


class Standings(Mapping[str, Standing]):
    """Case id -> what is decided about it, of the cases about which anything is.

    A decision counts for the picture that it names, beside the baseline whose digest it names. A
    waiver counts beside any baseline, since it accepts nothing, until its last day.
    """

    def __init__(self, pictures: Mapping[str, str], baseline: str, today: date) -> None:
        self._pictures = pictures
        self._baseline = baseline
        self._votes: dict[str, dict[str, Decision]] = {}
        self.today = today

    def add(self, one: Decision) -> None:
        """Count one more decision, later than those before, that nobody took back."""
        if one.kind not in JUDGING or not self._counts(one):
            return
        for case in one.cases:
            if self._pictures.get(case.id) == case.picture:
                own = self._votes.setdefault(case.id, {})
                own.pop(one.author, None)  # the later decision stands at the end
                own[one.author] = one

    def group_alike(self, case_ids: Iterable[str]) -> Iterable[tuple[Standing | None, list[str]]]:
        """What is decided, each with the cases of which it holds; None: nothing is."""
        found: dict[tuple[int, ...], list[str]] = {}
        for case_id in case_ids:
            votes = self._votes.get(case_id, {})
            found.setdefault(tuple(map(id, votes.values())), []).append(case_id)
        return [(self[ids[0]] if key else None, ids) for key, ids in found.items()]

    def count(self, case_ids: Set[str]) -> int:
        """About how many of these anything is decided."""
        return len(case_ids & self._votes.keys())

    def __getitem__(self, case_id: str) -> Standing:
        return Standing(tuple(self._votes[case_id].values()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._votes)

    def __len__(self) -> int:
        return len(self._votes)

    def _counts(self, one: Decision) -> bool:
        if one.kind == "waive":
            return one.expires is not None and self.today <= one.expires
        return one.baseline == self._baseline
