"""Rules without statistics: budgets of what is measured, limits of what an edit may cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from editproof.harness.gate import cost
from editproof.harness.records.case_table import Columns, Objects
from editproof.harness.records.cases import Case
from editproof.harness.records.families import is_covered
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.number_grid import ABSENT, MEASURED, NumberGrid, NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Budget, Limit, Margin
from editproof.harness.records.verdicts import Evidence, Finding, Outcome
from editproof.harness.records.wording import (
    count_noun,
    format_measure,
    format_title,
    join_words,
    name_case,
    number,
)
from editproof.harness.suites.suite import list_shipped_budgets

AT_RISK = 0.05
"""A budget kept with less than this share of its limit left is at risk."""

Groups = Mapping[tuple[str, str], Columns]
"""Family and model -> columns of their finished cases, in the order of the manifest."""

_COSTS = {
    "seconds": ("an edit took", "s"),
    "cpu": ("an edit took processor time of", "s"),
    "memory": ("an edit held", "MB"),
}


_COLUMNS = {"seconds": "seconds", "cpu": "cpu_s", "memory": "peak_mb"}
"""Where a run says what an edit cost."""


def group_columns(run: Run) -> Groups:
    """The finished cases by family and model."""
    columns = np.flatnonzero(run.ending_table.finished)
    groups = zip(
        run.case_table.column("family")[columns], run.case_table.models[columns], strict=True
    )
    found: dict[tuple[str, str], list[int]] = {}
    for column, group in zip(columns.tolist(), groups, strict=True):
        found.setdefault(group, []).append(column)
    return {group: np.array(own, np.intp) for group, own in found.items()}


def judge_budgets(run: Run, groups: Groups) -> Iterable[Finding]:
    """One finding for each budget, and each family and model that it covers. Where nothing of a
    narrowed suite has the number there is none: `left_out` says so. Nor is there one where cases
    failed, since they may be those that have it: the verdict says that they failed.
    """
    is_whole = not (run.manifest.is_partial or run.missing or run.ending_table.failed.any())
    for budget, row, grid, covered in _read_budgets(run, groups):
        for group, columns in covered.items():
            yield _judge_budget(run, budget, grid, row, group, columns)
        if not covered and is_whole:
            yield make_unjudged_finding("budget", budget, "no case of this run has that number")


def list_left_out(run: Run, groups: Groups) -> Iterable[str]:
    """Which budgets of a suite were not judged, since what is run of it lacks the number."""
    if not run.manifest.is_partial:
        return
    for budget, _, _, covered in _read_budgets(run, groups):
        if not covered:
            yield (
                f"the budget for {budget.metric} {budget.stat} in {budget.region} was not judged:"
                " no case of this run's families and models has that number. A run of the whole"
                " suite judges it"
            )


def _read_budgets(run: Run, groups: Groups) -> Iterable[tuple[Budget, int, NumberGrid, Groups]]:
    """Each budget that covers a family of the run, its row of the grid, and the cases of each
    family that have the number. What failed has none, and that is said elsewhere.
    """
    groups = _leave_failed_out(run, groups)
    budgets = run.manifest.suite.budgets
    keys = tuple(dict.fromkeys(NumberKey(b.metric, b.region, b.stat) for b in budgets))
    grid = run.number_grid(keys)
    steps = run.case_table.column("step")
    for budget in budgets:
        row = keys.index(NumberKey(budget.metric, budget.region, budget.stat))
        asked = _find_covered(budget, groups, steps)
        there = {
            group: columns[grid.states[row, columns] != ABSENT] for group, columns in asked.items()
        }
        if asked:
            yield (
                budget,
                row,
                grid,
                {group: columns for group, columns in there.items() if len(columns)},
            )


def _leave_failed_out(run: Run, groups: Groups) -> Groups:
    failed = run.ending_table.failed
    return {group: columns[~failed[columns]] for group, columns in groups.items()}


def accept_budgets(found: Sequence[Finding], run: Run, accepted: Run) -> list[Finding]:
    """The findings, where a budget that ships with a suite is waived if the accepted run is past it
    as well: whoever accepted that answers for it. A budget that somebody wrote stays what it is.
    """
    past = [finding for finding in found if finding.outcome is Outcome.REGRESSED]
    shipped = list_shipped_budgets(run.manifest.suite.name) if past else ()
    if not shipped:
        return [*found]
    before = {
        _identify(finding)
        for finding in judge_budgets(accepted, group_columns(accepted))
        if finding.outcome is Outcome.REGRESSED
    }
    budgets = [budget for budget in run.manifest.suite.budgets if budget in shipped]
    ours = {(budget.metric, budget.region, budget.stat) for budget in budgets}
    return [_accept(one) if _is_accepted(one, before, ours) else one for one in found]


def list_accepted_budgets(found: Iterable[Finding]) -> Iterator[str]:
    """A note of the budgets that the accepted run is past, too."""
    accepted = [one for one in found if one.accepted and one.evidence]
    if not accepted:
        return
    numbers = dict.fromkeys(
        f"{metric_name(one.evidence.metric)} in {one.evidence.region}"
        for one in accepted
        if one.evidence
    )
    models = dict.fromkeys(model for one in accepted for model in one.models)
    yield (
        f"{join_words(tuple(models))}: {count_noun(len(accepted), 'shipped budget')} not kept"
        f" ({join_words(tuple(numbers))}), as in the accepted run. To enforce them, write"
        " [[budgets]] in a suite of your own"
    )


def _is_accepted(
    finding: Finding,
    before: Collection[tuple[object, ...]],
    shipped: Collection[tuple[str, str, str]],
) -> bool:
    evidence = finding.evidence
    if finding.rule != "budget" or finding.outcome is not Outcome.REGRESSED or evidence is None:
        return False
    name = (metric_name(evidence.metric), evidence.region, evidence.stat)
    return name in shipped and _identify(finding) in before


def _accept(finding: Finding) -> Finding:
    added = ". The accepted run is also outside it"
    return replace(
        finding,
        outcome=Outcome.WAIVED,
        fails=False,
        accepted=True,
        words=f"{finding.words}{added}",
        text=f"{finding.text}{added}",
    )


def _identify(finding: Finding) -> tuple[object, ...]:
    """What a budget's finding is about, without its value."""
    one = finding.evidence
    number = (one.metric, one.region, one.stat, one.limit) if one else ()
    return (finding.families, finding.models, *number)


def judge_limits(run: Run, groups: Groups) -> Iterable[Finding]:
    """One finding for each limit, and each family and model that it covers."""
    steps = run.case_table.column("step")
    for limit in run.manifest.suite.limits:
        if limit.of == "growth":
            yield from judge_growth(run, limit, groups)
            continue
        for (family, model), columns in _find_covered(limit, groups, steps).items():
            yield _judge_limit(run, limit, family, model, columns)


def judge_growth(run: Run, limit: Limit, groups: Groups) -> Iterable[Finding]:
    """One finding for each model: how much more memory its process holds after each edit."""
    for model in dict.fromkeys(model for _, model in groups):
        grown = cost.measure_growth(run, model)
        case = run.manifest.cases[np.flatnonzero(run.case_table.models == model)[0]]
        group = ("all families", model)
        if grown is None:
            reason = (
                f"growth needs {cost.LEAST_EDITS} edits in one process, on a system that reports"
                " the memory of a process"
            )
            yield make_unjudged_finding(
                "limit", Budget(limit.of, "all", "max"), reason, model=model
            )
            continue
        words = (
            f"memory grows by {number(grown, 'MB')} an edit; the limit is {number(limit.max, 'MB')}"
        )
        evidence = Evidence(
            limit.of, "all", "slope", "MB", None, grown, limit.max, limit.max - grown
        )
        yield _make_limit_finding("limit", group, words, evidence, case, [])


def make_unjudged_finding(
    kind: str,
    rule: Budget | Margin,
    reason: str,
    *,
    family: str = "all families",
    model: str = "all",
) -> Finding:
    """The finding that says why a rule could not be applied."""
    measure = format_measure(rule.metric, rule.stat, rule.region)
    words = f"{measure} could not be judged: {reason}"
    return Finding(
        rule=kind,
        outcome=Outcome.ERROR,
        families=(family,),
        models=(model,),
        case_id="",
        cases=(),
        words=words,
        text=f"{family} · {model}: {words}",
    )


def _find_covered(rule: Budget | Limit, groups: Groups, steps: Objects) -> Groups:
    found = {}
    for group, columns in groups.items():
        if rule.families and not is_covered(group[0], rule.families):
            continue
        kept = columns
        if rule.until_step is not None:
            kept = columns[(steps[columns] >= 1) & (steps[columns] <= rule.until_step)]
        if len(kept):
            found[group] = kept
    return found


def _judge_budget(
    run: Run, budget: Budget, grid: NumberGrid, row: int, group: tuple[str, str], columns: Columns
) -> Finding:
    family, model = group
    unmeasured = columns[grid.states[row, columns] != MEASURED]
    if len(unmeasured):
        return make_unjudged_finding(
            "budget", budget, grid.reason(row, int(unmeasured[0])), family=family, model=model
        )
    limit, sign = (budget.max, 1.0) if budget.max is not None else (budget.min, -1.0)
    if limit is None:
        raise ValueError(f"the budget for {budget.metric} has neither min nor max")
    at = int(columns[np.argmax(sign * grid.values[row, columns])])
    worst = float(grid.values[row, at])
    headroom = sign * (limit - worst)
    case, metric = run.manifest.cases[at], run.manifest.metrics[budget.metric]
    unit = metric.unit_of(budget.stat)
    measure = format_measure(budget.metric, budget.stat, budget.region)
    shown = "" if unit == format_title(budget.metric) else unit
    bound = f"budget of at {'most' if sign > 0 else 'least'} {number(limit, shown)}"
    place = "outside" if headroom < 0 else "within"
    words = f"{measure} is {number(worst, shown)}, {place} the {bound}"
    evidence = Evidence(
        metric.identity,
        budget.region,
        budget.stat,
        unit,
        None,
        worst,
        limit,
        headroom,
        samples=len(columns),
    )
    past = columns[sign * (limit - grid.values[row, columns]) < 0]
    return _make_limit_finding(
        "budget", group, words, evidence, case, run.case_table.column("id")[past].tolist()
    )


def _make_limit_finding(
    rule: str,
    group: tuple[str, str],
    words: str,
    evidence: Evidence,
    worst: Case,
    past: Sequence[str],
) -> Finding:
    """The finding of a limit that somebody wrote."""
    kept = evidence.headroom >= 0
    share = AT_RISK * abs(evidence.limit)
    return Finding(
        rule=rule,
        outcome=Outcome.PASS if kept else Outcome.REGRESSED,
        families=(group[0],),
        models=(group[1],),
        case_id=worst.id,
        cases=tuple(dict.fromkeys([worst.id, *past])),
        words=words,
        text=f"{group[0]} · {group[1]}: {words} ({name_case(worst)})",
        evidence=evidence,
        fails=not kept,
        at_risk=kept and evidence.headroom < share,
    )


def _judge_limit(run: Run, limit: Limit, family: str, model: str, columns: Columns) -> Finding:
    words, unit = _COSTS[limit.of]
    done = columns[~run.ending_table.failed[columns]]
    costs = run.ending_table.numbers(_COLUMNS[limit.of])[done]
    if not len(done) or np.isnan(costs).any():
        reason = (
            "this system does not say what an edit cost" if len(done) else "no edit was finished"
        )
        return make_unjudged_finding(
            "limit", Budget(limit.of, "all", "max"), reason, family=family, model=model
        )
    worst, case = float(costs.max()), run.manifest.cases[done[np.argmax(costs)]]
    evidence = Evidence(
        limit.of, "all", "max", unit, None, worst, limit.max, limit.max - worst, samples=len(done)
    )
    text = f"{words} {number(worst, unit)}; the limit is {number(limit.max, unit)}"
    past = run.case_table.column("id")[done[costs > limit.max]].tolist()
    return _make_limit_finding("limit", (family, model), text, evidence, case, past)
