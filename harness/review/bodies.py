"""What the desk's page asks and is answered, as JSON. Cases go by their number in `/api/desk`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from editproof.harness.records.decisions import Decision, drop_undone
from editproof.harness.records.wording import name_case
from editproof.harness.review.changes import ChangedCase
from editproof.harness.review.desk import Desk
from editproof.harness.review.standing import Standing
from editproof.harness.stores.copies import name_place

LONGEST_TEXT = 4000
SHORT_HASH = 12
"""Characters of a picture's hash in its address, so that a browser keeps it as long as it is true.
"""


class Body(BaseModel):
    """No field is taken that nobody reads."""

    model_config = ConfigDict(extra="forbid")


class PlaceQuestion(Body):
    """A point of a picture, in shares of its width and height."""

    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)


class DecisionQuestion(Body):
    """One decision about some cases."""

    kind: Literal["accept", "reject", "needs work", "waive", "comment"]
    cases: list[int] = Field(min_length=1, max_length=1_000_000)
    reason: str = Field(default="", max_length=LONGEST_TEXT)
    place: PlaceQuestion | None = None
    expires: date | None = None


class CaseQuestion(Body):
    """A case to keep, with a mask that was drawn."""

    case: int = Field(ge=0)
    name: str = Field(max_length=100)
    prompt: str = Field(default="", max_length=LONGEST_TEXT)
    mask: Base64Bytes = Field(max_length=8 << 20)


class ApplyQuestion(Body):
    """Why what is accepted is right."""

    reason: str = Field(default="", max_length=LONGEST_TEXT)


def describe_desk(desk: Desk) -> dict[str, Any]:
    """All that does not change while the desk is open."""
    number = desk.numbers
    return {
        "run": desk.run.folder.name,
        "suite": desk.run.manifest.suite.name,
        "baseline": name_place(desk.folder) if desk.digest else "",
        "author": desk.author,
        "read_only": desk.read_only,
        "cases_folder": str(desk.cases),
        "partial": desk.partial,
        "unchanged": len(desk.run.endings) - len(desk.changes),
        "groups": [
            {
                "title": group.typical.words,
                "outcome": group.typical.outcome.value,
                "stage": group.typical.stage,
                "aspect": group.typical.aspect,
                "part": group.part,
                "model": group.typical.case.model.name,
                "families": list(dict.fromkeys(one.case.family for one in group.members)),
                "jod": round(group.jod, 3),
                "asks": group.typical.asks,
                "members": [number[one.case.id] for one in group.members],
            }
            for group in desk.groups
        ],
        "cases": [_describe_case(desk, change) for change in desk.changes],
    }


def _describe_case(desk: Desk, change: ChangedCase) -> dict[str, Any]:
    ended = desk.run.endings[change.case.id]
    seen = change.difference
    pictures = {
        "now": change.picture,
        "before": change.accepted,
        "input": ended.input,
        "expected": ended.expected,
    }
    return {
        "id": change.case.id,
        "name": name_case(change.case),
        "family": change.case.family,
        "model": change.case.model.name,
        "words": change.words,
        "status": ended.status,
        "reason": ended.reason[:LONGEST_TEXT],
        "jod": round(change.jod, 3),
        "step": round(seen.step, 3) if seen and seen.steps else None,
        "pictures": {kind: digest[:SHORT_HASH] for kind, digest in pictures.items() if digest},
    }


def describe_decisions(desk: Desk, among: Iterable[str] | None = None) -> dict[str, Any]:
    """What is decided, of all cases or of those named by id; and how far the work is."""
    decisions = desk.read_decisions()
    standing = desk.find_standing()
    return {
        "states": {
            desk.numbers[case_id]: (
                _describe_standing(standing[case_id]) if case_id in standing else None
            )
            for case_id in (standing if among is None else among)
        },
        "comments": list(_list_comments(decisions, desk)),
        "done": sum(case_id in desk.asking for case_id in standing),
        "asked": len(desk.asking),
        "version": len(decisions),
    }


def _describe_standing(one: Standing) -> dict[str, Any]:
    return {
        "state": one.state,
        "votes": [
            {
                "author": vote.author,
                "kind": vote.kind,
                "when": vote.when,
                "reason": vote.reason,
                "expires": vote.expires.isoformat() if vote.expires else "",
            }
            for vote in one.votes
        ],
    }


def _list_comments(decisions: Iterable[Decision], desk: Desk) -> Iterable[dict[str, Any]]:
    for one in drop_undone(decisions):
        for case in one.cases if one.kind == "comment" else ():
            if desk.is_here(case):
                yield {
                    "case": desk.numbers[case.id],
                    "text": one.reason,
                    "author": one.author,
                    "when": one.when,
                    "place": [one.place.x, one.place.y] if one.place else None,
                }
