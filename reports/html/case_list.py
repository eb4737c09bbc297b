"""The list of cases as data: `data/cases.js`, column by column, so that ten thousand cases are one
small file.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import Manifest, metric_name
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Budget, Margin
from editproof.harness.records.verdicts import Finding
from editproof.harness.records.vocabulary import Region
from editproof.harness.records.wording import format_measure, format_title, name_try
from editproof.reports.common import numbers, view
from editproof.reports.common.verdict import make_line, shorten
from editproof.reports.html.case_view import WORSE

MAX_NUMBERS = 4
"""Numbers in a line of the list."""

MAX_REASON = 300
"""Characters of a reason: the case itself has all of it."""
MAX_TITLE = 80
"""Characters of a finding in the list of filters."""

Key = tuple[str, Region, str]


def write_cases(
    run: Run, states: Mapping[str, str], path: Path, strips: Mapping[str, str] | None = None
) -> None:
    """Write what the list shows: a script that calls `editproof.cases` with it; `strips` says what
    each case's strip shows.
    """
    columns = make_columns(run, states, strips or {})
    write_atomically(path, make_list_script("editproof.cases", columns), durable=False)


def make_list_script(function: str, data: object) -> bytes:
    """A script that calls a function of ours with data; no text in it can end a script or start a
    comment.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"{function}({safe});\n".encode("utf-8", "backslashreplace")


def order_cases(run: Run, states: Mapping[str, str]) -> list[Case]:
    """The planned cases as they are listed: those without a result first, then what changed most
    since the baseline, then by their state, each with the worst first.
    """
    order = {state: index for index, state in enumerate(view.STATES)}
    changes = find_changes(run)
    records = {record.case.id: record for record in run.records}

    def rank(case: Case) -> tuple[float, ...]:
        place, change = order.get(states[case.id], 0), changes.get(case.id)
        if states[case.id] in view.FAILED:
            return (0, place, 0)
        if change:
            return (1, -change, place)
        record = records.get(case.id)
        return (2, place, -numbers.rate_damage(record) if record else 0)

    return sorted(run.manifest.cases, key=rank)


def find_changes(run: Run) -> dict[str, float]:
    """Case id -> JOD lost since the baseline in the worst window; 0: the picture is an accepted
    one. What was compared with nothing is left out.
    """
    changes = run.verdict.changes if run.verdict else ()
    same = dict.fromkeys(view.find_unchanged(run), 0.0)
    return same | {change.case_id: round(change.worst, 3) for change in changes}


def make_columns(run: Run, states: Mapping[str, str], strips: Mapping[str, str]) -> dict[str, Any]:
    """The list, in the order of `order_cases`.

    Words stand once and are told by their number; a number that was not measured is null.
    """
    cases = order_cases(run, states)
    records = {record.case.id: record for record in run.records}
    ended = [records.get(case.id) for case in cases]
    keys = choose_key_numbers(run.manifest)
    worse = find_worse_aspects(run)
    counts = number_findings(run)
    stage_of = _find_stages(run)
    words: dict[str, list[str]] = {}

    def encode_words(name: str, texts: Iterable[str]) -> list[int]:
        known: dict[str, int] = {}
        indices = [known.setdefault(text, len(known)) for text in texts]
        words[name] = list(known)
        return indices

    shown: dict[str, list[Any]] = {
        "id": [case.id for case in cases],
        "family": encode_words("family", (case.family for case in cases)),
        "name": encode_words("name", (case.name for case in cases)),
        "model": encode_words("model", (case.model.name for case in cases)),
        "step": [case.step for case in cases],
        "strip": encode_words("strip", (strips.get(case.id, "") for case in cases)),
        "seed": [case.seed for case in cases],
        "try": encode_words("try", (name_try(case.seed, case.repeat) for case in cases)),
        "status": encode_words("status", (states[case.id] for case in cases)),
        "seconds": [None if record is None else round(record.seconds, 3) for record in ended],
        "cached": [int(record is not None and record.cached) for record in ended],
        "broke": encode_words("broke", (_find_stage(record, stage_of) for record in ended)),
        "worse": encode_words("worse", (", ".join(worse.get(case.id, ())) for case in cases)),
        "finding": encode_words(
            "finding", (" ".join(map(str, counts.get(case.id, ()))) for case in cases)
        ),
        "reason": encode_words("reason", (_find_reason(record) for record in ended)),
    }
    values = _read_values(ended, keys)
    return {
        "count": len(cases),
        "states": view.STATES,
        "words": words,
        "columns": shown,
        "numbers": [
            *_make_visibility(run, cases),
            *(
                _describe_number(run.manifest, key, values[key])
                for key in keys
                if any(value is not None for value in values[key])
            ),
        ][:MAX_NUMBERS],
        "pages": {
            case.id: page for case in cases if (page := choose_page_name(case.id)) != case.id
        },
        "aspects": sorted({aspect for found in worse.values() for aspect in found}),
        "findings": {
            str(number): _make_title(finding)
            for number, finding in enumerate(view.list_findings(run), start=1)
        },
    }


def choose_page_name(case_id: str) -> str:
    """The file name, without its ending, of a case's data; an id that is no plain word, as in a
    foreign run, gets a digest.
    """
    if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", case_id):
        return case_id
    return hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).hexdigest()


def choose_key_numbers(manifest: Manifest) -> tuple[Key, ...]:
    """What one line about a case shows: the usual ones, as far as the run has them, then what its
    rules ask for.
    """
    suite = manifest.suite
    rules: tuple[Budget | Margin, ...] = (*suite.budgets, *suite.margins)
    ruled = [(metric_name(rule.metric), rule.region, rule.stat) for rule in rules]
    known = dict.fromkeys(key for key in (*view.KEY_NUMBERS, *ruled) if key[0] in manifest.metrics)
    return tuple(known)[:MAX_NUMBERS]


def find_worse_aspects(run: Run) -> dict[str, tuple[str, ...]]:
    """Case id -> the aspects that got worse, by the findings that count it; of a rule about no
    picture the rule.
    """
    found: dict[str, list[str]] = {}
    for finding in view.list_findings(run):
        if finding.outcome in WORSE:
            aspects = finding.lost or (finding.aspect or finding.rule,)
            for case_id in dict.fromkeys((finding.case_id, *finding.cases)):
                found.setdefault(case_id, []).extend(
                    a for a in aspects if a not in found.get(case_id, ())
                )
    return {case_id: tuple(sorted(aspects)) for case_id, aspects in found.items()}


def number_findings(run: Run) -> dict[str, tuple[int, ...]]:
    """Case id -> the numbers, from 1, of the findings that count it."""
    found: dict[str, list[int]] = {}
    for number, finding in enumerate(view.list_findings(run), start=1):
        for case_id in dict.fromkeys((finding.case_id, *finding.cases)):
            found.setdefault(case_id, []).append(number)
    return {case_id: tuple(numbers) for case_id, numbers in found.items()}


def _make_title(finding: Finding) -> str:
    line = make_line(finding)
    return shorten(f"{line.outcome}: {line.words}", MAX_TITLE)


def _find_stages(run: Run) -> dict[str, str]:
    """Case id -> the stage that the verdict blames."""
    found = [
        finding for finding in view.list_findings(run) if finding.stage and finding.outcome in WORSE
    ]
    return {
        case_id: finding.stage
        for finding in reversed(found)
        for case_id in (*finding.cases, finding.case_id)
    }


def _find_stage(record: CaseRecord | None, blamed: Mapping[str, str]) -> str:
    """Where a case went wrong: the stage that the verdict blames; of one that was not finished, the
    last that ran.
    """
    if record is None:
        return ""
    if record.case.id in blamed:
        return blamed[record.case.id]
    return record.stages[-1].name if record.stages and record.status != "done" else ""


def _find_reason(record: CaseRecord | None) -> str:
    if record is None:
        return ""
    text = f"{record.error.kind}: {record.error.message}" if record.error else record.reason
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"


def _read_values(
    records: Sequence[CaseRecord | None], keys: Sequence[Key]
) -> dict[Key, list[float | None]]:
    found: dict[Key, list[float | None]] = {key: [] for key in keys}
    for record in records:
        for key, value in found.items():
            known = numbers.value(record, *key) if record else None
            value.append(round(known, 4) if known is not None and math.isfinite(known) else None)
    return found


def _make_visibility(run: Run, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """How visible each case's change since the baseline is; nothing where nothing was compared."""
    known = find_changes(run)
    if not known:
        return []
    values = [known.get(case.id) for case in cases]
    title = "Change since the baseline: JOD lost in the worst window; 0 is no change"
    return [{"key": "jod", "label": "Change", "title": title, "digits": 2, "values": values}]


def _describe_number(
    manifest: Manifest, key: Key, values: Sequence[float | None]
) -> dict[str, Any]:
    metric, region, stat = key
    unit = manifest.metrics[metric].unit_of(stat)
    return {
        "key": metric if stat == "mean" and region == "edit" else f"{metric}.{region}.{stat}",
        "label": format_title(metric),
        "title": (f"{format_measure(metric, stat, region)}{f', {unit}' if unit else ''}"),
        "digits": 2 if unit else 4,
        "values": values,
    }
