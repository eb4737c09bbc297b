"""The question that blame answers: which case, which number, which two pipelines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from editproof.harness.gate.first_stage import match_seeds
from editproof.harness.gate.statistics import measure_worsening
from editproof.harness.records.cases import Case
from editproof.harness.records.endings import CaseEnding
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.number_grid import MEASURED, NumberKey
from editproof.harness.records.pairing import pair
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Finding, Outcome
from editproof.harness.records.wording import is_called, name_case, name_few
from editproof.harness.suites.suite import parse_model

CALLED_OUT = {
    Outcome.REGRESSED,
    Outcome.TRADED,
    Outcome.CHANGED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
}
"""Outcomes of findings that a stage may be blamed for."""


@dataclass(frozen=True, slots=True)
class Question:
    """A case that got worse, the number that shows it, and the two pipelines."""

    run: Run
    baseline: Run
    case: Case
    other: str
    """Id of the case in the baseline."""
    key: NumberKey
    good: str
    """Spec of the good pipeline, as `--pipeline` takes it."""
    bad: str


def find_case(run: Run, wanted: str, findings: Sequence[Finding]) -> Case:
    """Find a case by its id, its name, or its family, as `is_called` does. Of several, return the
    first that a finding names.

    Raises UsageError if there is none, or if it is not clear which one is meant.
    """
    cases = [case for case in run.manifest.cases if case.id in run.endings]
    found = [case for case in cases if is_called(case, wanted)]
    if not found:
        known = name_few([name_case(case) for case in cases])
        raise UsageError(
            f"{run.folder} has no finished case {wanted!r}. Its cases are, by FAMILY/NAME"
            f" or id: {known}"
        )
    called = [
        case_id
        for finding in findings
        if finding.outcome in CALLED_OUT
        for case_id in finding.cases
    ]
    ranked = sorted(
        found, key=lambda case: called.index(case.id) if case.id in called else math.inf
    )
    if len(found) > 1 and ranked[0].id not in called:
        raise UsageError(
            f"{wanted!r} fits {len(found)} cases, and no finding names one of them: "
            f"{name_few([f'{name_case(case)} = {case.id}' for case in found])}. Give an id"
        )
    return ranked[0]


def make_question(
    run: Run,
    baseline: Run,
    case: Case,
    findings: Sequence[Finding],
    *,
    metric: str = "",
    good: str = "",
    bad: str = "",
) -> Question:
    """Choose what to look into: the worst finding about the case, or about its family and model,
    else the number that changed most.

    `metric` is `NAME`, `NAME/REGION` or `NAME/REGION/STATISTIC`. Raises UsageError if the baseline
    has no such case on the same seed, the case failed on either side, the run has no such number,
    or `good` or `bad` names no pipeline.
    """
    if run.endings[case.id].error:
        raise UsageError(_explain_no_picture(run, case, run.endings[case.id]))
    if case.turn > 1:
        raise UsageError(_explain_later_turn(run, case))
    pairing = pair(run, baseline)
    others = match_seeds(run, baseline, pairing, [case.id])
    if case.id not in others:
        found = (
            "on another seed only, so every stochastic stage differs"
            if case.id in pairing.ids
            else "nowhere"
        )
        raise UsageError(
            f"{baseline.folder} has {name_case(case)} {found}. Blame needs the same seed on both"
            " sides. Run the suite on the baseline's seeds"
        )
    ours, theirs = (
        run.manifest.pipelines[case.model.name],
        baseline.manifest.pipelines[case.model.name],
    )
    key = _choose_key(run, baseline, case, others[case.id], findings, metric)
    good, bad = (parse_model(text).spec if text else "" for text in (good, bad))
    return Question(
        run, baseline, case, others[case.id], key, good or theirs.spec, bad or ours.spec
    )


def _explain_no_picture(run: Run, case: Case, ended: CaseEnding) -> str:
    return (
        f"{name_case(case)} failed in {run.folder}, so it has no picture: {ended.error}:"
        f" {ended.reason}. The traceback is in that run's report"
    )


def _explain_later_turn(run: Run, case: Case) -> str:
    first = next(
        (one.id for one in run.manifest.cases if one.turn == 1 and one.chain == case.chain), "ID"
    )
    return (
        f"{name_case(case)} edits what turn {case.turn - 1} made, so its stages were not given the"
        " same picture on both sides, and none of them can be blamed. Blame its first turn:"
        f" editproof blame {first}"
    )


def read_value(where: Run, case_id: str, key: NumberKey) -> float | None:
    """Read a number of a case; None: it was not measured."""
    grid = where.number_grid([key])
    column = where.column_of[case_id]
    return float(grid.values[0, column]) if grid.states[0, column] == MEASURED else None


def _choose_key(
    run: Run, baseline: Run, case: Case, other: str, findings: Sequence[Finding], metric: str
) -> NumberKey:
    if metric:
        wanted = metric.split("/")
        fitting = [key for key in run.number_keys() if list(key)[: len(wanted)] == wanted]
        if not fitting:
            raise UsageError(
                f"the run has no number {metric!r}. Write METRIC, METRIC/REGION or"
                f" METRIC/REGION/STATISTIC; its metrics are: {', '.join(run.manifest.metrics)}"
            )
    else:
        evidence_shown = [
            finding.evidence
            for finding in sorted(findings, key=lambda finding: finding.rule != "picture")
            if finding.outcome in CALLED_OUT and case.id in finding.cases and finding.evidence
        ]
        shown = [
            NumberKey(metric_name(evidence.metric), evidence.region, evidence.stat)
            for evidence in evidence_shown
        ]
        # a finding of many cases shows a number that this case need not have
        known = (
            key
            for key in shown
            if key.metric in run.manifest.metrics
            and read_value(run, case.id, key) is not None
            and read_value(baseline, other, key) is not None
        )
        if key := next(known, None):
            return key
        fitting = list(run.number_keys())
    return _find_most_changed(run, baseline, case, other, fitting)


def _find_most_changed(
    run: Run, baseline: Run, case: Case, other: str, keys: Sequence[NumberKey]
) -> NumberKey:
    """The number that got worse the most, relative to its spread over the baseline's cases."""
    ours, theirs = run.number_grid(keys), baseline.number_grid(keys)
    at, there = run.column_of[case.id], baseline.column_of[other]
    best, found = 0.0, keys[0]
    for row, key in enumerate(keys):
        if ours.states[row, at] != MEASURED or theirs.states[row, there] != MEASURED:
            continue
        better = run.manifest.metrics[key.metric].better
        change = float(
            measure_worsening(ours.values[row, [at]], theirs.values[row, [there]], better)[0]
        )
        spread = float(np.nanstd(theirs.values[row])) or 1e-9
        if change / spread > best:
            best, found = change / spread, key
    return found
