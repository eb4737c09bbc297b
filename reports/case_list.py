"""The list of cases as data: `data/cases.js`, column by column, so that ten thousand cases are one small file."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.runs import Manifest, Run, metric_name, write_atomically
from harness.types import Budget, CaseRecord, Finding, Limit, Margin, Outcome, Region
from reports import numbers, view

MAX_NUMBERS = 4
"""Numbers in a line of the list."""

MAX_REASON = 300
"""Characters of a reason: the case itself has all of it."""

Key = tuple[str, Region, str]

_OPEN = {Outcome.REGRESSED, Outcome.UNDERPOWERED, Outcome.WAIVED}


def write_cases(run: Run, states: Mapping[str, str], path: Path) -> None:
    """Write what the list shows: a script that calls `editproof.cases` with it."""
    write_atomically(path, script("editproof.cases", columns(run, states)))


def script(function: str, data: object) -> bytes:
    """A script that calls a function of ours with data; no text in it can end a script or start a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"{function}({safe});\n".encode("utf-8", "backslashreplace")


def columns(run: Run, states: Mapping[str, str]) -> dict[str, Any]:
    """The list, failures first, each group in the order of the manifest.

    Words stand once and are told by their number; a number that was not measured is null.
    """
    order = {state: index for index, state in enumerate(view.STATES)}
    cases = sorted(run.manifest.cases, key=lambda case: order.get(states[case.id], 0))
    records = {record.case.id: record for record in run.records}
    ended = [records.get(case.id) for case in cases]
    keys = key_numbers(run.manifest)
    past = past_limits(run)
    stage_of = _stages(run)
    words: dict[str, list[str]] = {}

    def coded(name: str, texts: Iterable[str]) -> list[int]:
        known: dict[str, int] = {}
        indices = [known.setdefault(text, len(known)) for text in texts]
        words[name] = list(known)
        return indices

    shown: dict[str, list[Any]] = {
        "id": [case.id for case in cases],
        "family": coded("family", (case.family for case in cases)),
        "name": coded("name", (case.name for case in cases)),
        "model": coded("model", (case.model.name for case in cases)),
        "seed": [case.seed for case in cases],
        "status": coded("status", (states[case.id] for case in cases)),
        "seconds": [None if record is None else round(record.seconds, 3) for record in ended],
        "cached": [int(record is not None and record.cached) for record in ended],
        "broke": coded("broke", (_stage(record, stage_of) for record in ended)),
        "past": coded("past", (" ".join(past.get(case.id, ())) for case in cases)),
        "reason": coded("reason", (_reason(record) for record in ended)),
    }
    values = _values(ended, keys)
    return {
        "count": len(cases),
        "states": view.STATES,
        "words": words,
        "columns": shown,
        "numbers": [_about(run.manifest, key, values[key]) for key in keys],
        "pages": {case.id: page for case in cases if (page := page_name(case.id)) != case.id},
        "metrics": {name: numbers.title(name) for name in sorted({name for found in past.values() for name in found})},
    }


def page_name(case_id: str) -> str:
    """The file name, without its ending, of a case's data; an id that is no plain word, as in a foreign run, gets a digest."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", case_id):
        return case_id
    return hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).hexdigest()


def key_numbers(manifest: Manifest) -> tuple[Key, ...]:
    """What one line about a case shows: the usual ones, as far as the run has them, then what its rules ask for."""
    suite = manifest.suite
    rules: tuple[Budget | Margin, ...] = (*suite.budgets, *suite.margins)
    ruled = [(metric_name(rule.metric), rule.region, rule.stat) for rule in rules]
    known = dict.fromkeys(key for key in (*view.KEY_NUMBERS, *ruled) if key[0] in manifest.metrics)
    return tuple(known)[:MAX_NUMBERS]


def past_limits(run: Run) -> dict[str, tuple[str, ...]]:
    """Case id -> the metrics in which it is past a limit that the verdict calls regressed, unclear or waived.

    Of a budget or limit these are all its cases; of a comparison with the baseline the one that the finding names.
    """
    found: dict[str, list[str]] = {}
    by_pair: dict[tuple[str, str], list[CaseRecord]] = {}
    for record in run.records:
        by_pair.setdefault((record.case.family, record.case.model.name), []).append(record)
    for finding in run.verdict.findings if run.verdict else ():
        if finding.outcome not in _OPEN:
            continue
        name = metric_name(finding.metric)
        ids = {finding.case_id, *_past(run.manifest, finding, by_pair.get((finding.family, finding.model), ()))}
        for case_id in ids:
            if name not in found.setdefault(case_id, []):
                found[case_id].append(name)
    return {case_id: tuple(sorted(names)) for case_id, names in found.items()}


def _past(manifest: Manifest, finding: Finding, records: Sequence[CaseRecord]) -> Iterable[str]:
    suite, name = manifest.suite, metric_name(finding.metric)
    for budget in suite.budgets if finding.rule == "budget" else ():
        asked = (metric_name(budget.metric), budget.region, budget.stat)
        if asked == (name, finding.region, finding.stat) and finding.limit in {budget.min, budget.max}:
            for record in _covered(budget, finding.family, records):
                value = numbers.value(record, *asked)
                if value is not None and not _keeps(budget, value):
                    yield record.case.id
    for limit in suite.limits if finding.rule == "limit" else ():
        if limit.of == name and limit.max == finding.limit:
            for record in _covered(limit, finding.family, records):
                cost = record.seconds if limit.of == "seconds" else record.peak_mb
                if cost is not None and cost > limit.max:
                    yield record.case.id


def _covered(rule: Budget | Limit, family: str, records: Sequence[CaseRecord]) -> Iterable[CaseRecord]:
    if rule.families and family not in rule.families:
        return ()
    return [r for r in records if rule.until_step is None or 1 <= r.case.step <= rule.until_step]


def _keeps(budget: Budget, value: float) -> bool:
    return (budget.min is None or value >= budget.min) and (budget.max is None or value <= budget.max)


def _stages(run: Run) -> dict[str, str]:
    """Case id -> the stage that the verdict blames."""
    found = run.verdict.findings if run.verdict else ()
    return {finding.case_id: finding.stage for finding in reversed(found) if finding.stage and finding.outcome in _OPEN}


def _stage(record: CaseRecord | None, blamed: Mapping[str, str]) -> str:
    """Where a case went wrong: the stage that the verdict blames; of one that was not finished, the last that ran."""
    if record is None:
        return ""
    if record.case.id in blamed:
        return blamed[record.case.id]
    return record.stages[-1].name if record.stages and record.status != "done" else ""


def _reason(record: CaseRecord | None) -> str:
    if record is None:
        return ""
    text = f"{record.error.kind}: {record.error.message}" if record.error else record.reason
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"


def _values(records: Sequence[CaseRecord | None], keys: Sequence[Key]) -> dict[Key, list[float | None]]:
    found: dict[Key, list[float | None]] = {key: [] for key in keys}
    for record in records:
        for key, value in found.items():
            known = numbers.value(record, *key) if record else None
            value.append(round(known, 4) if known is not None and math.isfinite(known) else None)
    return found


def _about(manifest: Manifest, key: Key, values: Sequence[float | None]) -> dict[str, Any]:
    metric, region, stat = key
    unit = manifest.metrics[metric].unit_of(stat)
    return {
        "key": metric if stat == "mean" and region == "edit" else f"{metric}.{region}.{stat}",
        "label": numbers.title(metric),
        "title": f"{numbers.title(metric)} {stat.replace('_', ' ')} in {region}{f', {unit}' if unit else ''}",
        "digits": 2 if unit else 4,
        "values": values,
    }
