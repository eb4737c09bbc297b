"""What the desk's page asks and is answered, as JSON. Cases go by their number in `/api/desk`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from editproof.harness.records.decisions import Decision, drop_undone
from editproof.harness.records.wording import name_case
from editproof.harness.review.asking import describe_settings, find_request, find_settings
from editproof.harness.review.changes import ChangedCase
from editproof.harness.review.desk import Desk
from editproof.harness.review.rerunning import WORKING, Rerun, Reruns
from editproof.harness.review.standing import Standing
from editproof.harness.stores.copies import name_place
from editproof.harness.suites.case_facts import MAX_INT

LONGEST_TEXT = 4000
SHORT_HASH = 12
"""Characters of a picture's hash in its address, so that a browser keeps it as long as it is true.
"""

FIRST = ("needs_review", "refused", "error")
"""Endings that need a person most."""

MOST_MASK_BYTES = 8 << 20
MOST_SETTINGS = 500

Setting = (
    bool
    | Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, Field(max_length=LONGEST_TEXT)]
)


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


Settings = Annotated[
    dict[Annotated[str, Field(max_length=100)], Setting],
    Field(max_length=MOST_SETTINGS),
]
"""Settings of a pipeline, by dotted name."""


class CaseQuestion(Body):
    """A case to keep, with a mask that was drawn."""

    case: int = Field(ge=0)
    name: str = Field(max_length=100)
    prompt: str = Field(default="", max_length=LONGEST_TEXT)
    mask: Base64Bytes = Field(max_length=MOST_MASK_BYTES)
    settings: Settings = {}
    rerun: int | None = None
    """The edit whose picture is the right answer; None: it is not known."""


class RerunBody(Body):
    """An edit to make."""

    case: int = Field(ge=0)
    mask: Base64Bytes = Field(default=b"", max_length=MOST_MASK_BYTES)
    """Empty: as the case gives it."""
    prompt: str = Field(default="", max_length=LONGEST_TEXT)
    seed: int = Field(default=0, ge=0, lt=1 << 31)
    settings: Settings = {}
    small: bool = False


class ReasonQuestion(Body):
    """Why a picture is a right answer."""

    reason: str = Field(max_length=LONGEST_TEXT)


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
        "needs_review": int(np.sum(desk.run.ending_table.texts("status") == "needs_review")),
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
        "cases": [
            _describe_case(desk, change, decided.name)
            for change, decided in zip(desk.changes, desk.decided_cases, strict=True)
        ],
    }


def _describe_case(desk: Desk, change: ChangedCase, name: str) -> dict[str, Any]:
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
        "name": name,
        "family": change.case.family,
        "model": change.case.model.name,
        "words": change.words,
        "status": ended.status,
        "reason": ended.reason[:LONGEST_TEXT],
        "jod": round(change.jod, 3),
        "step": round(seen.step, 3) if seen and seen.steps else None,
        "pictures": {kind: digest[:SHORT_HASH] for kind, digest in pictures.items() if digest},
    }


def describe_others(desk: Desk) -> dict[str, Any]:
    """Every other case, numbered after the changed ones; and the numbers of all, those first that
    need a person most.
    """
    everything = [*desk.changes, *desk.others]
    statuses = [desk.run.endings[one.case.id].status for one in everything]
    order = sorted(range(len(everything)), key=lambda number: _rank_status(statuses[number]))
    return {
        "cases": [_describe_case(desk, one, name_case(one.case)) for one in desk.others],
        "order": order,
    }


def _rank_status(status: str) -> int:
    return FIRST.index(status) if status in FIRST else len(FIRST)


def describe_question(desk: Desk, reruns: Reruns, number: int) -> dict[str, Any]:
    """What a case asks of its pipeline, and what of it can be asked otherwise. Raises UsageError
    where it can't be asked at all.
    """
    change = desk.find_case(number)
    spec = reruns.name_pipeline(change.case)
    asked = find_request(desk.run, change.case)
    return {
        "pipeline": spec,
        "note": asked.note,
        "prompt": asked.request.prompt,
        "seed": asked.request.seed,
        "scale": asked.request.scale,
        "has_mask": asked.request.mask is not None,
        "seconds": round(desk.run.endings[change.case.id].seconds, 3),
        "settings": describe_settings(spec, find_settings(desk.run, change.case)),
    }


def describe_rerun(one: Rerun) -> dict[str, Any]:
    """An edit, and how far it is."""
    running = one.state in WORKING and one.began
    return {
        "id": one.id,
        "case": one.question.number,
        "state": one.state,
        "status": one.status,
        "words": one.words[:LONGEST_TEXT],
        "seconds": round(time.monotonic() - one.began if running else one.seconds, 2),
        "picture": one.picture[:SHORT_HASH],
        "kept": one.kept,
        "small": one.question.small,
        "prompt": one.question.prompt,
        "seed": one.question.seed,
        "settings": one.question.settings,
        "drawn": bool(one.question.mask),
    }


def describe_decisions(desk: Desk, among: Iterable[str] | None = None) -> dict[str, Any]:
    """What is decided, of all cases or of those named by id, each with the cases of which it holds;
    and how far the work is.
    """
    standing = desk.find_standing(read=among is None)
    decisions = desk.files.known
    return {
        "states": [
            {**_describe_standing(one), "cases": [desk.numbers[case_id] for case_id in ids]}
            for one, ids in standing.group_alike(standing if among is None else among)
        ],
        "comments": list(_list_comments(decisions, desk)),
        "done": standing.count(desk.asking),
        "asked": len(desk.asking),
        "version": len(decisions),
    }


def _describe_standing(one: Standing | None) -> dict[str, Any]:
    """Its state, empty where nothing is decided, and who said what."""
    return {
        "state": one.state if one else "",
        "votes": [
            {
                "author": vote.author,
                "kind": vote.kind,
                "when": vote.when,
                "reason": vote.reason,
                "expires": vote.expires.isoformat() if vote.expires else "",
            }
            for vote in (one.votes if one else ())
        ],
    }


def _list_comments(decisions: Iterable[Decision], desk: Desk) -> Iterable[dict[str, Any]]:
    talk = [one for one in decisions if one.kind in {"comment", "undo"}]
    for one in drop_undone(talk):
        for case in one.cases:
            if desk.is_here(case):
                yield {
                    "case": desk.numbers[case.id],
                    "text": one.reason,
                    "author": one.author,
                    "when": one.when,
                    "place": [one.place.x, one.place.y] if one.place else None,
                }
