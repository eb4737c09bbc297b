"""The pictures of the front page: the worst case of each family, and of the user's own each case.

A run that passes has pictures, too: a person who looks sees what was accepted and what came out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.records.accepted_cases import load_accepted_cases
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import name_try
from editproof.reports.common import numbers, view
from editproof.reports.common.verdict import (
    describe_visibility,
    is_open,
    shorten,
)
from editproof.reports.html.case_list import find_changes
from editproof.reports.html.front_page import link, list_link
from editproof.reports.html.thumbnails import Thumbnail, draw_thumbnail, find_worst_place

MOST = 24
"""Pictures on the front page; the gallery has all."""

FAILED_WORDS = {
    "error": "The edit ended in an error",
    "refused": "The pipeline refused this edit",
    "needs_review": "The pipeline asks for a person to look at this edit",
}


@dataclass(frozen=True, slots=True)
class FrontPicture:
    """One case on the front page."""

    case_id: str
    thumbnail: Thumbnail
    family: str
    name: str
    """The case within its family."""
    model: str
    turn: str
    """`seed 42`, or `repeat 1`."""
    href: str
    state: str
    """One of `view.STATES`."""
    seen: str
    """How much it changed: `0.31 JOD in the worst window`. Empty: not at all, or it was compared
    with nothing.
    """
    sentence: str


@dataclass(frozen=True, slots=True)
class FrontPictures:
    """What the front page shows, the most changed first."""

    shown: tuple[FrontPicture, ...]
    left_out: int
    """Pictures that only the gallery has."""
    gallery: str
    """The address of the gallery."""
    own: bool
    """Whether any of them is the user's own."""


def choose_pictures(run: Run, states: Mapping[str, str], folder: Path) -> FrontPictures:
    """Draw the worst case of each family, and every own case, at most MOST, into a folder."""
    changes, before, words = find_changes(run), load_accepted_cases(run.folder), _find_words(run)
    chosen = choose_worst(run.records, changes, states)
    shown = []
    for record in chosen[:MOST]:
        case_id = record.case.id
        thumbnail = draw_thumbnail(
            run.folder, record, before.get(case_id), folder, find_worst_place(record)
        )
        if thumbnail:
            state, change = states[case_id], changes.get(case_id)
            sentence = words.get(case_id) or describe_case(record, state, change)
            shown.append(_describe(record, thumbnail, state, change, sentence))
    return FrontPictures(
        tuple(shown), max(0, len(chosen) - MOST), list_link(view="gallery"), _has_own(chosen)
    )


def choose_worst(
    records: Sequence[CaseRecord], changes: Mapping[str, float], states: Mapping[str, str]
) -> list[CaseRecord]:
    """The worst case of each family, and every own case, the most changed first; `changes` are JOD
    by case id.
    """

    def rank(record: CaseRecord) -> tuple[float, ...]:
        failed = states[record.case.id] in view.FAILED
        return (-failed, -changes.get(record.case.id, 0.0), -numbers.rate_damage(record))

    worst: dict[tuple[str, str], CaseRecord] = {}
    for record in sorted(records, key=rank):
        worst.setdefault((record.case.family, record.case.own), record)
    return list(worst.values())


def describe_case(record: CaseRecord, state: str, change: float | None) -> str:
    """What became of a case, in a sentence; `change` in JOD, None: it was compared with nothing."""
    if state in FAILED_WORDS:
        reason = record.error.message if record.error else record.reason
        return shorten(f"{FAILED_WORDS[state]}: {reason}" if reason else f"{FAILED_WORDS[state]}.")
    if state == "invisible":
        return "It changed, and nobody can see it."
    if change == 0:
        return "It is the accepted picture, bit for bit."
    if state == "unchanged":
        return "It differs no more than seeds do."
    if change:
        return f"The difference from the baseline is {describe_visibility(change)}."
    region = numbers.choose_region([record])
    value = numbers.value(record, "lpips", region, "mean")
    where = "in the edit" if region == "edit" else "over the whole picture"
    measured = "" if value is None else f" LPIPS {where} is {numbers.number(value)}."
    return f"There is no accepted picture to compare with.{measured}"


def _find_words(run: Run) -> dict[str, str]:
    """Case id -> what it looks like, by the first finding that counts it and needs a person."""
    found: dict[str, str] = {}
    changes = run.verdict.changes if run.verdict else ()
    outcomes = {change.case_id: change.outcome for change in changes}
    for finding in view.list_findings(run):
        if finding.rule == "picture" and is_open(finding):
            for case_id in dict.fromkeys((finding.case_id, *finding.cases)):
                outcome = outcomes.get(case_id, finding.outcome)
                words = shorten(finding.words_of(outcome) or finding.text)
                found.setdefault(case_id, f"{words[:1].upper()}{words[1:]}.")
    return found


def _has_own(records: Sequence[CaseRecord]) -> bool:
    return any(record.case.own for record in records)


def _describe(
    record: CaseRecord, thumbnail: Thumbnail, state: str, change: float | None, sentence: str
) -> FrontPicture:
    case = record.case
    return FrontPicture(
        case.id,
        thumbnail,
        case.family,
        case.name,
        case.model.name,
        name_try(case.seed, case.repeat),
        link(case.id),
        state,
        "" if not change else f"{numbers.format_jod(change)} JOD in the worst window",
        sentence,
    )
