"""Waivers: what somebody answers for until a day fails nothing until then.

A waiver of a family, model or metric covers whatever happens there. One that was given at the desk
is of pictures: it covers a case as long as its picture is the one that was waived, so a case that
changes again under it is judged again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from editproof.harness.records.families import is_covered
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Waiver
from editproof.harness.records.verdicts import Finding, Outcome
from editproof.harness.records.wording import NAMED, count_noun, join_words, name_case, name_few

WAIVABLE = frozenset({Outcome.REGRESSED, Outcome.TRADED, Outcome.CHANGED, Outcome.UNDERPOWERED})
"""What could not be measured is nobody's to waive."""

ANNOUNCED_DAYS = 7
"""So many days before its last one a waiver is announced to end."""


def covers_group(waiver: Waiver, family: str, model: str) -> bool:
    """Whether a waiver is of that family and model, whatever their pictures are."""
    return (
        not waiver.pictures
        and (not waiver.family or is_covered(family, [waiver.family]))
        and waiver.model in {"", model}
    )


def has_waived_picture(waiver: Waiver, run: Run, case_id: str) -> bool:
    """Whether the picture of a case is the one that was waived."""
    ended = run.endings.get(case_id)
    return ended is not None and waiver.pictures.get(case_id) == ended.actual


def waive(finding: Finding, run: Run, waivers: Iterable[Waiver], day: date) -> Finding:
    """The finding, waived where somebody answers for all of it that day."""
    if finding.outcome not in WAIVABLE:
        return finding
    known = [waiver for waiver in waivers if day <= waiver.expires]
    first = _find_of_groups(finding, known) or _find_of_pictures(finding, run, known)
    if first is None:
        return finding
    text = f"{finding.text}. Waived by {first.owner} until {first.expires}: {first.reason}"
    return replace(finding, outcome=Outcome.WAIVED, text=text, fails=False)


def list_waiver_notes(
    run: Run,
    waivers: Iterable[Waiver],
    findings: Sequence[Finding],
    unchanged: Collection[str],
    day: date,
) -> Iterator[str]:
    """What somebody should do about a waiver: one that ended, ends soon, covers nothing, or whose
    cases changed again. `unchanged`: ids of cases whose picture is an accepted one.
    """
    for waiver in waivers:
        if waiver.pictures:
            yield from _list_picture_notes(run, waiver, frozenset(unchanged), day)
        else:
            yield from _list_group_notes(run, waiver, findings, day)


def _find_of_groups(finding: Finding, waivers: Sequence[Waiver]) -> Waiver | None:
    """The waiver of the finding's first family and model, where all of them have one."""
    parts = [(family, model) for family in finding.families for model in finding.models]
    chosen = [
        next((w for w in waivers if _covers(w, family, model, finding)), None)
        for family, model in parts
    ]
    return chosen[0] if chosen and all(chosen) else None


def _find_of_pictures(finding: Finding, run: Run, waivers: Sequence[Waiver]) -> Waiver | None:
    """The waiver of the finding's first picture, where all of them have one."""
    chosen = [
        next((w for w in waivers if has_waived_picture(w, run, case_id)), None)
        for case_id in finding.cases
    ]
    return chosen[0] if chosen and all(chosen) else None


def _covers(waiver: Waiver, family: str, model: str, finding: Finding) -> bool:
    metric = metric_name(finding.evidence.metric) if finding.evidence else finding.rule
    return covers_group(waiver, family, model) and waiver.metric in {"", metric}


def _list_group_notes(
    run: Run, waiver: Waiver, findings: Sequence[Finding], day: date
) -> Iterator[str]:
    name = f"the waiver of {' '.join(filter(None, (waiver.family, waiver.model, waiver.metric)))}"
    covered = [
        finding
        for finding in findings
        if any(
            _covers(waiver, family, model, finding)
            for family in finding.families
            for model in finding.models
        )
    ]
    if day > waiver.expires:
        yield (
            f"{name} by {waiver.owner} expired on {waiver.expires} and no longer counts"
            f" ({waiver.reason}). Fix the cause, or renew the waiver"
        )
    elif missing := _find_missing_name(run, waiver):
        yield f"{name} by {waiver.owner} covers nothing in this run, which has no {missing}"
    elif not any(finding.outcome in WAIVABLE for finding in covered):
        yield (
            f"{name} by {waiver.owner} is not needed: nothing that it covers would fail. Remove it"
        )
    else:
        yield from _announce_end(f"{name} by {waiver.owner}", waiver, day)


def _find_missing_name(run: Run, waiver: Waiver) -> str:
    """What a waiver names and the run does not have, and what it has; empty: nothing."""
    families = {*run.case_table.column("family")}
    models = {model.name for model in run.manifest.suite.models}
    if waiver.family and not any(is_covered(family, [waiver.family]) for family in families):
        return f"family {waiver.family!r}: it has {join_words(sorted(families))}"
    if waiver.model and waiver.model not in models:
        return f"model {waiver.model!r}: it has {join_words(sorted(models))}"
    return ""


def _list_picture_notes(
    run: Run, waiver: Waiver, unchanged: Collection[str], day: date
) -> Iterator[str]:
    here = [case for case in run.manifest.cases if case.id in waiver.pictures]
    names = {case.id: name_case(case) for case in here if case.id in run.endings}
    same = [one for one in names if one not in unchanged and has_waived_picture(waiver, run, one)]
    again = [names[one] for one in names if one not in unchanged and one not in same]
    if again and day <= waiver.expires:
        yield (
            f"{name_few(again)} changed again under the waiver by {waiver.owner} until"
            f" {waiver.expires} ({waiver.reason}). The waiver is for other pictures, so it does not"
            " cover these"
        )
    if not same:
        return
    name = f"the waiver of {name_few([names[one] for one in same])} by {waiver.owner}"
    if day <= waiver.expires:
        yield from _announce_end(name, waiver, day)
        return
    options = " ".join(f"--case {one}" for one in same[:NAMED])
    more = f" and {len(same) - NAMED} more" if len(same) > NAMED else ""
    yield (
        f"{name} expired on {waiver.expires} and no longer counts ({waiver.reason}). The"
        f" {'picture is' if len(same) == 1 else 'pictures are'} still as waived: fix the cause, or"
        f" accept by name: `editproof baseline accept {options} --reason TEXT`{more}"
    )


def _announce_end(name: str, waiver: Waiver, day: date) -> Iterator[str]:
    left = (waiver.expires - day).days
    if left <= ANNOUNCED_DAYS:
        when = f"in {count_noun(left, 'day')}, on {waiver.expires}" if left else "today"
        yield (
            f"{name} ends {when} ({waiver.reason}). Then what it covers fails: fix the cause,"
            " accept the pictures, or renew the waiver"
        )
