"""Rules without statistics: budgets of what is measured, limits of what an edit may cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from harness.sheet import ABSENT, MEASURED, Grid, Key, Sheet
from harness.types import Budget, Finding, Limit, Margin, Outcome
from harness.wording import case_name, number, where

AT_RISK = 0.05
"""A budget kept with less than this share of its limit left is at risk."""

Columns = npt.NDArray[np.intp]
Groups = Mapping[tuple[str, str], Columns]
"""Family and model -> columns of their finished cases, in the order of the manifest."""

_COSTS = {"seconds": ("an edit took", "s"), "memory": ("an edit held", "MB")}


def groups_of(sheet: Sheet) -> Groups:
    """The finished cases by family and model."""
    found: dict[tuple[str, str], list[int]] = {}
    for column, case in enumerate(sheet.manifest.cases):
        if case.id in sheet.ended:
            found.setdefault((case.family, case.model.name), []).append(column)
    return {group: np.array(columns, np.intp) for group, columns in found.items()}


def budget_findings(sheet: Sheet, groups: Groups) -> Iterable[Finding]:
    """One finding for each budget, and each family and model that it covers. Where nothing of a narrowed suite has the number
    there is none: `left_out` says so.
    """
    for budget, row, grid, covered in _budgets(sheet, groups):
        for group, columns in covered.items():
            yield _judge_budget(sheet, budget, grid, row, group, columns)
        if not covered and not sheet.manifest.suite.narrowed:
            yield unjudged("budget", budget, "no case of this run has that number")


def left_out(sheet: Sheet, groups: Groups) -> Iterable[str]:
    """Which budgets of a narrowed suite were not judged, since what is left of it has no such number."""
    if not sheet.manifest.suite.narrowed:
        return
    for budget, _, _, covered in _budgets(sheet, groups):
        if not covered:
            yield (
                f"the budget for {budget.metric} {budget.stat} in {budget.region} was not judged: no case of the families and "
                "models that this run was narrowed to has that number. A run of the whole suite judges it"
            )


def _budgets(sheet: Sheet, groups: Groups) -> Iterable[tuple[Budget, int, Grid, Groups]]:
    """Each budget that covers a family of the run, its row of the grid, and the cases of each family that have the number."""
    budgets = sheet.manifest.suite.budgets
    keys = tuple(dict.fromkeys(Key(b.metric, b.region, b.stat) for b in budgets))
    grid = sheet.grid(keys)
    steps = np.array([case.step for case in sheet.manifest.cases], np.intp)
    for budget in budgets:
        row = keys.index(Key(budget.metric, budget.region, budget.stat))
        asked = _covered(budget, groups, steps)
        there = {group: columns[grid.states[row, columns] != ABSENT] for group, columns in asked.items()}
        if asked:
            yield budget, row, grid, {group: columns for group, columns in there.items() if len(columns)}


def limit_findings(sheet: Sheet, groups: Groups) -> Iterable[Finding]:
    """One finding for each limit, and each family and model that it covers."""
    steps = np.array([case.step for case in sheet.manifest.cases], np.intp)
    for limit in sheet.manifest.suite.limits:
        for (family, model), columns in _covered(limit, groups, steps).items():
            yield _judge_limit(sheet, limit, family, model, columns)


def unjudged(
    kind: str, rule: Budget | Margin, reason: str, *, family: str = "all families", model: str = "all"
) -> Finding:
    """The finding that says why a rule could not be applied."""
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
        text=f"{where(family, model, rule.metric, rule.region, rule.stat)} could not be judged: {reason}",
    )


def _covered(rule: Budget | Limit, groups: Groups, steps: npt.NDArray[np.intp]) -> Groups:
    found = {}
    for group, columns in groups.items():
        if rule.families and group[0] not in rule.families:
            continue
        kept = columns
        if rule.until_step is not None:
            kept = columns[(steps[columns] >= 1) & (steps[columns] <= rule.until_step)]
        if len(kept):
            found[group] = kept
    return found


def _judge_budget(
    sheet: Sheet, budget: Budget, grid: Grid, row: int, group: tuple[str, str], columns: Columns
) -> Finding:
    family, model = group
    unmeasured = columns[grid.states[row, columns] != MEASURED]
    if len(unmeasured):
        return unjudged("budget", budget, grid.reason(row, int(unmeasured[0])), family=family, model=model)
    limit, sign = (budget.max, 1.0) if budget.max is not None else (budget.min, -1.0)
    if limit is None:
        raise ValueError(f"the budget for {budget.metric} has neither min nor max")
    at = int(columns[np.argmax(sign * grid.values[row, columns])])
    worst = float(grid.values[row, at])
    headroom = sign * (limit - worst)
    case, metric = sheet.manifest.cases[at], sheet.manifest.metrics[budget.metric]
    unit = metric.unit_of(budget.stat)
    text = (
        f"{where(family, model, budget.metric, budget.region, budget.stat)} is {number(worst, unit)}; the budget is "
        f"{'at most' if sign > 0 else 'at least'} {number(limit, unit)} ({case_name(case)})"
    )
    return Finding(
        rule="budget",
        family=family,
        model=model,
        metric=metric.identity,
        region=budget.region,
        stat=budget.stat,
        outcome=Outcome.PASS if headroom >= 0 else Outcome.REGRESSED,
        limit=limit,
        worst=worst,
        headroom=headroom,
        unit=unit,
        case_id=case.id,
        cases=len(columns),
        text=text,
        at_risk=0 <= headroom < AT_RISK * abs(limit),
    )


def _judge_limit(sheet: Sheet, limit: Limit, family: str, model: str, columns: Columns) -> Finding:
    words, unit = _COSTS[limit.of]
    cases = [
        sheet.manifest.cases[column] for column in columns if not sheet.ended[sheet.manifest.cases[column].id].error
    ]
    costs = [(_cost(sheet, limit, case.id), case) for case in cases]
    known = [(cost, case) for cost, case in costs if cost is not None]
    if not known or len(known) < len(costs):
        reason = "this system does not say how much memory a process held" if costs else "no edit was finished"
        return unjudged("limit", Budget(limit.of, "all", "max"), reason, family=family, model=model)
    worst, case = max(known, key=lambda pair: pair[0])
    headroom = limit.max - worst
    return Finding(
        rule="limit",
        family=family,
        model=model,
        metric=limit.of,
        region="all",
        stat="max",
        outcome=Outcome.PASS if headroom >= 0 else Outcome.REGRESSED,
        limit=limit.max,
        worst=worst,
        headroom=headroom,
        unit=unit,
        case_id=case.id,
        cases=len(known),
        text=(
            f"{family} · {model}: {words} {number(worst, unit)}; the limit is {number(limit.max, unit)} ({case_name(case)})"
        ),
        at_risk=0 <= headroom < AT_RISK * limit.max,
    )


def _cost(sheet: Sheet, limit: Limit, case_id: str) -> float | None:
    ended = sheet.ended[case_id]
    return ended.seconds if limit.of == "seconds" else ended.peak_mb
