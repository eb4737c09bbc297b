"""Judge a run: first whether it can be judged at all, then against budgets, then against a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from harness.errors import UsageError
from harness.metrics.pooling import EMPTY, TOO_SMALL
from harness.runs import Run, metric_name
from harness.types import (
    Better,
    Budget,
    Case,
    CaseRecord,
    ExitCode,
    Finding,
    Margin,
    Measurement,
    Outcome,
    Region,
    Verdict,
)

NAMED = 3
"""How many missing or failed cases a message names."""

_ORDER = (Outcome.ERROR, Outcome.REGRESSED, Outcome.UNDERPOWERED, Outcome.IMPROVED, Outcome.PASS)


class Sample(NamedTuple):
    """A case and the one measurement of it that a rule asks for."""

    record: CaseRecord
    measurement: Measurement


def judge(run: Run, baseline: Run | None) -> Verdict:
    """Judge a run against its suite's budgets and, where there is one, a baseline.

    Raises UsageError where the baseline is of another suite. Whatever else keeps the run from being judged is said in
    `Verdict.invalid`, and the exit code is then INCOMPLETE, never a pass or a regression.
    """
    if baseline:
        _check_suite(run, baseline)
    findings = [f for rule in run.manifest.suite.budgets for f in _judge_budget(run, rule)]
    if baseline:
        findings += [f for rule in run.manifest.suite.margins for f in _judge_margin(run, baseline, rule)]
    invalid = [*_validity(run), *(_baseline_validity(run, baseline) if baseline else ())]
    invalid += [finding.text for finding in findings if finding.outcome is Outcome.ERROR]
    if not findings and not invalid:
        if run.manifest.suite.margins and not baseline:
            remedy = "there is no baseline yet. If this run is good, `editproof baseline accept` makes it the baseline"
        else:
            remedy = "the suite has no rules. Write [[budgets]] or [[margins]] into it"
        invalid.append(f"nothing was judged: {remedy}")
    regressed = any(finding.outcome is Outcome.REGRESSED for finding in findings)
    code = ExitCode.INCOMPLETE if invalid else ExitCode.REGRESSION if regressed else ExitCode.OK
    ranked = sorted(findings, key=lambda finding: (_ORDER.index(finding.outcome), _relative(finding)))
    return Verdict(code, tuple(invalid), tuple(ranked), str(baseline.folder) if baseline else "")


def _check_suite(run: Run, baseline: Run) -> None:
    ours, theirs = run.manifest.suite, baseline.manifest.suite
    for name in ("name", "size", "scale", "scene_seed"):
        if getattr(ours, name) != getattr(theirs, name):
            raise UsageError(
                f"the baseline {baseline.folder} is of another suite: its {name} is {getattr(theirs, name)}, "
                f"the run's is {getattr(ours, name)}. Accept a run of this suite with `editproof baseline accept`"
            )


def _validity(run: Run) -> Iterable[str]:
    """Why this run can't be judged, each with what to do."""
    if not run.manifest.cases:
        yield "the run has no cases: its suite names no vector or no model"
    if run.missing:
        names = _names([case_name(case) for case in run.missing])
        yield f"{len(run.missing)} of {len(run.manifest.cases)} cases are missing ({names}). Continue with --resume"
    failed = [record for record in run.records if record.error is not None]
    if failed:
        names = _names([f"{case_name(record.case)}: {record.reason}" for record in failed])
        yield f"{len(failed)} of {len(run.manifest.cases)} cases failed ({names}). Mend them and run again"


def _baseline_validity(run: Run, baseline: Run) -> Iterable[str]:
    accept = "Accept a run made with this editproof as the new baseline"
    for name, metric in run.manifest.metrics.items():
        theirs = baseline.manifest.metrics.get(name)
        if theirs != metric:
            before = theirs.identity if theirs else "absent"
            yield f"{name} is {metric.identity} here and {before} in the baseline: no numbers to compare. {accept}"
    for name, value in run.manifest.machine.items():
        before = baseline.manifest.machine.get(name, "unknown")
        if before != value:
            yield f"the run's {name} is {value}, the baseline's {before}: differences may be the machine's. {accept}"
    known = counterparts(run, baseline)
    new = [case for case in run.manifest.cases if case.id not in known]
    if new:
        names = _names([case_name(case) for case in new])
        models = ", ".join(dict.fromkeys(model.name for model in baseline.manifest.suite.models))
        yield (
            f"{len(new)} cases have no counterpart in the baseline ({names}). Its models are {models}: to compare a model "
            "with one of them, run it under that name, --pipeline NAME=PIPELINE; or accept this run as a new baseline"
        )


def counterparts(run: Run, baseline: Run) -> dict[str, str]:
    """Case id of the run -> case id of the baseline: the same case, or where the baseline's model is deterministic, its one
    seed for every seed.
    """
    there = {record.case.id for record in baseline.records}
    pairs: dict[str, str] = {}
    first: dict[tuple[str, str, str], str] = {}
    for case in run.manifest.cases:
        leader = first.setdefault((case.family, case.name, case.model.name), case.id)
        theirs = baseline.manifest.pipelines.get(case.model.name)
        if case.id in there:
            pairs[case.id] = case.id
        elif leader in there and theirs and not theirs.stochastic:
            pairs[case.id] = leader
    return pairs


def _judge_budget(run: Run, budget: Budget) -> Iterable[Finding]:
    """One finding for each family and model that the budget covers."""
    covered = [
        record
        for record in run.records
        if (not budget.families or record.case.family in budget.families)
        and (budget.until_step is None or 1 <= record.case.step <= budget.until_step)
    ]
    groups = _groups(_samples(covered, budget.metric, budget.region, budget.stat))
    if not groups and covered:
        yield _unjudged("budget", budget, "no case of this run has that number")
    for (family, model), samples in groups.items():
        measured = [sample for sample in samples if sample.measurement.value is not None]
        if len(measured) < len(samples):
            reason = next(s.measurement.reason for s in samples if s.measurement.value is None)
            yield _unjudged("budget", budget, reason, family=family, model=model)
            continue
        yield _budget_finding(budget, family, model, measured)


def _budget_finding(budget: Budget, family: str, model: str, samples: Sequence[Sample]) -> Finding:
    limit, sign = (budget.max, 1.0) if budget.max is not None else (budget.min, -1.0)
    if limit is None:
        raise ValueError(f"the budget for {budget.metric} has neither min nor max")
    worst = max(samples, key=lambda sample: sign * _value(sample))
    headroom = sign * (limit - _value(worst))
    outcome = Outcome.PASS if headroom >= 0 else Outcome.REGRESSED
    bound = "at most" if sign > 0 else "at least"
    unit = worst.measurement.unit
    text = (
        f"{_where(family, model, budget.metric, budget.region, budget.stat)} is {_number(_value(worst), unit)}; "
        f"the budget is {bound} {_number(limit, unit)} ({case_name(worst.record.case)})"
    )
    return Finding(
        rule="budget",
        family=family,
        model=model,
        metric=worst.measurement.metric,
        region=budget.region,
        stat=budget.stat,
        outcome=outcome,
        limit=limit,
        worst=_value(worst),
        headroom=headroom,
        unit=unit,
        case_id=worst.record.case.id,
        cases=len(samples),
        text=text,
    )


def _judge_margin(run: Run, baseline: Run, margin: Margin) -> Iterable[Finding]:
    """One finding for each family and model: the largest change for the worse, case by case on the same seed."""
    theirs = {s.record.case.id: s for s in _samples(baseline.records, margin.metric, margin.region, margin.stat)}
    before = {ours: theirs[other] for ours, other in counterparts(run, baseline).items() if other in theirs}
    samples = [
        s for s in _samples(run.records, margin.metric, margin.region, margin.stat) if s.record.case.id in before
    ]
    for (family, model), group in _groups(samples).items():
        matched = [(sample, before[sample.record.case.id]) for sample in group]
        # Refused now as then is the same behaviour; there is nothing to compare.
        pairs = [pair for pair in matched if any(sample.measurement.value is not None for sample in pair)]
        if not pairs:
            continue
        unmeasured = [m.reason for pair in pairs for m in (pair[0].measurement, pair[1].measurement) if m.value is None]
        if unmeasured:
            yield _unjudged("baseline", margin, unmeasured[0], family=family, model=model)
            continue
        yield _margin_finding(margin, run.manifest.metrics[margin.metric].better, family, model, pairs)


def _margin_finding(
    margin: Margin, better: Better, family: str, model: str, pairs: Sequence[tuple[Sample, Sample]]
) -> Finding:
    changes = [(_worsening(_value(now), _value(then), better), now, then) for now, then in pairs]
    worst, best = (pick(changes, key=lambda change: change[0]) for pick in (max, min))
    if worst[0] > margin.margin:
        outcome = Outcome.REGRESSED
    elif worst[0] <= 0 and best[0] < -margin.margin:
        outcome = Outcome.IMPROVED
    else:
        outcome = Outcome.PASS
    change, now, then = best if outcome is Outcome.IMPROVED else worst
    unit = now.measurement.unit
    text = (
        f"{_where(family, model, margin.metric, margin.region, margin.stat)} went from {_number(_value(then), unit)} to "
        f"{_number(_value(now), unit)}, {_number(abs(change), unit)} {'worse' if change > 0 else 'better'}; "
        f"the margin is {_number(margin.margin, unit)} ({case_name(now.record.case)})"
    )
    return Finding(
        rule="baseline",
        family=family,
        model=model,
        metric=now.measurement.metric,
        region=margin.region,
        stat=margin.stat,
        outcome=outcome,
        limit=margin.margin,
        worst=worst[0],
        headroom=margin.margin - worst[0],
        unit=unit,
        case_id=now.record.case.id,
        cases=len(pairs),
        text=text,
    )


def _worsening(now: float, then: float, better: Better) -> float:
    """How much worse `now` is, in the metric's unit; negative: better."""
    if better == "higher":
        return then - now
    return now - then if better == "lower" else abs(now) - abs(then)


def _unjudged(
    kind: str, rule: Budget | Margin, reason: str, *, family: str = "all families", model: str = "all"
) -> Finding:
    where = _where(family, model, rule.metric, rule.region, rule.stat)
    return Finding(
        rule=kind,
        family=family,
        model=model,
        metric=rule.metric,
        region=rule.region,
        stat=rule.stat,
        outcome=Outcome.ERROR,
        limit=0.0,
        worst=0.0,
        headroom=0.0,
        unit="",
        case_id="",
        cases=0,
        text=f"{where} could not be judged: {reason}",
    )


def _samples(records: Iterable[CaseRecord], metric: str, region: Region, stat: str) -> list[Sample]:
    """Each record's measurement of that name; none where the scene has no such region."""
    return [
        Sample(record, m)
        for record in records
        for m in record.measurements
        if m.region == region
        and m.stat == stat
        and metric_name(m.metric) == metric
        and not (m.value is None and m.reason in {EMPTY, TOO_SMALL})
    ]


def _groups(samples: Iterable[Sample]) -> Mapping[tuple[str, str], list[Sample]]:
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.record.case.family, sample.record.case.model.name), []).append(sample)
    return groups


def case_name(case: Case) -> str:
    """How a case is named to a person."""
    return f"{case.scene} {case.model.name} seed {case.seed}"


def _where(family: str, model: str, metric: str, region: str, stat: str) -> str:
    return f"{family} · {model}: {metric} {stat} in {region}"


def _value(sample: Sample) -> float:
    if sample.measurement.value is None:
        raise ValueError("a sample without a value can't be judged")
    return sample.measurement.value


def _number(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}".rstrip()


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return "; ".join(names[:NAMED]) + (f"; and {more} more" if more > 0 else "")


def _relative(finding: Finding) -> float:
    """Headroom in limits: what sorts findings of different units."""
    return finding.headroom / max(abs(finding.limit), 1e-9)
