"""Rules about how a pipeline behaves beside the baseline, whatever its pictures measure: does it still finish its edits, does
the seed still matter, and is each single edit still made?
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.comparison import SHARE_OF_SEEDS, noise, quantile
from harness.invariants import Columns, Groups
from harness.pairing import Pairing, stochastic
from harness.regressions import Compared, Group
from harness.sheet import MEASURED, Grid, Key, Sheet
from harness.types import Finding, Outcome
from harness.wording import case_name, number

STATUSES = ("done", "needs_review", "refused")
"""From best to worst."""

BROKEN_SHARE = 0.05
"""An edit broke where at least this share of its numbers says so. In clean reruns on other seeds it is 1 in 140 at most, in
edits that leave what must go 1 in 4 and more."""

BROKEN_NUMBERS = 3
"""And at least so many: a single metric has outliers."""

CERTAIN = 1e-6
"""How likely a clean edit may be, by Student's t, to differ by as much as one that broke."""

LEAST_REACH = 6.0
"""And at least so many standard deviations between the seeds of a scene: metrics have heavy tails."""


def status_findings(run: Sheet, baseline: Sheet, groups: Groups, pairing: Pairing) -> Iterable[Finding]:
    """One for each family and model of which an edit ended worse, or better, than the baseline's: sent to review or refused.

    Of a stochastic model nearly all seeds of a scene must have, since one that lies near a limit falls on either side; where
    only some have got worse, it is underpowered.
    """
    for (family, model), columns in groups.items():
        steps = np.array([_step(run, baseline, pairing, int(column)) for column in columns])
        if not steps.any():
            continue
        seeded = stochastic(baseline, model) or stochastic(run, model)
        worse = _scenes(run, columns, steps > 0, seeded=seeded)
        better = _scenes(run, columns, steps < 0, seeded=seeded)
        some = _scenes(run, columns, steps > 0, seeded=False)
        if not worse and not better and not some:
            continue
        case = run.manifest.cases[(worse or some or better)[0]]
        before, after = _statuses(run, baseline, pairing, case.id)
        why = run.ended[case.id].reason
        text = (
            f"{family} · {model}: {int((steps > 0).sum())} of {len(columns)} edits ended worse than in the baseline, "
            f"{int((steps < 0).sum())} better ({case_name(case)} was {_words(before)} and is {_words(after)}"
            f"{f': {why}' if why else ''})"
        )
        outcome = Outcome.REGRESSED if worse else Outcome.UNDERPOWERED if some else Outcome.IMPROVED
        if outcome is Outcome.UNDERPOWERED:
            text += ". On other seeds of these scenes it did not: more of them would tell"
        yield _finding(family, model, "status", case.id, text, columns, outcome, count=len(worse or some or better))


def seed_findings(
    run: Sheet, baseline: Sheet, groups: Groups, pairing: Pairing, keys: Sequence[Key]
) -> Iterable[Finding]:
    """One for each family and stochastic model with a scene on which every seed gives the same numbers, and did not before:
    the seed is not passed on, and what is meant to be many tries is one.
    """
    now, then = run.grid(keys), baseline.grid(keys)
    for (family, model), columns in groups.items():
        if not stochastic(baseline, model):
            continue
        stuck = []
        for mine in _by_scene(run, columns):
            ids = [pairing.ids.get(run.manifest.cases[column].id, "") for column in mine]
            theirs = [baseline.columns[one] for one in dict.fromkeys(ids) if one in baseline.columns]
            if len(mine) > 1 and len(theirs) > 1 and _alike(now, mine) and not _alike(then, theirs):
                stuck.append(mine[0])
        if stuck:
            case = run.manifest.cases[stuck[0]]
            text = (
                f"{family} · {model}: on {len(stuck)} of {len(_by_scene(run, columns))} scenes every seed gives the same "
                f"numbers, and in the baseline they differ ({case.scene}): is the seed passed on?"
            )
            yield _finding(family, model, "seed", case.id, text, columns, Outcome.REGRESSED, count=len(stuck))


def broken_findings(run: Sheet, compared: Compared) -> Iterable[Finding]:
    """One for each family and stochastic model that passes on average, and yet has a single edit that broke: many of its
    numbers are worse by more than their margins and than the baseline's seeds ever differ.
    """
    called = {(f.family, f.model) for f in compared.findings if f.outcome is Outcome.REGRESSED}
    for group in compared.groups:
        if group.exact or not group.seeded or (group.family, group.model) in called:
            continue
        beyond = _beyond(group)
        counts = beyond.sum(axis=0)
        judged = (~np.isnan(group.changes) & ~np.isnan(group.margins)[:, None]).sum(axis=0)
        broken = np.flatnonzero((counts >= BROKEN_NUMBERS) & (counts >= BROKEN_SHARE * judged))
        if not len(broken):
            continue
        at = int(broken[counts[broken].argmax()])
        most = int(np.where(beyond[:, at], group.changes[:, at] / np.maximum(group.margins, 1e-12), -np.inf).argmax())
        key, case = compared.keys[most], run.manifest.cases[int(group.columns[at])]
        unit = run.manifest.metrics[key.metric].unit_of(key.stat)
        text = (
            f"{group.family} · {group.model}: {len(broken)} of {len(group.columns)} edits broke, though not on average: of "
            f"{case_name(case)} {counts[at]} of {judged[at]} numbers are worse by more than seeds differ, above all "
            f"{key.metric} {key.stat} in {key.region}, {number(float(group.then[most, at]), unit)} before and "
            f"{number(float(group.now[most, at]), unit)} now"
        )
        finding = _finding(
            group.family, group.model, "edit", case.id, text, group.columns, Outcome.REGRESSED, count=len(broken)
        )
        yield replace(finding, stat="edits", unit="edits")


def _beyond(group: Group) -> npt.NDArray[np.bool_]:
    """Rules × cases: worse by more than the margin and than what the noise between the baseline's seeds explains."""
    spread, freedom = noise(np.where(np.isnan(group.changes), np.nan, group.then_badness), group.scenes)
    reach = quantile(1 - CERTAIN, freedom.astype(np.float64)) * np.sqrt(2) * spread
    return np.asarray(group.changes - reach[:, None] > group.margins[:, None], np.bool_)


def _alike(grid: Grid, columns: Sequence[int]) -> bool:
    values, states = grid.values[:, columns], grid.states[:, columns]
    measured = (states == MEASURED).all(axis=1)
    return bool(measured.any() and (values[measured] == values[measured][:, :1]).all())


def _step(run: Sheet, baseline: Sheet, pairing: Pairing, column: int) -> int:
    """How many ranks worse a case ended; 0: no worse, or nothing to compare."""
    before, after = _statuses(run, baseline, pairing, run.manifest.cases[column].id)
    return STATUSES.index(after) - STATUSES.index(before) if before in STATUSES and after in STATUSES else 0


def _statuses(run: Sheet, baseline: Sheet, pairing: Pairing, case_id: str) -> tuple[str, str]:
    other = baseline.ended.get(pairing.ids.get(case_id, ""))
    return other.status if other else "", run.ended[case_id].status


def _scenes(run: Sheet, columns: Columns, flags: npt.NDArray[np.bool_], *, seeded: bool) -> list[int]:
    """A column of each scene of which enough seeds are flagged."""
    flagged = dict(zip(columns.tolist(), flags.tolist(), strict=True))
    found = []
    for scene in _by_scene(run, columns):
        hit = [column for column in scene if flagged[column]]
        needed = math.ceil(SHARE_OF_SEEDS * len(scene)) if seeded else 1
        if len(hit) >= max(needed, 1):
            found.append(hit[0])
    return found


def _by_scene(run: Sheet, columns: Columns) -> list[list[int]]:
    scenes: dict[str, list[int]] = {}
    for column in columns.tolist():
        scenes.setdefault(run.manifest.cases[column].name, []).append(column)
    return list(scenes.values())


def _words(status: str) -> str:
    return status.replace("_", " ")


def _finding(
    family: str, model: str, rule: str, case_id: str, text: str, columns: Columns, outcome: Outcome, *, count: int
) -> Finding:
    change = -count if outcome is Outcome.IMPROVED else count
    return Finding(
        rule=rule,
        family=family,
        model=model,
        metric=rule,
        region="all",
        stat="scenes",
        outcome=outcome,
        limit=0.0,
        worst=float(change),
        headroom=float(-change),
        unit="scenes",
        case_id=case_id,
        cases=len(columns),
        text=text,
    )
